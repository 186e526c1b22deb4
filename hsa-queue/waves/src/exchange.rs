//! What the data share does besides loads, stores and the atomics that all memory has: exchanges at two places, under a mask,
//! by a comparison of floats, by a lane's number, and counters that M0 finds.

use crate::operand::unsupported;
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::{LANES, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand, ScalarReg};

/// Of the old word and two of data the new one.
type Change = fn(u64, u64, u64) -> u64;

/// Bytes, and what becomes of the word.
fn change(op: Op) -> Option<(usize, Change)> {
    Some(match op {
        Op::ds_mskor_b32 | Op::ds_mskor_rtn_b32 => (4, |old, mask, bits| old & !mask | bits),
        Op::ds_mskor_b64 | Op::ds_mskor_rtn_b64 => (8, |old, mask, bits| old & !mask | bits),
        // What is no number is like none, and zeros of either sign are the same.
        Op::ds_cmpst_f32 | Op::ds_cmpst_rtn_f32 => (4, |old, compared, new| {
            let same = f32::from_bits(old as u32) == f32::from_bits(compared as u32);
            if same { new } else { old }
        }),
        Op::ds_cmpst_f64 | Op::ds_cmpst_rtn_f64 => (8, |old, compared, new| {
            let same = f64::from_bits(old) == f64::from_bits(compared);
            if same { new } else { old }
        }),
        Op::ds_wrap_rtn_b32 => (4, |old, most, added| {
            let (old, most, added) = (old as u32, most as u32, added as u32);
            let new = if old >= most { old.wrapping_sub(most) } else { old.wrapping_add(added) };
            new.into()
        }),
        _ => return None,
    })
}

/// Two places that are exchanged: bytes of each, and the unit of their offsets.
fn pair(op: Op) -> Option<(usize, u32)> {
    Some(match op {
        Op::ds_wrxchg2_rtn_b32 => (4, 4),
        Op::ds_wrxchg2_rtn_b64 => (8, 8),
        Op::ds_wrxchg2st64_rtn_b32 => (4, 256),
        Op::ds_wrxchg2st64_rtn_b64 => (8, 512),
        _ => return None,
    })
}

fn read(share: &Share, at: u32, bytes: usize) -> u64 {
    let mut word = [0; 8];
    share.load(at, &mut word[..bytes]);
    u64::from_le_bytes(word)
}

fn write(share: &mut Share, at: u32, word: u64, bytes: usize) {
    share.store(at, &word.to_le_bytes()[..bytes]);
}

impl Wave {
    /// Executes it, if it is one of these.
    pub(crate) fn exchange(&mut self, inst: &Inst, share: &mut Share) -> Result<(), Stop> {
        let offset = match inst.at(Place::Offset).map(|bound| bound.operand) {
            Some(Operand::Imm(offset)) => u32::from(offset),
            _ => 0,
        };
        let m0 = self.scalars[usize::from(ScalarReg::M0.0)];
        let exec = self.exec();
        let lanes = (0..LANES).filter(|lane| exec >> lane & 1 != 0);
        if let Some((bytes, f)) = change(inst.op()) {
            let (at, first, second) = (
                self.of(inst, Place::Address, 1)?,
                self.of(inst, Place::Data, bytes / 4)?,
                self.of(inst, Place::Data1, bytes / 4)?,
            );
            let to = inst.at(Place::Dst).map(|_| self.of(inst, Place::Dst, bytes / 4)).transpose()?;
            for lane in lanes {
                let place = self.vectors[at].0[lane].wrapping_add(offset);
                let old = read(share, place, bytes);
                write(
                    share,
                    place,
                    f(old, self.word(first, lane, bytes), self.word(second, lane, bytes)),
                    bytes,
                );
                if let Some(to) = to {
                    self.set_word(to, lane, old, bytes);
                }
            }
            return Ok(());
        }
        if let Some((bytes, unit)) = pair(inst.op()) {
            let Some(Operand::Offsets(one, other)) = inst.at(Place::Offsets).map(|bound| bound.operand)
            else {
                return unsupported(inst);
            };
            let words = bytes / 4;
            let (at, first, second) = (
                self.of(inst, Place::Address, 1)?,
                self.of(inst, Place::Data, words)?,
                self.of(inst, Place::Data1, words)?,
            );
            let to = self.of(inst, Place::Dst, 2 * words)?;
            for lane in lanes {
                let place = |offset: u8| self.vectors[at].0[lane].wrapping_add(unit * u32::from(offset));
                let (place, other) = (place(one), place(other));
                let (new, new_other) = (self.word(first, lane, bytes), self.word(second, lane, bytes));
                // Both are read before either is written.
                let (old, old_other) = (read(share, place, bytes), read(share, other, bytes));
                write(share, place, new, bytes);
                write(share, other, new_other, bytes);
                self.set_word(to, lane, old, bytes);
                self.set_word(to + words, lane, old_other, bytes);
            }
            return Ok(());
        }
        match inst.op() {
            Op::ds_condxchg32_rtn_b64 => {
                let (at, data) = (self.of(inst, Place::Address, 1)?, self.of(inst, Place::Data, 2)?);
                let to = self.of(inst, Place::Dst, 2)?;
                for lane in lanes {
                    let start = self.vectors[at].0[lane].wrapping_add(offset) & 0xfff8;
                    for half in 0..2 {
                        let place = start + 4 * half as u32;
                        let new = self.vectors[data + half].0[lane];
                        let old = read(share, place, 4);
                        // The highest bit says that it is to be stored, without it.
                        if new >> 31 != 0 {
                            write(share, place, u64::from(new & 0x7fff_ffff), 4);
                        }
                        self.vectors[to + half].0[lane] = old as u32;
                    }
                }
            }
            Op::ds_read_addtid_b32 => {
                let to = self.of(inst, Place::Dst, 1)?;
                for lane in lanes {
                    self.vectors[to].0[lane] =
                        read(share, (m0 & 0xffff) + offset + 4 * lane as u32, 4) as u32;
                }
            }
            Op::ds_write_addtid_b32 => {
                let data = self.of(inst, Place::Data, 1)?;
                for lane in lanes {
                    write(
                        share,
                        (m0 & 0xffff) + offset + 4 * lane as u32,
                        self.vectors[data].0[lane].into(),
                        4,
                    );
                }
            }
            // By the lanes that take part, once for all of them.
            Op::ds_append | Op::ds_consume => {
                let to = self.of(inst, Place::Dst, 1)?;
                let place = (m0 >> 16) + offset;
                let old = read(share, place, 4) as u32;
                let count = exec.count_ones();
                let new = if inst.op() == Op::ds_append {
                    old.wrapping_add(count)
                } else {
                    old.wrapping_sub(count)
                };
                if count != 0 {
                    write(share, place, new.into(), 4);
                }
                for lane in lanes {
                    self.vectors[to].0[lane] = old;
                }
            }
            _ => return unsupported(inst),
        }
        Ok(())
    }

    /// The first of `count` registers at a place, if the wave has them.
    fn of(&self, inst: &Inst, place: Place, count: usize) -> Result<usize, Stop> {
        match inst.at(place).map(|bound| bound.operand) {
            Some(Operand::Vgpr(first)) => {
                self.vector(inst, usize::from(first) + count - 1)?;
                Ok(first.into())
            }
            _ => unsupported(inst),
        }
    }

    fn word(&self, first: usize, lane: usize, bytes: usize) -> u64 {
        let low = u64::from(self.vectors[first].0[lane]);
        if bytes == 8 { low | u64::from(self.vectors[first + 1].0[lane]) << 32 } else { low }
    }

    fn set_word(&mut self, first: usize, lane: usize, word: u64, bytes: usize) {
        self.vectors[first].0[lane] = word as u32;
        if bytes == 8 {
            self.vectors[first + 1].0[lane] = (word >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::share::Share;
    use crate::wave::{Mode, Wave};
    use gcn::{Inst, ScalarReg, gfx9};

    /// An instruction of the data share: `v4` from address v1, data v2 and v3.
    fn inst(mnemonic: &str, offset: u32) -> Inst {
        let row = gfx9::rows().find(|row| row.mnemonic == mnemonic).expect("a line");
        let first = 0xd800_0000 | u32::from(row.opcode) << 17 | offset;
        // Those that have fewer registers refuse the others.
        [1 | 2 << 8 | 4 << 24, 2 << 8, 4 << 24]
            .into_iter()
            .find_map(|second| gfx9::decode(&[first, second]).ok())
            .expect("an instruction")
    }

    fn wave() -> Wave {
        let mut wave = Wave::new(0, 8, Mode(0x3f0));
        wave.set_exec(0b1011);
        wave
    }

    // Keeps: wave-groups
    #[test]
    fn words_are_exchanged_by_their_highest_bit_by_lanes_and_by_counters() {
        let mut share = Share::new(256);
        // The first of two words is stored, without its highest bit; the second is not.
        let mut one = wave();
        one.set_exec(1);
        (one.vectors[1].0[0], one.vectors[2].0[0], one.vectors[3].0[0]) = (12, 0x8000_0005, 7);
        share.store(8, &[1, 0, 0, 0, 2, 0, 0, 0]);
        one.execute_share(&inst("ds_condxchg32_rtn_b64", 0), &mut share).expect("it runs");
        assert_eq!((read(&share, 8, 8), one.vectors[4].0[0], one.vectors[5].0[0]), (5 | 2 << 32, 1, 2));

        // By a lane's number, from M0's lower half and the offset on.
        let mut lanes = wave();
        lanes.scalars[usize::from(ScalarReg::M0.0)] = 64;
        lanes.vectors[2].0[..4].copy_from_slice(&[10, 11, 12, 13]);
        lanes.execute_share(&inst("ds_write_addtid_b32", 16), &mut share).expect("it runs");
        assert_eq!([0, 1, 2, 3].map(|lane| read(&share, 80 + 4 * lane, 4)), [10, 11, 0, 13]);
        lanes.execute_share(&inst("ds_read_addtid_b32", 16), &mut share).expect("it runs");
        assert_eq!(lanes.vectors[4].0[..4], [10, 11, 0, 13]);

        // A counter that M0's upper half finds, by the three lanes that take part.
        let mut all = wave();
        all.scalars[usize::from(ScalarReg::M0.0)] = 128 << 16;
        share.store(132, &[20, 0, 0, 0]);
        all.execute_share(&inst("ds_append", 4), &mut share).expect("it runs");
        assert_eq!((read(&share, 132, 4), &all.vectors[4].0[..4]), (23, &[20, 20, 0, 20][..]));
        all.execute_share(&inst("ds_consume", 4), &mut share).expect("it runs");
        assert_eq!((read(&share, 132, 4), &all.vectors[4].0[..4]), (20, &[23, 23, 0, 23][..]));
    }
}
