//! Names of registers and of tuples of them.

use crate::operand::ScalarReg;

/// `count` VGPRs from `first` on.
pub(super) fn vector(first: u8, count: u8) -> String {
    tuple("v", u32::from(first), u32::from(count))
}

/// `count` scalar registers from `first` on.
pub(super) fn scalar(first: ScalarReg, count: u8) -> String {
    let number = u32::from(first.0);
    let count = u32::from(count);
    match first.0 {
        0..ScalarReg::SGPRS => tuple("s", number, count),
        102..=107 | 126..=127 => {
            let name = match first.0 & !1 {
                102 => "flat_scratch",
                104 => "xnack_mask",
                106 => "vcc",
                _ => "exec",
            };
            match (count, first.0 & 1) {
                (1, 0) => format!("{name}_lo"),
                (1, _) => format!("{name}_hi"),
                _ => name.to_owned(),
            }
        }
        108..=123 => tuple("ttmp", number - u32::from(ScalarReg::TTMP0.0), count),
        124 => "m0".to_owned(),
        125 => "null".to_owned(),
        235 => "src_shared_base".to_owned(),
        236 => "src_shared_limit".to_owned(),
        237 => "src_private_base".to_owned(),
        238 => "src_private_limit".to_owned(),
        239 => "src_pops_exiting_wave_id".to_owned(),
        251 => "src_vccz".to_owned(),
        252 => "src_execz".to_owned(),
        253 => "src_scc".to_owned(),
        254 => "src_lds_direct".to_owned(),
        other => format!("reserved_{other}"),
    }
}

fn tuple(letter: &str, first: u32, count: u32) -> String {
    if count == 1 { format!("{letter}{first}") } else { format!("{letter}[{first}:{}]", first + count - 1) }
}
