//! Which exception a debugger is told of when a queue stops.

use hsa_queue::QueueError;

/// `EC_QUEUE_PACKET_*` (`enum kfd_dbg_trap_exception_code`, linux/kfd_ioctl.h) of what stopped a queue. EC_QUEUE_PACKET_RESERVED
/// is left out of the header's own mask of queue exceptions, so an opcode that nobody knows counts as unsupported.
pub(crate) fn of_queue_error(error: QueueError) -> u32 {
    match error {
        QueueError::DispatchDimensions => 16,
        QueueError::GroupSegmentSize => 17,
        QueueError::DispatchCode => 18,
        QueueError::PacketType | QueueError::Opcode | QueueError::Malformed | QueueError::IndirectBuffer => {
            20
        }
        QueueError::WorkGroupSize => 21,
        QueueError::VendorPacket => 23,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::kfd::{EC_MASK_QUEUE, ec_mask};

    #[test]
    fn what_stops_a_queue_is_one_of_the_headers_queue_exceptions() {
        for error in [
            QueueError::DispatchDimensions,
            QueueError::GroupSegmentSize,
            QueueError::DispatchCode,
            QueueError::PacketType,
            QueueError::WorkGroupSize,
            QueueError::VendorPacket,
            QueueError::Opcode,
            QueueError::Malformed,
            QueueError::IndirectBuffer,
        ] {
            let mask = ec_mask(of_queue_error(error));
            assert_eq!(mask & EC_MASK_QUEUE, mask, "{error:?}");
            assert_ne!(mask, 0);
        }
    }
}
