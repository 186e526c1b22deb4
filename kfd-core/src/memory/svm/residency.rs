//! Which shared virtual memory lies on a device, as far as anybody can tell.
//!
//! The bytes stay in the client's own pages, where every device reaches them, so a migration moves nothing: it books a
//! [`Stay`] on the device, as amdkfd makes an `svm_range_bo`. Stays give way to everything else. They are not charged
//! (`svm_migrate_ram_to_vram` unreserves what it reserved); when buffer objects and stays together are more than the
//! device has, the oldest stays end, whoever's they are, as TTM evicts them.
//!
//! Lock order: a leaf. Not for: deciding where memory should be, which `memory::svm` does.

use crate::sync::{Arc, Mutex};
use std::collections::BTreeMap;

/// The stays on one device.
#[derive(Debug, Default)]
pub(crate) struct Residency(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The bytes of each stay by number; smaller numbers are older.
    stays: BTreeMap<u64, u64>,
    bytes: u64,
    last: u64,
}

impl Book {
    fn shrink(&mut self, number: u64, by: u64) {
        if let Some(bytes) = self.stays.get_mut(&number) {
            let less = by.min(*bytes);
            *bytes -= less;
            self.bytes -= less;
            if *bytes == 0 {
                self.stays.remove(&number);
            }
        }
    }

    fn trim(&mut self, room: u64) {
        while self.bytes > room
            && let Some((_, bytes)) = self.stays.pop_first()
        {
            self.bytes -= bytes;
        }
    }
}

impl Residency {
    /// Books a stay of `bytes` on a device that has `room` for stays; the oldest stays end if there is not enough.
    pub(crate) fn enter(self: &Arc<Self>, device: usize, bytes: u64, room: u64) -> Stay {
        let mut book = self.0.lock();
        book.trim(room.saturating_sub(bytes));
        book.last += 1;
        let number = book.last;
        book.stays.insert(number, bytes);
        book.bytes += bytes;
        Stay(Arc::new(Entry { device, residency: Arc::clone(self), number }))
    }

    /// Ends the oldest stays until the others fit into `room`.
    pub(crate) fn trim(&self, room: u64) {
        self.0.lock().trim(room);
    }

    #[cfg(test)]
    fn bytes(&self, room: u64) -> u64 {
        self.trim(room);
        self.0.lock().bytes
    }
}

/// The bytes of a migration that lie on a device; several ranges share one after a split. It ends with its last clone,
/// or when its bytes have to give way.
#[derive(Debug, Clone)]
pub(crate) struct Stay(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    device: usize,
    residency: Arc<Residency>,
    number: u64,
}

impl Stay {
    /// The device's index, as long as the bytes have not given way.
    pub(crate) fn device(&self) -> Option<usize> {
        let there = self.0.residency.0.lock().stays.contains_key(&self.0.number);
        there.then_some(self.0.device)
    }

    /// Takes `bytes` off the stay: a part of its ranges has left the device.
    pub(crate) fn leave(&self, bytes: u64) {
        self.0.residency.0.lock().shrink(self.0.number, bytes);
    }
}

impl PartialEq for Stay {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Stay {}

impl Drop for Entry {
    fn drop(&mut self) {
        self.residency.0.lock().shrink(self.number, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::Residency;
    use crate::sync::Arc;

    #[test]
    fn the_oldest_stay_ends_when_there_is_no_room_and_each_ends_with_its_last_range() {
        let device = Arc::new(Residency::default());
        let first = device.enter(3, 40, 100);
        let second = device.enter(3, 40, 100);
        assert_eq!((first.device(), second.device(), device.bytes(100)), (Some(3), Some(3), 80));
        let third = device.enter(3, 40, 100);
        assert_eq!((first.device(), second.device(), third.device()), (None, Some(3), Some(3)));
        second.leave(10);
        first.leave(10);
        assert_eq!(device.bytes(100), 70);
        let half = second.clone();
        drop(second);
        assert_eq!(device.bytes(100), 70, "the other half of it stays");
        drop(half);
        assert_eq!(device.bytes(100), 40);
        assert_eq!(device.bytes(39), 0, "buffer objects took the room");
        assert_eq!(third.device(), None);
        drop((first, third));
        assert_eq!(device.bytes(100), 0);
    }
}
