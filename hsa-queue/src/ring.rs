//! Where the packets of an AQL queue are: a checked geometry, so that no index leads out of the ring.
//!
//! Not for: whether that memory exists, or whose it is. The view answers that at each access.

use crate::memory::GpuVa;

/// Bytes of one AQL packet (HSA Platform System Architecture, "Architected Queuing Language").
pub const PACKET_BYTES: u64 = 64;
/// A ring's base is a multiple of this: the register holds the address shifted right by 8
/// (`cp_hqd_pq_base_lo`, `kfd_mqd_manager_v9.c`).
pub const BASE_ALIGN: u64 = 256;

/// Why a ring was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// Not a power of two, or less than one packet.
    #[error("ring size of {0} bytes is not a power of two of at least {PACKET_BYTES}")]
    Size(u64),
    /// Not a multiple of [`BASE_ALIGN`], or null.
    #[error("ring base {0} is null or not a multiple of {BASE_ALIGN}")]
    Base(GpuVa),
    /// The last byte would lie beyond 2^64.
    #[error("ring of {1} bytes at {0} leaves the address space")]
    Extent(GpuVa, u64),
}

/// The geometry of an AQL ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    base: GpuVa,
    mask: u64,
}

impl Ring {
    /// A ring of `bytes` bytes at `base`.
    ///
    /// # Errors
    /// [`RingError`] when the size is not a power of two of at least one packet, the base is null or not
    /// aligned, or the end lies beyond the address space.
    pub fn new(base: GpuVa, bytes: u64) -> Result<Self, RingError> {
        if !bytes.is_power_of_two() || bytes < PACKET_BYTES {
            return Err(RingError::Size(bytes));
        }
        if base.is_null() || !base.is_aligned(BASE_ALIGN) {
            return Err(RingError::Base(base));
        }
        if base.0.checked_add(bytes - 1).is_none() {
            return Err(RingError::Extent(base, bytes));
        }
        Ok(Self { base, mask: bytes / PACKET_BYTES - 1 })
    }

    /// The address of the first slot.
    #[must_use]
    pub const fn base(&self) -> GpuVa {
        self.base
    }

    /// Capacity in packets, a power of two.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.mask + 1
    }

    /// The slot of the packet with this id; every id has one.
    #[must_use]
    #[inline]
    pub const fn slot(&self, id: u64) -> GpuVa {
        self.base.offset((id & self.mask) * PACKET_BYTES)
    }

    /// How many packets from this id on lie in the ring without a gap (until its end).
    #[must_use]
    #[inline]
    pub const fn run(&self, id: u64) -> u64 {
        self.packets() - (id & self.mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ring_that_is_no_power_of_two_or_unaligned_or_beyond_the_address_space_is_refused_by_name() {
        assert_eq!(Ring::new(GpuVa(0x1000), 192), Err(RingError::Size(192)));
        assert_eq!(Ring::new(GpuVa(0x1000), 0), Err(RingError::Size(0)));
        assert_eq!(Ring::new(GpuVa(0x1000), 32), Err(RingError::Size(32)));
        assert_eq!(Ring::new(GpuVa(0x1040), 4096), Err(RingError::Base(GpuVa(0x1040))));
        assert_eq!(Ring::new(GpuVa::NULL, 4096), Err(RingError::Base(GpuVa::NULL)));
        let high = GpuVa(u64::MAX - 0xfff);
        assert!(Ring::new(high, 4096).is_ok());
        assert_eq!(Ring::new(high, 8192), Err(RingError::Extent(high, 8192)));
    }

    proptest! {
        #[test]
        fn no_index_leads_out_of_the_ring(order in 6u32..30, page in 1u64..1 << 40, id: u64) {
            let (base, bytes) = (page * BASE_ALIGN, 1u64 << order);
            let ring = Ring::new(GpuVa(base), bytes).unwrap();
            let slot = ring.slot(id).0;
            prop_assert!(slot >= base && slot + PACKET_BYTES <= base + bytes);
            prop_assert_eq!(slot, base + (id % ring.packets()) * PACKET_BYTES);
            prop_assert_eq!(slot + ring.run(id) * PACKET_BYTES, base + bytes);
        }
    }
}
