//! Calls about events and what a wait returns.

use crate::abi::layout::wire_struct;
use zerocopy::{FromBytes, IntoBytes};

/// `KFD_IOC_EVENT_SIGNAL`: a queue or the host signals it.
pub const EVENT_SIGNAL: u32 = 0;
/// `KFD_IOC_EVENT_NODECHANGE`: a type that amdkfd never raises.
pub const EVENT_NODECHANGE: u32 = 1;
/// `KFD_IOC_EVENT_DEVICESTATECHANGE`: a type that amdkfd never raises.
pub const EVENT_DEVICESTATECHANGE: u32 = 2;
/// `KFD_IOC_EVENT_HW_EXCEPTION`: a device was reset or a queue stopped.
pub const EVENT_HW_EXCEPTION: u32 = 3;
/// `KFD_IOC_EVENT_SYSTEM_EVENT`: a type that amdkfd never raises.
pub const EVENT_SYSTEM_EVENT: u32 = 4;
/// `KFD_IOC_EVENT_DEBUG_EVENT`: a queue signals it, like a signal event.
pub const EVENT_DEBUG_EVENT: u32 = 5;
/// `KFD_IOC_EVENT_PROFILE_EVENT`: a type that amdkfd never raises.
pub const EVENT_PROFILE_EVENT: u32 = 6;
/// `KFD_IOC_EVENT_QUEUE_EVENT`: a type that amdkfd never raises.
pub const EVENT_QUEUE_EVENT: u32 = 7;
/// `KFD_IOC_EVENT_MEMORY`: a device accessed memory that is not mapped, or memory failed.
pub const EVENT_MEMORY: u32 = 8;

/// `KFD_IOC_WAIT_RESULT_COMPLETE`: the condition of the wait was met.
pub const WAIT_RESULT_COMPLETE: u32 = 0;
/// `KFD_IOC_WAIT_RESULT_TIMEOUT`: the timeout passed first.
pub const WAIT_RESULT_TIMEOUT: u32 = 1;
/// `KFD_IOC_WAIT_RESULT_FAIL`: an event of the wait was destroyed, or the wait was refused.
pub const WAIT_RESULT_FAIL: u32 = 2;

/// `KFD_EVENT_TIMEOUT_IMMEDIATE` (amdkfd/kfd_priv.h): the call checks the events and does not wait.
pub const TIMEOUT_IMMEDIATE: u32 = 0;
/// `KFD_EVENT_TIMEOUT_INFINITE` (amdkfd/kfd_priv.h): no timeout. Every other value is milliseconds.
pub const TIMEOUT_INFINITE: u32 = 0xffff_ffff;

/// `KFD_SIGNAL_EVENT_LIMIT`: the signal events of a process, and the slots of its event page.
pub const SIGNAL_EVENT_LIMIT: u32 = 4096;
/// `KFD_FIRST_NONSIGNAL_EVENT_ID` (amdkfd/kfd_events.h): the first id of the other types.
pub const FIRST_NONSIGNAL_EVENT_ID: u32 = (i32::MAX as u32 >> 1) + 1;
/// `KFD_LAST_NONSIGNAL_EVENT_ID` (amdkfd/kfd_events.h): the last id of the other types.
pub const LAST_NONSIGNAL_EVENT_ID: u32 = i32::MAX as u32;
/// The bytes of a slot in the event page: one `u64`.
pub const EVENT_SLOT_SIZE: u64 = 8;
/// `UNSIGNALED_EVENT_SLOT` (amdkfd/kfd_events.c): the value of a slot that nothing has signalled.
pub const UNSIGNALED_EVENT_SLOT: u64 = u64::MAX;

/// `KFD_HW_EXCEPTION_WHOLE_GPU_RESET`, a `reset_type`: the whole device was reset.
pub const HW_EXCEPTION_WHOLE_GPU_RESET: u32 = 0;
/// `KFD_HW_EXCEPTION_PER_ENGINE_RESET`, a `reset_type`: one engine was reset.
pub const HW_EXCEPTION_PER_ENGINE_RESET: u32 = 1;
/// `KFD_HW_EXCEPTION_GPU_HANG`, a `reset_cause`: the device hung.
pub const HW_EXCEPTION_GPU_HANG: u32 = 0;
/// `KFD_HW_EXCEPTION_ECC`, a `reset_cause`: memory had an uncorrectable error.
pub const HW_EXCEPTION_ECC: u32 = 1;

/// `KFD_MEM_ERR_NO_RAS`, an `error_type`: no RAS error.
pub const MEM_ERR_NO_RAS: u32 = 0;
/// `KFD_MEM_ERR_SRAM_ECC`, an `error_type`: on-chip memory had an uncorrectable error.
pub const MEM_ERR_SRAM_ECC: u32 = 1;
/// `KFD_MEM_ERR_POISON_CONSUMED`, an `error_type`: an engine consumed bad data.
pub const MEM_ERR_POISON_CONSUMED: u32 = 2;
/// `KFD_MEM_ERR_GPU_HANG`, an `error_type`: the device hung.
pub const MEM_ERR_GPU_HANG: u32 = 3;

wire_struct! {
    /// Makes an event.
    CreateEvent = "struct kfd_ioctl_create_event_args" {
        /// To KFD a GTT handle for the event page, or 0; from KFD the page's mmap offset where KFD made it.
        event_page_offset: u64,
        /// From KFD, for signal events only: the data to write to the event's mailbox.
        event_trigger_data: u32,
        /// To KFD, the type of the event, `EVENT_*`.
        event_type: u32,
        /// To KFD, non-zero when a wait that the event ends is to reset it.
        auto_reset: u32,
        /// To KFD, the node whose events are meant, for some types.
        node_id: u32,
        /// From KFD, the id of the event.
        event_id: u32,
        /// From KFD, for signal events only: the event's slot in the event page.
        event_slot_index: u32,
    }

    /// Destroys an event.
    DestroyEvent = "struct kfd_ioctl_destroy_event_args" {
        /// To KFD, the id of the event.
        event_id: u32,
        pad: u32,
    }

    /// Signals an event from the host.
    SetEvent = "struct kfd_ioctl_set_event_args" {
        /// To KFD, the id of the event.
        event_id: u32,
        pad: u32,
    }

    /// Resets an event.
    ResetEvent = "struct kfd_ioctl_reset_event_args" {
        /// To KFD, the id of the event.
        event_id: u32,
        pad: u32,
    }

    /// The reason why an access failed.
    MemoryExceptionFailure = "struct kfd_memory_exception_failure" {
        /// Non-zero when the page was absent or privileged.
        not_present: u32 = "NotPresent",
        /// Non-zero when it was a write to a read-only page.
        read_only: u32 = "ReadOnly",
        /// Non-zero when it was the execution of a page that may not be executed.
        no_execute: u32 = "NoExecute",
        /// Non-zero when the address is not exact.
        imprecise: u32,
    }

    /// The data of a memory event.
    MemoryExceptionData = "struct kfd_hsa_memory_exception_data" {
        /// The reason why the access failed.
        failure: MemoryExceptionFailure,
        /// The address that was accessed.
        va: u64,
        /// The device that accessed it.
        gpu_id: u32,
        /// The kind of memory error, `MEM_ERR_*`.
        error_type: u32 = "ErrorType",
    }

    /// The data of a hardware exception event.
    HwExceptionData = "struct kfd_hsa_hw_exception_data" {
        /// The extent of the reset, `HW_EXCEPTION_*_RESET`.
        reset_type: u32,
        /// The cause of the reset, `HW_EXCEPTION_GPU_HANG` or `_ECC`.
        reset_cause: u32,
        /// Non-zero when device memory was lost.
        memory_lost: u32,
        /// The device that was reset.
        gpu_id: u32,
    }

    /// One element of the array that WAIT_EVENTS reads and writes.
    EventData = "struct kfd_event_data" {
        /// From KFD, the data of the event: a union, read and written through the methods.
        payload: [u64; 4] = "memory_exception_data",
        /// A pointer to data of future types of events.
        kfd_event_data_ext: u64,
        /// To KFD, the id of the event.
        event_id: u32,
        pad: u32,
    }

    /// Waits for one of some events, or for all of them.
    WaitEvents = "struct kfd_ioctl_wait_events_args" {
        /// To KFD, the address of an array of [`EventData`], 48 bytes each.
        events_ptr: u64,
        /// To KFD, the number of events.
        num_events: u32,
        /// To KFD, non-zero waits for all.
        wait_for_all: u32,
        /// To KFD, the timeout in milliseconds; updated when the wait is interrupted.
        timeout: u32,
        /// From KFD, the result, `WAIT_RESULT_*`.
        wait_result: u32,
    }
}

impl EventData {
    /// The payload of a memory event.
    #[must_use]
    pub fn memory(&self) -> MemoryExceptionData {
        MemoryExceptionData::read_from_prefix(self.payload.as_bytes())
            .map_or_else(|_| Default::default(), |(d, _)| d)
    }

    /// The payload of a hardware exception event.
    #[must_use]
    pub fn hw_exception(&self) -> HwExceptionData {
        HwExceptionData::read_from_prefix(self.payload.as_bytes())
            .map_or_else(|_| Default::default(), |(d, _)| d)
    }

    /// Makes this element the answer for a memory event.
    pub fn set_memory(&mut self, data: &MemoryExceptionData) {
        self.set_payload(data.as_bytes());
    }

    /// Makes this element the answer for a hardware exception event.
    pub fn set_hw_exception(&mut self, data: &HwExceptionData) {
        self.set_payload(data.as_bytes());
    }

    /// `signal_event_data.last_event_age`, interface 1.14: the age that the client saw last; 0 when it does not ask.
    #[must_use]
    pub fn last_event_age(&self) -> u64 {
        self.payload[0]
    }

    /// Answers the age of a signal event; interface 1.14.
    pub fn set_last_event_age(&mut self, age: u64) {
        self.payload[0] = age;
    }

    fn set_payload(&mut self, bytes: &[u8]) {
        self.payload.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    }
}
