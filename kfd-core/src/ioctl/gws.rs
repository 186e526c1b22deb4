//! Global wave sync of a queue: refused as on a device that has none (ENODEV).

use super::{Ctx, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;

impl Ctx<'_> {
    pub(super) fn alloc_queue_gws(&mut self) -> Handled {
        let args: abi::AllocQueueGws = self.read()?;
        self.lock()?.pqm.get(args.queue_id).ok_or(Errno::INVAL)?;
        Err(Errno::NODEV)
    }
}
