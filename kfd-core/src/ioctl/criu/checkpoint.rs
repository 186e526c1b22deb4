//! A process's objects as records and buckets.

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::event::Event;
use crate::ids::QueueId;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::memory::bo::Backing;
use crate::memory::svm::{Attributes, DeviceSet};
use crate::process::Inner;
use crate::process::criu::{
    BoRecord, DeviceRecord, EventRecord, Kind, ProcessRecord, QueueRecord, RangeRecord, Step,
};
use crate::queue::QueueKind;
use crate::queue::pqm::Entry;
use crate::sync::Arc;
use std::collections::BTreeMap;
use zerocopy::IntoBytes;

/// How much there is to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) devices: u32,
    pub(super) bos: u32,
    pub(super) objects: u32,
    /// Size of the private data, bytes.
    pub(super) private: u64,
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn of_queue(entry: &Entry, gpu_id: u32, read: u64) -> QueueRecord {
    let (queue, properties) = (&entry.queue, &entry.properties);
    let mut mask = [0; 32];
    mask.iter_mut().zip(&entry.cu_mask).for_each(|(to, from)| *to = *from);
    QueueRecord {
        kind: Kind::Queue as u32,
        queue_id: queue.key.queue.0,
        ring: properties.ring.0,
        write_index: queue.write_index.0,
        read_index: queue.read_index.0,
        read,
        save_area: queue.save_area.base.0,
        ring_bytes: properties.ring_bytes as u32,
        gpu_id,
        queue_type: match queue.kind() {
            QueueKind::Aql => abi::QUEUE_TYPE_COMPUTE_AQL,
            QueueKind::Pm4 => abi::QUEUE_TYPE_COMPUTE,
            QueueKind::Sdma => abi::QUEUE_TYPE_SDMA,
            QueueKind::SdmaXgmi => abi::QUEUE_TYPE_SDMA_XGMI,
        },
        percentage: properties.percentage,
        priority: properties.priority,
        doorbell: queue.doorbell.into(),
        save_bytes: queue.save_area.bytes,
        control_stack: queue.save_area.control_stack,
        gws: entry.queue.has_gws().into(),
        mask_words: count(entry.cu_mask.len()),
        mask,
    }
}

fn of_event(id: u32, event: &Event, page: u64) -> EventRecord {
    EventRecord {
        kind: Kind::Event as u32,
        event_id: id,
        event_type: event.kind,
        auto_reset: event.auto_reset.into(),
        signaled: event.signaled.into(),
        pad: 0,
        age: event.age,
        page,
        memory: event.memory,
        hw: event.hw,
    }
}

impl Ctx<'_> {
    /// A range's attributes as the ioctl would set them.
    fn range_attributes(&self, attributes: &Attributes) -> Vec<abi::SvmAttribute> {
        let one = |kind, value| abi::SvmAttribute { kind, value };
        let mut all = vec![
            one(abi::SVM_ATTR_PREFERRED_LOC, attributes.preferred.value()),
            one(abi::SVM_ATTR_GRANULARITY, attributes.granularity.into()),
            one(abi::SVM_ATTR_CLR_FLAGS, !attributes.flags),
            one(abi::SVM_ATTR_SET_FLAGS, attributes.flags),
        ];
        // A prefetch to nowhere in particular cannot be said; it is what a new range has.
        if attributes.prefetch.value() != abi::SVM_LOCATION_UNDEFINED {
            all.push(one(abi::SVM_ATTR_PREFETCH_LOC, attributes.prefetch.value()));
        }
        for device in self.core.devices.iter().filter(|device| device.shares_memory()) {
            let has = |set: DeviceSet| set.has(device.index);
            let kind = match (has(attributes.access), has(attributes.in_place)) {
                (true, _) => abi::SVM_ATTR_ACCESS,
                (_, true) => abi::SVM_ATTR_ACCESS_IN_PLACE,
                _ => abi::SVM_ATTR_NO_ACCESS,
            };
            all.push(one(kind, device.gpu().0));
        }
        all
    }

    pub(super) fn extent(&self, inner: &Inner) -> Extent {
        let devices = self.core.devices.len();
        let bos: usize = inner.bindings.iter().map(|binding| binding.bos.iter().count()).sum();
        let (queues, events) = (inner.pqm.iter().count(), self.process.events.lock().events.len());
        let ranges: Vec<_> =
            inner.svm.all().map(|(_, attributes)| self.range_attributes(attributes)).collect();
        let in_ranges: usize = ranges.iter().map(Vec::len).sum();
        let private = size_of::<ProcessRecord>()
            + devices * size_of::<DeviceRecord>()
            + bos * size_of::<BoRecord>()
            + queues * size_of::<QueueRecord>()
            + events * size_of::<EventRecord>()
            + ranges.len() * size_of::<RangeRecord>()
            + in_ranges * size_of::<abi::SvmAttribute>();
        Extent {
            devices: count(devices),
            bos: count(bos),
            objects: count(queues + events + ranges.len()),
            private: private as u64,
        }
    }

    /// EINVAL for a null pointer, for a process that is not paused, and when there is not exactly as much as the caller
    /// says. EBUSY while an engine of waves has a dispatch of its: the state of its waves stays with the engine.
    pub(super) fn criu_checkpoint(&mut self, args: &abi::Criu) -> Handled {
        if args.devices == 0 || args.bos == 0 || args.priv_data == 0 {
            return Err(Errno::INVAL);
        }
        // A queue's MQD comes before the process mutex; a paused one stays where it is.
        let queues: Vec<_> = self.lock()?.pqm.iter().map(|entry| Arc::clone(&entry.queue)).collect();
        let mut reads: BTreeMap<QueueId, u64> = BTreeMap::new();
        for queue in queues {
            let mqd = queue.mqd.lock();
            let read = mqd.processor.as_ref().map_or(0, |processor| processor.indices().0);
            reads.insert(queue.key.queue, read);
        }
        let (mut buckets, mut bos) = (Vec::new(), Vec::new());
        let mut private = Vec::new();
        {
            let inner = self.lock()?;
            if inner.step != Step::Paused {
                return Err(Errno::INVAL);
            }
            let said = Extent {
                devices: args.num_devices,
                bos: args.num_bos,
                objects: args.num_objects,
                private: args.priv_data_size,
            };
            if self.extent(&inner) != said {
                return Err(Errno::INVAL);
            }
            if self.process.dispatches.count() > 0 {
                return Err(Errno::BUSY);
            }
            private.extend_from_slice(ProcessRecord::new(inner.xnack).as_bytes());
            for (device, binding) in self.core.devices.iter().zip(&inner.bindings) {
                let gpu = device.gpu().0;
                let bucket =
                    abi::CriuDeviceBucket { user_gpu_id: gpu, actual_gpu_id: gpu, drm_fd: 0, pad: 0 };
                buckets.extend_from_slice(bucket.as_bytes());
                let record = DeviceRecord {
                    scratch: binding.scratch,
                    trap_code: binding.trap_handler.0,
                    trap_data: binding.trap_handler.1,
                    default_policy: binding.policy.0,
                    alternate_policy: binding.policy.1,
                };
                private.extend_from_slice(record.as_bytes());
            }
            for (device, binding) in self.core.devices.iter().zip(&inner.bindings) {
                for (index, bo) in binding.bos.indexed() {
                    let doorbells = bo.flags & abi::ALLOC_MEM_FLAGS_DOORBELL != 0;
                    let (user_va, offset) = match &bo.backing {
                        Backing::User(va) => (va.0, 0),
                        Backing::Arena { offset, .. } => (0, *offset),
                        Backing::Shared(share) => (0, share.range.offset),
                        Backing::Device if doorbells => (0, device.doorbells()),
                        Backing::Device => (0, device.mmio()),
                    };
                    let bucket = abi::CriuBoBucket {
                        addr: bo.va.0,
                        size: bo.size,
                        offset,
                        restored_offset: 0,
                        gpu_id: device.gpu().0,
                        alloc_flags: bo.flags,
                        dmabuf_fd: abi::INVALID_FD,
                        pad: 0,
                    };
                    bos.extend_from_slice(bucket.as_bytes());
                    let mapped = bo.mapped.keys().fold(0, |all, device| all | 1 << (device & 63));
                    private.extend_from_slice(BoRecord { user_va, mapped, index, pad: 0 }.as_bytes());
                }
            }
            for entry in inner.pqm.iter() {
                let read = reads.get(&entry.queue.key.queue).copied().unwrap_or(0);
                let gpu = self.core.devices[entry.queue.device].gpu().0;
                private.extend_from_slice(of_queue(entry, gpu, read).as_bytes());
            }
            let events = self.process.events.lock();
            let page = events.page.as_ref().map_or(0, |page| page.handle.0);
            for (id, event) in &events.events {
                private.extend_from_slice(of_event(*id, event, page).as_bytes());
            }
            for (range, attributes) in inner.svm.all() {
                let attributes = self.range_attributes(attributes);
                let record = RangeRecord {
                    kind: Kind::Range as u32,
                    attributes: count(attributes.len()),
                    start: range.start,
                    bytes: range.end - range.start,
                };
                private.extend_from_slice(record.as_bytes());
                private.extend_from_slice(attributes.as_bytes());
            }
        }
        if private.len() as u64 != args.priv_data_size {
            // An event came or went between the count and the list.
            return Err(Errno::INVAL);
        }
        self.put(args.devices, &buckets);
        self.put(args.bos, &bos);
        self.put(args.priv_data, &private);
        Ok(Flow::Done)
    }
}
