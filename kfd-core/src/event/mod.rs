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

/// `256 * 8` bytes: what the oldest user mode maps when KFD makes the page (`allocate_event_notification_slot`).
const OLDEST_SLOTS: u32 = 256;

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: u32,
    pub(crate) auto_reset: bool,
    pub(crate) signaled: bool,
    /// Counts settings, from 1; never 0, which in a wait means that the caller does not ask.
    pub(crate) age: u64,
    /// Calls that wait for it; true where it had not activated the call when that began. Only those count as waiters
    /// when it is set, as only those are on amdkfd's wait queue.
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

/// See the module's head.
#[derive(Debug)]
pub(crate) struct EventTable {
    pub(crate) events: BTreeMap<u32, Event>,
    pub(crate) waits: HashMap<CallId, Wait>,
    pub(crate) interrupted: InterruptedWaits,
    pub(crate) page: Option<EventPage>,
    /// Signal slots of the page; 0 while there is no page.
    slots: u32,
    /// Ids of signal and debug events. Slot 0 is reserved.
    signals: Idr,
    /// Ids of the others.
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

/// Whether a queue can raise an event of this type, which therefore has a slot.
pub(crate) fn has_slot(kind: u32) -> bool {
    matches!(kind, abi::EVENT_SIGNAL | abi::EVENT_DEBUG_EVENT)
}

impl EventTable {
    /// Sets the page and marks its slots unsignalled.
    ///
    /// # Errors
    /// EBUSY when the process has a page (KFD's own counts), EFAULT when it cannot be written.
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

    /// Whether there is a page already.
    pub(crate) fn has_page(&self) -> bool {
        self.slots != 0
    }

    /// Makes an event; its id.
    ///
    /// # Errors
    /// ENOSPC when the ids are taken, ENOMEM when a limit is hit, EBADF when the process is going.
    pub(crate) fn create(&mut self, kind: u32, auto_reset: bool, purse: &Arc<Purse>) -> Result<u32, Errno> {
        let charge = self.room(purse)?;
        let id = self.ids(kind).take().ok_or(Errno::NOSPC)?;
        self.add(id, kind, auto_reset, charge);
        Ok(id)
    }

    /// Makes an event under an id that must be free.
    ///
    /// # Errors
    /// As [`EventTable::create`].
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

    /// Ends an event; the calls that wait for it, which have failed.
    ///
    /// # Errors
    /// EINVAL when there is none.
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

    /// Sets an event; the calls that it activated.
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

    /// What a queue's interrupt does: the slot is acknowledged, the event set. An id that names no such event is
    /// taken for a bogus one and every slot that a queue has written is looked at, as `kfd_signal_event_interrupt` does.
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

    /// Sets every event of a type that carries data; the calls activated.
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

    /// No more events and waits.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether waits and events are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}
