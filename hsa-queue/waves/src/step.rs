//! One instruction of one wave.

use crate::code::Code;
use crate::host::Host;
use crate::operand::unsupported;
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::row::Format;

impl Wave {
    /// Executes the instruction at the program counter.
    ///
    /// # Errors
    /// Why the wave does not go on. After [`Stop::Barrier`] and [`Stop::Sleep`] the counter is the next instruction's, after
    /// all others that of the one that stopped it.
    pub(crate) fn step(
        &mut self,
        code: &mut Code,
        share: &mut Share,
        host: &mut impl Host,
    ) -> Result<(), Stop> {
        let at = self.pc;
        let inst = code.at(at, host)?;
        self.pc = at.wrapping_add(4 * u64::from(inst.words));
        let done = match inst.row.format {
            Format::SOP2 | Format::SOPK | Format::SOP1 | Format::SOPC | Format::SOPP | Format::SMEM => {
                self.execute_scalar(inst, host)
            }
            Format::VOP2 | Format::VOP1 | Format::VOPC | Format::VOP3 | Format::VOP3P => {
                self.execute_vector(inst)
            }
            Format::DS => self.execute_share(inst, share),
            Format::FLAT | Format::GLOBAL => self.execute_flat(inst, share, host),
            Format::MUBUF => self.execute_buffer(inst, share, host),
            // gfx900's compilers make none.
            Format::SCRATCH => unsupported(inst),
        };
        match &done {
            Ok(()) | Err(Stop::Barrier | Stop::Sleep) => {}
            Err(_) => self.pc = at,
        }
        done
    }
}
