//! What a GPU address of one process on one device means: an interval map to arena memory or to the client's own.
//!
//! Every engine access goes through it; an address that no interval holds is a fault, never a guess. A change bumps the
//! epoch, by which views know that what they remember is stale.
//!
//! Lock order: inside the process mutex and a queue's processor. Not for: who may map what, which `ioctl::memory` says.

use crate::arena::Arena;
use crate::ids::{GpuVa, UserVa};
use crate::sync::{Arc, AtomicU64, Ordering, RwLock};
use std::collections::BTreeMap;

/// Where an interval's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// At this offset of an arena.
    Arena(Arc<Arena>, u64),
    /// At this address of the client, reached through a memory worker.
    User(UserVa),
    /// The process's doorbells: a store rings.
    Doorbells,
    /// Registers: a store leads nowhere.
    Registers,
}

/// An interval.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// First address.
    pub(crate) start: u64,
    /// Bytes, at least one.
    pub(crate) len: u64,
    /// Where its bytes are.
    pub(crate) target: Target,
    /// Whether an engine may store.
    pub(crate) writable: bool,
}

impl Span {
    /// Whether `len` bytes at `va` lie inside.
    #[inline]
    pub(crate) fn holds(&self, va: u64, len: u64) -> bool {
        va.checked_sub(self.start).and_then(|skip| skip.checked_add(len)).is_some_and(|end| end <= self.len)
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct AddressMap {
    spans: RwLock<Spans>,
    epoch: AtomicU64,
}

#[derive(Debug, Default)]
struct Spans {
    by_start: BTreeMap<u64, Span>,
    /// The process is going: nothing is mapped any more.
    revoked: bool,
}

impl Spans {
    fn at(&self, va: u64) -> Option<&Span> {
        self.by_start.range(..=va).next_back().map(|(_, span)| span)
    }

    fn is_free(&self, start: u64, end: u64) -> bool {
        self.by_start.range(..end).next_back().is_none_or(|(_, span)| span.start + span.len <= start)
    }
}

impl AddressMap {
    /// Maps all of `spans`, or none: false when one overlaps what is mapped, is empty, or leaves the address space.
    pub(crate) fn map(&self, spans: &[Span]) -> bool {
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
            map.by_start.insert(span.start, span.clone());
        }
        true
    }

    /// Unmaps the intervals that start at these addresses.
    pub(crate) fn unmap(&self, starts: impl IntoIterator<Item = u64>) {
        let mut map = self.spans.write();
        for start in starts {
            map.by_start.remove(&start);
        }
        // Inside the lock: whoever sees the new epoch and looks up again waits for the removal.
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Unmaps everything for good.
    pub(crate) fn revoke(&self) {
        let mut map = self.spans.write();
        map.revoked = true;
        let old = std::mem::take(&mut map.by_start);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        drop(map);
        drop(old);
    }

    /// The interval that holds `len` bytes at `va`, with the epoch it belongs to.
    pub(crate) fn find(&self, va: GpuVa, len: u64) -> Option<(Span, u64)> {
        let map = self.spans.read();
        let span = map.at(va.0).filter(|span| span.holds(va.0, len))?;
        Some((span.clone(), self.epoch.load(Ordering::Acquire)))
    }

    /// The epoch now.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressMap, Span, Target};
    use crate::ids::{GpuVa, UserVa};

    fn span(start: u64, len: u64) -> Span {
        Span { start, len, target: Target::User(UserVa(start)), writable: true }
    }

    #[test]
    fn intervals_do_not_overlap_and_only_whole_accesses_are_found() {
        let map = AddressMap::default();
        assert!(map.map(&[span(0x1000, 0x1000), span(0x3000, 0x1000)]));
        for (start, len) in
            [(0x1000, 1), (0x1fff, 2), (0xfff, 2), (0, 0x10000), (0x2000, 0x1001), (0x2000, 0)]
        {
            assert!(!map.map(&[span(start, len)]), "{start:#x}+{len:#x}");
        }
        assert!(!map.map(&[span(u64::MAX - 1, 4)]), "beyond the address space");
        assert!(map.map(&[span(0x2000, 0x1000)]), "between the two");
        assert!(map.find(GpuVa(0x1ff8), 8).is_some());
        assert!(map.find(GpuVa(0x1ff9), 8).is_none(), "an access does not cross intervals");
        assert!(map.find(GpuVa(0x4000), 1).is_none());
        let epoch = map.epoch();
        map.unmap([0x2000]);
        assert_ne!(map.epoch(), epoch);
        assert!(map.find(GpuVa(0x2000), 8).is_none());
        map.revoke();
        assert!(map.find(GpuVa(0x1000), 8).is_none());
        assert!(!map.map(&[span(0x9000, 8)]), "nothing is mapped after the end");
    }
}
