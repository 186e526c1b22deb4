//! A process's memory on its devices: a sparse, sealed memfd that the client maps through its render nodes, and windows
//! of it that the daemon maps when an engine first needs them.
//!
//! The memfd's size is its limit and never changes (`F_SEAL_SHRINK|GROW|SEAL`), so no access of the daemon lies beyond
//! its end. A freed range is punched, reads zeros, and is handed out again last. Windows stay mapped until the arena
//! is dropped, on the reclaimer, when no reader is left.
//!
//! Needs no lock of the core: ranges are given out under the process mutex, windows are set once.
//! Not for: which of its bytes a GPU address means, which `address` says.

mod range;
pub mod shm;
mod sys;

use crate::account::Charge;
use crate::sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering};
use range::Ranges;
pub(crate) use shm::WINDOW;
use shm::Window;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of a page of arena memory.
pub(crate) const PAGE: u64 = 4096;

/// A range of the arena that is shared.
struct SharedRange {
    len: u64,
    /// The charge for its bytes, as long as anybody holds it.
    bytes: Option<Charge>,
    /// The charge for the token file that its descriptors lead to, while there is one.
    token: Option<Charge>,
    /// Whether nobody holds it any more, so that it is given back after a grace period.
    parting: bool,
    /// Whether its process was freed, so that only others hold it.
    orphaned: bool,
}

/// The arena of one process.
pub(crate) struct Arena {
    memfd: OwnedFd,
    size: u64,
    windows: Box<[OnceLock<Window>]>,
    /// Held while a window is mapped, so that no window is mapped twice.
    mapping: Mutex<()>,
    ranges: Mutex<Ranges>,
    /// Ranges that other processes may hold, by offset. This lock is outside `ranges` and the account; it is held while
    /// the rest is trimmed.
    shared: Mutex<BTreeMap<u64, SharedRange>>,
    /// The number of arenas alive in this core, counted down by drop.
    count: Arc<AtomicU64>,
}

impl Arena {
    /// An empty arena of `size` bytes, rounded up to whole windows; `count` counts it.
    pub(crate) fn new(size: u64, count: Arc<AtomicU64>) -> io::Result<Self> {
        let size = size.max(1).div_ceil(WINDOW).saturating_mul(WINDOW);
        let memfd = sys::sealed_memfd(size)?;
        count.fetch_add(1, Ordering::Relaxed);
        let windows = (0..size / WINDOW).map(|_| OnceLock::new()).collect();
        let (mapping, ranges) = (Mutex::new(()), Mutex::new(Ranges::new(size)));
        Ok(Self { memfd, size, windows, mapping, ranges, shared: Mutex::default(), count })
    }

    /// Bytes of the memfd. The kernel grants a mapping of what lies beyond, and a touch of it is a SIGBUS.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Another descriptor of the memfd, for whoever serves it to the client.
    pub(crate) fn dup(&self) -> io::Result<OwnedFd> {
        self.memfd.as_fd().try_clone_to_owned()
    }

    /// Takes a range of `len` bytes, whole pages, and returns its offset; `None` when no gap is long enough.
    pub(crate) fn take(&self, len: u64) -> Option<u64> {
        self.ranges.lock().take(len.checked_next_multiple_of(PAGE)?)
    }

    /// Gives a range back and drops its pages from the memfd.
    pub(crate) fn give(&self, offset: u64, len: u64) {
        let len = len.next_multiple_of(PAGE);
        if let Err(error) = sys::punch(self.memfd.as_fd(), offset, len) {
            tracing::error!(%error, offset, len, "a freed range could not be punched: its pages stay until the process goes");
        }
        self.ranges.lock().give(offset, len);
    }

    /// Makes a taken range shared: `charge` is held until [`Arena::uncharge_shared`], the range until
    /// [`Arena::give_shared`].
    pub(crate) fn share(&self, offset: u64, len: u64, charge: Option<Charge>) {
        let range = SharedRange { len, bytes: charge, token: None, parting: false, orphaned: false };
        self.shared.lock().insert(offset, range);
    }

    /// Charges for the token file that descriptors of a shared range lead to.
    pub(crate) fn charge_token(&self, offset: u64, mut charge: Charge) {
        if let Some(range) = self.shared.lock().get_mut(&offset) {
            if range.orphaned {
                charge.leave();
            }
            range.token = Some(charge);
        }
    }

    /// Gives the charge for a token file back: no descriptor of the shared range is open any more.
    pub(crate) fn uncharge_token(&self, offset: u64) {
        if let Some(range) = self.shared.lock().get_mut(&offset) {
            range.token = None;
        }
    }

    /// Gives the charge for a shared range back: nobody holds it any more. The range stays taken until
    /// [`Arena::give_shared`].
    pub(crate) fn uncharge_shared(&self, offset: u64) {
        // With the lock held, so that the free of its process finds either the range or the charge returned.
        if let Some(range) = self.shared.lock().get_mut(&offset) {
            (range.bytes, range.token, range.parting) = (None, None, true);
        }
    }

    /// Gives a shared range back after the grace period, when no engine can be reading it.
    pub(crate) fn give_shared(&self, offset: u64) {
        let taken = self.shared.lock().remove(&offset);
        if let Some(SharedRange { len, .. }) = taken {
            self.give(offset, len);
        }
    }

    /// Bytes of shared ranges that are in their grace period: they cost nothing any more and are still resident.
    pub(crate) fn parting(&self) -> u64 {
        self.shared.lock().values().filter(|range| range.parting).map(|range| range.len).sum()
    }

    /// Moves the charges of shared ranges out of the purse of a process that is being freed. True when anybody holds
    /// one.
    pub(crate) fn orphan(&self) -> bool {
        let mut shared = self.shared.lock();
        for range in shared.values_mut() {
            range.orphaned = true;
            range.bytes.iter_mut().chain(&mut range.token).for_each(Charge::leave);
        }
        shared.values().any(|range| !range.parting)
    }

    /// Whether the shared range at `offset` has outlived its process.
    pub(crate) fn is_orphaned(&self, offset: u64) -> bool {
        self.shared.lock().get(&offset).is_some_and(|range| range.orphaned)
    }

    /// Drops every page outside shared ranges, for an arena whose process is gone and that nobody maps.
    pub(crate) fn trim(&self) {
        let shared = self.shared.lock();
        let mut from = 0;
        let ranges = shared.iter().map(|(offset, range)| (*offset, range.len)).chain([(self.size, 0)]);
        for (offset, len) in ranges {
            if let Some(gap) = offset.checked_sub(from).filter(|gap| *gap > 0)
                && let Err(error) = sys::punch(self.memfd.as_fd(), from, gap)
            {
                tracing::error!(%error, from, gap, "pages of a dead process stay until its shared memory goes");
            }
            from = offset + len;
        }
    }

    /// Bytes of memory that the memfd has, as the file system counts them.
    pub(crate) fn resident(&self) -> u64 {
        sys::blocks(self.memfd.as_fd()).unwrap_or(0)
    }

    /// The window that holds `offset`, and the place in the window; the window is mapped now if it was not. `None`
    /// beyond the end or when the kernel refuses the mapping.
    #[inline]
    pub(crate) fn window(&self, offset: u64) -> Option<(&Window, usize)> {
        let index = usize::try_from(offset / WINDOW).ok()?;
        let slot = self.windows.get(index)?;
        let window = match slot.get() {
            Some(window) => window,
            None => self.map(index)?,
        };
        Some((window, (offset % WINDOW) as usize))
    }

    #[cold]
    fn map(&self, index: usize) -> Option<&Window> {
        let _mapping = self.mapping.lock();
        let slot = self.windows.get(index)?;
        if slot.get().is_none() {
            match Window::map(self.memfd.as_fd(), index as u64 * WINDOW) {
                Ok(window) => drop(slot.set(window)),
                Err(error) => {
                    tracing::error!(%error, index, "a window of an arena could not be mapped");
                    return None;
                }
            }
        }
        slot.get()
    }

    /// Copies arena memory from `offset` on into `out`, across windows.
    pub(crate) fn read(&self, mut offset: u64, mut out: &mut [u8]) -> Option<()> {
        while !out.is_empty() {
            let (window, at) = self.window(offset)?;
            let len = out.len().min(WINDOW as usize - at);
            let (now, rest) = out.split_at_mut(len);
            window.read(at, now)?;
            out = rest;
            offset += len as u64;
        }
        Some(())
    }

    /// Copies `bytes` into arena memory from `offset` on, across windows.
    pub(crate) fn write(&self, mut offset: u64, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let (window, at) = self.window(offset)?;
            let len = bytes.len().min(WINDOW as usize - at);
            window.write(at, &bytes[..len])?;
            bytes = &bytes[len..];
            offset += len as u64;
        }
        Some(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({} bytes)", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, PAGE, WINDOW};
    use crate::sync::{Arc, AtomicU64, Ordering};
    use hsa_queue::memory::Width;
    use hsa_queue::stream::atomic::KINDS;

    fn arena(windows: u64) -> (Arena, Arc<AtomicU64>) {
        let count = Arc::default();
        (Arena::new(windows * WINDOW, Arc::clone(&count)).expect("a memfd"), count)
    }

    #[test]
    fn copies_cross_windows_and_end_at_the_arena() {
        let (arena, count) = arena(2);
        let bytes: Vec<u8> = (0..100).collect();
        let mut back = [0; 100];
        for at in [WINDOW - 37, WINDOW, 3, 2 * WINDOW - 100] {
            assert!(arena.write(at, &bytes).is_some() && arena.read(at, &mut back).is_some(), "{at:#x}");
            assert_eq!(back[..], bytes);
        }
        assert!(arena.write(2 * WINDOW - 99, &bytes).is_none());
        assert!(arena.read(u64::MAX - 10, &mut back).is_none());
        assert!(arena.window(2 * WINDOW).is_none());
        drop(arena);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn words_are_aligned_and_inside() {
        let (arena, _) = arena(1);
        let (window, at) = arena.window(WINDOW - 8).expect("the last word");
        assert_eq!(window.store_u64(at, 7), Some(()));
        assert_eq!((window.load_u64(at), window.fetch_sub_u64(at, 9)), (Some(7), Some(7)));
        assert_eq!(window.load_u64(at), Some(7u64.wrapping_sub(9)));
        assert_eq!(window.load_u64(at + 4), None, "neither aligned nor inside");
        assert_eq!(window.load_u32(at + 4), Some(u32::MAX));
        assert_eq!(window.store_u16(at + 1, 0), None);
        assert_eq!(window.store_u16(at + 6, 0), Some(()));
        assert_eq!(window.load_u32(at + 4), Some(0xffff));
    }

    #[test]
    fn copies_move_what_they_are_told_and_nothing_beside_it() {
        let (arena, _) = arena(1);
        let (window, _) = arena.window(0).expect("the window");
        let bytes: Vec<u8> = (0..300_u32).map(|at| (at * 7 + 1) as u8).collect();
        for at in 0..40 {
            for len in (0..80).chain([127, 128, 250]) {
                window.write(0, &[0xee; 400]).expect("inside");
                window.write(at, &bytes[..len]).expect("inside");
                let mut all = [0; 400];
                window.read(0, &mut all).expect("inside");
                assert_eq!(&all[at..at + len], &bytes[..len], "{at} {len}");
                assert!(all[..at].iter().chain(&all[at + len..]).all(|byte| *byte == 0xee), "{at} {len}");
                let mut back = [0xdd; 300];
                window.read(at, &mut back[1..=len]).expect("inside");
                assert_eq!(&back[1..=len], &bytes[..len], "{at} {len}");
                assert!(back[0] == 0xdd && back[len + 1..].iter().all(|byte| *byte == 0xdd));
            }
        }
    }

    #[test]
    fn a_word_is_changed_as_its_kind_says_and_its_neighbours_are_not() {
        let (arena, _) = arena(1);
        let (window, _) = arena.window(0).expect("the window");
        let values = [0, 1, 5, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, u64::MAX - 1, u64::MAX];
        for (width, (_, kind)) in
            [Width::Four, Width::Eight].into_iter().flat_map(|width| KINDS.map(|kind| (width, kind)))
        {
            for (old, operand) in
                values.iter().flat_map(|old| values.map(|operand| (width.cut(*old), operand)))
            {
                window.write(0, &[0xee; 32]).expect("inside");
                window.write(8, &old.to_ne_bytes()[..width.bytes() as usize]).expect("inside");
                let operand = width.cut(operand);
                assert_eq!(window.change(8, width, kind, operand, 5), Some(old), "{kind:?}");
                let new = match width {
                    Width::Four => window.load_u32(8).map(u64::from),
                    Width::Eight => window.load_u64(8),
                };
                assert_eq!(new, Some(kind.apply(width, old, operand, 5)), "{kind:?} {old:#x} {operand:#x}");
                let mut around = [0; 8];
                window.read(8 + width.bytes() as usize, &mut around).expect("inside");
                assert_eq!((window.load_u64(0), around), (Some(0xeeee_eeee_eeee_eeee), [0xee; 8]));
            }
        }
        assert_eq!(window.change(4, Width::Eight, KINDS[0].1, 0, 0), None, "misaligned");
    }

    // Keeps: dmabuf-available
    #[test]
    fn a_shared_range_that_nobody_holds_costs_nothing_and_is_taken_until_it_is_given_back() {
        let (arena, _) = arena(1);
        let offset = arena.take(3 * PAGE).expect("room");
        arena.write(offset, &[1; 3 * PAGE as usize]).expect("inside");
        arena.share(offset, 3 * PAGE, None);
        assert_eq!(arena.parting(), 0);
        arena.uncharge_shared(offset);
        assert_eq!((arena.resident(), arena.parting()), (3 * PAGE, 3 * PAGE));
        assert!(!arena.orphan(), "nobody holds it");
        arena.give_shared(offset);
        assert_eq!((arena.resident(), arena.parting()), (0, 0));
    }

    #[test]
    fn the_memfd_keeps_its_size_and_a_freed_range_its_holes() {
        let (arena, _) = arena(1);
        let fd = std::fs::File::from(arena.dup().expect("a descriptor"));
        assert!(fd.set_len(PAGE).is_err() && fd.set_len(2 * WINDOW).is_err(), "sealed");
        let offset = arena.take(3 * PAGE).expect("room");
        arena.write(offset, &[1; 3 * PAGE as usize]).expect("inside");
        assert_eq!(arena.resident(), 3 * PAGE);
        arena.give(offset, 3 * PAGE);
        assert_eq!(arena.resident(), 0);
        assert_ne!(arena.take(PAGE), Some(offset), "what was freed rests");
    }
}
