//! A client's events and waits.

use super::client::Client;
use super::memory::Buffer;
use kfd_core::abi::kfd as abi;
use kfd_core::call::Outcome;
use kfd_core::ids::CallId;
use zerocopy::IntoBytes;

impl Client<'_> {
    /// An event of that kind; its id.
    pub fn event(&mut self, kind: u32, auto_reset: bool) -> u32 {
        let mut arg =
            abi::CreateEvent { event_type: kind, auto_reset: auto_reset.into(), ..Default::default() };
        self.ok(0x08, &mut arg);
        arg.event_id
    }

    /// An event page in GTT and one signal event; the page and the event's id.
    pub fn event_page(&mut self, va: u64) -> (Buffer, u32) {
        let page = self.buffer(va, 4096 * 8);
        let mut arg = abi::CreateEvent {
            event_page_offset: page.handle,
            event_type: abi::EVENT_SIGNAL,
            auto_reset: 1,
            ..Default::default()
        };
        self.ok(0x08, &mut arg);
        assert_ne!(arg.event_page_offset, 0, "libhsakmt needs one that is not zero");
        assert_eq!(arg.event_slot_index, arg.event_id);
        (page, arg.event_id)
    }

    pub fn set(&mut self, event_id: u32) {
        self.ok(0x0a, &mut abi::SetEvent { event_id, pad: 0 });
    }

    pub fn wait_raw(&mut self, events: &[u32], all: bool, timeout: u32) -> (CallId, Outcome) {
        let arg = abi::WaitEvents {
            events_ptr: 0x10_0000,
            num_events: events.len() as u32,
            wait_for_all: all.into(),
            timeout,
            wait_result: 77,
        };
        let data: Vec<u8> = events
            .iter()
            .flat_map(|id| abi::EventData { event_id: *id, ..Default::default() }.as_bytes().to_vec())
            .collect();
        self.raw(0x0c, arg.as_bytes(), vec![data])
    }

    /// A wait that must park.
    pub fn park(&mut self, events: &[u32], all: bool, timeout: u32) -> CallId {
        let (call, outcome) = self.wait_raw(events, all, timeout);
        assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
        call
    }
}
