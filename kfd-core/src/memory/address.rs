//! What a GPU address of one process on one device means: an interval map to arena memory or to the client's own.
//!
//! Buffer objects are mapped where their client said. Elsewhere an address is the client's own, as far as shared virtual
//! memory reaches (`svm::Reach`). Every engine access goes through it; an address that is neither is a fault, never a
//! guess. A change bumps the epoch, by which views know that what they remember is stale; a wave worker, which is another
//! process, reads it in its page of epochs.
//!
//! Lock order: inside the process mutex and a queue's MQD. Not for: who may map what, which `ioctl::memory` says.

use crate::ids::{GpuVa, UserVa};
use crate::memory::arena::{Arena, PAGE};
use crate::memory::epochs::EpochPage;
use crate::memory::pins::{Pin, Pins};
use crate::memory::svm::{Reach, Right};
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering, RwLock};
use std::collections::BTreeMap;
use std::ops::Range;

/// The place where an interval's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Arena memory, from this offset on.
    Arena(Arc<Arena>, u64),
    /// Client memory, from this address on; a memory worker reaches it.
    User(UserVa),
    /// The process's doorbells: a store rings one.
    Doorbells,
    /// Registers: a store has no effect.
    Registers,
}

/// A mapped interval of GPU addresses.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// The interval's first GPU address.
    pub(crate) start: u64,
    /// The interval's bytes, at least one.
    pub(crate) len: u64,
    /// The place where its bytes are.
    pub(crate) target: Target,
    /// Whether an engine may store to it.
    pub(crate) writable: bool,
    /// Whether waves may fetch instructions from it (`AMDGPU_PTE_EXECUTABLE`).
    pub(crate) executable: bool,
}

impl Span {
    /// Whether `len` bytes at `va` lie inside the interval.
    #[inline]
    pub(crate) fn holds(&self, va: u64, len: u64) -> bool {
        va.checked_sub(self.start).and_then(|skip| skip.checked_add(len)).is_some_and(|end| end <= self.len)
    }
}

/// The address map of one process on one device.
#[derive(Debug, Default)]
pub(crate) struct AddressMap {
    spans: RwLock<Spans>,
    epoch: AtomicU64,
    /// Where a wave worker reads the epoch, and its place there.
    told: OnceLock<(Arc<EpochPage>, usize)>,
}

/// A span with the queues that need it mapped.
#[derive(Debug)]
struct Mapped {
    span: Span,
    pins: Pins,
}

#[derive(Debug, Default)]
struct Spans {
    by_start: BTreeMap<u64, Mapped>,
    /// Shared virtual memory: where no span is mapped, an address means the client's memory at the same address.
    shared: Reach,
    /// Whether the release hook has revoked the map: nothing can be mapped afterwards.
    revoked: bool,
}

impl Spans {
    fn at(&self, va: u64) -> Option<&Span> {
        self.by_start.range(..=va).next_back().map(|(_, mapped)| &mapped.span)
    }

    fn is_free(&self, start: u64, end: u64) -> bool {
        let last = self.by_start.range(..end).next_back();
        last.is_none_or(|(_, Mapped { span, .. })| span.start + span.len <= start)
    }

    /// The interval of shared virtual memory around `va`, up to the next spans.
    fn shared_at(&self, va: u64) -> Option<Span> {
        let (range, right) = self.shared.at(va);
        if right == Right::None {
            return None;
        }
        let below = self.at(va).map_or(0, |span| span.start + span.len);
        let above = self.by_start.range(va..).next().map_or(u64::MAX, |(start, _)| *start);
        let (start, end) = (range.start.max(below), range.end.min(above));
        let target = Target::User(UserVa(start));
        (start <= va && va < end).then_some(Span {
            start,
            len: end - start,
            target,
            writable: right.writes(),
            executable: right.executes(),
        })
    }
}

impl AddressMap {
    /// Maps all of `spans`, or none: false when one overlaps what is mapped, is empty, or leaves the address space. `pins`
    /// counts the queues that need them.
    pub(crate) fn map(&self, spans: &[Span], pins: &Pins) -> bool {
        let mut map = self.spans.write();
        let fits = |span: &Span| {
            span.len > 0
                && span.start.checked_add(span.len).is_some_and(|end| map.is_free(span.start, end))
                && !map.revoked
        };
        if !spans.iter().all(fits) {
            return false;
        }
        for span in spans {
            map.by_start.insert(span.start, Mapped { span: span.clone(), pins: pins.clone() });
        }
        if !map.shared.is_empty() {
            // Addresses that were shared virtual memory until now are cached by views as such: the new epoch makes them
            // look again.
            self.moved(&map);
        }
        true
    }

    /// Pins the span that begins on the page of `va` and has `bytes` / 4096 pages, so that it stays mapped. Where that
    /// is 0 pages, a span of any size is pinned.
    pub(crate) fn pin(&self, va: GpuVa, bytes: u64) -> Option<Pin> {
        let (start, pages) = (va.0 / PAGE * PAGE, bytes / PAGE);
        let map = self.spans.read();
        let Mapped { span, pins } = map.by_start.get(&start)?;
        (pages == 0 || span.len / PAGE == pages).then(|| pins.pin())
    }

    /// Whether a buffer object is mapped somewhere in a range.
    pub(crate) fn is_taken(&self, range: &Range<u64>) -> bool {
        !self.spans.read().is_free(range.start, range.end)
    }

    /// Changes how far shared virtual memory reaches.
    pub(crate) fn share(&self, change: impl FnOnce(&mut Reach)) {
        let mut map = self.spans.write();
        if !map.revoked {
            change(&mut map.shared);
            self.moved(&map);
        }
    }

    /// Unmaps the intervals that start at these addresses.
    pub(crate) fn unmap(&self, starts: impl IntoIterator<Item = u64>) {
        let mut map = self.spans.write();
        for start in starts {
            map.by_start.remove(&start);
        }
        self.moved(&map);
    }

    /// Unmaps every interval; nothing can be mapped afterwards.
    pub(crate) fn revoke(&self) {
        let mut map = self.spans.write();
        map.revoked = true;
        let old = (std::mem::take(&mut map.by_start), std::mem::take(&mut map.shared));
        self.moved(&map);
        drop(map);
        drop(old);
    }

    /// What the map said may be another thing now. Inside the lock: whoever sees the new epoch and looks up again waits for
    /// the change.
    fn moved(&self, _: &Spans) {
        let before = self.epoch.fetch_add(1, Ordering::AcqRel);
        if let Some((page, index)) = self.told.get() {
            page.publish(*index, before.wrapping_add(1));
        }
    }

    /// Tells the epoch at this place of a page from now on; the first call counts.
    pub(crate) fn tell(&self, page: Arc<EpochPage>, index: usize) {
        // No epoch moves meanwhile.
        let _map = self.spans.write();
        page.publish(index, self.epoch.load(Ordering::Acquire));
        let _ = self.told.set((page, index));
    }

    /// Whether the map was revoked.
    pub(crate) fn is_revoked(&self) -> bool {
        self.spans.read().revoked
    }

    /// The number of mapped intervals, shared virtual memory apart.
    pub(crate) fn count(&self) -> u64 {
        self.spans.read().by_start.len() as u64
    }

    /// The epoch, and the interval around `va` that belongs to it, if there is one.
    pub(crate) fn look(&self, va: GpuVa) -> (u64, Option<Span>) {
        let map = self.spans.read();
        let found = match map.at(va.0).filter(|span| span.holds(va.0, 1)) {
            Some(span) => Some(span.clone()),
            None => map.shared_at(va.0),
        };
        (self.epoch.load(Ordering::Acquire), found)
    }

    /// The interval that holds `len` bytes at `va`, with the epoch it belongs to.
    pub(crate) fn find(&self, va: GpuVa, len: u64) -> Option<(Span, u64)> {
        let map = self.spans.read();
        let whole = |span: &Span| span.holds(va.0, len);
        let span = match map.at(va.0).filter(|span| span.holds(va.0, 1)) {
            Some(span) => Some(span).filter(|span| whole(span)).cloned(),
            None => map.shared_at(va.0).filter(whole),
        }?;
        Some((span, self.epoch.load(Ordering::Acquire)))
    }

    /// The current epoch.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressMap, Span, Target};
    use crate::ids::{GpuVa, UserVa};
    use crate::memory::pins::Pins;
    use crate::memory::svm::Right;

    fn span(start: u64, len: u64) -> Span {
        Span { start, len, target: Target::User(UserVa(start)), writable: true, executable: false }
    }

    #[test]
    fn shared_memory_is_what_lies_between_the_spans() {
        let map = AddressMap::default();
        map.share(|reach| reach.reset(0x1000..0x10_0000));
        let (before, epoch) = map.find(GpuVa(0x5000), 8).expect("the client's own");
        assert_eq!((before.start, before.len), (0x1000, 0xf_f000));
        assert!(matches!(before.target, Target::User(UserVa(0x1000))), "at the same address");
        assert!(map.map(&[span(0x4000, 0x2000)], &Pins::default()));
        assert_ne!(map.epoch(), epoch, "what was found before no longer holds");
        assert_eq!(map.find(GpuVa(0x5000), 8).map(|(span, _)| span.start), Some(0x4000));
        assert_eq!(
            map.find(GpuVa(0x3000), 8).map(|(span, _)| (span.start, span.len)),
            Some((0x1000, 0x3000))
        );
        assert_eq!(
            map.find(GpuVa(0x6000), 8).map(|(span, _)| (span.start, span.len)),
            Some((0x6000, 0xf_a000))
        );
        assert!(map.find(GpuVa(0x3ffc), 8).is_none(), "an access does not cross into a span");
        assert!(map.is_taken(&(0x5fff..0x6000)) && !map.is_taken(&(0x6000..0x7000)));
        map.share(|reach| reach.set(0x6000..0x7000, Some(Right::Read)));
        assert_eq!(
            map.find(GpuVa(0x6000), 8).map(|(span, _)| (span.len, span.writable)),
            Some((0x1000, false))
        );
        map.revoke();
        assert!(map.find(GpuVa(0x3000), 8).is_none());
        map.share(|reach| reach.reset(0x1000..0x10_0000));
        assert!(map.find(GpuVa(0x3000), 8).is_none(), "nothing is shared after the end");
    }

    #[test]
    fn intervals_do_not_overlap_and_only_whole_accesses_are_found() {
        let map = AddressMap::default();
        assert!(map.map(&[span(0x1000, 0x1000), span(0x3000, 0x1000)], &Pins::default()));
        for (start, len) in
            [(0x1000, 1), (0x1fff, 2), (0xfff, 2), (0, 0x10000), (0x2000, 0x1001), (0x2000, 0)]
        {
            assert!(!map.map(&[span(start, len)], &Pins::default()), "{start:#x}+{len:#x}");
        }
        assert!(!map.map(&[span(u64::MAX - 1, 4)], &Pins::default()), "beyond the address space");
        assert!(map.map(&[span(0x2000, 0x1000)], &Pins::default()), "between the two");
        assert!(map.find(GpuVa(0x1ff8), 8).is_some());
        assert!(map.find(GpuVa(0x1ff9), 8).is_none(), "an access does not cross intervals");
        assert!(map.find(GpuVa(0x4000), 1).is_none());
        let epoch = map.epoch();
        map.unmap([0x2000]);
        assert_ne!(map.epoch(), epoch);
        assert!(map.find(GpuVa(0x2000), 8).is_none());
        map.revoke();
        assert!(map.find(GpuVa(0x1000), 8).is_none());
        assert!(!map.map(&[span(0x9000, 8)], &Pins::default()), "nothing is mapped after the end");
    }
}
