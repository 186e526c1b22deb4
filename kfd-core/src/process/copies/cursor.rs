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

/// Where a range begins. The rest of it follows there.
pub(crate) enum CopyEnd {
    /// In an arena, with what holds that range where others may hold it too.
    Arena(Arc<Arena>, u64, Option<Hold>),
    /// In the client's own memory.
    User(UserVa),
}

/// What is left to be read or written of one process's ranges.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) process: ProcessId,
    ranges: VecDeque<abi::MemoryRange>,
}

impl Cursor {
    /// All of `ranges`.
    pub(super) fn new(process: ProcessId, ranges: impl IntoIterator<Item = abi::MemoryRange>) -> Self {
        let ranges = ranges.into_iter().filter(|range| range.size > 0).collect();
        Self { process, ranges }
    }

    /// What is left of the range that is under way; `None` at the end of all.
    pub(super) fn range(&self) -> Option<abi::MemoryRange> {
        self.ranges.front().copied()
    }

    /// So many bytes of that range are done.
    pub(super) fn advance(&mut self, bytes: u64) {
        let Some(range) = self.ranges.front_mut() else { return };
        range.va_addr += bytes;
        range.size -= bytes;
        if range.size == 0 {
            self.ranges.pop_front();
        }
    }

    /// Where that range is. `None` when no buffer object of the process has all of it, or none that may be written when
    /// it is to be.
    pub(super) fn end(&self, memory: &impl Memory, write: bool) -> Option<CopyEnd> {
        memory.find(self.process, self.range()?, write)
    }
}

/// Whoever knows the buffer objects of every process.
pub(crate) trait Memory {
    /// Where a range of a process's buffer objects is.
    fn find(&self, process: ProcessId, range: abi::MemoryRange, write: bool) -> Option<CopyEnd>;
}

impl CopyEnd {
    /// Where a range is that lies in this buffer object, if it does.
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

/// Copies up to `len` bytes from one arena to another, front to back, as many as lie in one window of each; how many.
/// `None` when a window cannot be mapped.
pub(super) fn copy(to: (&Arena, u64), from: (&Arena, u64), len: u64) -> Option<u64> {
    let (source, from) = from.0.window(from.1)?;
    let (target, to) = to.0.window(to.1)?;
    let bytes = (WINDOW as usize - from.max(to)).min(usize::try_from(len).ok()?);
    target.copy_in(to, source, from, bytes)?;
    Some(bytes as u64)
}
