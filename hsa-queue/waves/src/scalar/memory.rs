//! Scalar memory: loads by a base and an offset, clocks.

use crate::host::Host;
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::row::Place;
use gcn::{Inst, Op, Operand};
use hsa_queue::memory::Access;

/// The most words of a load.
const WORDS: usize = 16;

impl Wave {
    pub(super) fn scalar_memory(&mut self, inst: &Inst, host: &mut impl Host) -> Result<(), Stop> {
        match inst.op() {
            Op::s_memtime | Op::s_memrealtime => {
                let now = host.clock();
                let Some(to) = inst.at(Place::Dst) else { return unsupported(inst) };
                self.set_scalar(inst, to, now)
            }
            // What is stored needs no word to arrive.
            Op::s_dcache_wb | Op::s_dcache_wb_vol => Ok(()),
            Op::s_dcache_inv | Op::s_dcache_inv_vol => {
                host.acquire();
                Ok(())
            }
            Op::s_load_dword
            | Op::s_load_dwordx2
            | Op::s_load_dwordx4
            | Op::s_load_dwordx8
            | Op::s_load_dwordx16 => self.scalar_load(inst, host),
            _ => unsupported(inst),
        }
    }

    fn scalar_load(&mut self, inst: &Inst, host: &mut impl Host) -> Result<(), Stop> {
        let Some(Operand::ScalarMemory { base, register, offset }) =
            inst.at(Place::Address).map(|bound| bound.operand)
        else {
            return unsupported(inst);
        };
        let Some(to) = inst.at(Place::Dst) else { return unsupported(inst) };
        let Operand::Scalar(first) = to.operand else { return unsupported(inst) };
        let words = usize::from(to.row.ty.registers());
        let (first, registers) = (usize::from(first.0), self.scalars.len());
        if first + words > registers || words > WORDS || base.0 > 126 {
            return unsupported(inst);
        }
        let added = register.map_or(0, |register| u64::from(self.scalars[usize::from(register.0) & 127]));
        let va = self.pair(base).wrapping_add(added).wrapping_add_signed(offset.unwrap_or(0).into());
        self.load_scalars(va, first, words, host)
    }

    /// Loads so many words, of which the lowest two bits of the address say nothing, into registers that there are.
    pub(crate) fn load_scalars(
        &mut self,
        va: u64,
        first: usize,
        words: usize,
        host: &mut impl Host,
    ) -> Result<(), Stop> {
        let va = va & !3;
        let mut bytes = [0; 4 * WORDS];
        let bytes = &mut bytes[..4 * words];
        match host.load_constant(va, bytes) {
            Access::Ready(()) => {}
            Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
            Access::Fault(fault) => return Err(Stop::Fault(fault)),
        }
        for (register, word) in self.scalars[first..].iter_mut().zip(bytes.as_chunks().0) {
            *register = u32::from_le_bytes(*word);
        }
        Ok(())
    }
}
