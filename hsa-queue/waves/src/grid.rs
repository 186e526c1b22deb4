//! What the parts of a dispatch share: which groups are still to come, how many are resident, and how it ended early.
//!
//! Two counters and a cell that is set once. None of them guards memory: what groups write is ordered by whoever waits for
//! all parts, and what waves of different parts tell each other by the atomics that they use for it.

use crate::dispatch::Progress;
use crate::launch::Launch;
use crate::record::Record;
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering};

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Grid {
    record: Arc<Record>,
    /// Groups in x, y and z, and in all; a count that no engine lives to see is cut.
    groups: [u32; 3],
    count: u64,
    /// The number of the group that is admitted next, and one more for each part that has asked in vain.
    next: AtomicU64,
    resident: AtomicU64,
    /// The kernel, when a part has read what it is.
    launch: OnceLock<Launch>,
    /// The fault or error of the first part that had one.
    end: OnceLock<Progress>,
}

impl Grid {
    pub(crate) fn new(groups: [u32; 3]) -> Self {
        let count = groups.iter().try_fold(1_u64, |count, groups| count.checked_mul(u64::from(*groups)));
        Self {
            record: Arc::default(),
            groups,
            // Those that ask in vain do not bring it round.
            count: count.unwrap_or(u64::MAX).min(u64::MAX >> 1),
            next: AtomicU64::new(0),
            resident: AtomicU64::new(0),
            launch: OnceLock::new(),
            end: OnceLock::new(),
        }
    }

    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    pub(crate) fn launch(&self) -> Option<&Launch> {
        self.launch.get()
    }

    /// The kernel as the first part read it.
    pub(crate) fn begin(&self, launch: Launch) -> Launch {
        *self.launch.get_or_init(|| launch)
    }

    /// Groups in all.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a group is to come.
    pub(crate) fn has_more(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.count
    }

    /// The next group: x first, then y and z.
    pub(crate) fn take(&self) -> Option<[u32; 3]> {
        if !self.has_more() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [x, y, _] = self.groups.map(u64::from);
        (number < self.count).then(|| [number % x, number / x % y, number / x / y].map(|id| id as u32))
    }

    /// Takes room for a resident group, if there is any beside so many.
    pub(crate) fn enter(&self, most: u64) -> bool {
        let more = |resident| (resident < most).then_some(resident + 1);
        self.resident.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Whether there is.
    pub(crate) fn has_room(&self, most: u64) -> bool {
        self.resident.load(Ordering::Relaxed) < most
    }

    /// Gives such room back.
    pub(crate) fn leave(&self) {
        self.resident.fetch_sub(1, Ordering::Relaxed);
    }

    /// How a part has ended all of it, if one has.
    #[inline]
    pub(crate) fn end(&self) -> Option<&Progress> {
        self.end.get()
    }

    /// Ends all parts; the first one's word counts.
    pub(crate) fn ends(&self, progress: Progress) -> Progress {
        self.end.get_or_init(|| progress).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn groups_are_taken_once_each_whoever_asks() {
        let grid = Grid::new([3, 5, 7]);
        let mut taken: Vec<[u32; 3]> = std::thread::scope(|scope| {
            let ask = || std::iter::from_fn(|| grid.take()).collect::<Vec<_>>();
            let parts: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            parts.into_iter().flat_map(|part| part.join().expect("it takes")).collect()
        });
        taken.sort_unstable();
        let all = (0..3).flat_map(|x| (0..5).flat_map(move |y| (0..7).map(move |z| [x, y, z])));
        assert!(taken.iter().copied().eq(all));
        assert!(!grid.has_more() && grid.take().is_none());
    }

    #[test]
    fn room_is_taken_up_to_the_most_and_given_back() {
        let grid = Grid::new([u32::MAX; 3]);
        assert!(grid.enter(2) && grid.enter(2) && !grid.enter(2) && !grid.has_room(2));
        grid.leave();
        assert!(grid.has_room(2) && grid.enter(2));
        assert_eq!((grid.take(), grid.take()), (Some([0, 0, 0]), Some([1, 0, 0])));
    }
}
