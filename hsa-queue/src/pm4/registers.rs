//! The registers that PM4 packets set: kept so that a dispatch and a copy from a register see what was set.
//!
//! The persistent-state registers (`PACKET3_SET_SH_REG_START` to `_END`, `soc15d.h`) hold a dispatch's program, resources
//! and user data, and all are kept. Of the others (user configuration: counters, tracing) at most [`OTHERS`] are: they
//! configure what is not here, and one that is not kept reads 0.

use std::collections::BTreeMap;

/// `PACKET3_SET_SH_REG_START`.
pub const SH_START: u32 = 0x2c00;
/// `PACKET3_SET_SH_REG_END`.
pub const SH_END: u32 = 0x3000;
/// `PACKET3_SET_UCONFIG_REG_START`.
pub const UCONFIG_START: u32 = 0xc000;
/// Other registers that are kept.
pub const OTHERS: usize = 256;

/// See the module's head. Registers are numbered in dwords.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registers {
    /// Empty until one is set.
    sh: Vec<u32>,
    others: BTreeMap<u32, u32>,
}

impl Registers {
    /// A register's value; 0 unless set.
    #[must_use]
    pub fn get(&self, register: u32) -> u32 {
        let kept = match sh(register) {
            Some(index) => self.sh.get(index),
            None => self.others.get(&register),
        };
        kept.copied().unwrap_or(0)
    }

    /// Sets a register.
    pub fn set(&mut self, register: u32, value: u32) {
        if let Some(index) = sh(register) {
            if self.sh.is_empty() {
                self.sh.resize((SH_END - SH_START) as usize, 0);
            }
            if let Some(kept) = self.sh.get_mut(index) {
                *kept = value;
            }
        } else if self.others.len() < OTHERS || self.others.contains_key(&register) {
            self.others.insert(register, value);
        }
    }
}

fn sh(register: u32) -> Option<usize> {
    (SH_START..SH_END).contains(&register).then(|| (register - SH_START) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_and_the_others_are_bounded() {
        let mut registers = Registers::default();
        for register in (0..0x1_0000).step_by(3) {
            registers.set(register, register + 1);
        }
        let read = |range: std::ops::Range<u32>| range.filter(|r| registers.get(*r) == r + 1).count();
        assert_eq!(read(SH_START..SH_END), (SH_START..SH_END).filter(|r| r % 3 == 0).count());
        assert_eq!(read(0..SH_START) + read(SH_END..0x1_0000), OTHERS);
    }
}
