//! Lists for a debugger: the target's queues and its devices.
//!
//! Entries are written at the distance that the caller says and as long as the shorter of its entry and ours; how many
//! there are is told whatever the room.

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::device::aperture;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::Process;
use crate::process::debug::DeviceState;
use crate::queue::QueueKind;
use crate::queue::pqm::Entry;
use zerocopy::{Immutable, IntoBytes};

/// `set_queue_type_for_user`.
fn queue_type(kind: QueueKind) -> u32 {
    match kind {
        QueueKind::Aql => abi::QUEUE_TYPE_COMPUTE_AQL,
        QueueKind::Pm4 => abi::QUEUE_TYPE_COMPUTE,
        QueueKind::Sdma => abi::QUEUE_TYPE_SDMA,
        QueueKind::SdmaXgmi => abi::QUEUE_TYPE_SDMA_XGMI,
    }
}

fn of_queue(entry: &Entry, device: &Device, raised: u64) -> abi::QueueSnapshotEntry {
    abi::QueueSnapshotEntry {
        exception_status: raised,
        ring_base_address: entry.properties.ring.0,
        write_pointer_address: entry.queue.write_index.0,
        read_pointer_address: entry.queue.read_index.0,
        ctx_save_restore_address: entry.queue.save_area.base.0,
        queue_id: entry.queue.key.queue.0,
        gpu_id: device.gpu().0,
        ring_size: entry.properties.ring_bytes as u32,
        queue_type: queue_type(entry.queue.kind()),
        ctx_save_restore_area_size: entry.queue.save_area.bytes,
        reserved: 0,
    }
}

fn of_device(device: &Device, raised: u64) -> abi::DeviceInfoEntry {
    let (profile, apertures) = (&device.profile, aperture::of(device.gpu(), &device.aperture));
    let (pci, compute) = (&profile.pci, &profile.compute);
    abi::DeviceInfoEntry {
        exception_status: raised,
        lds_base: apertures.lds_base,
        lds_limit: apertures.lds_limit,
        scratch_base: apertures.scratch_base,
        scratch_limit: apertures.scratch_limit,
        gpuvm_base: apertures.gpuvm_base,
        gpuvm_limit: apertures.gpuvm_limit,
        gpu_id: device.gpu().0,
        location_id: pci.location_id(),
        vendor_id: pci.vendor.into(),
        device_id: pci.device.into(),
        revision_id: pci.revision.into(),
        subsystem_vendor_id: pci.subsystem_vendor.into(),
        subsystem_device_id: pci.subsystem_device.into(),
        fw_version: compute.firmware,
        gfx_target_version: profile.gfx_target_version,
        simd_count: compute.simds(),
        max_waves_per_simd: compute.waves_per_simd,
        array_count: compute.arrays(),
        simd_arrays_per_engine: compute.arrays_per_engine,
        num_xcc: compute.xccs,
        capability: compute.capability,
        debug_prop: compute.debug_properties as u32,
    }
}

impl Ctx<'_> {
    /// Writes `entries` one behind the other; how much of each was written.
    fn records<T: IntoBytes + Immutable>(&mut self, va: u64, stride: u32, entries: &[T]) -> u32 {
        let len = (stride as usize).min(size_of::<T>());
        for (index, entry) in entries.iter().enumerate() {
            let at = va.wrapping_add(index as u64 * u64::from(stride));
            self.put(at, &entry.as_bytes()[..len]);
        }
        len as u32
    }

    /// EINVAL for entries of no bytes.
    pub(super) fn dbg_queues(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapQueueSnapshot = self.operation()?;
        let room = std::mem::take(&mut args.num_queues) as usize;
        if args.entry_size == 0 {
            self.answer_operation(&args);
            return Err(Errno::INVAL);
        }
        let mut entries = Vec::new();
        {
            let inner = target.inner.lock();
            let mut debug = target.debug.lock();
            for entry in inner.pqm.iter() {
                args.num_queues += 1;
                if entries.len() >= room {
                    continue;
                }
                let state = debug.queues.get_mut(&entry.queue.key.queue);
                let raised = state.map_or(0, |state| {
                    let raised = state.raised;
                    state.raised &= !args.exception_mask;
                    raised
                });
                entries.push(of_queue(entry, &self.core.devices[entry.queue.device], raised));
            }
        }
        args.entry_size = self.records(args.snapshot_buf_ptr, args.entry_size, &entries);
        self.answer_operation(&args);
        Ok(Flow::Done)
    }

    /// EINVAL without a buffer, also when only the number is asked for.
    pub(super) fn dbg_devices(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapDeviceSnapshot = self.operation()?;
        if args.snapshot_buf_ptr == 0 {
            return Err(Errno::INVAL);
        }
        let room = args.num_devices as usize;
        args.num_devices = self.core.devices.len() as u32;
        let mut entries = Vec::new();
        {
            let mut debug = target.debug.lock();
            for device in self.core.devices.iter().take(room) {
                let state: &mut DeviceState = debug.devices.entry(device.index).or_default();
                entries.push(of_device(device, state.raised));
                state.raised &= !args.exception_mask;
            }
        }
        args.entry_size = self.records(args.snapshot_buf_ptr, args.entry_size, &entries);
        self.answer_operation(&args);
        Ok(Flow::Done)
    }
}
