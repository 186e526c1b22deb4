//! What clients of a user have done so often that not each time is told in the log: a line for each power of two, so that a loop of
//! faults fills no disk and hides nothing of anybody else's.

use kfd_core::ids::Uid;
use kfd_core::sync::Mutex;
use std::collections::HashMap;

/// Times, by user. See the module's head.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Uid, u64>>);

impl Tally {
    /// It has happened once more; how often it has, if that is to be told.
    pub fn tells(&self, uid: Uid) -> Option<u64> {
        let mut times = self.0.lock();
        let times = times.entry(uid).or_default();
        *times = times.saturating_add(1);
        times.is_power_of_two().then_some(*times)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use kfd_core::ids::Uid;

    // Keeps: faults-told
    #[test]
    fn what_comes_again_is_told_at_each_power_of_two_and_by_user() {
        let tally = Tally::default();
        let told: Vec<u64> = (0..1000).filter_map(|_| tally.tells(Uid(7))).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!((tally.tells(Uid(8)), tally.tells(Uid(7))), (Some(1), None));
    }
}
