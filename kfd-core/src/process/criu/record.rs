//! The records of the private data, and how they are read back.

use crate::abi::kfd as abi;
use crate::call::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version of the format; a change of any record raises it.
const VERSION: u32 = 1;

/// The first bytes of private data that this daemon wrote.
const MARK: [u8; 8] = *b"kfddCRIU";

/// The kinds of objects, `enum kfd_criu_object_type` (amdkfd/kfd_priv.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue = 0,
    Event = 1,
    Range = 2,
}

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub(crate) struct $name { $(pub(crate) $field: $ty,)* }
    )*};
}

records! {
    /// The process's record, which begins the private data.
    ProcessRecord { mark: [u8; 8], version: u32, xnack: u32 }

    /// The state of the process on a device.
    DeviceRecord {
        scratch: u64,
        trap_code: u64,
        trap_data: u64,
        default_policy: u32,
        alternate_policy: u32,
    }

    /// A buffer object, beside its bucket. `mapped` has a bit for the place of each device among the buckets.
    BoRecord { user_va: u64, mapped: u64, index: u32, pad: u32 }

    /// A queue. `read` is its read index in the queue's own unit.
    QueueRecord {
        kind: u32,
        queue_id: u32,
        ring: u64,
        write_index: u64,
        read_index: u64,
        read: u64,
        save_area: u64,
        ring_bytes: u32,
        gpu_id: u32,
        queue_type: u32,
        percentage: u32,
        priority: u32,
        doorbell: u32,
        save_bytes: u32,
        control_stack: u32,
        gws: u32,
        mask_words: u32,
        mask: [u32; 32],
    }

    /// An event; `page` is the handle of the process's event page, 0 without one.
    EventRecord {
        kind: u32,
        event_id: u32,
        event_type: u32,
        auto_reset: u32,
        signaled: u32,
        pad: u32,
        age: u64,
        page: u64,
        memory: abi::MemoryExceptionData,
        hw: abi::HwExceptionData,
    }

    /// A range of shared virtual memory; as many attributes follow.
    RangeRecord { kind: u32, attributes: u32, start: u64, bytes: u64 }
}

impl ProcessRecord {
    pub(crate) fn new(xnack: bool) -> Self {
        Self { mark: MARK, version: VERSION, xnack: xnack.into() }
    }

    /// Whether the data was written by this version of the format.
    pub(crate) fn is_ours(&self) -> bool {
        self.mark == MARK && self.version == VERSION
    }
}

/// Reads private data record by record; EINVAL for data that ends too early.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    /// Takes the next record.
    pub(crate) fn take<T: FromBytes>(&mut self) -> Result<T, Errno> {
        let (value, rest) = T::read_from_prefix(self.0).map_err(|_| Errno::INVAL)?;
        self.0 = rest;
        Ok(value)
    }

    /// Reads the kind of the next object without taking it.
    pub(crate) fn kind(&self) -> Result<Kind, Errno> {
        let word = self.0.first_chunk().ok_or(Errno::INVAL)?;
        match u32::from_le_bytes(*word) {
            0 => Ok(Kind::Queue),
            1 => Ok(Kind::Event),
            2 => Ok(Kind::Range),
            _ => Err(Errno::INVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_written_and_a_short_one_not_at_all() {
        let record = ProcessRecord::new(true);
        assert!(record.is_ours());
        assert_eq!(Reader(record.as_bytes()).take::<ProcessRecord>(), Ok(record));
        assert_eq!(Reader(&record.as_bytes()[1..]).take::<ProcessRecord>(), Err(Errno::INVAL));
        assert!(!ProcessRecord { version: VERSION + 1, ..record }.is_ours());
        for (bytes, kind) in [([2, 0, 0, 0], Ok(Kind::Range)), ([3, 0, 0, 0], Err(Errno::INVAL))] {
            assert_eq!(Reader(&bytes).kind(), kind);
        }
    }
}
