//! The beginning and the end of a debugger's session.

use super::is_gfx11;
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::core::Core;
use crate::device::Device;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::notice::Post;
use crate::process::debug::{Debug, Left, Session};
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
            let synced =
                |device: &Device| is_gfx11(device) && inner.pqm.on(device.index).any(|entry| entry.gws);
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

impl Core {
    /// A session is over: its queues run again and the calls that waited for its debugger go on.
    pub(crate) fn end_debug(&self, target: &Process, post: &mut Post) {
        let left = target.debug.lock().end();
        self.take_back(target, left, post);
    }

    /// The runtime of a process in a session goes: what the debugger set on the hardware is taken back.
    pub(in crate::ioctl) fn deactivate(&self, target: &Process, post: &mut Post) {
        let left = target.debug.lock().deactivate();
        self.take_back(target, left, post);
    }

    fn take_back(&self, target: &Process, left: Left, post: &mut Post) {
        let Left { suspended, runtime, destroys } = left;
        for queue in suspended {
            self.resume_queue(target, queue, post);
        }
        for waiting in runtime {
            post.add(waiting.end(target.id(), Ok(())));
        }
        for (queue, waiting) in destroys {
            let result = self.destroy_queue(target, queue.0, post);
            post.add(waiting.end(target.id(), result));
        }
    }

    /// The sessions of a debugger that dies.
    pub(crate) fn end_sessions_of(&self, debugger: &Process, post: &mut Post) {
        let targets = std::mem::take(&mut debugger.debug.lock().targets);
        for id in targets {
            let Some(target) = self.process(id) else { continue };
            let its = target
                .debug
                .lock()
                .session
                .as_ref()
                .is_some_and(|session| session.debugger == Some(debugger.id()));
            if its {
                self.end_debug(&target, post);
            }
        }
    }
}
