//! Global wave sync of a queue: `kfd_ioctl_alloc_queue_gws` and `pqm_set_gws`.
//!
//! One queue of a process on a device has all of it or none (EBUSY for a second); how much is asked for counts only as
//! zero, which takes it back: EINVAL when no queue has it or another one does. Processes do not exclude each other: the
//! hardware scheduler does not run two of them at once. The first resource is always 0. A device without is ENODEV, and
//! its topology node says `num_gws 0`.
//!
//! What a queue that has it dispatches is cooperative: all groups of a grid have room at once, or the dispatch is refused
//! (`DispatchOrder::cooperative`).

use super::debug::is_gfx11;
use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;

impl Ctx<'_> {
    pub(super) fn alloc_queue_gws(&mut self) -> Handled {
        let mut args: abi::AllocQueueGws = self.read()?;
        let inner = self.lock()?;
        let device = inner.pqm.get(args.queue_id).ok_or(Errno::INVAL)?.queue.device;
        if self.core.devices[device].profile.compute.gws == 0 {
            return Err(Errno::NODEV);
        }
        // A debugger has what a queue with it needs (`kfd_dbg_has_cwsr_workaround`, amdkfd/kfd_debug.h).
        if is_gfx11(&self.core.devices[device]) && self.process.debug.lock().session.is_some() {
            return Err(Errno::BUSY);
        }
        let holder =
            inner.pqm.on(device).find(|entry| entry.queue.has_gws()).map(|entry| entry.queue.key.queue.0);
        let gives = args.num_gws != 0;
        match holder {
            Some(_) if gives => return Err(Errno::BUSY),
            Some(holder) if holder != args.queue_id => return Err(Errno::INVAL),
            None if !gives => return Err(Errno::INVAL),
            _ => {}
        }
        inner.pqm.get(args.queue_id).ok_or(Errno::INVAL)?.queue.set_gws(gives);
        drop(inner);
        args.first_gws = 0;
        self.answer(&args);
        Ok(Flow::Done)
    }
}
