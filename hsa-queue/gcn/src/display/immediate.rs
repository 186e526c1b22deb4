//! 16-bit immediates by what they say.

use crate::op::Op;
use crate::row::{Immediate, Row};

/// An offset of scalar memory.
pub(super) fn offset(value: i32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{:#x}", value.unsigned_abs())
}

/// The immediate; `None` if it is not shown.
pub(super) fn text(kind: Immediate, value: u16, row: &Row) -> Option<String> {
    Some(match kind {
        Immediate::Number => format!("{value:#x}"),
        Immediate::Code if row.op == Op::s_endpgm && value == 0 => return None,
        Immediate::Code if row.op == Op::s_endpgm => value.to_string(),
        Immediate::Code if value <= 64 => value.to_string(),
        Immediate::Code => format!("{value:#x}"),
        Immediate::Branch => value.to_string(),
        Immediate::Register => register(value),
        Immediate::Counters => counters(value),
        Immediate::Message => message(value),
        Immediate::Indexing => indexing(value),
    })
}

/// `hwreg(…)`: register, first bit, number of bits.
fn register(value: u16) -> String {
    const NAMES: [(u16, &str); 12] = [
        (1, "HW_REG_MODE"),
        (2, "HW_REG_STATUS"),
        (3, "HW_REG_TRAPSTS"),
        (4, "HW_REG_HW_ID"),
        (5, "HW_REG_GPR_ALLOC"),
        (6, "HW_REG_LDS_ALLOC"),
        (7, "HW_REG_IB_STS"),
        (15, "HW_REG_SH_MEM_BASES"),
        (16, "HW_REG_TBA_LO"),
        (17, "HW_REG_TBA_HI"),
        (18, "HW_REG_TMA_LO"),
        (19, "HW_REG_TMA_HI"),
    ];
    let (id, offset, size) = (value & 63, value >> 6 & 31, (value >> 11) + 1);
    let name = NAMES.iter().find(|(known, _)| *known == id);
    let name = name.map_or_else(|| id.to_string(), |(_, name)| (*name).to_owned());
    if (offset, size) == (0, 32) {
        format!("hwreg({name})")
    } else {
        format!("hwreg({name}, {offset}, {size})")
    }
}

/// What S_WAITCNT waits for; a counter at its highest value is not waited for.
fn counters(value: u16) -> String {
    let vm = value & 15 | value >> 10 & 0x30;
    let (exp, lgkm) = (value >> 4 & 7, value >> 8 & 15);
    let all = (vm, exp, lgkm) == (63, 7, 15);
    let mut parts = Vec::new();
    for (name, count, highest) in [("vmcnt", vm, 63), ("expcnt", exp, 7), ("lgkmcnt", lgkm, 15)] {
        if count != highest || all {
            parts.push(format!("{name}({count})"));
        }
    }
    parts.join(" ")
}

/// `sendmsg(…)`. A message with a name shows no bits that it has not.
fn message(value: u16) -> String {
    const GS: [&str; 4] = ["GS_OP_NOP", "GS_OP_CUT", "GS_OP_EMIT", "GS_OP_EMIT_CUT"];
    let (id, operation, stream) = (value & 15, value >> 4 & 7, value >> 8 & 3);
    let gs = GS.get(usize::from(operation));
    let text = match (id, operation, stream) {
        (1, 0, 0) => "MSG_INTERRUPT".to_owned(),
        (2, 1..=3, _) => format!("MSG_GS, {}, {stream}", gs.copied().unwrap_or_default()),
        (3, 0, 0) => format!("MSG_GS_DONE, {}", GS[0]),
        (3, 1..=3, _) => format!("MSG_GS_DONE, {}, {stream}", gs.copied().unwrap_or_default()),
        (4, 0, 0) => "MSG_SAVEWAVE".to_owned(),
        (5, 0, 0) => "MSG_STALL_WAVE_GEN".to_owned(),
        (6, 0, 0) => "MSG_HALT_WAVES".to_owned(),
        (7, 0, 0) => "MSG_ORDERED_PS_DONE".to_owned(),
        (8, 0, 0) => "MSG_EARLY_PRIM_DEALLOC".to_owned(),
        (9, 0, 0) => "MSG_GS_ALLOC_REQ".to_owned(),
        (10, 0, 0) => "MSG_GET_DOORBELL".to_owned(),
        (15, 1, 0) => "MSG_SYSMSG, SYSMSG_OP_ECC_ERR_INTERRUPT".to_owned(),
        (15, 2, 0) => "MSG_SYSMSG, SYSMSG_OP_REG_RD".to_owned(),
        (15, 4, 0) => "MSG_SYSMSG, SYSMSG_OP_TTRACE_PC".to_owned(),
        _ if value & !0x37f != 0 => return value.to_string(),
        _ => format!("{id}, {operation}, {stream}"),
    };
    format!("sendmsg({text})")
}

/// Which operands an index is added to.
fn indexing(value: u16) -> String {
    if value > 15 {
        return format!("{value:#x}");
    }
    let names = ["SRC0", "SRC1", "SRC2", "DST"];
    let on = names.iter().enumerate().filter(|(bit, _)| value >> bit & 1 != 0).map(|(_, name)| *name);
    format!("gpr_idx({})", on.collect::<Vec<_>>().join(","))
}

/// The pattern of DS_SWIZZLE_B32.
pub(super) fn swizzle(pattern: u16) -> String {
    if pattern & 0xff00 == 0x8000 {
        let lane = |at: u16| pattern >> (2 * at) & 3;
        return format!("swizzle(QUAD_PERM,{},{},{},{})", lane(0), lane(1), lane(2), lane(3));
    }
    if pattern & 0x8000 != 0 {
        return pattern.to_string();
    }
    let (and, or, xor) = (pattern & 31, pattern >> 5 & 31, pattern >> 10 & 31);
    match (and, or) {
        (31, 0) if xor.is_power_of_two() => return format!("swizzle(SWAP,{xor})"),
        (31, 0) if xor > 0 && (xor + 1).is_power_of_two() => {
            return format!("swizzle(REVERSE,{})", xor + 1);
        }
        _ => {}
    }
    let group = 32 - and;
    if xor == 0 && group > 1 && group.is_power_of_two() && or < group {
        return format!("swizzle(BROADCAST,{group},{or})");
    }
    let letters = (0..5).rev().map(|bit| {
        let (and, or, xor) = (and >> bit & 1, or >> bit & 1, xor >> bit & 1);
        match (and, or, xor) {
            (0, 0, 0) | (0, 1, 1) if xor == or && and == 0 => {
                if or ^ xor == 1 {
                    '1'
                } else {
                    '0'
                }
            }
            (0, _, _) => {
                if or ^ xor == 1 {
                    '1'
                } else {
                    '0'
                }
            }
            (_, 0, 0) => 'p',
            (_, 0, _) => 'i',
            (_, _, x) => {
                if x == 0 {
                    '1'
                } else {
                    '0'
                }
            }
        }
    });
    format!("swizzle(BITMASK_PERM,\"{}\")", letters.collect::<String>())
}
