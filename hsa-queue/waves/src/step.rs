//! One instruction of one wave, looked at anew.

use crate::host::Host;
use crate::operand::unsupported;
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::Inst;
use gcn::row::Format;

impl Wave {
    /// Executes an instruction. The program counter is the next one's already.
    ///
    /// # Errors
    /// Why the wave does not go on.
    pub(crate) fn execute(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        host: &mut impl Host,
    ) -> Result<(), Stop> {
        match inst.row.format {
            Format::SOP2 | Format::SOPK | Format::SOP1 | Format::SOPC | Format::SOPP | Format::SMEM => {
                self.execute_scalar(inst, host)
            }
            Format::VOP2 | Format::VOP1 | Format::VOPC | Format::VOP3 | Format::VOP3P => {
                self.execute_vector(inst)
            }
            Format::DS if inst.modifiers.other_space => self.execute_global_share(inst, host),
            Format::DS => self.execute_share(inst, share),
            Format::FLAT | Format::GLOBAL => self.execute_flat(inst, share, host),
            Format::MUBUF => self.execute_buffer(inst, share, host),
            // gfx900's compilers make none.
            Format::SCRATCH => unsupported(inst),
        }
    }
}
