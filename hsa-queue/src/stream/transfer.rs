//! Copies and fills, piece by piece.
//!
//! A piece is at most [`PIECE`] bytes. When it faults, the pieces become those of one page, so that everything before
//! the page without memory is done and the fault names an address in it.
//!
//! Not for: overlapping copies; front to back, as hardware gives no promise either.

use crate::memory::{Access, Fault, GpuVa, MemoryView};
use crate::stream::outcome::Outcome;

/// Most bytes of one access, and of one turn.
pub const PIECE: u64 = 64 << 10;
const PAGE: u64 = 4096;

/// Where the bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Memory: `until` bytes are left here, the others are at `then`.
    Memory { src: GpuVa, until: u64, then: GpuVa },
    /// Four bytes over and over; the lowest comes next.
    Pattern(u32),
}

/// One copy or fill, possibly under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    dst: GpuVa,
    left: u64,
    origin: Origin,
    /// Pieces end at pages.
    small: bool,
    /// The piece in hand has been read and is to be written.
    read: bool,
}

impl Transfer {
    /// Copies `len` bytes.
    #[must_use]
    pub const fn copy(dst: GpuVa, src: GpuVa, len: u64) -> Self {
        Self::split_copy(dst, src, len, GpuVa::NULL, 0)
    }

    /// Copies `len` bytes from `src`, then `rest` bytes from `then`.
    #[must_use]
    pub const fn split_copy(dst: GpuVa, src: GpuVa, len: u64, then: GpuVa, rest: u64) -> Self {
        let origin = Origin::Memory { src, until: len, then };
        Self { dst, left: len + rest, origin, small: false, read: false }
    }

    /// Fills `len` bytes with the four of `pattern`, the lowest first.
    #[must_use]
    pub const fn fill(dst: GpuVa, pattern: u32, len: u64) -> Self {
        Self { dst, left: len, origin: Origin::Pattern(pattern), small: false, read: false }
    }

    /// Bytes of the piece in hand; the same until it is done.
    fn piece(&self) -> u64 {
        let to_page = |va: GpuVa| if self.small { PAGE - va.0 % PAGE } else { PIECE };
        let whole = self.left.min(PIECE).min(to_page(self.dst));
        match self.origin {
            Origin::Memory { src, until, .. } => whole.min(until).min(to_page(src)),
            Origin::Pattern(_) => whole,
        }
    }

    fn pass(&mut self, len: u64) {
        self.left -= len;
        self.dst = self.dst.offset(len);
        self.read = false;
        match &mut self.origin {
            Origin::Memory { src, until, then } => {
                (*src, *until) = (src.offset(len), *until - len);
                if *until == 0 {
                    (*src, *until) = (*then, self.left);
                }
            }
            Origin::Pattern(pattern) => *pattern = pattern.rotate_right((len % 4) as u32 * 8),
        }
    }

    /// Goes on until it is done, `quota` bytes are used up (at least a piece fits a full one), or an access is not
    /// answered.
    pub fn step<V: MemoryView>(
        &mut self,
        view: &mut V,
        buffer: &mut Vec<u8>,
        quota: &mut u64,
    ) -> Access<Outcome> {
        while self.left != 0 {
            let len = self.piece();
            if len > *quota {
                return Access::Ready(Outcome::More);
            }
            match self.one(view, buffer, len) {
                Access::Ready(()) => {
                    *quota -= len;
                    self.pass(len);
                }
                Access::Pending(ticket) => return Access::Pending(ticket),
                Access::Fault(_) if !self.small => (self.small, self.read) = (true, false),
                Access::Fault(fault) => return Access::Fault(fault),
            }
        }
        Access::Ready(Outcome::Done)
    }

    fn one<V: MemoryView>(&mut self, view: &mut V, buffer: &mut Vec<u8>, len: u64) -> Access<()> {
        // The last byte of a piece may lie beyond 2^64: no view has memory there, and none should have to add.
        if self.dst.0.checked_add(len - 1).is_none() {
            return Access::Fault(Fault { va: self.dst, len, write: true });
        }
        let bytes = len as usize;
        match self.origin {
            Origin::Memory { src, .. } => {
                if src.0.checked_add(len - 1).is_none() {
                    return Access::Fault(Fault { va: src, len, write: false });
                }
                if !self.read {
                    if let Some(answer) = view.copy(self.dst, src, len) {
                        return answer;
                    }
                    buffer.resize(bytes, 0);
                    match view.read(src, buffer) {
                        Access::Ready(()) => self.read = true,
                        other => return other,
                    }
                }
            }
            Origin::Pattern(pattern) => {
                if !self.read {
                    buffer.clear();
                    buffer.resize(bytes, 0);
                    for part in buffer.chunks_mut(4) {
                        part.copy_from_slice(&pattern.to_le_bytes()[..part.len()]);
                    }
                    self.read = true;
                }
            }
        }
        match buffer.get(..bytes) {
            Some(bytes) => view.write(self.dst, bytes),
            // The buffer holds the piece as long as `read` says so.
            None => Access::Fault(Fault { va: self.dst, len, write: true }),
        }
    }
}
