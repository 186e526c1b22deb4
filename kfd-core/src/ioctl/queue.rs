//! Calls about queues.
//!
//! Which kinds are made is the profile's to say; the others are refused with EINVAL. The kernel's own answer to a type
//! that nobody knows, ENOTSUPP (524), is not an errno a client could have a name for; it is EINVAL here as well.
//! A queue for an SDMA engine has a place there for life, and is ENOMEM when all are taken. Compute queues beyond the
//! hardware slots share them (`dqm`); amdkfd's scheduler policy is the hardware's with over-subscription.
//!
//! What UPDATE_QUEUE disables is off the hardware when the call returns, and its context is saved.

use super::debug::is_gfx11;
use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::{Exhausted, Resource};
use crate::call::Errno;
use crate::core::Core;
use crate::core::cwsr;
use crate::device::Device;
use crate::device::profile::QueueFormat;
use crate::ids::{GpuVa, QueueId, QueueKey};
use crate::memory::pins::Held;
use crate::queue::dqm::QueueState;
use crate::queue::pqm::{Entry, max_per_device};
use crate::queue::save_area::SaveArea;
use crate::queue::sdma::SdmaId;
use crate::queue::{Format, Indices, Properties, Queue};
use crate::sync::Arc;
use hsa_queue::doorbell::DOORBELL_BYTES;
use hsa_queue::ring::Ring;
use hsa_queue::sdma::Generation;
use zerocopy::IntoBytes;

/// `TASK_SIZE_MAX` of x86-64 with four-level page tables: what `access_ok` lets pass lies below.
const TASK_SIZE: u64 = 0x7fff_ffff_f000;
/// CU masks are cut to so many bits (`kfd_ioctl_set_cu_mask`, `max_num_cus`).
const MAX_CUS: u32 = 1024;

/// `access_ok` of the first word of something; 0 passes.
fn accessible(address: u64, bytes: u64) -> Result<(), Errno> {
    match address.checked_add(bytes) {
        Some(end) if end <= TASK_SIZE => Ok(()),
        _ => Err(Errno::FAULT),
    }
}

/// From interface 1.12 on the percentage is the lowest byte; the next one is the die that a PM4 queue's packets go to.
const PERCENTAGE_BYTE_SINCE: u32 = 12;

/// SDMA 4.x came with gfx9, 5.0 with gfx10; compute units come in pairs since.
const GFX10: u32 = 100_000;

/// Since when a queue can name its SDMA engine.
const ENGINE_ID_SINCE: u32 = 17;

/// Which of a device's SDMA places a queue takes.
#[derive(Clone, Copy)]
enum Place {
    Any,
    Xgmi,
    On(u32),
}

impl Place {
    fn take(self, device: &Device) -> Option<SdmaId> {
        match self {
            Self::Any => device.sdma.take(None),
            Self::Xgmi => device.sdma_xgmi.take(None),
            Self::On(engine) if device.sdma.has(engine) => device.sdma.take(Some(engine)),
            Self::On(engine) => device.sdma_xgmi.take(Some(engine)),
        }
    }
}

/// The generation of a device's copy engines.
pub(super) fn engines(device: &Device) -> Generation {
    if device.profile.gfx_target_version < GFX10 { Generation::V4 } else { Generation::V5 }
}

/// The format that a queue asks of a device, and the place that it takes if it is for an SDMA engine.
fn format(
    core: &Core,
    device: &Device,
    queue_type: u32,
    engine: u32,
) -> Result<(Format, Option<Place>), Errno> {
    let offered = &device.profile.queues.formats;
    let engines = engines(device);
    let (asked, format, place) = match queue_type {
        abi::QUEUE_TYPE_COMPUTE => (QueueFormat::Pm4, Format::Pm4(core.waves), None),
        abi::QUEUE_TYPE_COMPUTE_AQL => (QueueFormat::Aql, Format::Aql(core.waves), None),
        abi::QUEUE_TYPE_SDMA => (QueueFormat::Sdma, Format::Sdma(engines), Some(Place::Any)),
        abi::QUEUE_TYPE_SDMA_XGMI => (QueueFormat::Sdma, Format::SdmaXgmi(engines), Some(Place::Xgmi)),
        // From then on it is a queue of the one kind or the other (`allocate_sdma_queue`).
        abi::QUEUE_TYPE_SDMA_BY_ENG_ID if device.sdma.has(engine) => {
            (QueueFormat::Sdma, Format::Sdma(engines), Some(Place::On(engine)))
        }
        abi::QUEUE_TYPE_SDMA_BY_ENG_ID if device.sdma_xgmi.has(engine) => {
            (QueueFormat::Sdma, Format::SdmaXgmi(engines), Some(Place::On(engine)))
        }
        _ => return Err(Errno::INVAL),
    };
    if offered.contains(&asked) { Ok((format, place)) } else { Err(Errno::INVAL) }
}

fn properties(ring: u64, ring_size: u32, percentage: u32, priority: u32) -> Result<Properties, Errno> {
    if percentage > abi::MAX_QUEUE_PERCENTAGE || priority > abi::MAX_QUEUE_PRIORITY {
        return Err(Errno::INVAL);
    }
    accessible(ring, 8)?;
    if ring_size != 0 && !ring_size.is_power_of_two() {
        return Err(Errno::INVAL);
    }
    Ok(Properties { ring: GpuVa(ring), ring_bytes: u64::from(ring_size), percentage, priority })
}

/// What a queue that is made once more was before.
pub(super) struct Again {
    pub(super) id: u32,
    /// Its index in the process's slice.
    pub(super) doorbell: u16,
    /// The read index, in the queue's own unit.
    pub(super) read: u64,
    pub(super) cu_mask: Vec<u32>,
    pub(super) gws: bool,
}

impl Ctx<'_> {
    fn percentage(&self, field: u32) -> u32 {
        if self.core.profile.interface_minor < PERCENTAGE_BYTE_SINCE { field } else { field & 0xff }
    }

    pub(super) fn create_queue(&mut self) -> Handled {
        let mut args: abi::CreateQueue = self.read()?;
        (args.queue_id, args.doorbell_offset) = self.make_queue(&args, None)?;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// A queue, new or once more; its id and its doorbell's offset.
    pub(super) fn make_queue(
        &mut self,
        args: &abi::CreateQueue,
        again: Option<Again>,
    ) -> Result<(u32, u64), Errno> {
        let percentage = self.percentage(args.queue_percentage);
        let properties = properties(args.ring_base_address, args.ring_size, percentage, args.queue_priority)?;
        let properties = self.clamped(properties);
        let words = [args.read_pointer_address, args.write_pointer_address, args.eop_buffer_address];
        for word in words.into_iter().chain([args.ctx_save_restore_address]) {
            accessible(word, 4)?;
        }
        let by_engine = self.core.profile.interface_minor >= ENGINE_ID_SINCE;
        let last = if by_engine { abi::QUEUE_TYPE_SDMA_BY_ENG_ID } else { abi::QUEUE_TYPE_SDMA_XGMI };
        if args.queue_type > last {
            return Err(Errno::INVAL);
        }
        let device = self.device(args.gpu_id)?;
        let (format, place) = format(self.core, device, args.queue_type, args.sdma_engine_id)?;
        let mut inner = self.lock_bound(device, Errno::SRCH)?;
        let held = match &again {
            None => self.acquire_buffers(&inner, device, args, properties.ring_bytes)?,
            Some(_) => Held::default(),
        };
        if inner.pqm.on(device.index).count() >= max_per_device(device.profile.gfx_target_version) {
            return Err(Errno::NOSPC);
        }
        let (id, doorbell) = match &again {
            None => {
                let id = inner.pqm.free_id().ok_or(Errno::NOMEM)?;
                (id, inner.pqm.free_doorbell(device.index).ok_or(Errno::BUSY)?)
            }
            Some(again) => inner.pqm.claim(device.index, again.id, again.doorbell)?,
        };
        let refused = |_: Exhausted| Errno::NOMEM;
        let purse = &self.process.purse;
        let charges = [
            purse.charge(Resource::Queue, 1).map_err(refused)?,
            purse.charge(Resource::Doorbell, 1).map_err(refused)?,
        ];
        let sdma = place.map(|place| place.take(device).ok_or(Errno::NOMEM)).transpose()?;
        let key = QueueKey { process: self.process.id(), queue: id };
        let indices =
            Indices { write: GpuVa(args.write_pointer_address), read: GpuVa(args.read_pointer_address) };
        let save_area = SaveArea {
            base: GpuVa(args.ctx_save_restore_address),
            bytes: args.ctx_save_restore_size,
            control_stack: args.ctl_stack_size,
        };
        let now = self.core.now();
        let queue = Arc::new(Queue::new(key, device.index, doorbell, format, indices, save_area, now));
        queue.number_tickets(inner.pqm.tickets());
        if properties.ring.0 != 0 && properties.ring_bytes != 0 {
            queue.set_ring(properties.ring, properties.ring_bytes).map_err(|_| Errno::INVAL)?;
            if let Some(again) = &again {
                queue.seek(again.read);
            }
        }
        let uid = self.process.uid();
        if device.dqm.add(&queue, uid, properties.priority, properties.active(), now) {
            self.post.runnable();
        }
        let (cu_mask, gws) = again.map_or_else(Default::default, |again| (again.cu_mask, again.gws));
        queue.set_gws(gws);
        inner.pqm.insert(Entry { queue, properties, cu_mask, _charges: charges, sdma, held });
        drop(inner);
        let new = abi::ec_mask(abi::EC_QUEUE_NEW);
        self.process.debug.lock().raise_queue(id, new, &mut self.post);
        Ok((id.0, device.doorbells() + u64::from(doorbell) * DOORBELL_BYTES))
    }

    /// The queue leaves every look-up first; its slot and doorbell are free for others when the engine has left it.
    /// A debugger that has suspended the queue keeps the call waiting.
    pub(super) fn destroy_queue(&mut self) -> Handled {
        let args: abi::DestroyQueue = self.read()?;
        self.lock()?.pqm.get(args.queue_id).ok_or(Errno::INVAL)?;
        let id = QueueId(args.queue_id);
        if self.process.debug.lock().holds_queue(id) {
            let waiting = self.waiting()?;
            if self.process.debug.lock().await_resume(id, waiting).is_none() {
                return Ok(Flow::Parked);
            }
        }
        self.core.destroy_queue(self.process, args.queue_id, &mut self.post)?;
        Ok(Flow::Done)
    }

    pub(super) fn update_queue(&mut self) -> Handled {
        let args: abi::UpdateQueue = self.read()?;
        let percentage = self.percentage(args.queue_percentage);
        let new = properties(args.ring_base_address, args.ring_size, percentage, args.queue_priority)?;
        let new = self.clamped(new);
        let (ringed, active) = (new.ring.0 != 0 && new.ring_bytes != 0, new.active());
        let (queue, ring) = {
            let inner = self.lock()?;
            let queue = Arc::clone(&inner.pqm.get(args.queue_id).ok_or(Errno::FAULT)?.queue);
            let looks = ringed && self.checks_buffers();
            let device = &self.core.devices[queue.device];
            // Without a ring it is disabled and keeps the one it has (`pqm_update_queue_properties`).
            let ring = looks.then(|| self.buffer(device, new.ring.0, new.ring_bytes)).transpose();
            (queue, ring.map_err(|_| Errno::FAULT)?)
        };
        let device = &self.core.devices[queue.device];
        let was_on = device.dqm.standing(queue.key).is_some_and(|standing| !standing.state.is_off());
        if ringed {
            Ring::new(new.ring, new.ring_bytes).map_err(|_| Errno::INVAL)?;
        }
        if ringed || !active {
            // Off the run list first: an engine that is busy with this queue leaves after its turn and does not come
            // back before the ring is set. Outside the process mutex, by the lock order.
            device.dqm.update(queue.key, new.priority, false);
            queue.quiesce();
            self.core.wake_for_slots(&mut self.post);
        }
        if ringed {
            queue.set_ring(new.ring, new.ring_bytes).map_err(|_| Errno::INVAL)?;
        }
        let mut inner = self.lock()?;
        let entry = inner.pqm.get_mut(args.queue_id).filter(|entry| Arc::ptr_eq(&entry.queue, &queue));
        let entry = entry.ok_or(Errno::FAULT)?;
        entry.properties = new;
        if let Some(ring) = ring {
            entry.held.exchange_ring(ring);
        }
        if was_on && !active {
            cwsr::save(&inner, self.process, device, &queue, &mut self.post);
        }
        if device.dqm.update(queue.key, new.priority, active) {
            self.post.runnable();
        }
        Ok(Flow::Done)
    }

    pub(super) fn set_cu_mask(&mut self) -> Handled {
        let args: abi::SetCuMask = self.read()?;
        if !args.num_cu_mask.is_multiple_of(32) || args.num_cu_mask == 0 {
            return Err(Errno::INVAL);
        }
        let words = (args.num_cu_mask.min(MAX_CUS) / 32) as usize;
        let mask: Vec<u32> =
            self.input(0).as_chunks().0.iter().take(words).map(|word| u32::from_le_bytes(*word)).collect();
        if mask.len() != words {
            return Err(Errno::FAULT);
        }
        let mut inner = self.lock()?;
        let entry = inner.pqm.get_mut(args.queue_id).ok_or(Errno::FAULT)?;
        let paired = self.core.devices[entry.queue.device].profile.gfx_target_version >= GFX10;
        if paired && mask.iter().any(|word| (word ^ word >> 1) & 0x5555_5555 != 0) {
            return Err(Errno::INVAL);
        }
        let debugged = {
            let debug = self.process.debug.lock();
            debug.session.is_some() && debug.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_ENABLED
        };
        // Its debugger masks CUs of its own (`pqm_update_mqd`).
        if debugged && is_gfx11(&self.core.devices[entry.queue.device]) {
            return Err(Errno::BUSY);
        }
        entry.cu_mask = mask;
        Ok(Flow::Done)
    }

    /// The waves of a compute queue that is off the hardware, disabled or evicted: there are none. The header of each
    /// die's part says so, at the address of the call, which need not be the queue's own area. Where a dispatch stands still
    /// with its engine its waves are not saved: EINVAL, as of a device that does not save them (`get_wave_state`).
    pub(super) fn get_queue_wave_state(&mut self) -> Handled {
        let mut args: abi::GetQueueWaveState = self.read()?;
        let inner = self.lock()?;
        let entry = inner.pqm.get(args.queue_id).ok_or(Errno::FAULT)?;
        let device = &self.core.devices[entry.queue.device];
        let off = device.dqm.standing(entry.queue.key).is_none_or(|standing| {
            // A queue that stopped for good is active still, to those who do not know.
            standing.state.is_off() && (standing.state != QueueState::Stopped || !entry.properties.active())
        });
        if !entry.queue.is_compute() || !off || entry.queue.in_hand.get().is_some() {
            return Err(Errno::INVAL);
        }
        let area = entry.queue.save_area;
        drop(inner);
        for at in area.headers(args.ctl_stack_address, device.profile.compute.xccs) {
            self.put(at, area.header().as_bytes());
        }
        args.ctl_stack_used_size = 0;
        args.save_area_used_size = 0;
        self.answer(&args);
        Ok(Flow::Done)
    }
}
