//! The instructions by which waves meet: those of the data share that name the other space.

use crate::host::Host;
use crate::operand::unsupported;
use crate::share::offset;
use crate::stop::Stop;
use crate::wave::{LANES, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, ScalarReg};

impl Wave {
    /// Executes one. A wave that waits is asked again and counts once.
    pub(crate) fn execute_global_share(&mut self, inst: &Inst, host: &mut impl Host) -> Result<(), Stop> {
        host.release();
        let Some(sync) = host.wave_sync() else { return unsupported(inst) };
        let resource = (self.scalars[usize::from(ScalarReg::M0.0)] >> 16) as usize + offset(inst) as usize;
        match inst.op() {
            Op::ds_gws_init => sync.init(resource, self.count(inst)?),
            Op::ds_gws_barrier => {
                if self.meets.is_none() {
                    self.meets = sync.arrive(resource, self.count(inst)?);
                }
                if self.meets.is_some_and(|round| !sync.is_over(resource, round)) {
                    return Err(Stop::Meets);
                }
                self.meets = None;
            }
            _ => return unsupported(inst),
        }
        Ok(())
    }

    /// The operand of a wave's first lane.
    fn count(&self, inst: &Inst) -> Result<u32, Stop> {
        let counts = self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        Ok(counts.0[self.exec().trailing_zeros() as usize % LANES])
    }
}
