//! A debugger's requests: DBG_TRAP (`kfd_ioctl_set_debug_trap`, amdkfd/kfd_chardev.c).
//!
//! The target is a task that the door looked up: ESRCH when there is none or it has no process object, EPERM when the
//! calling thread does not trace it and it is not the caller itself (DISABLE is exempt), EINVAL before ENABLE, EPERM for
//! what touches the hardware before the target's runtime said that it is there (the header says EACCES, the code EPERM).
//!
//! What needs silicon (launch modes, traps, watch points) is checked, kept and told as a device that has it does.
//!
//! Locks: only the target's, never two processes' at once.

mod exceptions;
mod queues;
mod session;
mod snapshot;
mod waves;

pub(super) use session::activate;

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::abi::kfd::dbg_op;
use crate::call::Errno;
use crate::device::Device;
use crate::process::Process;
use crate::process::stage::Stage;
use core::mem::offset_of;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the operation's struct begins.
const UNION: usize = offset_of!(abi::DbgTrap, args);

/// `KFD_GC_VERSION` from 11.0.0 up to 12.0.0: devices that debug with a work-around in each queue.
pub(super) fn is_gfx11(device: &Device) -> bool {
    (110_000..120_000).contains(&device.profile.gfx_target_version)
}

/// `kfd_dbg_is_per_vmid_supported`: gfx90a, gfx942, gfx950 and everything from gfx11 on.
fn is_per_process(device: &Device) -> bool {
    matches!(device.profile.gfx_target_version, 90_010 | 90_402 | 90_500 | 110_000..)
}

/// What only goes once the target's runtime is there.
fn needs_runtime(op: u32) -> bool {
    matches!(op, dbg_op::SET_WAVE_LAUNCH_OVERRIDE..=dbg_op::SET_FLAGS)
}

impl Ctx<'_> {
    pub(super) fn dbg_trap(&mut self) -> Handled {
        let args: abi::DbgTrap = self.read()?;
        let task = self.gathered.task.ok_or(Errno::SRCH)?;
        let id = self.core.find(task.tgid, Some(task.mm)).ok_or(Errno::SRCH)?;
        let target = self.core.process(id).filter(|target| target.stage() == Stage::Live);
        let target = target.ok_or(Errno::SRCH)?;
        let itself = id == self.process.id();
        if !itself && args.op != dbg_op::DISABLE && !task.traced {
            return Err(Errno::PERM);
        }
        {
            let debug = target.debug.lock();
            if args.op != dbg_op::ENABLE && debug.session.is_none() {
                return Err(Errno::INVAL);
            }
            let runtime = debug.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_ENABLED;
            if !runtime && needs_runtime(args.op) {
                return Err(Errno::PERM);
            }
        }
        self.dbg_operation(args.op, &target, itself)
    }

    fn dbg_operation(&mut self, op: u32, target: &Process, itself: bool) -> Handled {
        match op {
            dbg_op::ENABLE => self.dbg_enable(target, itself),
            dbg_op::DISABLE => {
                self.core.end_debug(target, &mut self.post);
                Ok(Flow::Done)
            }
            dbg_op::SEND_RUNTIME_EVENT => self.dbg_send_runtime_event(target),
            dbg_op::SET_EXCEPTIONS_ENABLED => {
                let args: abi::DbgTrapSetExceptionsEnabled = self.operation()?;
                target.debug.lock().want(args.exception_mask, &mut self.post);
                Ok(Flow::Done)
            }
            dbg_op::SET_WAVE_LAUNCH_OVERRIDE => self.dbg_launch_override(target),
            dbg_op::SET_WAVE_LAUNCH_MODE => self.dbg_launch_mode(target),
            dbg_op::SUSPEND_QUEUES => self.dbg_suspend(target),
            dbg_op::RESUME_QUEUES => self.dbg_resume(target),
            dbg_op::SET_NODE_ADDRESS_WATCH => self.dbg_set_watch(target),
            dbg_op::CLEAR_NODE_ADDRESS_WATCH => self.dbg_clear_watch(target),
            dbg_op::SET_FLAGS => self.dbg_flags(target),
            dbg_op::QUERY_DEBUG_EVENT => self.dbg_query_event(target),
            dbg_op::QUERY_EXCEPTION_INFO => self.dbg_query_info(target),
            dbg_op::GET_QUEUE_SNAPSHOT => self.dbg_queues(target),
            dbg_op::GET_DEVICE_SNAPSHOT => self.dbg_devices(target),
            _ => Err(Errno::INVAL),
        }
    }

    /// The struct of the operation, which follows that of DBG_TRAP.
    fn operation<T: FromBytes>(&self) -> Result<T, Errno> {
        let bytes = self.arg.bytes().get(UNION..).ok_or(Errno::INVAL)?;
        T::read_from_prefix(bytes).map(|(value, _)| value).map_err(|_| Errno::INVAL)
    }

    /// The operation's own struct as it is to be copied out.
    fn answer_operation<T: IntoBytes + Immutable>(&mut self, value: &T) {
        if let Some((to, _)) = self.arg.bytes_mut().get_mut(UNION..).and_then(|to| {
            let bytes = value.as_bytes();
            to.split_at_mut_checked(bytes.len())
        }) {
            to.copy_from_slice(value.as_bytes());
        }
    }
}
