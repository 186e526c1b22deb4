//! Events of one process: made, set, reset, destroyed, and the calls that wait for them.
//!
//! Rules are amdkfd's (`kfd_events.c`): ids of signal and debug events are slots of the event page, from 1 (0 is
//! reserved); others begin at 2^30. Setting an auto-reset event that somebody waits for wakes all who wait and leaves it unset; with no one
//! waiting it stays set until the next wait. Destroying an event ends the waits on it with EIO.
//!
//! Lock order: the event table is inside dqm and outside deadlines. Not for: raising events (engine, ioctls).
pub mod smi;

pub(crate) mod deadline;
pub(crate) mod interrupted;
pub(crate) mod wait;

use crate::abi::kfd as abi;
use crate::account::{Charge, Purse, Resource};
use crate::call::Errno;
use crate::event::interrupted::InterruptedWaits;
use crate::event::wait::Wait;
use crate::idr::Idr;
use crate::ids::{CallId, EventId, Handle};
use crate::memory::arena::Arena;
use crate::sync::Arc;
use std::collections::{BTreeMap, HashMap};

/// The event slots of the page that the oldest clients map, 256 of 8 bytes each (`allocate_event_notification_slot`).
const OLDEST_SLOTS: u32 = 256;

/// A KFD event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: u32,
    pub(crate) auto_reset: bool,
    pub(crate) signaled: bool,
    /// The number of times that it was set, from 1 on. Never 0, by which a wait says that it does not ask for the age.
    pub(crate) age: u64,
    /// The calls that wait for it. The flag is true where the event was not set yet when the wait began: only those
    /// waits count as waiters when it is set, because only those are on amdkfd's wait queue.
    pub(crate) waiters: BTreeMap<CallId, bool>,
    pub(crate) memory: abi::MemoryExceptionData,
    pub(crate) hw: abi::HwExceptionData,
    _charge: Charge,
}

/// The event page, where a queue's signals leave event ids.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub(crate) handle: Handle,
    pub(crate) arena: Arc<Arena>,
    pub(crate) offset: u64,
}

/// The events of one process and the calls that wait for them.
#[derive(Debug)]
pub(crate) struct EventTable {
    pub(crate) events: BTreeMap<u32, Event>,
    pub(crate) waits: HashMap<CallId, Wait>,
    pub(crate) interrupted: InterruptedWaits,
    pub(crate) page: Option<EventPage>,
    /// The number of signal slots of the event page; 0 while there is no page.
    slots: u32,
    /// The free ids of signal and debug events. Slot 0 is reserved.
    signals: Idr,
    /// The free ids of other events.
    others: Idr,
    closed: bool,
}

impl Default for EventTable {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            waits: HashMap::new(),
            interrupted: InterruptedWaits::default(),
            page: None,
            slots: 0,
            signals: Idr::new(1, 0),
            others: Idr::new(abi::FIRST_NONSIGNAL_EVENT_ID, abi::LAST_NONSIGNAL_EVENT_ID),
            closed: false,
        }
    }
}

/// Whether a queue can raise an event of this type; only then does the event have a slot.
pub(crate) fn has_slot(kind: u32) -> bool {
    matches!(kind, abi::EVENT_SIGNAL | abi::EVENT_DEBUG_EVENT)
}

impl EventTable {
    /// Sets the event page and marks its slots as not signalled.
    ///
    /// # Errors
    /// EBUSY when the process has a page already (KFD's own counts), EFAULT when the page cannot be written.
    pub(crate) fn set_page(&mut self, page: EventPage, bytes: u64) -> Result<(), Errno> {
        if self.slots != 0 {
            return Err(Errno::BUSY);
        }
        let slots = (bytes / abi::EVENT_SLOT_SIZE).min(u64::from(abi::SIGNAL_EVENT_LIMIT));
        let blank = vec![0xff; (slots * abi::EVENT_SLOT_SIZE) as usize];
        page.arena.write(page.offset, &blank).ok_or(Errno::FAULT)?;
        self.slots = slots as u32;
        self.signals.set_end(self.slots);
        self.page = Some(page);
        Ok(())
    }

    /// Whether the process has an event page.
    pub(crate) fn has_page(&self) -> bool {
        self.slots != 0
    }

    /// Makes an event and returns its id.
    ///
    /// # Errors
    /// ENOSPC when no id is free, ENOMEM when a limit is hit, EBADF when the process is going.
    pub(crate) fn create(&mut self, kind: u32, auto_reset: bool, purse: &Arc<Purse>) -> Result<u32, Errno> {
        let charge = self.room(purse)?;
        let id = self.ids(kind).take().ok_or(Errno::NOSPC)?;
        self.add(id, kind, auto_reset, charge);
        Ok(id)
    }

    /// Makes an event under a given id, for CRIU's restore.
    ///
    /// # Errors
    /// As [`EventTable::create`]; ENOSPC also when the id is taken.
    pub(crate) fn create_again(
        &mut self,
        id: u32,
        kind: u32,
        auto_reset: bool,
        purse: &Arc<Purse>,
    ) -> Result<&mut Event, Errno> {
        let charge = self.room(purse)?;
        if !self.ids(kind).take_exactly(id) {
            return Err(Errno::NOSPC);
        }
        Ok(self.add(id, kind, auto_reset, charge))
    }

    fn room(&mut self, purse: &Arc<Purse>) -> Result<Charge, Errno> {
        if self.closed {
            return Err(Errno::BADF);
        }
        if self.slots == 0 {
            self.slots = OLDEST_SLOTS;
            self.signals.set_end(self.slots);
        }
        purse.charge(Resource::Event, 1).map_err(|_| Errno::NOMEM)
    }

    fn add(&mut self, id: u32, kind: u32, auto_reset: bool, charge: Charge) -> &mut Event {
        if has_slot(kind) {
            self.acknowledge(id);
        }
        self.events.entry(id).or_insert(Event {
            kind,
            auto_reset,
            signaled: false,
            age: 1,
            waiters: BTreeMap::new(),
            memory: abi::MemoryExceptionData::default(),
            hw: abi::HwExceptionData::default(),
            _charge: charge,
        })
    }

    fn ids(&mut self, kind: u32) -> &mut Idr {
        if has_slot(kind) { &mut self.signals } else { &mut self.others }
    }

    /// Destroys an event. Returns the calls that waited for it and have failed.
    ///
    /// # Errors
    /// EINVAL when there is no such event.
    pub(crate) fn destroy(&mut self, id: u32) -> Result<Vec<CallId>, Errno> {
        let event = self.events.remove(&id).ok_or(Errno::INVAL)?;
        self.ids(event.kind).give(id);
        let calls: Vec<_> = event.waiters.into_keys().collect();
        for call in &calls {
            if let Some(wait) = self.waits.get_mut(call) {
                wait.lose(id);
            }
        }
        Ok(calls)
    }

    /// Sets an event. Returns the calls that it activated.
    pub(crate) fn set(&mut self, id: u32) -> Vec<CallId> {
        let Some(event) = self.events.get_mut(&id) else { return Vec::new() };
        let waited_for = event.waiters.values().any(|queued| *queued);
        event.signaled = !event.auto_reset || !waited_for;
        // `set_event`: 0 and 1 are reserved, so a wrap goes to 2.
        event.age = event.age.checked_add(1).unwrap_or(2);
        let woken: Vec<_> = event.waiters.keys().copied().collect();
        for call in &woken {
            if let Some(wait) = self.waits.get_mut(call) {
                wait.activate(id);
            }
        }
        woken
    }

    /// Handles the interrupt of a queue: acknowledges the slot and sets the event. Where the id names no such event,
    /// every slot that a queue has written is looked at instead, as `kfd_signal_event_interrupt` does.
    pub(crate) fn raise(&mut self, id: EventId) -> Vec<CallId> {
        let known = self.events.get(&id.0).is_some_and(|event| has_slot(event.kind));
        let ids = if known { vec![id.0] } else { self.written_slots() };
        let mut woken = Vec::new();
        for id in ids {
            self.acknowledge(id);
            woken.extend(self.set(id));
        }
        woken
    }

    fn written_slots(&self) -> Vec<u32> {
        let Some(page) = &self.page else { return Vec::new() };
        let written = |id: &u32| {
            let mut slot = [0; 8];
            let at = page.offset + u64::from(*id) * abi::EVENT_SLOT_SIZE;
            page.arena.read(at, &mut slot).is_some() && u64::from_ne_bytes(slot) != abi::UNSIGNALED_EVENT_SLOT
        };
        self.events.range(..self.slots).map(|(id, _)| *id).filter(written).collect()
    }

    fn acknowledge(&self, id: u32) {
        let Some(page) = &self.page else { return };
        let at = page.offset + u64::from(id) * abi::EVENT_SLOT_SIZE;
        if page.arena.write(at, &abi::UNSIGNALED_EVENT_SLOT.to_ne_bytes()).is_none() {
            tracing::error!(event = id, "a slot of the event page could not be acknowledged");
        }
    }

    /// Sets every event of a type that carries data, filled in by `fill`. Returns the calls activated.
    pub(crate) fn set_all(&mut self, kind: u32, fill: impl Fn(&mut Event)) -> Vec<CallId> {
        let of_kind = |(id, event): (&u32, &Event)| (event.kind == kind).then_some(*id);
        let ids: Vec<_> = self.events.iter().filter_map(of_kind).collect();
        let mut woken = Vec::new();
        for id in ids {
            if let Some(event) = self.events.get_mut(&id) {
                fill(event);
            }
            woken.extend(self.set(id));
        }
        woken
    }

    /// Refuses every event and wait from now on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether events and waits are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}
