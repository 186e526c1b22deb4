//! Calls about events.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::{Errno, Outcome};
use crate::device::EVENTS_OFFSET;
use crate::event::deadline::Due;
use crate::event::wait::{Condition, Wait};
use crate::event::{EventPage, has_slot};
use crate::ids::Handle;
use crate::memory::bo;
use crate::sync::Arc;
use std::borrow::Cow;
use zerocopy::FromBytes;

/// `signal_event_data.last_event_age` came with this interface.
const EVENT_AGE_SINCE: u32 = 14;

impl Ctx<'_> {
    pub(super) fn create_event(&mut self) -> Handled {
        let mut args: abi::CreateEvent = self.read()?;
        if args.event_page_offset != 0 {
            self.set_event_page(Handle(args.event_page_offset))?;
        }
        let purse = &self.process.purse;
        let id = self.process.events.lock().create(args.event_type, args.auto_reset != 0, purse)?;
        args.event_page_offset = 0;
        if has_slot(args.event_type) {
            args.event_page_offset = EVENTS_OFFSET;
            args.event_slot_index = id;
        }
        args.event_id = id;
        args.event_trigger_data = id;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// The client made the event page: a BO in memory that the daemon can reach.
    pub(super) fn set_event_page(&self, handle: Handle) -> Result<(), Errno> {
        if self.process.events.lock().has_page() {
            return Err(Errno::INVAL);
        }
        let (gpu, index) = bo::split(handle);
        let device = self.device(gpu.0)?;
        let inner = self.lock_bound(device, Errno::NODEV)?;
        let bo = inner.bindings[device.index].bos.get(index).ok_or(Errno::INVAL)?;
        let (arena, offset, len) = bo.range().ok_or(Errno::INVAL)?;
        let page = EventPage { handle, arena: Arc::clone(arena), offset };
        // Inside the process mutex, so that the BO cannot be freed between the look and the setting.
        self.process.events.lock().set_page(page, len)
    }

    pub(super) fn destroy_event(&mut self) -> Handled {
        let args: abi::DestroyEvent = self.read()?;
        let mut table = self.process.events.lock();
        let failed = table.destroy(args.event_id)?;
        self.process.settle(&mut table, failed, &self.core.deadlines, &mut self.post);
        Ok(Flow::Done)
    }

    pub(super) fn set_event(&mut self) -> Handled {
        let args: abi::SetEvent = self.read()?;
        {
            let mut table = self.process.events.lock();
            let settable =
                table.events.get(&args.event_id).is_some_and(|event| event.kind == abi::EVENT_SIGNAL);
            if !settable {
                return Err(Errno::INVAL);
            }
            let woken = table.set(args.event_id);
            self.process.settle(&mut table, woken, &self.core.deadlines, &mut self.post);
        }
        // A client that sets an event has often changed a signal that a parked queue waits for.
        for device in self.core.devices.iter() {
            if device.dqm.wake_parked(self.process.id()) {
                self.post.runnable();
            }
        }
        Ok(Flow::Done)
    }

    pub(super) fn reset_event(&mut self) -> Handled {
        let args: abi::ResetEvent = self.read()?;
        let mut table = self.process.events.lock();
        let event = table.events.get_mut(&args.event_id).filter(|event| event.kind == abi::EVENT_SIGNAL);
        event.ok_or(Errno::INVAL)?.signaled = false;
        Ok(Flow::Done)
    }

    /// The elements of a wait; without the ages, which an older kernel does not read.
    fn without_ages(&self) -> Cow<'_, [u8]> {
        if self.core.profile.interface_minor >= EVENT_AGE_SINCE {
            return self.input(0).into();
        }
        let mut elements = self.input(0).to_vec();
        for element in elements.chunks_exact_mut(size_of::<abi::EventData>()) {
            if let Ok(data) = abi::EventData::mut_from_bytes(element) {
                data.set_last_event_age(0);
            }
        }
        elements.into()
    }

    pub(super) fn wait_events(&mut self) -> Handled {
        let mut guard = self.process.events.lock();
        let table = &mut *guard;
        if table.is_closed() {
            return Err(Errno::BADF);
        }
        let call = self.caller.call;
        let now = self.core.now();
        let begun = Wait::begin(table, &self.arg, &self.without_ages(), self.caller.tid, now);
        let mut wait = match begun {
            Ok(wait) => wait,
            Err(errno) => {
                drop(guard);
                let args: abi::WaitEvents = self.read()?;
                self.answer(&abi::WaitEvents { wait_result: abi::WAIT_RESULT_FAIL, ..args });
                return Err(errno);
            }
        };
        let outcome = match wait.condition() {
            Condition::Met | Condition::Lost => wait.complete(&table.events),
            Condition::Unmet if wait.is_immediate() => wait.time_out(),
            Condition::Unmet => {
                let charged = self.process.purse.charge(Resource::Parked, 1);
                wait.charge = Some(charged.map_err(|_| Errno::NOMEM)?);
                wait.enlist(&mut table.events, call);
                if let Some(at) = wait.deadline {
                    self.core.deadlines.add(at, Due::Wait(self.process.id(), call), &mut self.post);
                }
                let replaced = table.waits.insert(call, wait);
                debug_assert!(replaced.is_none(), "a call id is unique among the calls under way");
                return Ok(Flow::Parked);
            }
        };
        drop(guard);
        if let Outcome::Done(done) = outcome {
            self.arg = done.arg;
            self.writes = done.writes;
        }
        Ok(Flow::Done)
    }
}
