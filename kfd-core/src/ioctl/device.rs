//! Calls that set something about a process on a device.
//!
//! All but ACQUIRE_VM need the device bound (`kfd_bind_process_to_device`); where it is not, amdkfd answers ENODEV in some
//! calls and ESRCH in others, and so does this.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::ids::GpuId;
use crate::process::Inner;
use crate::process::pdd::Binding;
use crate::sync::MutexGuard;

/// The process mutex, held, of a process that is not revoked.
pub(super) type Locked<'a> = MutexGuard<'a, Inner>;

impl<'a> Ctx<'a> {
    /// The device with this id, or EINVAL.
    pub(super) fn device(&self, gpu: u32) -> Result<&'a Device, Errno> {
        self.core.device(GpuId(gpu)).ok_or(Errno::INVAL)
    }

    /// The process mutex. EBADF when the release hook came first.
    pub(super) fn lock(&self) -> Result<Locked<'a>, Errno> {
        let inner = self.process.inner.lock();
        if inner.revoked { Err(Errno::BADF) } else { Ok(inner) }
    }

    /// The process mutex of a process that has this device bound; `absent` when it has not.
    pub(super) fn lock_bound(&self, device: &Device, absent: Errno) -> Result<Locked<'a>, Errno> {
        let inner = self.lock()?;
        if inner.bindings[device.index].vm { Ok(inner) } else { Err(absent) }
    }

    fn change(&self, gpu: u32, absent: Errno, change: impl FnOnce(&mut Binding)) -> Handled {
        let device = self.device(gpu)?;
        let mut inner = self.lock_bound(device, absent)?;
        change(&mut inner.bindings[device.index]);
        Ok(Flow::Done)
    }

    pub(super) fn set_memory_policy(&mut self) -> Handled {
        let args: abi::SetMemoryPolicy = self.read()?;
        for policy in [args.default_policy, args.alternate_policy] {
            if policy != abi::CACHE_POLICY_COHERENT && policy != abi::CACHE_POLICY_NONCOHERENT {
                return Err(Errno::INVAL);
            }
        }
        self.change(args.gpu_id, Errno::SRCH, |binding| {
            binding.policy = (args.default_policy, args.alternate_policy);
        })
    }

    pub(super) fn set_scratch_backing_va(&mut self) -> Handled {
        let args: abi::SetScratchBackingVa = self.read()?;
        self.change(args.gpu_id, Errno::NODEV, |binding| binding.scratch = args.va_addr)
    }

    pub(super) fn set_trap_handler(&mut self) -> Handled {
        let args: abi::SetTrapHandler = self.read()?;
        self.change(args.gpu_id, Errno::SRCH, |binding| binding.trap_handler = (args.tba_addr, args.tma_addr))
    }

    /// Binds a device to the address space of a render node's file (`kfd_process_device_init_vm`). What `drm_fd` names in the
    /// caller's table cannot be seen from here; that the process has a render node open can, and is what counts (EINVAL
    /// otherwise, as for a descriptor that is no DRM file). Any of them: amdkfd takes whatever file of amdgpu it is given,
    /// and libdrm, to which all nodes may look like one device, then gives the file that it opened first for all (`pdd`).
    /// A second call is amdkfd's call with the same file again: nothing happens.
    pub(super) fn acquire_vm(&mut self) -> Handled {
        let args: abi::AcquireVm = self.read()?;
        let device = self.device(args.gpu_id)?;
        let mut inner = self.lock()?;
        if !inner.bindings[device.index].vm {
            self.give_vm(&mut inner, device)?;
        }
        Ok(Flow::Done)
    }

    /// Gives KFD's device the address space of the file that the process opened first: of the device's own node, else of any.
    pub(super) fn give_vm(&self, inner: &mut Inner, device: &Device) -> Result<(), Errno> {
        let found = self.core.files.render(self.process.id(), device.minor());
        let (file, minor) = found.ok_or(Errno::INVAL)?;
        let of = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        let map = &self.process.pdds[device.index].map;
        self.process.render.acquire(device.index, (file, of.index), map)?;
        inner.bindings[device.index].vm = true;
        Ok(())
    }
}
