//! Calls about queues.
//!
//! Which kinds are made is the profile's to say; the others are refused with EINVAL. The kernel's own answer to a type
//! that nobody knows, ENOTSUPP (524), is not an errno a client could have a name for; it is EINVAL here as well.
//! A queue for an SDMA engine has a place there for life, and is ENOMEM when all are taken.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::{Exhausted, Resource};
use crate::call::Errno;
use crate::core::Core;
use crate::device::Device;
use crate::engine::rearm;
use crate::ids::{GpuVa, QueueKey};
use crate::listing::QueueKind;
use crate::pqm::{Entry, MAX_PER_DEVICE};
use crate::profile::QueueFormat;
use crate::queue::{Format, Indices, Properties, Queue};
use crate::slots::Slots;
use crate::sync::Arc;
use hsa_queue::doorbell::DOORBELL_BYTES;
use hsa_queue::ring::Ring;
use hsa_queue::sdma::Generation;

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

/// SDMA 4.x came with gfx9, 5.0 with gfx10.
const GFX10: u32 = 100_000;

/// The format that a queue type asks of a device, and the places that it takes one of.
fn format<'a>(
    core: &Core,
    device: &'a Device,
    queue_type: u32,
) -> Result<(Format, Option<&'a Slots>), Errno> {
    let offered = &device.profile.queues.formats;
    let engines = if device.profile.gfx_target_version < GFX10 { Generation::V4 } else { Generation::V5 };
    let (asked, format, slots) = match queue_type {
        abi::QUEUE_TYPE_COMPUTE => (QueueFormat::Pm4, Format::Pm4(core.waves), None),
        abi::QUEUE_TYPE_COMPUTE_AQL => (QueueFormat::Aql, Format::Aql(core.waves), None),
        abi::QUEUE_TYPE_SDMA => (QueueFormat::Sdma, Format::Sdma(engines), Some(&device.sdma)),
        abi::QUEUE_TYPE_SDMA_XGMI => (QueueFormat::Sdma, Format::SdmaXgmi(engines), Some(&device.sdma_xgmi)),
        _ => return Err(Errno::INVAL),
    };
    if offered.contains(&asked) { Ok((format, slots)) } else { Err(Errno::INVAL) }
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

impl Ctx<'_> {
    fn percentage(&self, field: u32) -> u32 {
        if self.core.profile.interface_minor < PERCENTAGE_BYTE_SINCE { field } else { field & 0xff }
    }

    pub(super) fn create_queue(&mut self) -> Handled {
        let mut args: abi::CreateQueue = self.read()?;
        let percentage = self.percentage(args.queue_percentage);
        let properties = properties(args.ring_base_address, args.ring_size, percentage, args.queue_priority)?;
        let words = [args.read_pointer_address, args.write_pointer_address, args.eop_buffer_address];
        for word in words.into_iter().chain([args.ctx_save_restore_address]) {
            accessible(word, 4)?;
        }
        if args.queue_type > abi::QUEUE_TYPE_SDMA_XGMI {
            return Err(Errno::INVAL);
        }
        let device = self.device(args.gpu_id)?;
        let (format, slots) = format(self.core, device, args.queue_type)?;
        let mut inner = self.lock_bound(device, Errno::SRCH)?;
        if inner.pqm.on(device.index).count() >= MAX_PER_DEVICE {
            return Err(Errno::NOSPC);
        }
        let id = inner.pqm.free_id().ok_or(Errno::NOMEM)?;
        let doorbell = inner.pqm.free_doorbell(device.index).ok_or(Errno::BUSY)?;
        let refused = |_: Exhausted| Errno::NOMEM;
        let purse = &self.process.purse;
        let charges = [
            purse.charge(Resource::Queue, 1).map_err(refused)?,
            purse.charge(Resource::Doorbell, 1).map_err(refused)?,
        ];
        let slot = slots.map(|slots| slots.take().ok_or(Errno::NOMEM)).transpose()?;
        let key = QueueKey { process: self.process.id(), queue: id };
        let indices =
            Indices { write: GpuVa(args.write_pointer_address), read: GpuVa(args.read_pointer_address) };
        let now = self.core.now();
        let queue = Arc::new(Queue::new(key, device.index, doorbell, format, indices, now));
        if properties.ring.0 != 0 && properties.ring_bytes != 0 {
            queue.set_ring(properties.ring, properties.ring_bytes).map_err(|_| Errno::INVAL)?;
        }
        let uid = self.process.uid();
        if device.dqm.add(&queue, uid, properties.priority, properties.active(), now) {
            self.post.runnable();
        }
        inner.pqm.insert(Entry { queue, properties, cu_mask: Vec::new(), _charges: charges, _slot: slot });
        drop(inner);
        args.queue_id = id.0;
        args.doorbell_offset = device.doorbells() + u64::from(doorbell) * DOORBELL_BYTES;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// The queue leaves every look-up first; its slot and doorbell are free for others when the engine has left it.
    pub(super) fn destroy_queue(&mut self) -> Handled {
        let args: abi::DestroyQueue = self.read()?;
        let queue = {
            let inner = self.lock()?;
            Arc::clone(&inner.pqm.get(args.queue_id).ok_or(Errno::INVAL)?.queue)
        };
        let device = &self.core.devices[queue.device];
        queue.stop();
        if let Some(page) = device.dqm.remove(queue.key) {
            self.post.add(rearm(device, queue.key.process, page));
        }
        queue.quiesce();
        let mut inner = self.lock()?;
        // Another thread of the client may have destroyed it meanwhile, and made another of the same id.
        let same = inner.pqm.get(args.queue_id).is_some_and(|entry| Arc::ptr_eq(&entry.queue, &queue));
        let entry = if same { inner.pqm.remove(args.queue_id) } else { None };
        drop(inner);
        entry.map(|_| Flow::Done).ok_or(Errno::INVAL)
    }

    pub(super) fn update_queue(&mut self) -> Handled {
        let args: abi::UpdateQueue = self.read()?;
        let percentage = self.percentage(args.queue_percentage);
        let new = properties(args.ring_base_address, args.ring_size, percentage, args.queue_priority)?;
        let queue = {
            let inner = self.lock()?;
            Arc::clone(&inner.pqm.get(args.queue_id).ok_or(Errno::FAULT)?.queue)
        };
        let dqm = &self.core.devices[queue.device].dqm;
        if new.ring.0 != 0 && new.ring_bytes != 0 {
            Ring::new(new.ring, new.ring_bytes).map_err(|_| Errno::INVAL)?;
            // Off the run list first: an engine that is busy with this queue leaves after its turn and does not come
            // back before the ring is set. Outside the process mutex, by the lock order.
            dqm.update(queue.key, new.priority, false);
            queue.set_ring(new.ring, new.ring_bytes).map_err(|_| Errno::INVAL)?;
        }
        let mut inner = self.lock()?;
        let entry = inner.pqm.get_mut(args.queue_id).filter(|entry| Arc::ptr_eq(&entry.queue, &queue));
        entry.ok_or(Errno::FAULT)?.properties = new;
        if dqm.update(queue.key, new.priority, new.active()) {
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
        inner.pqm.get_mut(args.queue_id).ok_or(Errno::FAULT)?.cu_mask = mask;
        Ok(Flow::Done)
    }

    /// An inactive compute queue's waves: there are none, so the control stack and the save area hold nothing.
    pub(super) fn get_queue_wave_state(&mut self) -> Handled {
        let mut args: abi::GetQueueWaveState = self.read()?;
        let inner = self.lock()?;
        let entry = inner.pqm.get(args.queue_id).ok_or(Errno::FAULT)?;
        let engine = matches!(entry.queue.kind(), QueueKind::Sdma | QueueKind::SdmaXgmi);
        if engine || entry.properties.active() {
            return Err(Errno::INVAL);
        }
        drop(inner);
        args.ctl_stack_used_size = 0;
        args.save_area_used_size = 0;
        self.answer(&args);
        Ok(Flow::Done)
    }
}
