//! The scalar unit: arithmetic, compares, branches, and what concerns the whole wave.

pub(crate) mod arithmetic;
mod control;
mod memory;

use crate::host::Host;
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::row::{Format, Immediate, Place};
use gcn::{Inst, Operand};

impl Wave {
    /// Executes a scalar instruction. The program counter is the next one's already.
    pub(crate) fn execute_scalar(&mut self, inst: &Inst, host: &mut impl Host) -> Result<(), Stop> {
        match inst.row.format {
            Format::SOP2 | Format::SOP1 | Format::SOPC | Format::SOPK => {
                if self.arithmetic(inst)? || self.control(inst, host)? { Ok(()) } else { unsupported(inst) }
            }
            Format::SOPP => {
                if self.control(inst, host)? {
                    Ok(())
                } else {
                    unsupported(inst)
                }
            }
            _ => self.scalar_memory(inst, host),
        }
    }

    /// Scalar source `number`.
    fn operand(&self, inst: &Inst, number: u8) -> Result<u64, Stop> {
        match inst.src(number) {
            Some(bound) => self.scalar(inst, bound),
            None => unsupported(inst),
        }
    }

    /// The 16-bit immediate, if there is one.
    fn immediate(inst: &Inst) -> Result<u16, Stop> {
        let found = inst.operands().find_map(|bound| match (bound.row.place, bound.operand) {
            (Place::Imm(_), Operand::Imm(value)) => Some(value),
            _ => None,
        });
        found.map_or_else(|| unsupported(inst), Ok)
    }

    /// Writes the destination.
    fn result(&mut self, inst: &Inst, value: u64) -> Result<(), Stop> {
        match inst.at(Place::Dst) {
            Some(bound) => self.set_scalar(inst, bound, value),
            None => unsupported(inst),
        }
    }

    /// Where a branch leads.
    fn target(&self, inst: &Inst) -> Result<u64, Stop> {
        let words = i64::from(Self::immediate(inst)? as i16);
        debug_assert!(inst.at(Place::Imm(Immediate::Branch)).is_some());
        Ok(self.pc.wrapping_add_signed(4 * words))
    }
}
