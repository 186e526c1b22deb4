//! WAIT_EVENTS: a call that is parked until events, time or a death end it.
//!
//! ```text
//! begin ──met──► Done(COMPLETE)          parked ──events──► Done(COMPLETE)
//!       ──timeout 0──► Done(TIMEOUT)            ──time────► Done(TIMEOUT)
//!       ──else──► parked                        ──event destroyed, process dead──► EIO, FAIL
//!                                               ──signal──► RESTART with the time that is left
//! ```
//! A wait that ends by a signal gives back what it took from auto-reset events, so that the restarted call finds them
//! set (`free_waiters` of `kfd_events.c`), and leaves its deadline for that call (`interrupted`). Lives inside the event
//! table and under its lock.

use crate::abi::kfd as abi;
use crate::account::Charge;
use crate::call::{Arg, Done, Errno, Outcome, Refused, UserWrite};
use crate::event::interrupted::{InterruptedWaits, MS};
use crate::event::{Event, EventTable};
use crate::ids::{CallId, Nanos, Tid, UserVa};
use std::collections::BTreeMap;
use zerocopy::{FromBytes, IntoBytes};

/// The longest timeout, ms: longer ones are cut to it (`user_timeout_to_jiffies`; 24.8 days).
const LONGEST_MS: u32 = 0x7fff_ffff;

/// One event of a wait.
#[derive(Debug)]
struct Item {
    event: u32,
    activated: bool,
    lost: bool,
    /// Whether the caller gave an age and so is told the new one.
    aged: bool,
}

/// A parked WAIT_EVENTS, or one that is about to be answered.
#[derive(Debug)]
pub(crate) struct Wait {
    arg: Arg,
    call: abi::WaitEvents,
    data: Vec<abi::EventData>,
    items: Vec<Item>,
    /// The thread that makes the call.
    thread: Tid,
    /// The time at which the wait times out; `None` waits for ever.
    pub(crate) deadline: Option<Nanos>,
    /// The charge for the parked call, while it is parked.
    pub(crate) charge: Option<Charge>,
}

/// The state of a wait's condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Enough events are set: one, or all if the wait is for all.
    Met,
    /// Not enough events are set yet.
    Unmet,
    /// An event that the wait needs was destroyed.
    Lost,
}

impl Wait {
    /// Begins a wait: checks every event in order and resets the auto-reset events that are set.
    ///
    /// # Errors
    /// EINVAL for an event that does not exist (events before it stay reset, as in amdkfd); EFAULT when fewer elements
    /// were gathered than the struct counts.
    pub(crate) fn begin(
        table: &mut EventTable,
        arg: &Arg,
        elements: &[u8],
        thread: Tid,
        now: Nanos,
    ) -> Result<Self, Errno> {
        let (call, _) = abi::WaitEvents::read_from_prefix(arg.bytes()).map_err(|_| Errno::INVAL)?;
        let count = call.num_events as usize;
        let mut data = Vec::new();
        for bytes in elements.chunks_exact(size_of::<abi::EventData>()).take(count) {
            data.push(abi::EventData::read_from_bytes(bytes).map_err(|_| Errno::FAULT)?);
        }
        if data.len() != count {
            return Err(Errno::FAULT);
        }
        let mut items = Vec::with_capacity(count);
        for element in &data {
            let event = table.events.get_mut(&element.event_id).ok_or(Errno::INVAL)?;
            let mut activated = event.signaled;
            event.signaled = event.signaled && !event.auto_reset;
            let aged = event.kind == abi::EVENT_SIGNAL && element.last_event_age() != 0;
            activated |= aged && element.last_event_age() != event.age;
            items.push(Item { event: element.event_id, activated, lost: false, aged });
        }
        let deadline = match call.timeout {
            abi::TIMEOUT_INFINITE => None,
            ms => {
                let asked = Nanos(now.0.saturating_add(u64::from(ms.min(LONGEST_MS)) * MS));
                Some(table.interrupted.go_on(thread, &call, now, asked))
            }
        };
        Ok(Self { arg: *arg, call, data, items, thread, deadline, charge: None })
    }

    /// Whether the timeout is 0, so that the call is never parked.
    pub(crate) fn is_immediate(&self) -> bool {
        self.call.timeout == abi::TIMEOUT_IMMEDIATE
    }

    /// Enters the call as a waiter of each of its events.
    pub(crate) fn enlist(&self, events: &mut BTreeMap<u32, Event>, call: CallId) {
        for item in &self.items {
            if let Some(event) = events.get_mut(&item.event) {
                *event.waiters.entry(call).or_default() |= !item.activated;
            }
        }
    }

    /// Removes the call from the waiters of each of its events.
    pub(crate) fn delist(&self, events: &mut BTreeMap<u32, Event>, call: CallId) {
        for item in &self.items {
            if let Some(event) = events.get_mut(&item.event) {
                event.waiters.remove(&call);
            }
        }
    }

    /// Notes that `event` was set.
    pub(crate) fn activate(&mut self, event: u32) {
        for item in self.items.iter_mut().filter(|item| item.event == event) {
            item.activated = true;
        }
    }

    /// Notes that `event` was destroyed.
    pub(crate) fn lose(&mut self, event: u32) {
        for item in self.items.iter_mut().filter(|item| item.event == event) {
            item.lost = true;
        }
    }

    /// The state of the condition now (`test_event_condition`).
    pub(crate) fn condition(&self) -> Condition {
        if self.items.iter().any(|item| item.lost) {
            return Condition::Lost;
        }
        let activated = self.items.iter().filter(|item| item.activated).count();
        let enough = if self.call.wait_for_all != 0 { activated == self.items.len() } else { activated > 0 };
        if enough || self.items.is_empty() { Condition::Met } else { Condition::Unmet }
    }

    fn store(&mut self, result: u32) {
        self.call.wait_result = result;
        if let Some(to) = self.arg.bytes_mut().first_chunk_mut::<{ size_of::<abi::WaitEvents>() }>() {
            to.copy_from_slice(self.call.as_bytes());
        }
    }

    /// The outcome of a wait whose events are set, with the data that they carry.
    pub(crate) fn complete(mut self, events: &BTreeMap<u32, Event>) -> Outcome {
        let mut writes = Vec::new();
        for (index, (item, element)) in self.items.iter().zip(&mut self.data).enumerate() {
            let Some(event) = events.get(&item.event) else { continue };
            match event.kind {
                abi::EVENT_MEMORY if item.activated => element.set_memory(&event.memory),
                abi::EVENT_HW_EXCEPTION if item.activated => element.set_hw_exception(&event.hw),
                abi::EVENT_SIGNAL if item.aged => element.set_last_event_age(event.age),
                _ => continue,
            }
            let at = self.call.events_ptr.wrapping_add((index * size_of::<abi::EventData>()) as u64);
            writes.push(UserWrite { va: UserVa(at), bytes: element.payload.as_bytes().to_vec() });
        }
        self.store(abi::WAIT_RESULT_COMPLETE);
        Outcome::Done(Done { writes, ..Done::new(self.arg) })
    }

    /// The outcome of a wait whose timeout has passed.
    pub(crate) fn time_out(mut self) -> Outcome {
        self.store(abi::WAIT_RESULT_TIMEOUT);
        Outcome::Done(Done::new(self.arg))
    }

    /// The outcome of a wait that failed.
    pub(crate) fn fail(mut self, errno: Errno) -> Outcome {
        self.store(abi::WAIT_RESULT_FAIL);
        Outcome::Refused(Refused { errno, arg: self.arg, writes: Vec::new() })
    }

    /// The outcome of a wait that a signal interrupted: auto-reset events that it had reset are set again, and the
    /// struct has the time that the restarted call is to wait. Returns the calls that those events activated too.
    pub(crate) fn interrupt(mut self, table: &mut EventTable, now: Nanos) -> (Outcome, Vec<CallId>) {
        let mut woken = Vec::new();
        for item in self.items.iter().filter(|item| item.activated && !item.lost) {
            if table.events.get(&item.event).is_some_and(|event| event.auto_reset) {
                woken.extend(table.set(item.event));
            }
        }
        self.call.wait_result = abi::WAIT_RESULT_FAIL;
        if let Some(deadline) = self.deadline {
            self.call.timeout = InterruptedWaits::time_left(deadline, now);
            table.interrupted.keep(self.thread, self.call, deadline, now);
        }
        (self.fail(Errno::RESTART), woken)
    }
}
