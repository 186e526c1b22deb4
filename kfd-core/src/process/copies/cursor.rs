//! Where the bytes of a range of buffer objects are, and what is left of a list of such ranges.
//!
//! A range lies in one buffer object, whether that is mapped or not, and is looked up anew for every piece: what was freed
//! meanwhile is not found any more. Shared virtual memory is not meant, as in the driver.
//!
//! Not for: which process may be meant.

use crate::abi::kfd as abi;
use crate::ids::{ProcessId, UserVa};
use crate::memory::arena::{Arena, WINDOW};
use crate::memory::bo::{Backing, Bo};
use crate::memory::share::Hold;
use crate::sync::Arc;
use std::collections::VecDeque;

/// The place where a range begins; the rest of the range follows it.
pub(crate) enum CopyEnd {
    /// An offset of an arena, with the hold that keeps a shared range from being given back.
    Arena(Arc<Arena>, u64, Option<Hold>),
    /// An address of the client's own memory.
    User(UserVa),
}

/// The ranges of one process that are still to be read or written.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) process: ProcessId,
    ranges: VecDeque<abi::MemoryRange>,
}

impl Cursor {
    /// A cursor at the beginning of `ranges`.
    pub(super) fn new(process: ProcessId, ranges: impl IntoIterator<Item = abi::MemoryRange>) -> Self {
        let ranges = ranges.into_iter().filter(|range| range.size > 0).collect();
        Self { process, ranges }
    }

    /// The rest of the range under way; `None` when every range is done.
    pub(super) fn range(&self) -> Option<abi::MemoryRange> {
        self.ranges.front().copied()
    }

    /// Moves on by `bytes` within the range under way.
    pub(super) fn advance(&mut self, bytes: u64) {
        let Some(range) = self.ranges.front_mut() else { return };
        range.va_addr += bytes;
        range.size -= bytes;
        if range.size == 0 {
            self.ranges.pop_front();
        }
    }

    /// The place where the rest of the range under way begins. `None` when no single buffer object holds it, or when
    /// `write` is asked for and the buffer may not be written.
    pub(super) fn end(&self, memory: &impl Memory, write: bool) -> Option<CopyEnd> {
        memory.find(self.process, self.range()?, write)
    }
}

/// A look-up of buffer objects of any process.
pub(crate) trait Memory {
    /// The place of a range that lies in one buffer object of `process`.
    fn find(&self, process: ProcessId, range: abi::MemoryRange, write: bool) -> Option<CopyEnd>;
}

impl CopyEnd {
    /// The place of a range in this buffer object, if it lies there.
    pub(crate) fn in_bo(bo: &Bo, range: abi::MemoryRange, write: bool) -> Option<Self> {
        let skip = range.va_addr.checked_sub(bo.va.0)?;
        let bytes = bo.range().map_or(bo.size, |(.., len)| len);
        let inside = skip.checked_add(range.size).is_some_and(|end| end <= bytes);
        if !inside || write && bo.flags & abi::ALLOC_MEM_FLAGS_WRITABLE == 0 {
            return None;
        }
        match &bo.backing {
            Backing::Arena { arena, offset, .. } => Some(Self::Arena(Arc::clone(arena), offset + skip, None)),
            Backing::Shared(share) => {
                let (arena, offset) = (Arc::clone(&share.range.arena), share.range.offset + skip);
                Some(Self::Arena(arena, offset, Some(share.clone())))
            }
            Backing::User(va) => Some(Self::User(UserVa(va.0.checked_add(skip)?))),
            Backing::Device => None,
        }
    }
}

/// Copies up to `len` bytes from one arena to another, front to back, and returns how many: as many as lie in one
/// window of each. `None` when a window cannot be mapped.
pub(super) fn copy(to: (&Arena, u64), from: (&Arena, u64), len: u64) -> Option<u64> {
    let (source, from) = from.0.window(from.1)?;
    let (target, to) = to.0.window(to.1)?;
    let bytes = (WINDOW as usize - from.max(to)).min(usize::try_from(len).ok()?);
    target.copy_in(to, source, from, bytes)?;
    Some(bytes as u64)
}
