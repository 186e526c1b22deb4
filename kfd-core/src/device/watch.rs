//! A device's watch points: four for all its processes (`MAX_WATCH_ADDRESSES`, amdkfd/kfd_debug.c), the lowest free one first.
//!
//! Nothing is watched: no wave runs that could touch an address. What is kept is who has which.

use crate::sync::{Arc, Mutex};

const COUNT: u32 = 4;

/// The watch points of a device, as a mask of those taken.
#[derive(Debug, Default)]
pub(crate) struct WatchPoints(Arc<Mutex<u8>>);

/// A watch point that was taken, given back by drop.
#[derive(Debug)]
pub(crate) struct WatchPoint {
    /// The number of the watch point, 0 to 3.
    pub(crate) id: u32,
    taken: Arc<Mutex<u8>>,
}

impl WatchPoints {
    /// Takes the lowest free watch point; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<WatchPoint> {
        let mut taken = self.0.lock();
        let id = (0..COUNT).find(|id| *taken >> id & 1 == 0)?;
        *taken |= 1 << id;
        Some(WatchPoint { id, taken: Arc::clone(&self.0) })
    }
}

impl Drop for WatchPoint {
    fn drop(&mut self) {
        *self.taken.lock() &= !(1 << self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::WatchPoints;

    #[test]
    fn a_device_has_four_watch_points_and_gives_the_lowest_first() {
        let points = WatchPoints::default();
        let mut held: Vec<_> = (0..4).map(|id| points.take().filter(|point| point.id == id)).collect();
        assert!(held.iter().all(Option::is_some) && points.take().is_none());
        held.remove(1);
        assert_eq!(points.take().map(|point| point.id), Some(1));
    }
}
