//! Checkpoint and restore of what a process has: CRIU_OP (`kfd_ioctl_criu`, amdkfd/kfd_chardev.c).
//!
//! ```text
//! PROCESS_INFO ─► paused ── CHECKPOINT (any number) ── UNPAUSE ─► as before
//! a fresh process: RESTORE ─► restored, its queues held ── RESUME, by whoever ─► running
//! ```
//! The caller is privileged, and is the process itself or its tracer. Buffers are named by buckets: their bytes are to be
//! copied through the render node at `offset`, or at `restored_offset` before RESUME. No bucket has a dma-buf descriptor.
//!
//! A process is restored on devices of the same ids: amdkfd gives a restored process the ids it knew before, whatever the
//! device's own is now, and here every device keeps the id its profile says.

mod checkpoint;
mod restore;

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::process::criu::Step;
use crate::process::evictions::Reason;
use crate::process::stage::Stage;

impl Ctx<'_> {
    pub(super) fn criu(&mut self) -> Handled {
        let args: abi::Criu = self.read()?;
        match args.op {
            abi::CRIU_OP_PROCESS_INFO => self.criu_info(args),
            abi::CRIU_OP_CHECKPOINT => self.criu_checkpoint(&args),
            abi::CRIU_OP_UNPAUSE => self.criu_unpause(),
            abi::CRIU_OP_RESTORE => self.criu_restore(&args),
            abi::CRIU_OP_RESUME => self.criu_resume(),
            _ => Err(Errno::INVAL),
        }
    }

    /// Stops the queues and tells how much there is to be kept. Done twice is done once.
    fn criu_info(&mut self, mut args: abi::Criu) -> Handled {
        self.core.evict_for(self.process, Reason::Checkpoint, &mut self.post);
        {
            let mut inner = self.lock()?;
            if inner.step != Step::Restored {
                inner.step = Step::Paused;
            }
            let extent = self.extent(&inner);
            args.pid = self.process.tgid().0;
            args.num_devices = extent.devices;
            args.num_bos = extent.bos;
            args.num_objects = extent.objects;
            args.priv_data_size = extent.private;
        }
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// EINVAL for a process that is not paused.
    fn criu_unpause(&mut self) -> Handled {
        {
            let mut inner = self.lock()?;
            if inner.step != Step::Paused {
                return Err(Errno::INVAL);
            }
            inner.step = Step::None;
        }
        self.core.restore(self.process.id(), Reason::Checkpoint);
        Ok(Flow::Done)
    }

    /// ESRCH for a process that there is not; one that was not restored has nothing to be resumed.
    fn criu_resume(&mut self) -> Handled {
        let task = self.gathered.task.ok_or(Errno::SRCH)?;
        let id = self.core.find(task.tgid, Some(task.mm)).ok_or(Errno::SRCH)?;
        let target = self.core.process(id).filter(|target| target.stage() == Stage::Live);
        let target = target.ok_or(Errno::SRCH)?;
        {
            let mut inner = target.inner.lock();
            if inner.step != Step::Restored {
                return Ok(Flow::Done);
            }
            inner.step = Step::None;
        }
        self.core.restore(id, Reason::Checkpoint);
        Ok(Flow::Done)
    }
}
