//! What a worker may have, and what its dispatches have of it.

use kfd_core::sync::Mutex;

/// What of a device a worker needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Compute units: how many groups are resident at once.
    pub compute_units: u32,
    /// The frequency of the device's counter, which S_MEMREALTIME reads.
    pub counter_khz: u32,
}

/// What a worker may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Threads, at least one.
    pub threads: usize,
    /// Bytes that the state of resident groups may take, all dispatches together.
    pub memory: u64,
    /// The client's devices; orders name them by their index.
    pub devices: Vec<DeviceLimits>,
}

/// Bytes for the state of groups that no dispatch has.
#[derive(Debug)]
pub(super) struct Room(Mutex<u64>);

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Mutex::new(bytes))
    }

    /// Takes what a dispatch may have that could use `most` bytes. That is no more than a quarter of what the others have left:
    /// of a worker's usual memory a whole gfx900's registers and data shares, and there is as much for the next ones.
    pub(super) fn take(&self, most: u64) -> u64 {
        let mut left = self.0.lock();
        let taken = most.min(*left / 4);
        *left -= taken;
        taken
    }

    /// Gives such bytes back.
    pub(super) fn give(&self, bytes: u64) {
        *self.0.lock() += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::Room;

    #[test]
    fn what_dispatches_took_is_there_again_when_they_end() {
        let room = Room::new(1 << 20);
        let taken: Vec<u64> = [u64::MAX, 100, u64::MAX, 0].into_iter().map(|most| room.take(most)).collect();
        assert_eq!((taken[0], taken[1], taken[3]), (1 << 18, 100, 0));
        assert!(taken[2] > 0 && taken[2] < taken[0]);
        taken.into_iter().for_each(|bytes| room.give(bytes));
        assert_eq!(room.take(u64::MAX), 1 << 18);
    }
}
