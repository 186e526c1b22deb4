//! Memory passed between processes as dma-buf descriptors.
//!
//! A FUSE door cannot return descriptors and a client's descriptors cannot be seen: a number passed as a dma-buf is never
//! one (EINVAL, `dma_buf_get`), and none is made (EOPNOTSUPP).

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
}
