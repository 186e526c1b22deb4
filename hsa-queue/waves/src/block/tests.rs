//! Each act against its instruction looked at anew, which is the specification: the same registers, memory and reason.

use super::Block;
use super::act::Act;
use super::lanes::Room;
use super::run::Watched;
use crate::code::Code;
use crate::host::{AtomicOp, Host};
use crate::share::Share;
use crate::stop::Stop;
use crate::sys::Level;
use crate::wave::{LANES, Mode, Wave};
use gcn::row::{Format, Place, Row};
use gcn::{Form, Inst, Operand, gfx9};
use hsa_queue::memory::{Access, Fault, GpuVa, Ticket};
use std::collections::{BTreeSet, HashSet};
use zerocopy::IntoBytes;

#[path = "../../tests/run/word.rs"]
mod word;

/// Where code is, and bytes of memory from 0 on.
const PC: u64 = 0x8000_0000_1234;
const MEMORY: usize = 1 << 14;
const SHARE: usize = 4096;

/// Memory of which each access may be put off once.
#[derive(Clone)]
struct Memory {
    bytes: Vec<u8>,
    words: Vec<u32>,
    late: Option<HashSet<(u64, usize)>>,
    clock: u64,
    interrupts: Vec<u32>,
}

impl Memory {
    fn part<T>(&mut self, va: u64, len: usize, write: bool, f: impl FnOnce(&mut [u8]) -> T) -> Access<T> {
        if let Some(late) = &mut self.late {
            if late.insert((va, len)) {
                return Access::Pending(Ticket(va));
            }
            late.remove(&(va, len));
        }
        let range = usize::try_from(va).ok().and_then(|at| Some(at..at.checked_add(len)?));
        match range.and_then(|range| self.bytes.get_mut(range)) {
            Some(part) => Access::Ready(f(part)),
            None => Access::Fault(Fault { va: GpuVa(va), len: len as u64, write }),
        }
    }
}

impl Host for Memory {
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.part(va, into.len(), false, |part| into.copy_from_slice(part))
    }

    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        self.part(va, bytes.len(), true, |part| part.copy_from_slice(bytes))
    }

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        let bytes = change.bytes();
        self.part(va, bytes, true, |part| {
            let mut word = [0; 8];
            word[..bytes].copy_from_slice(part);
            let old = u64::from_le_bytes(word);
            part.copy_from_slice(&change.apply(old).to_le_bytes()[..bytes]);
            old
        })
    }

    fn gather(&mut self, at: &[u64; LANES], lanes: u64, into: &mut [u32; LANES]) -> bool {
        let mut lanes = (0..LANES).filter(|lane| lanes >> lane & 1 != 0);
        self.late.is_none()
            && lanes.all(|lane| matches!(self.load(at[lane], into[lane].as_mut_bytes()), Access::Ready(())))
    }

    fn scatter(&mut self, at: &[u64; LANES], lanes: u64, words: &[u32; LANES]) -> bool {
        let lanes = || (0..LANES).filter(|lane| lanes >> lane & 1 != 0);
        let is_there = self.late.is_none() && lanes().all(|lane| at[lane] <= MEMORY as u64 - 4);
        for lane in lanes().filter(|_| is_there) {
            let _ = self.store(at[lane], words[lane].as_bytes());
        }
        is_there
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        // What follows is no instruction, so the block ends.
        let at = (va - PC) as usize / 4;
        let word = |at: usize| self.words.get(at).copied().unwrap_or(u32::MAX);
        Access::Ready((word(at), Some(word(at + 1))))
    }

    fn clock(&mut self) -> u64 {
        self.clock
    }

    fn interrupt(&mut self, event: u32) {
        self.interrupts.push(event);
    }
}

/// What a register has in its lanes: anything, floats of any class, integers near each other, addresses as kernels have them.
fn fill(rng: &mut fastrand::Rng, kind: u32) -> [u32; LANES] {
    let base = rng.u32(..);
    let small = rng.u32(0..3000) & !3;
    std::array::from_fn(|lane| {
        let lane = lane as u32;
        match kind {
            0 => rng.u32(..),
            1 => match rng.u32(0..9) {
                0 => 0,
                1 => 0x8000_0000,
                2 => 0x7f80_0000 | rng.u32(0..2) << 31,
                3 => 0x7f80_0000 | rng.u32(..),
                4 => rng.u32(..) & 0x807f_ffff,
                _ => (rng.f32() * 100.0 - 50.0).to_bits(),
            },
            2 => base.wrapping_add(rng.u32(0..4)),
            3 => rng.u32(0..70),
            // f64's high half: special and usual ones.
            4 => match rng.u32(0..6) {
                0 => 0x7ff0_0000 | rng.u32(0..2) << 31 | rng.u32(0..2) << 19,
                1 => rng.u32(..) & 0x800f_ffff,
                _ => 0x3ff0_0000 ^ rng.u32(..) & 0x8070_ffff,
            },
            5 => small,
            6 => small + 4 * lane,
            7 => small + 8 * lane,
            14 => small + lane,
            15 => small + 2 * lane,
            8 => small + 16 * lane,
            9 => small + 64 * (lane / 16) + 4 * (lane % 16),
            10 => small + 256 * (lane / 16),
            11 => small + 4 * (lane % 16),
            12 => rng.u32(0..SHARE as u32),
            _ => rng.u32(0..SHARE as u32 / 4) * 4,
        }
    })
}

fn exec(rng: &mut fastrand::Rng, shape: usize) -> u64 {
    match shape {
        0 => u64::MAX,
        1 => 0,
        2 => 1 << rng.u32(0..64),
        3 => 0x5555_5555_5555_5555 << rng.u32(0..2),
        4 => rng.u64(..),
        // The first or the last of them.
        5 => u64::MAX >> rng.u32(0..64),
        _ => u64::MAX << rng.u32(0..64),
    }
}

/// Waves of which each test takes one: to fill a wave's registers takes long.
fn waves(rng: &mut fastrand::Rng) -> Vec<Wave> {
    (0..12)
        .map(|number| {
            let mut wave = Wave::new(PC, if number == 0 { 60 } else { 256 }, Mode(0x3f0));
            let mut pair = 0;
            for (at, vector) in wave.vectors.iter_mut().enumerate() {
                // Pairs are often the halves of wide floats.
                pair = if at % 2 == 0 { rng.u32(0..5) } else { pair };
                let kind = if at % 2 == 1 && pair == 0 { 4 } else { rng.u32(0..4) };
                vector.0 = fill(rng, kind);
            }
            wave
        })
        .collect()
}

fn wave(rng: &mut fastrand::Rng, waves: &[Wave], shape: usize) -> Wave {
    let standard = 0x3f0;
    let mode = match rng.u32(0..12) {
        0 => standard & !(1 << 9),
        1 => standard & !0x30,
        2 => standard & !0x100,
        3 => standard | 1 << 27,
        4 => standard & !0xc0,
        _ => standard,
    };
    let mut wave = waves[rng.usize(0..waves.len())].clone();
    wave.mode = Mode(mode);
    for scalar in &mut wave.scalars {
        *scalar = match rng.u32(0..4) {
            0 => rng.u32(0..70),
            1 => (rng.f32() * 10.0).to_bits(),
            _ => rng.u32(..),
        };
    }
    wave.scratch = crate::scratch::Scratch::new(rng.usize(0..80));
    wave.scc = rng.bool();
    let lanes = exec(rng, shape);
    wave.set_exec(lanes);
    wave
}

/// Makes the addresses of an instruction lead somewhere, mostly.
fn aim(rng: &mut fastrand::Rng, wave: &mut Wave, inst: &Inst) {
    let kind = rng.u32(5..17);
    let (first, pair) = match inst.at(Place::Address).map(|bound| bound.operand) {
        Some(Operand::Vgpr(first)) => (first, None),
        Some(Operand::FlatMemory { vgpr: Some(first), scalar, .. }) => (first, Some(scalar)),
        Some(Operand::BufferMemory { vgpr, descriptor, .. }) => {
            if descriptor.0 < 124 {
                wave.set_pair(descriptor, crate::operand::SCRATCH_BUFFER);
            }
            (vgpr, None)
        }
        Some(Operand::ScalarMemory { base, register, .. }) => {
            if base.0 < 126 {
                wave.set_pair(base, rng.u64(0..MEMORY as u64));
            }
            if let Some(register) = register {
                wave.scalars[usize::from(register.0) & 127] = rng.u32(0..64);
            }
            return;
        }
        _ => return,
    };
    let first = usize::from(first);
    if let Some(low) = wave.vectors.get_mut(first) {
        low.0 = fill(rng, kind);
    }
    match pair {
        Some(Some(base)) if base.0 < 126 => wave.set_pair(base, rng.u64(0..64)),
        Some(_) => {
            let aperture = match rng.u32(0..8) {
                0 => 1 << 16,
                1 => 2 << 16,
                _ => 0,
            };
            if let Some(high) = wave.vectors.get_mut(first + 1) {
                high.0 = [aperture; LANES];
                if rng.u32(0..10) == 0 {
                    high.0[rng.usize(0..LANES)] = rng.u32(0..3) << 16;
                }
            }
        }
        None => {}
    }
}

/// Whether two values of a register are the same, or the same NaN but for what Rust leaves open.
fn same(found: &Wave, expected: &Wave) -> Result<(), String> {
    let nan = |word: u32| word & 0x7f80_0000 == 0x7f80_0000 && word & 0x7f_ffff != 0;
    let wide = |low: u32, high: u32| f64::from_bits(u64::from(high) << 32 | u64::from(low)).is_nan();
    let half = |word: u32| word & 0x7c00 == 0x7c00 && word & 0x3ff != 0;
    let at =
        |wave: &Wave, register: usize, lane: usize| wave.vectors.get(register).map_or(0, |all| all.0[lane]);
    for register in (0..expected.vectors.len()).filter(|at| found.vectors[*at] != expected.vectors[*at]) {
        for lane in 0..LANES {
            let (a, b) = (at(found, register, lane), at(expected, register, lane));
            let (up_a, up_b) = (at(found, register + 1, lane), at(expected, register + 1, lane));
            let below = register.wrapping_sub(1);
            let no_number = nan(a) && nan(b)
                || wide(a, up_a) && wide(b, up_b)
                || wide(at(found, below, lane), a) && wide(at(expected, below, lane), b)
                || half(a) && half(b) && a >> 16 == b >> 16;
            if a != b && !no_number {
                return Err(format!("v{register}, lane {lane}: {a:#x}, not {b:#x}"));
            }
        }
    }
    if found.scalars != expected.scalars {
        let at = (0..128).find(|at| found.scalars[*at] != expected.scalars[*at]).unwrap_or(0);
        return Err(format!("s{at}: {:#x}, not {:#x}", found.scalars[at], expected.scalars[at]));
    }
    let rest = |wave: &Wave| (wave.pc, wave.scc, wave.mode, format!("{:?}", wave.scratch));
    if rest(found) == rest(expected) {
        Ok(())
    } else {
        Err(format!("{:?}, not {:?}", rest(found), rest(expected)))
    }
}

/// Executes until it is done or stops, asking again after each wait.
fn to_the_end(mut ask: impl FnMut() -> Result<(), Stop>) -> Result<(), Stop> {
    for _ in 0..10_000 {
        match ask() {
            Err(Stop::Pending(_)) => {}
            other => return other,
        }
    }
    panic!("it waits for ever");
}

/// Runs an encoding both ways; whether it has an act of its own, or `None` if it is none of the line.
fn agrees(
    rng: &mut fastrand::Rng,
    given: &(Vec<Wave>, Vec<u8>),
    row: &'static Row,
    form: Form,
) -> Option<bool> {
    let words = word::word(rng, row, form);
    let inst = gfx9::decode(&words).ok()?;
    if inst.row != row || inst.form != form {
        return None;
    }
    let words = if inst.words == 1 { [words[0], u32::MAX] } else { words };
    let mut memory = Memory {
        bytes: given.1.clone(),
        words: words.to_vec(),
        late: (rng.u32(0..4) == 0).then(HashSet::new),
        clock: rng.u64(..),
        interrupts: Vec::new(),
    };
    let code = Code::default();
    // Without a level, the processor is one whose loops are not known here.
    let levels = Level::found().map(Some).chain([None]);
    let mut blocks: Vec<(Block, Room)> = levels
        .map(|level| {
            let block = Block::decode(PC, 0, &code, level, &mut memory).expect("it is an instruction");
            assert_eq!(block.insts.len(), 1, "{inst}");
            (block, Room::of(level))
        })
        .collect();
    let is_fast = !blocks[0].0.steps.first().is_some_and(|step| matches!(step.act, Act::Slow));
    for shape in 0..7 {
        let mut expected = wave(rng, &given.0, shape);
        aim(rng, &mut expected, &inst);
        let given_wave = expected.clone();
        let mut slow_share = Share::new(rng.usize(SHARE - 8..=SHARE));
        slow_share.store(0, &given.1[..SHARE]);
        let given_share = slow_share.clone();
        let mut slow_memory = memory.clone();

        let slow = to_the_end(|| {
            expected.pc = PC + 4 * u64::from(inst.words);
            let done = expected.execute(&inst, &mut slow_share, &mut slow_memory);
            if !matches!(done, Ok(()) | Err(Stop::Barrier | Stop::Sleep)) {
                expected.pc = PC;
            }
            done
        });
        for (block, room) in &mut blocks {
            let (mut found, mut share, mut memory) =
                (given_wave.clone(), given_share.clone(), memory.clone());
            let mut host = Watched { host: &mut memory, code: &code };
            let fast =
                to_the_end(|| found.run_block(block, room, &mut share, &mut host).map_err(|(_, stop)| stop));

            let of =
                || format!("{inst} ({words:08x?}), EXEC {:#x}, MODE {:#x}", expected.exec(), expected.mode.0);
            assert_eq!(fast, slow, "{}", of());
            if let Err(difference) = same(&found, &expected) {
                panic!("{}: {difference}", of());
            }
            assert!(share == slow_share && memory.bytes == slow_memory.bytes, "{}: memory", of());
            assert_eq!(memory.interrupts, slow_memory.interrupts, "{}", of());
        }
    }
    Some(is_fast)
}

/// Tries each line of the table in each of its forms; which have acts of their own, and how many encodings had none.
fn round(seed: u64) -> (BTreeSet<&'static str>, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let given = (waves(&mut rng), (0..MEMORY).map(|_| rng.u8(..)).collect());
    let (mut fast, mut slow) = (BTreeSet::new(), 0);
    for row in gfx9::rows() {
        // A branch is no different by its operand.
        let tries = if matches!(row.format, Format::SOPP) { 1 } else { 2 };
        for form in [Form::Native, Form::E64, Form::Sdwa, Form::Dpp] {
            let found = (0..60).filter_map(|_| agrees(&mut rng, &given, row, form));
            for is_fast in found.take(tries) {
                if is_fast {
                    fast.insert(row.mnemonic);
                } else {
                    slow += 1;
                }
            }
        }
    }
    (fast, slow)
}

/// `WAVES_ROUNDS=50` does it with that many seeds.
// Keeps: wave-fast
#[test]
fn every_fast_form_does_what_its_instruction_says() {
    let rounds = std::env::var("WAVES_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    for seed in 0..rounds {
        let (fast, slow) = round(123 + seed);
        println!("{} mnemonics have a fast form, {slow} encodings had none", fast.len());
        if Level::found().next().is_some() {
            assert!(fast.len() > 400, "{}", fast.len());
        }
    }
}

/// A move into a register of all lanes perhaps, an addition with carry out, one with carry in: of few registers, so that they meet.
fn sum(rng: &mut fastrand::Rng) -> Vec<u32> {
    const SCALARS: [u32; 6] = [0, 1, 4, 106, 107, 127];
    const MASKS: [u32; 4] = [0, 4, 106, 126];
    let vector = |rng: &mut fastrand::Rng| rng.u32(0..5);
    let source = |rng: &mut fastrand::Rng| match rng.u32(0..6) {
        0 => 128 + rng.u32(0..65),
        1 | 2 => SCALARS[rng.usize(0..SCALARS.len())],
        _ => 256 + rng.u32(0..5),
    };
    let moved = (vector(rng), source(rng));
    let mut words = Vec::new();
    if rng.u32(0..3) > 0 {
        // VOP1, v_mov_b32.
        words.push(0x7e00_0200 | moved.0 << 17 | moved.1);
    }
    let high = (if rng.bool() { 256 + moved.0 } else { source(rng) }, vector(rng));
    let to = (vector(rng), if rng.bool() { moved.0 } else { vector(rng) });
    let low = (source(rng), vector(rng));
    if rng.u32(0..3) > 0 {
        // VOP2, whose masks are VCC: v_add_co_u32, v_addc_co_u32.
        words.extend([0x3200_0000 | to.0 << 17 | low.1 << 9 | low.0]);
        words.extend([0x3800_0000 | to.1 << 17 | high.1 << 9 | high.0]);
    } else {
        // VOP3, which names them.
        let mask = MASKS[rng.usize(0..MASKS.len())];
        let other = if rng.u32(0..4) == 0 { MASKS[rng.usize(0..MASKS.len())] } else { mask };
        words.extend([0xd119_0000 | mask << 8 | to.0, low.0 | (256 + low.1) << 9]);
        words.extend([0xd11c_0000 | other << 8 | to.1, high.0 | (256 + high.1) << 9 | mask << 18]);
    }
    words
}

// Keeps: wave-fast
#[test]
fn a_fused_sum_leaves_what_its_instructions_leave() {
    let mut rng = fastrand::Rng::with_seed(7);
    let given = waves(&mut rng);
    let (mut based, mut plain, mut apart, mut dropped) = (0, 0, 0, 0);
    for round in 0..4000 {
        let words = sum(&mut rng);
        let mut memory =
            Memory { bytes: Vec::new(), words: words.clone(), late: None, clock: 0, interrupts: Vec::new() };
        let code = Code::default();
        let mut expected = wave(&mut rng, &given, round % 7);
        let first = expected.clone();
        let mut share = Share::new(0);
        let mut said = String::new();
        let insts = Block::decode(PC, 0, &code, None, &mut memory).expect("these are instructions").insts;
        insts.iter().for_each(|inst| said.push_str(&format!("{inst}; ")));
        // Where registers are found by an index, they cannot be.
        let slow = insts.iter().try_for_each(|inst| expected.execute(inst, &mut share, &mut memory));
        // What names too many scalars ends the block.
        expected.pc = PC + insts.iter().map(|inst| 4 * u64::from(inst.words)).sum::<u64>();
        for level in Level::found() {
            let block = Block::decode(PC, 0, &code, Some(level), &mut memory).expect("as before");
            let mut found = first.clone();
            let mut host = Watched { host: &mut memory, code: &code };
            let done = found.run_block(&block, &mut Room::of(Some(level)), &mut share, &mut host);
            assert_eq!(done.clone().map_err(|(_, stop)| stop), slow, "{said}");
            if let (Ok(()), Err(difference)) = (done, same(&found, &expected)) {
                panic!("{said}EXEC {:#x}, MODE {:#x}: {difference}", first.exec(), first.mode.0);
            }
            match block.steps.last().expect("a step").act {
                Act::BasedSum { .. } => based += 1,
                Act::Sum { .. } => plain += 1,
                _ => apart += 1,
            }
            dropped += usize::from(block.steps.len() + 2 == insts.len());
        }
    }
    if Level::found().next().is_some() {
        assert!(
            [based, plain, apart, dropped].iter().all(|count| *count > 100),
            "{based} {plain} {apart} {dropped}"
        );
    }
}
