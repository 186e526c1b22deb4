//! The beginning and the end of a debugger's session.

use super::is_gfx11;
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::debug::{Debug, Session};
use crate::process::stage::Stage;
use crate::process::{Inner, Process};
use zerocopy::IntoBytes;

/// `kfd_dbg_trap_activate`: a queue of gfx11 whose CUs its client chose cannot be debugged, which the state tells.
pub(in crate::ioctl) fn activate(debug: &mut Debug, inner: &Inner, devices: &[Device]) {
    let masked = |device: &Device| {
        is_gfx11(device) && inner.pqm.on(device.index).any(|entry| !entry.cu_mask.is_empty())
    };
    if devices.iter().any(masked) {
        debug.runtime.runtime_state = abi::DEBUG_RUNTIME_STATE_ENABLED_BUSY;
    }
}

impl Ctx<'_> {
    /// EALREADY in a session, EBUSY on gfx11 with global wave sync, EBADF without a pipe.
    pub(super) fn dbg_enable(&mut self, target: &Process, itself: bool) -> Handled {
        let mut args: abi::DbgTrapEnable = self.operation()?;
        if !itself {
            self.note_target(target);
        }
        let info = {
            let inner = target.inner.lock();
            if inner.revoked {
                return Err(Errno::SRCH);
            }
            let mut debug = target.debug.lock();
            if debug.session.is_some() {
                return Err(Errno::ALREADY);
            }
            // gfx11 debugs with what a queue with global wave sync needs (`kfd_dbg_has_gws_support`).
            let synced = |device: &Device| {
                is_gfx11(device) && inner.pqm.on(device.index).any(|entry| entry.queue.has_gws())
            };
            if self.core.devices.iter().any(synced) {
                return Err(Errno::BUSY);
            }
            let pipe = self.gathered.descriptor.take().ok_or(Errno::BADF)?;
            if debug.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_ENABLED {
                activate(&mut debug, &inner, &self.core.devices);
            }
            let debugger = (!itself).then(|| self.process.id());
            debug.session = Some(Session::new(debugger, args.exception_mask, pipe));
            debug.runtime
        };
        if self.process.stage() != Stage::Live {
            // Its death may have looked for its sessions before there was this one.
            self.core.end_debug(target, &mut self.post);
        }
        let room = (args.rinfo_size as usize).min(size_of::<abi::RuntimeInfo>());
        self.put(args.rinfo_ptr, &info.as_bytes()[..room]);
        args.rinfo_size = size_of::<abi::RuntimeInfo>() as u32;
        self.answer_operation(&args);
        Ok(Flow::Done)
    }

    /// Before the session is there, so that the debugger's death finds it.
    fn note_target(&self, target: &Process) {
        let known = self.process.debug.lock().targets.clone();
        let gone: Vec<_> = known.into_iter().filter(|id| self.core.process(*id).is_none()).collect();
        let mut debug = self.process.debug.lock();
        debug.targets.retain(|known| *known != target.id() && !gone.contains(known));
        debug.targets.push(target.id());
    }
}
