//! The client's arena, mapped whole.

use hsa_queue::memory::Width;
use kfd_core::shm::Window;
use kfd_core::waves::AtomicKind as Kind;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};
use waves::LANES;

/// Bytes that a wave reaches for at once when its lanes stand side by side.
const WHOLE: usize = 4 * LANES;
/// How far ahead memory is fetched: more than a group of 256 has, and less than the processor's nearest cache by far. Measured: 0.5,
/// 1 and 2 KiB gain 13 % of a sum of vectors, 4 KiB 10 %.
const AHEAD: usize = 2048;

/// See the module's head. Offsets are bytes of it; what lies beyond is `None`.
#[derive(Debug)]
pub(super) struct Arena(Window);

impl Arena {
    /// Maps an arena.
    pub(super) fn map(arena: OwnedFd) -> io::Result<Self> {
        let arena = File::from(arena);
        let len = usize::try_from(arena.metadata()?.len()).map_err(io::Error::other)?;
        Window::map_whole(arena.as_fd(), len).map(Self)
    }

    /// Whether the arena has these bytes.
    pub(super) fn holds(&self, offset: u64, len: u64) -> bool {
        self.0.holds(offset as usize, len as usize)
    }

    /// Copies out what was stored, and sees what its storers had stored before.
    #[inline]
    pub(super) fn load(&self, offset: u64, into: &mut [u8]) -> Option<()> {
        self.0.read(offset as usize, into)?;
        self.expect(offset, into.len());
        // Waves wait for their loads and stores by instructions that are nothing here.
        fence(Ordering::Acquire);
        Some(())
    }

    /// Stores, after all that was stored before.
    #[inline]
    pub(super) fn store(&self, offset: u64, bytes: &[u8]) -> Option<()> {
        fence(Ordering::Release);
        self.0.write(offset as usize, bytes)?;
        self.expect(offset, bytes.len());
        Some(())
    }

    /// Waves that go through an array go through it together, a group or two ahead of this one.
    #[inline]
    fn expect(&self, offset: u64, len: usize) {
        if len >= WHOLE {
            self.0.expect(offset as usize + AHEAD, WHOLE);
        }
    }

    /// Loads an aligned word, as [`Arena::load`] does.
    #[inline]
    pub(super) fn load_word(&self, offset: u64) -> Option<u32> {
        self.0.load_u32(offset as usize)
    }

    /// Stores an aligned word, as [`Arena::store`] does.
    #[inline]
    pub(super) fn store_word(&self, offset: u64, word: u32) -> Option<()> {
        self.0.store_u32(offset as usize, word)
    }

    /// Changes an aligned word and gives what it was.
    #[inline]
    pub(super) fn change(
        &self,
        offset: u64,
        width: Width,
        kind: Kind,
        operand: u64,
        comparand: u64,
    ) -> Option<u64> {
        self.0.change(offset as usize, width, kind, operand, comparand)
    }
}
