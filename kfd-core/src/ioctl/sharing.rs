//! Calls whose feature is absent here, each with the errno that amdkfd gives then.
//!
//! A FUSE door cannot return descriptors and a client's descriptors cannot be seen, so dma-bufs and SMI streams do not
//! exist: a number passed as a dma-buf is never one (EINVAL, `dma_buf_get`), and none is made (EOPNOTSUPP).
//! SVM is refused as on devices that cannot retry faults (EPERM, `svm_disabled`); GWS as on a device that
//! has none (ENODEV).

use super::{Ctx, Handled};
use crate::abi::kfd as abi;
use crate::bo;
use crate::call::Errno;
use crate::ids::Handle;

impl Ctx<'_> {
    pub(super) fn get_dmabuf_info(&mut self) -> Handled {
        Err(Errno::INVAL)
    }

    pub(super) fn import_dmabuf(&mut self) -> Handled {
        let args: abi::ImportDmabuf = self.read()?;
        self.device(args.gpu_id)?;
        Err(Errno::INVAL)
    }

    pub(super) fn export_dmabuf(&mut self) -> Handled {
        let args: abi::ExportDmabuf = self.read()?;
        let (gpu, index) = bo::split(Handle(args.handle));
        let device = self.device(gpu.0)?;
        let inner = self.lock_bound(device, Errno::INVAL)?;
        inner.bindings[device.index].bos.get(index).ok_or(Errno::INVAL)?;
        Err(Errno::OPNOTSUPP)
    }

    pub(super) fn smi_events(&mut self) -> Handled {
        let args: abi::SmiEvents = self.read()?;
        self.device(args.gpuid)?;
        Err(Errno::OPNOTSUPP)
    }

    pub(super) fn alloc_queue_gws(&mut self) -> Handled {
        let args: abi::AllocQueueGws = self.read()?;
        self.lock()?.pqm.get(args.queue_id).ok_or(Errno::INVAL)?;
        Err(Errno::NODEV)
    }

    pub(super) fn svm(&mut self) -> Handled {
        Err(Errno::PERM)
    }
}
