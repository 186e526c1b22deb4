//! What must hold of a dispatch, and the refusal of an agent without waves ([`crate::wave`] has the engines).
//!
//! A dispatch's own fields are checked first, so that a client with a wrong packet learns
//! what is wrong with the packet; one that is right is refused for its code:
//! `HSA_STATUS_ERROR_INVALID_CODE_OBJECT` is the queue error for "the code object cannot be run on this agent",
//! whereas `INVALID_ISA` means too many registers and `INVALID_PACKET_FORMAT` a packet that is no dispatch.
//! A kernel agent's queue does not take AGENT_DISPATCH at all (its `features` say `KERNEL_DISPATCH` only), which
//! is a packet of an unsupported type: `HSA_STATUS_ERROR_INVALID_PACKET_FORMAT`.
//!
//! Not for: packet order and completion, which are the processor's.

use crate::aql::packet::KernelDispatchPacket;
use crate::error::QueueError;

/// Work-items of the largest work-group (`HSA_AGENT_INFO_WORKGROUP_MAX_SIZE` of every gfx9).
const WORKGROUP_MAX_ITEMS: u64 = 1024;
/// Bytes of group memory of a work-group (the LDS of every gfx9 compute unit).
const GROUP_SEGMENT_MAX_BYTES: u32 = 64 << 10;

/// Checks a dispatch's own fields.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn check(packet: &KernelDispatchPacket) -> Result<(), QueueError> {
    let dimensions = usize::from(packet.setup & 3);
    let unused = |size: u32, i: usize| i >= dimensions && size != 1;
    let wrong = |i: usize| {
        let (group, grid) = (u32::from(packet.workgroup_size[i]), packet.grid_size[i]);
        group == 0 || grid == 0 || unused(group, i) || unused(grid, i)
    };
    if dimensions == 0 || (0..3).any(wrong) {
        return Err(QueueError::DispatchDimensions);
    }
    if packet.workgroup_size.iter().map(|&n| u64::from(n)).product::<u64>() > WORKGROUP_MAX_ITEMS {
        return Err(QueueError::WorkGroupSize);
    }
    if packet.group_segment_size > GROUP_SEGMENT_MAX_BYTES {
        return Err(QueueError::GroupSegmentSize);
    }
    Ok(())
}

/// Why this dispatch does not run on an agent without waves.
#[must_use]
pub fn refusal(packet: &KernelDispatchPacket) -> QueueError {
    check(packet).err().unwrap_or(QueueError::DispatchCode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    fn dispatch() -> KernelDispatchPacket {
        KernelDispatchPacket {
            setup: 1,
            workgroup_size: [64, 1, 1],
            grid_size: [64, 1, 1],
            kernel_object: 0x1000,
            ..KernelDispatchPacket::new_zeroed()
        }
    }

    #[test]
    fn a_dispatch_is_refused_for_the_first_thing_that_is_wrong_with_it_and_else_for_its_code() {
        assert_eq!(refusal(&dispatch()), QueueError::DispatchCode);
        assert_eq!(refusal(&KernelDispatchPacket { setup: 0, ..dispatch() }), QueueError::DispatchDimensions);
        let flat = KernelDispatchPacket { grid_size: [64, 2, 1], ..dispatch() };
        assert_eq!(refusal(&flat), QueueError::DispatchDimensions);
        assert_eq!(refusal(&KernelDispatchPacket { setup: 2, ..flat }), QueueError::DispatchCode);
        let empty = KernelDispatchPacket { workgroup_size: [0, 1, 1], ..dispatch() };
        assert_eq!(refusal(&empty), QueueError::DispatchDimensions);
        let wide = KernelDispatchPacket { setup: 3, workgroup_size: [64, 64, 64], ..dispatch() };
        assert_eq!(refusal(&wide), QueueError::WorkGroupSize);
        let greedy = KernelDispatchPacket { group_segment_size: 65537, ..dispatch() };
        assert_eq!(refusal(&greedy), QueueError::GroupSegmentSize);
    }
}
