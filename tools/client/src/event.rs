//! Events and waits.

use crate::command;
use crate::device::{ClientError, Device};
use kfd_core::abi::kfd;

/// A signal event: what the driver needs to raise it, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// For the calls about it and for a signal's `event_id`.
    pub id: u32,
    /// What raises it when written to its mailbox.
    pub trigger: u32,
    /// Its slot in the event page.
    pub slot: u32,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitResult {
    /// The event was signalled.
    Complete,
    /// The time was over.
    Timeout,
    /// The event went away.
    Fail,
}

impl Device {
    /// A signal event that resets when a wait ends by it.
    ///
    /// # Errors
    /// The driver's.
    pub fn create_signal_event(&self) -> Result<Event, ClientError> {
        self.create_event(kfd::EVENT_SIGNAL, true)
    }

    /// An event of the type `kind` (`KFD_IOC_EVENT_*`).
    ///
    /// # Errors
    /// The driver's.
    pub fn create_event(&self, kind: u32, auto_reset: bool) -> Result<Event, ClientError> {
        let mut create =
            kfd::CreateEvent { event_type: kind, auto_reset: auto_reset.into(), ..Default::default() };
        self.call("CREATE_EVENT", command::CREATE_EVENT, &mut create)?;
        Ok(Event { id: create.event_id, trigger: create.event_trigger_data, slot: create.event_slot_index })
    }

    /// Signals an event from the host.
    ///
    /// # Errors
    /// The driver's.
    pub fn set_event(&self, event: Event) -> Result<(), ClientError> {
        self.call("SET_EVENT", command::SET_EVENT, &mut kfd::SetEvent { event_id: event.id, pad: 0 })
    }

    /// Ends an event.
    ///
    /// # Errors
    /// The driver's.
    pub fn destroy_event(&self, event: Event) -> Result<(), ClientError> {
        self.call(
            "DESTROY_EVENT",
            command::DESTROY_EVENT,
            &mut kfd::DestroyEvent { event_id: event.id, pad: 0 },
        )
    }

    /// Waits for one event, at most `timeout` milliseconds ([`kfd::TIMEOUT_INFINITE`] for ever).
    ///
    /// # Errors
    /// The driver's.
    pub fn wait_event(&self, event: Event, timeout: u32) -> Result<WaitResult, ClientError> {
        self.wait_events(&mut [kfd::EventData { event_id: event.id, ..Default::default() }], false, timeout)
    }

    /// Waits for one of `events`, or for all, at most `timeout` milliseconds.
    ///
    /// # Errors
    /// The driver's.
    pub fn wait_events(
        &self,
        events: &mut [kfd::EventData],
        all: bool,
        timeout: u32,
    ) -> Result<WaitResult, ClientError> {
        let mut wait = kfd::WaitEvents {
            events_ptr: events.as_mut_ptr().expose_provenance() as u64,
            num_events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            wait_for_all: all.into(),
            timeout,
            wait_result: 0,
        };
        self.call("WAIT_EVENTS", command::WAIT_EVENTS, &mut wait)?;
        Ok(match wait.wait_result {
            kfd::WAIT_RESULT_COMPLETE => WaitResult::Complete,
            kfd::WAIT_RESULT_TIMEOUT => WaitResult::Timeout,
            _ => WaitResult::Fail,
        })
    }
}
