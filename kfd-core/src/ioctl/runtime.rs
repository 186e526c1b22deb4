//! The runtime's word to a debugger: RUNTIME_ENABLE.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;

impl Ctx<'_> {
    /// The runtime tells that it is there, before it has a queue (`runtime_enable`, amdkfd/kfd_chardev.c). Nobody debugs,
    /// so that nobody waits for it; the capabilities stay as the client has them, since amdkfd writes none.
    pub(super) fn runtime_enable(&mut self) -> Handled {
        let args: abi::RuntimeEnable = self.read()?;
        let mut inner = self.lock()?;
        let enable = args.mode_mask & abi::RUNTIME_ENABLE_MODE_ENABLE_MASK != 0;
        if enable && inner.runtime_enabled {
            return Err(Errno::BUSY);
        }
        if enable && inner.pqm.iter().next().is_some() {
            return Err(Errno::EXIST);
        }
        inner.runtime_enabled = enable;
        Ok(Flow::Done)
    }
}
