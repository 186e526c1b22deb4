//! Facts about doorbells.
//!
//! A doorbell says *look*, never *what*: the truth is the write index in shared memory. A value that ran ahead,
//! stayed behind, or was left in a recycled slot by the queue that had it before changes nothing, and so no
//! code here reads one.
//!
//! Numbers: gfx9 and later have doorbells of 8 bytes (`kfd_device.c`: `doorbell_size = 8`; the topology's
//! doorbell type 2), and a process has a slice of 1024 of them per device
//! (`KFD_MAX_NUM_OF_QUEUES_PER_PROCESS`, `kfd_priv.h`; `kfd_doorbell_process_slice`, `kfd_doorbell.c`).

/// Bytes of one doorbell.
pub const DOORBELL_BYTES: u64 = 8;
/// Doorbells of one process on one device.
pub const DOORBELLS_PER_PROCESS: u16 = 1024;
/// Bytes of one process's doorbells on one device: two pages of 4 KiB, the length of the mapping that libhsakmt makes.
pub const SLICE_BYTES: u64 = DOORBELL_BYTES * DOORBELLS_PER_PROCESS as u64;

/// Which doorbell of a process's slice; always below [`DOORBELLS_PER_PROCESS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DoorbellIndex(u16);

impl DoorbellIndex {
    /// The doorbell `index` of a slice, if there is one.
    #[must_use]
    pub const fn new(index: u16) -> Option<Self> {
        if index < DOORBELLS_PER_PROCESS { Some(Self(index)) } else { None }
    }

    /// The doorbell that a store at this byte of the slice rings.
    #[must_use]
    pub const fn at(offset: u64) -> Option<Self> {
        // A slice has 1024 doorbells, so what is in range fits.
        if offset < SLICE_BYTES { Some(Self((offset / DOORBELL_BYTES) as u16)) } else { None }
    }

    /// The doorbell's number within its slice.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Its first byte in the slice.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.0 as u64 * DOORBELL_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_the_slice_rings_exactly_the_doorbell_it_lies_in() {
        for index in [0, 1, 511, 1023] {
            let bell = DoorbellIndex::new(index).unwrap();
            for byte in 0..DOORBELL_BYTES {
                assert_eq!(DoorbellIndex::at(bell.offset() + byte), Some(bell));
            }
        }
        assert_eq!(DoorbellIndex::at(SLICE_BYTES), None);
        assert_eq!(DoorbellIndex::new(DOORBELLS_PER_PROCESS), None);
    }
}
