//! The buffers that a queue must have: found, held to their sizes, and kept mapped while it lives.
//!
//! `kfd_queue_acquire_buffers` (amdkfd/kfd_queue.c) of Linux 6.12, which came with interface 1.17. A kernel from before
//! looks at none of them. Queues that a checkpoint brings back are not held to it (`kfd_criu_restore_queue`), and hold
//! nothing.

use super::Ctx;
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::ids::GpuVa;
use crate::memory::pins::{Held, Pin};
use crate::process::Inner;
use crate::queue::Properties;

/// The interface whose kernel looks at a queue's buffers.
const CHECKED_SINCE: u32 = 17;

/// The interface whose kernel takes a ring smaller than this for one of this size (`KFD_MIN_QUEUE_RING_SIZE`,
/// amdkfd/kfd_priv.h, 6.15).
const CLAMPED_SINCE: u32 = 18;
const RING_MIN: u64 = 1024;

const PAGE: u64 = crate::memory::arena::PAGE;

impl Ctx<'_> {
    /// Whether the interface's kernel looks at queues' buffers.
    pub(super) fn checks_buffers(&self) -> bool {
        self.core.profile.interface_minor >= CHECKED_SINCE
    }

    /// What a call said of a queue, as its kernel takes it.
    pub(super) fn clamped(&self, said: Properties) -> Properties {
        let least = if self.core.profile.interface_minor >= CLAMPED_SINCE { RING_MIN } else { 0 };
        Properties { ring_bytes: said.ring_bytes.max(least), ..said }
    }

    /// The buffer that is mapped from the page of `va` on, of exactly so many bytes (`kfd_queue_buffer_get`).
    pub(super) fn buffer(&self, device: &Device, va: u64, bytes: u64) -> Result<Pin, Errno> {
        self.process.pdds[device.index].map.pin(GpuVa(va), bytes).ok_or(Errno::INVAL)
    }

    /// The buffers of a new queue. The process mutex is held, so that none is unmapped meanwhile.
    ///
    /// # Errors
    /// EINVAL for one that is not mapped on the device or of another size than it must have.
    pub(super) fn acquire_buffers(
        &self,
        inner: &Inner,
        device: &Device,
        args: &abi::CreateQueue,
        ring_bytes: u64,
    ) -> Result<Held, Errno> {
        if !self.checks_buffers() {
            return Ok(Held::default());
        }
        let mut fixed = vec![
            self.buffer(device, args.write_pointer_address, PAGE)?,
            self.buffer(device, args.read_pointer_address, PAGE)?,
        ];
        let aql = args.queue_type == abi::QUEUE_TYPE_COMPUTE_AQL;
        // There an AQL ring is twice in a row.
        let twice = aql && (70_000..90_000).contains(&device.profile.gfx_target_version);
        let ring =
            self.buffer(device, args.ring_base_address, if twice { ring_bytes / 2 } else { ring_bytes })?;
        if aql || args.queue_type == abi::QUEUE_TYPE_COMPUTE {
            fixed.extend(self.acquire_compute(inner, device, args)?);
        }
        Ok(Held::new(ring, fixed))
    }

    /// What a compute queue has besides ring and indices. No end-of-pipe buffer is fine, no save area is not.
    fn acquire_compute(
        &self,
        inner: &Inner,
        device: &Device,
        args: &abi::CreateQueue,
    ) -> Result<Vec<Pin>, Errno> {
        let sizes = device.profile.queue_buffers();
        let mut pins = Vec::new();
        if args.eop_buffer_address != 0 {
            // The kernel keeps 32 bits of it.
            if args.eop_buffer_size as u32 != sizes.end_of_pipe {
                return Err(Errno::INVAL);
            }
            pins.push(self.buffer(device, args.eop_buffer_address, sizes.end_of_pipe.into())?);
        }
        if args.ctl_stack_size != sizes.control_stack || args.ctx_save_restore_size < sizes.save_area {
            return Err(Errno::INVAL);
        }
        let bytes = sizes.whole_save_area(args.ctx_save_restore_size);
        match self.buffer(device, args.ctx_save_restore_address, bytes) {
            Ok(pin) => pins.push(pin),
            Err(errno) if !shares(inner, device, args.ctx_save_restore_address, bytes) => return Err(errno),
            Err(_) => {}
        }
        Ok(pins)
    }
}

/// Whether all of that memory is registered as shared virtual memory which the device has and keeps mapped
/// (`kfd_queue_buffer_svm_get`).
fn shares(inner: &Inner, device: &Device, va: u64, bytes: u64) -> bool {
    let start = va / PAGE * PAGE;
    let Some(end) = start.checked_add(bytes) else { return false };
    let mut covered = start;
    for (range, attributes) in inner.svm.attributes(start..end) {
        let has = attributes.access.or(attributes.in_place).has(device.index);
        let stays = attributes.flags & abi::SVM_FLAG_GPU_ALWAYS_MAPPED != 0;
        if range.start > covered || !has || !stays {
            return false;
        }
        covered = range.end;
    }
    covered >= end
}
