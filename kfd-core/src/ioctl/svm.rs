//! Shared virtual memory: attributes of ranges of the client's memory, and whether its faults are retried.
//!
//! SVM is refused as on devices that cannot retry faults (EPERM, `svm_disabled`).

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;

/// `KFD_SUPPORT_XNACK_PER_PROCESS` (amdkfd/kfd_priv.h): gfx90a, gfx942 and gfx950.
fn retries_per_process(device: &Device) -> bool {
    matches!(device.profile.gfx_target_version, 90_010 | 90_402 | 90_500)
}

impl Ctx<'_> {
    pub(super) fn svm(&mut self) -> Handled {
        Err(Errno::PERM)
    }

    pub(super) fn set_xnack_mode(&mut self) -> Handled {
        let mut args: abi::SetXnackMode = self.read()?;
        let mut inner = self.lock()?;
        if args.xnack_enabled >= 0 {
            if inner.pqm.iter().next().is_some() {
                return Err(Errno::BUSY);
            }
            let all = self.core.devices.iter().all(retries_per_process);
            if args.xnack_enabled > 0 && !all {
                return Err(Errno::PERM);
            }
            inner.xnack = args.xnack_enabled > 0;
        } else {
            args.xnack_enabled = inner.xnack.into();
        }
        drop(inner);
        self.answer(&args);
        Ok(Flow::Done)
    }
}
