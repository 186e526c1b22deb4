//! Memory passed between processes as dma-buf descriptors.
//!
//! A dma-buf here is a token: a file that says by its identity which memory is meant ([`crate::memory::share`]), tells that
//! memory's size at its end, and can be neither read, written nor mapped. Its descriptors hold the memory, whoever has them;
//! that the last is closed is seen when somebody looks ([`crate::memory::share`]).
//!
//! A door that cannot put descriptors into its callers' tables makes none (EOPNOTSUPP); one that cannot look into them
//! takes no number for a dma-buf (EINVAL, `dma_buf_get`).

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::Errno;
use crate::ids::{GpuVa, Handle};
use crate::memory::bo;
use crate::memory::share::{Hold, Look, Shares};
use std::os::fd::OwnedFd;

impl Ctx<'_> {
    pub(super) fn get_dmabuf_info(&mut self) -> Handled {
        let mut args: abi::GetDmabufInfo = self.read()?;
        let share = self.named()?;
        const TOLD: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_PUBLIC;
        args.size = share.range.len;
        args.gpu_id = share.owner.gpu.0;
        args.flags = share.flags & TOLD;
        let written = share.written(|written| written.bytes.clone());
        if args.metadata_ptr != 0 {
            if (args.metadata_size as usize) < written.len() {
                return Err(Errno::INVAL);
            }
            self.put(args.metadata_ptr, &written);
        }
        args.metadata_size = written.len() as u32;
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn import_dmabuf(&mut self) -> Handled {
        let mut args: abi::ImportDmabuf = self.read()?;
        let device = self.device(args.gpu_id)?;
        let share = self.named()?;
        (args.handle, _) = self.import(device, share, GpuVa(args.va_addr))?;
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn export_dmabuf(&mut self) -> Handled {
        let args: abi::ExportDmabuf = self.read()?;
        let (gpu, index) = bo::split(Handle(args.handle));
        let device = self.device(gpu.0)?;
        if !self.gathered.passes {
            let inner = self.lock_bound(device, Errno::INVAL)?;
            inner.bindings[device.index].bos.get(index).ok_or(Errno::INVAL)?;
            return Err(Errno::OPNOTSUPP);
        }
        self.core.sweep_descriptors(Look::BY_CALL);
        let share = self.share(device, index)?;
        let descriptor = self.descriptor(&share)?;
        self.fds.push(descriptor);
        Ok(Flow::Done)
    }

    /// A descriptor for a share, whose token is paid for where it has none.
    pub(super) fn descriptor(&self, share: &Hold) -> Result<OwnedFd, Errno> {
        loop {
            let charge = match Shares::has_token(share) {
                true => None,
                false => Some(self.charge(Resource::Descriptor, 1)?),
            };
            // Nothing comes where somebody has taken the token back in between.
            if let Some(descriptor) = self.core.vitals.shares.token(share, charge)? {
                return Ok(descriptor);
            }
        }
    }

    /// The memory that the call's descriptor means. EBADF: the caller has no such descriptor. EINVAL: it is no dma-buf of
    /// this driver, or its memory is gone.
    pub(super) fn named(&self) -> Result<Hold, Errno> {
        let absent = if self.gathered.passes { Errno::BADF } else { Errno::INVAL };
        let file = self.gathered.file.ok_or(absent)?;
        self.core.vitals.shares.behind(&file).ok_or(Errno::INVAL)
    }
}
