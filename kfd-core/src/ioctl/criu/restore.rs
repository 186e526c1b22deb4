//! Objects made again from records and buckets, in a process that has only opened its nodes.
//!
//! What fails in the middle leaves what was made before, as in amdkfd: the process is whoever restores it to end.

use crate::abi::kfd as abi;
use crate::call::{Errno, Node};
use crate::device::Device;
use crate::ids::{GpuId, Handle};
use crate::ioctl::queue::Again;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::criu::{
    BoRecord, DeviceRecord, EventRecord, Kind, ProcessRecord, QueueRecord, RangeRecord, Reader, Step,
};
use crate::process::evictions::Reason;
use zerocopy::{FromBytes, IntoBytes};

fn buckets<T: FromBytes>(bytes: &[u8], count: u32) -> Result<Vec<T>, Errno> {
    let read = |bytes: &[u8]| T::read_from_bytes(bytes).map_err(|_| Errno::FAULT);
    let all: Vec<T> = bytes.chunks_exact(size_of::<T>()).map(read).collect::<Result<_, _>>()?;
    if all.len() < count as usize { Err(Errno::FAULT) } else { Ok(all) }
}

impl<'a> Ctx<'a> {
    /// EINVAL for a null pointer or a count of none, for private data that is not of our format or of another length than
    /// it says, for a device that is not the checkpoint's, has no render node open here or is bound already, and for a
    /// buffer or queue that could not be made now; EPERM for retried faults on devices that cannot; ENOMEM, ENOSPC for an
    /// id that is taken.
    pub(super) fn criu_restore(&mut self, args: &abi::Criu) -> Handled {
        let null = args.bos == 0 || args.devices == 0 || args.priv_data == 0;
        if null || args.priv_data_size == 0 || args.num_devices == 0 || args.num_bos == 0 {
            return Err(Errno::INVAL);
        }
        let devices: Vec<abi::CriuDeviceBucket> = buckets(self.input(0), args.num_devices)?;
        let mut bos: Vec<abi::CriuBoBucket> = buckets(self.input(1), args.num_bos)?;
        let private = self.input(2).to_vec();
        self.core.evict_for(self.process, Reason::Checkpoint, &mut self.post);
        self.lock()?.step = Step::Restored;
        let mut reader = Reader(&private);
        let process: ProcessRecord = reader.take()?;
        if !process.is_ours() {
            return Err(Errno::INVAL);
        }
        self.set_xnack(process.xnack != 0)?;
        let devices = self.restore_devices(&devices, &mut reader)?;
        for bucket in &mut bos {
            let record: BoRecord = reader.take()?;
            self.restore_bo(bucket, &record, &devices)?;
        }
        for _ in 0..args.num_objects {
            match reader.kind()? {
                Kind::Queue => self.restore_queue(&reader.take()?)?,
                Kind::Event => self.restore_event(&reader.take()?)?,
                Kind::Range => self.restore_range(&mut reader)?,
            }
        }
        if !reader.0.is_empty() {
            return Err(Errno::INVAL);
        }
        self.put(args.bos, bos.as_bytes());
        Ok(Flow::Done)
    }

    fn restore_devices(
        &self,
        buckets: &[abi::CriuDeviceBucket],
        reader: &mut Reader<'_>,
    ) -> Result<Vec<&'a Device>, Errno> {
        if buckets.len() != self.core.devices.len() {
            return Err(Errno::INVAL);
        }
        let mut devices = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            let record: DeviceRecord = reader.take()?;
            let device = self.device(bucket.actual_gpu_id)?;
            let node = Node::Render(device.minor());
            let known = bucket.user_gpu_id == bucket.actual_gpu_id;
            if !known || !self.core.files.has(self.process.id(), node) {
                return Err(Errno::INVAL);
            }
            let mut inner = self.lock()?;
            if inner.bindings[device.index].vm {
                return Err(Errno::INVAL);
            }
            self.give_vm(&mut inner, device)?;
            let binding = &mut inner.bindings[device.index];
            binding.scratch = record.scratch;
            binding.trap_handler = (record.trap_code, record.trap_data);
            binding.policy = (record.default_policy, record.alternate_policy);
            devices.push(device);
        }
        Ok(devices)
    }

    fn restore_bo(
        &self,
        bucket: &mut abi::CriuBoBucket,
        record: &BoRecord,
        devices: &[&Device],
    ) -> Result<(), Errno> {
        let device = self.core.device(GpuId(bucket.gpu_id)).ok_or(Errno::NODEV)?;
        let args = abi::AllocMemoryOfGpu {
            va_addr: bucket.addr,
            size: bucket.size,
            mmap_offset: record.user_va,
            gpu_id: bucket.gpu_id,
            flags: bucket.alloc_flags,
            ..Default::default()
        };
        bucket.restored_offset = self.make_again(device, &args, record.index)?;
        bucket.dmabuf_fd = abi::INVALID_FD;
        for (place, peer) in devices.iter().enumerate() {
            if record.mapped >> place & 1 != 0 {
                self.map_again(device, record.index, peer)?;
            }
        }
        Ok(())
    }

    fn restore_queue(&mut self, record: &QueueRecord) -> Result<(), Errno> {
        let args = abi::CreateQueue {
            ring_base_address: record.ring,
            write_pointer_address: record.write_index,
            read_pointer_address: record.read_index,
            ring_size: record.ring_bytes,
            gpu_id: record.gpu_id,
            queue_type: record.queue_type,
            queue_percentage: record.percentage,
            queue_priority: record.priority,
            ctx_save_restore_address: record.save_area,
            ctx_save_restore_size: record.save_bytes,
            ctl_stack_size: record.control_stack,
            ..Default::default()
        };
        let mask = record.mask.get(..record.mask_words as usize).ok_or(Errno::INVAL)?;
        let doorbell = u16::try_from(record.doorbell).map_err(|_| Errno::INVAL)?;
        let again = Again {
            id: record.queue_id,
            doorbell,
            read: record.read,
            cu_mask: mask.to_vec(),
            gws: record.gws != 0,
        };
        self.make_queue(&args, Some(again)).map(drop)
    }

    fn restore_event(&mut self, record: &EventRecord) -> Result<(), Errno> {
        if record.page != 0 && !self.process.events.lock().has_page() {
            self.set_event_page(Handle(record.page))?;
        }
        let purse = &self.process.purse;
        let mut table = self.process.events.lock();
        let (kind, auto_reset) = (record.event_type, record.auto_reset != 0);
        let event = table.create_again(record.event_id, kind, auto_reset, purse)?;
        event.signaled = record.signaled != 0;
        event.age = record.age.max(1);
        (event.memory, event.hw) = (record.memory, record.hw);
        Ok(())
    }

    fn restore_range(&mut self, reader: &mut Reader<'_>) -> Result<(), Errno> {
        let record: RangeRecord = reader.take()?;
        let mut attributes = Vec::new();
        for _ in 0..record.attributes {
            attributes.push(reader.take::<abi::SvmAttribute>()?);
        }
        let end = record.start.checked_add(record.bytes).ok_or(Errno::INVAL)?;
        self.set_range(record.start..end, &attributes)
    }
}
