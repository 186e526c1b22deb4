//! Calls about events and what a wait returns.

use crate::abi::layout::wire_struct;
use zerocopy::{FromBytes, IntoBytes};

/// `KFD_IOC_EVENT_SIGNAL`.
pub const EVENT_SIGNAL: u32 = 0;
/// `KFD_IOC_EVENT_NODECHANGE`.
pub const EVENT_NODECHANGE: u32 = 1;
/// `KFD_IOC_EVENT_DEVICESTATECHANGE`.
pub const EVENT_DEVICESTATECHANGE: u32 = 2;
/// `KFD_IOC_EVENT_HW_EXCEPTION`.
pub const EVENT_HW_EXCEPTION: u32 = 3;
/// `KFD_IOC_EVENT_SYSTEM_EVENT`.
pub const EVENT_SYSTEM_EVENT: u32 = 4;
/// `KFD_IOC_EVENT_DEBUG_EVENT`.
pub const EVENT_DEBUG_EVENT: u32 = 5;
/// `KFD_IOC_EVENT_PROFILE_EVENT`.
pub const EVENT_PROFILE_EVENT: u32 = 6;
/// `KFD_IOC_EVENT_QUEUE_EVENT`.
pub const EVENT_QUEUE_EVENT: u32 = 7;
/// `KFD_IOC_EVENT_MEMORY`.
pub const EVENT_MEMORY: u32 = 8;

/// `KFD_IOC_WAIT_RESULT_COMPLETE`.
pub const WAIT_RESULT_COMPLETE: u32 = 0;
/// `KFD_IOC_WAIT_RESULT_TIMEOUT`.
pub const WAIT_RESULT_TIMEOUT: u32 = 1;
/// `KFD_IOC_WAIT_RESULT_FAIL`.
pub const WAIT_RESULT_FAIL: u32 = 2;

/// `KFD_EVENT_TIMEOUT_IMMEDIATE` (amdkfd/kfd_priv.h): look, do not wait.
pub const TIMEOUT_IMMEDIATE: u32 = 0;
/// `KFD_EVENT_TIMEOUT_INFINITE` (amdkfd/kfd_priv.h). Every other value is milliseconds.
pub const TIMEOUT_INFINITE: u32 = 0xffff_ffff;

/// `KFD_SIGNAL_EVENT_LIMIT`: signal events of a process, and slots in its event page.
pub const SIGNAL_EVENT_LIMIT: u32 = 4096;
/// `KFD_FIRST_NONSIGNAL_EVENT_ID` (amdkfd/kfd_events.h): ids of the other types begin here.
pub const FIRST_NONSIGNAL_EVENT_ID: u32 = (i32::MAX as u32 >> 1) + 1;
/// `KFD_LAST_NONSIGNAL_EVENT_ID` (amdkfd/kfd_events.h).
pub const LAST_NONSIGNAL_EVENT_ID: u32 = i32::MAX as u32;
/// Bytes of a slot in the event page: one `u64`.
pub const EVENT_SLOT_SIZE: u64 = 8;
/// `UNSIGNALED_EVENT_SLOT` (amdkfd/kfd_events.c): what a slot holds when nothing was signalled.
pub const UNSIGNALED_EVENT_SLOT: u64 = u64::MAX;

/// `KFD_HW_EXCEPTION_WHOLE_GPU_RESET`, a `reset_type`.
pub const HW_EXCEPTION_WHOLE_GPU_RESET: u32 = 0;
/// `KFD_HW_EXCEPTION_PER_ENGINE_RESET`, a `reset_type`.
pub const HW_EXCEPTION_PER_ENGINE_RESET: u32 = 1;
/// `KFD_HW_EXCEPTION_GPU_HANG`, a `reset_cause`.
pub const HW_EXCEPTION_GPU_HANG: u32 = 0;
/// `KFD_HW_EXCEPTION_ECC`, a `reset_cause`.
pub const HW_EXCEPTION_ECC: u32 = 1;

/// `KFD_MEM_ERR_NO_RAS`, an `error_type`.
pub const MEM_ERR_NO_RAS: u32 = 0;
/// `KFD_MEM_ERR_SRAM_ECC`.
pub const MEM_ERR_SRAM_ECC: u32 = 1;
/// `KFD_MEM_ERR_POISON_CONSUMED`.
pub const MEM_ERR_POISON_CONSUMED: u32 = 2;
/// `KFD_MEM_ERR_GPU_HANG`.
pub const MEM_ERR_GPU_HANG: u32 = 3;

wire_struct! {
    /// Makes an event.
    CreateEvent = "struct kfd_ioctl_create_event_args" {
        /// To KFD a GTT handle for the event page, or 0; from KFD the page's mmap offset where KFD made it.
        event_page_offset: u64,
        /// From KFD, signal events only: what to write to the event's mailbox.
        event_trigger_data: u32,
        /// To KFD, `EVENT_*`.
        event_type: u32,
        /// To KFD, non-zero resets the event when a wait ends by it.
        auto_reset: u32,
        /// To KFD, for some types.
        node_id: u32,
        /// From KFD.
        event_id: u32,
        /// From KFD, signal events only: slot in the event page.
        event_slot_index: u32,
    }

    /// Ends an event.
    DestroyEvent = "struct kfd_ioctl_destroy_event_args" {
        /// To KFD.
        event_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Signals an event from the host.
    SetEvent = "struct kfd_ioctl_set_event_args" {
        /// To KFD.
        event_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Clears an event.
    ResetEvent = "struct kfd_ioctl_reset_event_args" {
        /// To KFD.
        event_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Why an access failed.
    MemoryExceptionFailure = "struct kfd_memory_exception_failure" {
        /// Page absent or privileged.
        not_present: u32 = "NotPresent",
        /// Write to a read-only page.
        read_only: u32 = "ReadOnly",
        /// Execution of a page marked so.
        no_execute: u32 = "NoExecute",
        /// The address is not exact.
        imprecise: u32,
    }

    /// What a memory event carries.
    MemoryExceptionData = "struct kfd_hsa_memory_exception_data" {
        /// Why.
        failure: MemoryExceptionFailure,
        /// Where.
        va: u64,
        /// Which device.
        gpu_id: u32,
        /// `MEM_ERR_*`.
        error_type: u32 = "ErrorType",
    }

    /// What a hardware exception event carries.
    HwExceptionData = "struct kfd_hsa_hw_exception_data" {
        /// `HW_EXCEPTION_*_RESET`.
        reset_type: u32,
        /// `HW_EXCEPTION_GPU_HANG` or `_ECC`.
        reset_cause: u32,
        /// Non-zero when device memory was lost.
        memory_lost: u32,
        /// Which device.
        gpu_id: u32,
    }

    /// One element of the array that WAIT_EVENTS reads and writes.
    EventData = "struct kfd_event_data" {
        /// From KFD: a union, read and written through the methods.
        payload: [u64; 4] = "memory_exception_data",
        /// A pointer for future kinds.
        kfd_event_data_ext: u64,
        /// To KFD.
        event_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Waits for one of, or all of, some events.
    WaitEvents = "struct kfd_ioctl_wait_events_args" {
        /// To KFD, array of [`EventData`], 48 bytes each.
        events_ptr: u64,
        /// To KFD.
        num_events: u32,
        /// To KFD, non-zero waits for all.
        wait_for_all: u32,
        /// To KFD, milliseconds; updated when a wait is interrupted.
        timeout: u32,
        /// From KFD, `WAIT_RESULT_*`.
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

    /// Makes this the answer for a memory event.
    pub fn set_memory(&mut self, data: &MemoryExceptionData) {
        self.set_payload(data.as_bytes());
    }

    /// Makes this the answer for a hardware exception event.
    pub fn set_hw_exception(&mut self, data: &HwExceptionData) {
        self.set_payload(data.as_bytes());
    }

    /// `signal_event_data.last_event_age`, interface 1.14: the age the client last saw; 0 means it does not ask.
    #[must_use]
    pub fn last_event_age(&self) -> u64 {
        self.payload[0]
    }

    /// Answers a signal event's age; interface 1.14.
    pub fn set_last_event_age(&mut self, age: u64) {
        self.payload[0] = age;
    }

    fn set_payload(&mut self, bytes: &[u8]) {
        self.payload.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    }
}
