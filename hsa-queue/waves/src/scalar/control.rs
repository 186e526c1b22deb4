//! Branches, calls, hardware registers, and what concerns the wave as a whole.

use crate::host::Host;
use crate::operand::{PRIVATE_BASE, SHARED_BASE, unsupported};
use crate::stop::Stop;
use crate::wave::{Mode, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand, ScalarReg};

/// Numbers of hardware registers (LLVM, SIDefines.h, `Hwreg`).
const MODE: u16 = 1;
const HW_ID: u16 = 4;
const SH_MEM_BASES: u16 = 15;

/// Bits of MODE that are not run: DEBUG_EN, EXCP_EN, VSKIP (LLVM, SIDefines.h; "Vega" ISA, MODE register).
const NOT_RUN: u32 = 1 << 11 | 0x1ff << 12 | 1 << 28;

/// S_SENDMSG's number for an interrupt.
const MSG_INTERRUPT: u16 = 1;

impl Wave {
    /// Whether it was one of these.
    pub(super) fn control(&mut self, inst: &Inst, host: &mut impl Host) -> Result<bool, Stop> {
        let taken = match inst.op() {
            Op::s_branch => true,
            Op::s_cbranch_scc0 => !self.scc,
            Op::s_cbranch_scc1 => self.scc,
            Op::s_cbranch_vccz => self.vcc() == 0,
            Op::s_cbranch_vccnz => self.vcc() != 0,
            Op::s_cbranch_execz => self.exec() == 0,
            Op::s_cbranch_execnz => self.exec() != 0,
            _ => return self.calls(inst, host),
        };
        if taken {
            self.pc = self.target(inst)?;
        }
        Ok(true)
    }

    fn calls(&mut self, inst: &Inst, host: &mut impl Host) -> Result<bool, Stop> {
        match inst.op() {
            Op::s_getpc_b64 => self.result(inst, self.pc)?,
            Op::s_setpc_b64 => self.pc = self.operand(inst, 0)?,
            Op::s_swappc_b64 => {
                let to = self.operand(inst, 0)?;
                self.result(inst, self.pc)?;
                self.pc = to;
            }
            Op::s_call_b64 => {
                let to = self.target(inst)?;
                self.result(inst, self.pc)?;
                self.pc = to;
            }
            Op::s_getreg_b32 => {
                let value = self.hardware_register(inst)?;
                self.result(inst, value.into())?;
            }
            Op::s_setreg_b32 => {
                let value = self.operand(inst, 0)? as u32;
                self.set_hardware_register(inst, value)?;
            }
            Op::s_setreg_imm32_b32 => {
                let Some(Operand::Literal(value)) = inst.at(Place::Literal).map(|bound| bound.operand) else {
                    return unsupported(inst);
                };
                self.set_hardware_register(inst, value)?;
            }
            _ if self.indexing(inst)? => {}
            _ => return self.whole(inst, host),
        }
        Ok(true)
    }

    /// Which vector registers are found by an index: M0 has the index and, from bit 12 on, for which operands.
    fn indexing(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let m0 = usize::from(ScalarReg::M0.0);
        let old = self.scalars[m0];
        let index = |wave: &Self| Ok(wave.operand(inst, 0)? as u32 & 0xff);
        let parts = || Ok(u32::from(Self::immediate(inst)? & 15) << 12);
        match inst.op() {
            Op::s_set_gpr_idx_on => {
                self.scalars[m0] = old & !0xf0ff | index(self)? | parts()?;
                self.mode = self.mode.with_index(true);
            }
            Op::s_set_gpr_idx_off => self.mode = self.mode.with_index(false),
            Op::s_set_gpr_idx_idx => self.scalars[m0] = old & !0xff | index(self)?,
            Op::s_set_gpr_idx_mode => self.scalars[m0] = old & !0xf000 | parts()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn whole(&mut self, inst: &Inst, host: &mut impl Host) -> Result<bool, Stop> {
        match inst.op() {
            Op::s_endpgm => Err(Stop::End),
            Op::s_barrier => Err(Stop::Barrier),
            Op::s_sleep => Err(Stop::Sleep),
            // A debugger's, of which there is none: the trap handler returns from these (ROCr, trap_handler.s).
            Op::s_trap if matches!(Self::immediate(inst)?, 1 | 3) => Ok(true),
            Op::s_trap => Err(Stop::Trap(Self::immediate(inst)? as u8)),
            // Nothing is reordered here, so nothing has to be waited for.
            Op::s_nop | Op::s_waitcnt | Op::s_setprio | Op::s_icache_inv | Op::s_wakeup => Ok(true),
            Op::s_sendmsg if Self::immediate(inst)? == MSG_INTERRUPT => {
                host.interrupt(self.scalars[usize::from(ScalarReg::M0.0)]);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn hardware_register(&self, inst: &Inst) -> Result<u32, Stop> {
        let (id, offset, bits) = parts(Self::immediate(inst)?);
        let register = match id {
            MODE => self.mode.0,
            // Waves are nowhere in particular.
            HW_ID => self.index & 0xf,
            // The high halves of the apertures' bases, 16 bits each: scratch, then the local data share.
            SH_MEM_BASES => (PRIVATE_BASE >> 48) as u32 | ((SHARED_BASE >> 48) as u32) << 16,
            _ => return unsupported(inst),
        };
        Ok(register >> offset & mask(bits))
    }

    fn set_hardware_register(&mut self, inst: &Inst, value: u32) -> Result<(), Stop> {
        let (id, offset, bits) = parts(Self::immediate(inst)?);
        let field = mask(bits) << offset;
        let new = self.mode.0 & !field | value << offset & field;
        if id != MODE || new & NOT_RUN & !self.mode.0 != 0 {
            return unsupported(inst);
        }
        self.mode = Mode(new);
        Ok(())
    }
}

/// Register, first bit, number of bits.
fn parts(immediate: u16) -> (u16, u32, u32) {
    (immediate & 63, u32::from(immediate >> 6 & 31), u32::from(immediate >> 11) + 1)
}

fn mask(bits: u32) -> u32 {
    u32::MAX >> (32 - bits)
}
