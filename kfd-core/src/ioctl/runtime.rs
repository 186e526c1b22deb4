//! The runtime's word to a debugger: RUNTIME_ENABLE (`runtime_enable`, `runtime_disable`, amdkfd/kfd_chardev.c).
//!
//! In a debugger's session the call is parked until the debugger has answered EC_PROCESS_RUNTIME; a signal ends it with
//! EINTR, and the next call waits on without telling the debugger again. The capabilities stay as the client has them,
//! since amdkfd writes none.

use super::debug::activate;
use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::Errno;
use crate::process::debug::Waiting;

impl Ctx<'_> {
    /// The call as it is parked until the debugger or a death ends it.
    pub(super) fn waiting(&self) -> Result<Waiting, Errno> {
        let charge = self.process.purse.charge(Resource::Parked, 1).map_err(|_| Errno::NOMEM)?;
        Ok(Waiting { call: self.caller.call, arg: self.arg, _charge: charge })
    }

    pub(super) fn runtime_enable(&mut self) -> Handled {
        let args: abi::RuntimeEnable = self.read()?;
        let enable = args.mode_mask & abi::RUNTIME_ENABLE_MODE_ENABLE_MASK != 0;
        let ttmp = args.mode_mask & abi::RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK != 0;
        let waiting = {
            let inner = self.lock()?;
            let mut debug = self.process.debug.lock();
            if enable && !debug.retries {
                if debug.runtime.runtime_state != abi::DEBUG_RUNTIME_STATE_DISABLED {
                    return Err(Errno::BUSY);
                }
                if inner.pqm.iter().next().is_some() {
                    return Err(Errno::EXIST);
                }
                debug.runtime = abi::RuntimeInfo {
                    r_debug: args.r_debug,
                    runtime_state: abi::DEBUG_RUNTIME_STATE_ENABLED,
                    ttmp_setup: ttmp.into(),
                };
            }
            if !enable {
                debug.runtime.runtime_state = abi::DEBUG_RUNTIME_STATE_DISABLED;
                debug.runtime.r_debug = 0;
            }
            if debug.session.is_none() {
                if !enable {
                    debug.runtime.ttmp_setup = 0;
                }
                return Ok(Flow::Done);
            }
            if enable && !debug.retries {
                activate(&mut debug, &inner, &self.core.devices);
            }
            if !debug.retries {
                debug.raise_process(abi::ec_mask(abi::EC_PROCESS_RUNTIME), &mut self.post);
            }
            self.waiting()?
        };
        if !enable {
            self.core.deactivate(self.process, &mut self.post);
        }
        let passed = self.process.debug.lock().await_debugger(waiting);
        Ok(if passed.is_some() { Flow::Done } else { Flow::Parked })
    }
}
