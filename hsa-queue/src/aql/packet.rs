//! AQL packets as they lie in the ring.
//!
//! Sources: `hsa.h` (`hsa_packet_header_t`, `hsa_barrier_and_packet_t`, `hsa_kernel_dispatch_packet_t`),
//! `hsa_ext_amd.h` (`hsa_amd_vendor_packet_header_t`, `hsa_amd_barrier_value_packet_t`). Little-endian hosts
//! only: the client writes in the machine's own order.
//!
//! Reserved fields must be zero in a packet; like the hardware, nothing here looks at them.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A packet's header as its producer published it: the first four bytes, in one load.
///
/// Bits 7:0 type, 8 barrier, 10:9 acquire scope, 12:11 release scope; 31:16 belong to the packet's type
/// (setup of a dispatch, format of a vendor packet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header(pub u32);

/// `HSA_PACKET_TYPE_INVALID` with no other bit set: what a slot's header holds while producers own it.
pub const INVALID_HEADER: u16 = 1;

/// `hsa_packet_type_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PacketType {
    /// `HSA_PACKET_TYPE_VENDOR_SPECIFIC`, 0.
    VendorSpecific,
    /// `HSA_PACKET_TYPE_INVALID`, 1: not the processor's (yet).
    Invalid,
    /// `HSA_PACKET_TYPE_KERNEL_DISPATCH`, 2.
    KernelDispatch,
    /// `HSA_PACKET_TYPE_BARRIER_AND`, 3.
    BarrierAnd,
    /// `HSA_PACKET_TYPE_AGENT_DISPATCH`, 4.
    AgentDispatch,
    /// `HSA_PACKET_TYPE_BARRIER_OR`, 5.
    BarrierOr,
    Unknown(u8),
}

/// `hsa_fence_scope_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FenceScope {
    /// `HSA_FENCE_SCOPE_NONE`, 0.
    None,
    /// `HSA_FENCE_SCOPE_AGENT`, 1.
    Agent,
    /// `HSA_FENCE_SCOPE_SYSTEM`, 2 (and the undefined 3, taken as the widest).
    System,
}

impl Header {
    /// Bits 7:0.
    #[must_use]
    #[inline]
    pub const fn kind(self) -> PacketType {
        match (self.0 & 0xff) as u8 {
            0 => PacketType::VendorSpecific,
            1 => PacketType::Invalid,
            2 => PacketType::KernelDispatch,
            3 => PacketType::BarrierAnd,
            4 => PacketType::AgentDispatch,
            5 => PacketType::BarrierOr,
            other => PacketType::Unknown(other),
        }
    }

    /// Bit 8: all earlier packets of this queue complete before this one starts.
    #[must_use]
    pub const fn barrier(self) -> bool {
        self.0 & 1 << 8 != 0
    }

    /// Bits 10:9.
    #[must_use]
    pub const fn acquire_scope(self) -> FenceScope {
        Self::scope(self.0 >> 9)
    }

    /// Bits 12:11.
    #[must_use]
    pub const fn release_scope(self) -> FenceScope {
        Self::scope(self.0 >> 11)
    }

    const fn scope(bits: u32) -> FenceScope {
        match bits & 3 {
            0 => FenceScope::None,
            1 => FenceScope::Agent,
            _ => FenceScope::System,
        }
    }

    /// Bits 31:16: `setup` of a kernel dispatch, `type` of an agent dispatch.
    #[must_use]
    pub const fn upper(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Bits 23:16: `AmdFormat` of a vendor-specific packet.
    #[must_use]
    pub const fn amd_format(self) -> u8 {
        (self.0 >> 16) as u8
    }
}

/// A vendor packet that holds a PM4 INDIRECT_BUFFER (`amd_aql_pm4_ib`, `AMD_AQL_FORMAT_PM4_IB`, `amd_gpu_pm4.h` of ROCR).
pub const AMD_FORMAT_PM4_IB: u8 = 1;
/// `HSA_AMD_PACKET_TYPE_BARRIER_VALUE` (`hsa_amd_packet_type_t`).
pub const AMD_FORMAT_BARRIER_VALUE: u8 = 2;

/// `hsa_barrier_and_packet_t` and `hsa_barrier_or_packet_t`: the same fields.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
#[allow(missing_docs, reason = "the names say it")]
pub struct BarrierPacket {
    /// [`Header`], lower half.
    pub header: u16,
    pub reserved0: u16,
    pub reserved1: u32,
    /// Handles of the signals waited for, 0 for none.
    pub dep_signal: [u64; 5],
    pub reserved2: u64,
    /// Handle of the completion signal, 0 for none.
    pub completion_signal: u64,
}

/// `hsa_amd_barrier_value_packet_t`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
#[allow(missing_docs, reason = "the names say it")]
pub struct BarrierValuePacket {
    /// [`Header`], lower half.
    pub header: u16,
    /// [`AMD_FORMAT_BARRIER_VALUE`].
    pub amd_format: u8,
    pub reserved: u8,
    pub reserved0: u32,
    /// Handle of the signal waited for, 0 for none.
    pub signal: u64,
    /// Compared with the signal's masked value.
    pub value: i64,
    /// Bits of the signal's value that count.
    pub mask: i64,
    /// `hsa_signal_condition_t`: 0 equal, 1 not equal, 2 less, 3 greater or equal.
    pub cond: u32,
    pub reserved1: u32,
    pub reserved2: u64,
    pub reserved3: u64,
    /// Handle of the completion signal, 0 for none.
    pub completion_signal: u64,
}

/// `amd_aql_pm4_ib`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Pm4IbPacket {
    /// [`Header`], lower half.
    pub header: u16,
    /// [`AMD_FORMAT_PM4_IB`].
    pub amd_format: u16,
    /// A whole PM4 INDIRECT_BUFFER packet.
    pub ib_jump_cmd: [u32; 4],
    /// Dwords of this packet that the command processor passes over: 10.
    pub dw_cnt_remain: u32,
    pub reserved: [u32; 8],
    /// Handle of the completion signal, 0 for none; two dwords, lower first.
    pub completion_signal: [u32; 2],
}

/// `hsa_kernel_dispatch_packet_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
#[allow(missing_docs, reason = "the names say it")]
pub struct KernelDispatchPacket {
    /// [`Header`], lower half.
    pub header: u16,
    /// Bits 1:0: number of dimensions, 1 to 3.
    pub setup: u16,
    /// Work-items of a work-group, in x, y, z.
    pub workgroup_size: [u16; 3],
    pub reserved0: u16,
    /// Work-items of the grid, in x, y, z.
    pub grid_size: [u32; 3],
    /// Bytes of private memory for each work-item.
    pub private_segment_size: u32,
    /// Bytes of group memory for each work-group.
    pub group_segment_size: u32,
    /// Address of the kernel's descriptor.
    pub kernel_object: u64,
    /// Address of the kernel's arguments.
    pub kernarg_address: u64,
    pub reserved2: u64,
    /// Handle of the completion signal, 0 for none.
    pub completion_signal: u64,
}

const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<BarrierPacket>() == 64 && size_of::<BarrierValuePacket>() == 64);
    assert!(size_of::<KernelDispatchPacket>() == 64 && size_of::<Pm4IbPacket>() == 64);
    assert!(offset_of!(Pm4IbPacket, completion_signal) == 56);
    assert!(offset_of!(BarrierPacket, dep_signal) == 8 && offset_of!(BarrierPacket, completion_signal) == 56);
    assert!(offset_of!(BarrierValuePacket, signal) == 8 && offset_of!(BarrierValuePacket, cond) == 32);
    assert!(offset_of!(BarrierValuePacket, completion_signal) == 56);
    assert!(offset_of!(KernelDispatchPacket, grid_size) == 12);
    assert!(offset_of!(KernelDispatchPacket, kernel_object) == 32);
    assert!(offset_of!(KernelDispatchPacket, completion_signal) == 56);
    assert!(cfg!(target_endian = "little"));
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_where_hsa_h_puts_them() {
        let header = Header(5 | 1 << 8 | 2 << 9 | 1 << 11 | 2 << 16);
        assert_eq!(header.kind(), PacketType::BarrierOr);
        assert!(header.barrier());
        assert_eq!(header.acquire_scope(), FenceScope::System);
        assert_eq!(header.release_scope(), FenceScope::Agent);
        assert_eq!(header.amd_format(), 2);
        assert!(!Header(0xfeff).barrier());
        assert_eq!(Header(0x100).kind(), PacketType::VendorSpecific);
        assert_eq!(Header(u32::from(INVALID_HEADER)).kind(), PacketType::Invalid);
        assert_eq!(Header(6).kind(), PacketType::Unknown(6));
    }
}
