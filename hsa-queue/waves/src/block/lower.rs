//! From an instruction to the act that does the same.

mod memory;
mod scalar;
mod vector;

use super::act::Act;
use super::lowering::Lowering;
use gcn::row::Format;
use gcn::{Inst, Op};

/// The act of an instruction that begins at `pc`; none if nothing has to be done.
pub(crate) fn lower(inst: &Inst, pc: u64, lowering: &mut Lowering) -> Option<Act> {
    if is_nothing(inst.op()) {
        return None;
    }
    if matches!(
        inst.op(),
        Op::buffer_wbinvl1 | Op::buffer_wbinvl1_vol | Op::s_dcache_inv | Op::s_dcache_inv_vol
    ) {
        return Some(Act::Acquire);
    }
    let act = match inst.row.format {
        Format::SOP2 | Format::SOP1 | Format::SOPC | Format::SOPK | Format::SOPP | Format::SMEM => {
            scalar::lower(inst, pc)
        }
        Format::VOP1 | Format::VOP2 | Format::VOP3 | Format::VOPC | Format::VOP3P => {
            vector::lower(inst, lowering)
        }
        Format::MUBUF => memory::buffer(inst),
        Format::FLAT | Format::GLOBAL => memory::flat(inst, lowering),
        Format::DS => memory::share(inst, lowering),
        Format::SCRATCH => None,
    };
    Some(act.unwrap_or(Act::Slow))
}

/// Nothing is reordered here, so nothing has to be waited for; and what is stored needs no word to arrive.
pub(crate) fn is_nothing(op: Op) -> bool {
    matches!(
        op,
        Op::s_nop
            | Op::s_waitcnt
            | Op::s_setprio
            | Op::s_wakeup
            | Op::s_dcache_wb
            | Op::s_dcache_wb_vol
            | Op::v_nop
            | Op::v_clrexcp
            | Op::ds_nop
    )
}

/// Whether what follows an instruction is not known, or not the same: the block ends with it.
pub(crate) fn ends(inst: &Inst) -> bool {
    matches!(
        inst.op(),
        Op::s_branch
            | Op::s_cbranch_scc0
            | Op::s_cbranch_scc1
            | Op::s_cbranch_vccz
            | Op::s_cbranch_vccnz
            | Op::s_cbranch_execz
            | Op::s_cbranch_execnz
            | Op::s_setpc_b64
            | Op::s_swappc_b64
            | Op::s_call_b64
            | Op::s_endpgm
            | Op::s_barrier
            | Op::s_sleep
            | Op::s_trap
            // Another mode is for other acts.
            | Op::s_setreg_b32
            | Op::s_setreg_imm32_b32
            | Op::s_set_gpr_idx_on
            | Op::s_set_gpr_idx_off
            | Op::s_set_gpr_idx_mode
            | Op::s_icache_inv
    )
}
