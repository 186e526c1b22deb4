//! Who is told of an exception, in each of the three states that its process can be in.
//!
//! | raised | a debugger has asked for it | else, the runtime is enabled | neither |
//! |---|---|---|---|
//! | an AQL packet that cannot run | debugger | save area | nobody |
//! | a PM4 or SDMA packet that cannot run | debugger | save area | hardware exception events |
//! | a dispatch that cannot go on (AQL) | debugger | save area | nobody |
//! | a memory violation of a packet or a wave | debugger | memory events | memory events |
//! | a reset of the device | both kinds of events | both | both |
//! | a new queue, a deleted queue, the runtime's word | debugger | nobody | nobody |
//!
//! Which code of an exception it is, and which word of the inactive signal, says `hsa_queue::QueueError`, a line a cause. Such an
//! exception stops its own queue. A memory violation stops all that its process has on the device, before the memory events
//! say so; a debugger that has asked for it has that put off until it passes the violation on (`kfd_dqm_evict_pasid`).
//!
//! The first four are `kfd_set_dbg_ev_from_interrupt`, the last is `kfd_dbg_ev_raise` alone (both amdkfd/kfd_debug.c). A
//! reset asks no debugger (`kfd_signal_reset_event`, amdkfd/kfd_events.c): `core::ras` tells of it. The save area is its queue's
//! (`delivery`); a queue without one is told of as if nobody were there.
//!
//! Whatever the state, the command processor leaves an AQL packet's error in its queue's inactive signal
//! (`hsa_queue::aql`), which a runtime that has enabled exceptions clears unread. For the other two kinds, amdkfd set the
//! hardware exception events until it knew of exceptions (interface 1.13, `kfd_signal_hw_exception_event`), and tells
//! nobody since then: here they are set still, so that such a client does not wait for ever.

/// The kind of an exception, as the device's interrupt told the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// An AQL queue stopped at a packet.
    Aql,
    /// A PM4 or SDMA queue stopped at a packet.
    Stream,
    /// A queue accessed memory that its process does not have.
    Violation,
}

/// The state of a process that decides who is told of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A debugger has subscribed to the exception.
    Subscribed,
    /// No debugger has subscribed, but the runtime has enabled exceptions (RUNTIME_ENABLE).
    Enabled,
    /// Neither a debugger has subscribed nor the runtime enabled exceptions.
    Neither,
}

/// The receiver of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// The debugger; the byte in its pipe has been sent.
    Debugger,
    /// The runtime, through the queue's save area.
    SaveArea,
    /// Waiters for the process's memory events.
    MemoryEvents,
    /// Waiters for the process's hardware exception events.
    HardwareEvents,
    /// No receiver: the driver tells nobody.
    Nobody,
}

impl Exception {
    /// The receiver that the table of the module's head names.
    pub(crate) const fn receiver(self, standing: Standing) -> Receiver {
        match (self, standing) {
            (_, Standing::Subscribed) => Receiver::Debugger,
            (Self::Aql | Self::Stream, Standing::Enabled) => Receiver::SaveArea,
            (Self::Aql, Standing::Neither) => Receiver::Nobody,
            (Self::Stream, Standing::Neither) => Receiver::HardwareEvents,
            (Self::Violation, Standing::Enabled | Standing::Neither) => Receiver::MemoryEvents,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::abi::kfd::{EC_MASK_QUEUE, ec_mask};
    use hsa_queue::QueueError;

    #[test]
    fn what_stops_a_queue_is_one_of_the_headers_queue_exceptions() {
        for error in QueueError::ALL {
            let mask = ec_mask(error.exception_code());
            assert_eq!(mask & EC_MASK_QUEUE, mask, "{error:?}");
            assert_ne!(mask, 0);
        }
    }
}
