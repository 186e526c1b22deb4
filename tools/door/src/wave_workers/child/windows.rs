//! The client's arena, mapped whole.

use hsa_queue::memory::Width;
use kfd_core::shm::{WINDOW, Window};
use kfd_core::waves::AtomicKind as Kind;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

/// See the module's head. Offsets are bytes of the arena; what lies beyond is `None`.
#[derive(Debug)]
pub(super) struct Windows(Vec<Window>);

impl Windows {
    /// Maps an arena.
    pub(super) fn map(arena: OwnedFd) -> io::Result<Self> {
        let arena = File::from(arena);
        let count = arena.metadata()?.len() / WINDOW;
        (0..count).map(|at| Window::map(arena.as_fd(), at * WINDOW)).collect::<io::Result<_>>().map(Self)
    }

    /// Whether the arena has these bytes.
    pub(super) fn holds(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.0.len() as u64 * WINDOW)
    }

    #[inline]
    fn window(&self, offset: u64) -> Option<(&Window, usize)> {
        let window = self.0.get(usize::try_from(offset / WINDOW).ok()?)?;
        Some((window, (offset % WINDOW) as usize))
    }

    /// Copies out what was stored, and sees what its storers had stored before.
    #[inline]
    pub(super) fn load(&self, mut offset: u64, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            let (window, at) = self.window(offset)?;
            let len = into.len().min(WINDOW as usize - at);
            let (now, rest) = into.split_at_mut(len);
            window.read(at, now)?;
            into = rest;
            offset += len as u64;
        }
        // Waves wait for their loads and stores by instructions that are nothing here.
        fence(Ordering::Acquire);
        Some(())
    }

    /// Stores, after all that was stored before.
    #[inline]
    pub(super) fn store(&self, mut offset: u64, mut bytes: &[u8]) -> Option<()> {
        fence(Ordering::Release);
        while !bytes.is_empty() {
            let (window, at) = self.window(offset)?;
            let len = bytes.len().min(WINDOW as usize - at);
            window.write(at, &bytes[..len])?;
            bytes = &bytes[len..];
            offset += len as u64;
        }
        Some(())
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
        let (window, at) = self.window(offset)?;
        window.change(at, width, kind, operand, comparand)
    }
}
