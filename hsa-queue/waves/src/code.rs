//! Instructions that have been reached, decoded once.
//!
//! What the code is may change: whoever runs waves says when that may have happened ([`Code::forget`]), and then all of it is
//! decoded anew as it is reached.

use crate::host::{Access, Host};
use crate::stop::Stop;
use gcn::Inst;
use std::collections::HashMap;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Code {
    reached: HashMap<u64, Inst>,
}

impl Code {
    /// Forgets what was decoded.
    pub fn forget(&mut self) {
        self.reached.clear();
    }

    /// The instruction at `pc`.
    pub(crate) fn at(&mut self, pc: u64, host: &mut impl Host) -> Result<Inst, Stop> {
        if let Some(inst) = self.reached.get(&pc) {
            return Ok(*inst);
        }
        let decoded = match host.fetch(pc) {
            Access::Ready((first, Some(second))) => gcn::gfx9::decode(&[first, second]),
            Access::Ready((first, None)) => gcn::gfx9::decode(&[first]),
            Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
            Access::Fault(fault) => return Err(Stop::Fault(fault)),
        };
        let inst = decoded.map_err(Stop::Illegal)?;
        self.reached.insert(pc, inst);
        Ok(inst)
    }
}
