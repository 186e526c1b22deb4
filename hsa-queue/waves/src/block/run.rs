//! A wave runs blocks.

use super::act::{Act, From, Step, To, When};
use super::lanes::Room;
use super::lower::is_nothing;
use super::{Block, Blocks};
use crate::code::Code;
use crate::gws::WaveSync;
use crate::host::{AtomicOp, Host};
use crate::operand::SCRATCH_BUFFER;
use crate::scalar::arithmetic::{self, Scc};
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::{LANES, Wave};
use gcn::{Op, ScalarReg};
use hsa_queue::memory::Access;

/// How many instructions may be run, and how many were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    pub left: u64,
    pub executed: u64,
}

/// A host whose stores are told to the code.
pub(super) struct Watched<'a, H> {
    pub host: &'a mut H,
    pub code: &'a Code,
}

impl<H: Host> Host for Watched<'_, H> {
    #[inline]
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.host.load(va, into)
    }

    #[inline]
    fn load_constant(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.host.load_constant(va, into)
    }

    #[inline]
    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        let stored = self.host.store(va, bytes);
        self.code.stored(va, bytes.len() as u64);
        stored
    }

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        let changed = self.host.atomic(va, change);
        self.code.stored(va, change.width.bytes());
        changed
    }

    #[inline]
    fn gather(&mut self, at: &[u64; LANES], lanes: u64, into: &mut [u32; LANES]) -> bool {
        self.host.gather(at, lanes, into)
    }

    #[inline]
    fn scatter(&mut self, at: &[u64; LANES], lanes: u64, words: &[u32; LANES]) -> bool {
        if !self.host.scatter(at, lanes, words) {
            return false;
        }
        for lane in (0..LANES).filter(|lane| lanes >> lane & 1 != 0) {
            self.code.stored(at[lane], 4);
        }
        true
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        self.host.fetch(va)
    }

    fn clock(&mut self) -> u64 {
        self.host.clock()
    }

    fn wave_sync(&self) -> Option<&WaveSync> {
        self.host.wave_sync()
    }

    #[inline]
    fn acquire(&mut self) {
        self.host.acquire();
    }

    #[inline]
    fn release(&mut self) {
        self.host.release();
    }

    fn interrupt(&mut self, event: u32) {
        self.host.interrupt(event);
    }
}

impl Wave {
    /// Runs until it stops, or until what was given is used up; it is looked at between blocks. After [`Stop::Barrier`] and
    /// [`Stop::Sleep`] the counter is the next instruction's, after all others that of the one that stopped it.
    pub(crate) fn run(
        &mut self,
        blocks: &mut Blocks,
        share: &mut Share,
        host: &mut impl Host,
        meter: &mut Meter,
    ) -> Option<Stop> {
        let mut before = None;
        while meter.left > 0 {
            let at = match blocks.enter(self.pc, before, host) {
                Ok(at) => at,
                Err(stop) => return Some(stop),
            };
            before = Some(at);
            let (block, room) = (&mut blocks.blocks[at], &mut blocks.room);
            block.entered += 1;
            let count = block.insts.len() as u64;
            meter.left = meter.left.saturating_sub(count);
            let host = &mut Watched { host, code: &blocks.code };
            match self.run_block(block, room, share, host) {
                Ok(()) => meter.executed += count,
                Err((nth, stop)) => {
                    meter.executed += u64::from(nth);
                    if u64::from(nth) < count {
                        block.cuts(nth);
                    }
                    return Some(stop);
                }
            }
        }
        None
    }

    /// Runs a block to its end; or how many instructions were, and why the next was not. One that ends or lets others go
    /// first was run.
    pub(super) fn run_block(
        &mut self,
        block: &Block,
        room: &mut Room,
        share: &mut Share,
        host: &mut Watched<'_, impl Host>,
    ) -> Result<(), (u16, Stop)> {
        let constants = &*block.constants;
        // The loops are those of the usual mode.
        if !self.mode.is_usual() || block.vectors > self.vectors.len() {
            return self.run_anew(block, share, host);
        }
        for step in &block.steps {
            let done = match step.act {
                Act::Binary { op, to, a, b } => {
                    let (a, b) = (self.from(a), self.from(b));
                    if let Some((value, scc)) = arithmetic::binary(op, a, b, self.scc) {
                        self.give(to, value, scc);
                    }
                    continue;
                }
                Act::Move { to, a } => {
                    let value = self.from(a);
                    self.give(to, value, Scc::Keeps);
                    continue;
                }
                Act::Unary { op, to, a } => {
                    if let Some((value, scc)) = arithmetic::unary(op, self.from(a)) {
                        self.give(to, value, scc);
                    }
                    continue;
                }
                Act::SaveExec { op, to, mask } => {
                    if let Some((new, kept)) = arithmetic::masks(op, self.from(mask), self.exec()) {
                        self.set_pair(ScalarReg(to), kept);
                        self.set_exec(new);
                        self.scc = new != 0;
                    }
                    continue;
                }
                Act::Compare { op, a, b } => {
                    self.scc = arithmetic::compare(op, self.from(a), self.from(b)).unwrap_or(self.scc);
                    continue;
                }
                Act::Immediate { op, to, half } => {
                    let old = self.scalars[usize::from(to)];
                    if let Some((value, scc)) = arithmetic::with_immediate(op, old, half) {
                        self.give(To::Register(to), value.into(), scc);
                    }
                    continue;
                }
                Act::CompareImmediate { op, a, half } => {
                    let a = self.from(a) as u32;
                    self.scc = arithmetic::compare_immediate(op, a, half).unwrap_or(self.scc);
                    continue;
                }
                Act::Jump { target, keeps } => {
                    let target = self.from(target);
                    if let Some((kept, next)) = keeps {
                        self.set_pair(ScalarReg(kept), next);
                    }
                    self.pc = target;
                    return Ok(());
                }
                Act::Branch { when, target } => {
                    self.pc = if self.takes(when) { target } else { block.end() };
                    return Ok(());
                }
                Act::ScalarLoad { base, added, offset, first, words } => {
                    let added = added.map_or(0, |register| u64::from(self.scalars[usize::from(register)]));
                    let va =
                        self.pair(ScalarReg(base)).wrapping_add(added).wrapping_add_signed(offset.into());
                    self.load_scalars(va, first.into(), words.into(), host)
                }
                Act::Scratch { stores, descriptor, scalar, offset, first, words } => {
                    let start = (self.from(scalar) as u32 / LANES as u32).wrapping_add(offset.into());
                    if self.reach_scratch(descriptor, start, first.into(), words.into(), stores) {
                        continue;
                    }
                    self.slow(block, step, share, host)
                }
                Act::ReadLane { to, vector, lane } => {
                    let lane = match lane {
                        Some(lane) => self.from(lane) as u32,
                        // Of no lanes the first.
                        None => self.exec().trailing_zeros(),
                    };
                    match self.held(vector) {
                        Some(at) => {
                            let value = self.vectors[at].0[lane as usize % LANES];
                            self.give(to, value.into(), Scc::Keeps);
                            continue;
                        }
                        None => self.slow(block, step, share, host),
                    }
                }
                Act::WriteLane { vector, value, lane } => {
                    let (value, lane) = (self.from(value), self.from(lane));
                    match self.held(vector) {
                        Some(at) => {
                            self.vectors[at].0[lane as usize % LANES] = value as u32;
                            continue;
                        }
                        None => self.slow(block, step, share, host),
                    }
                }
                Act::Acquire => {
                    host.acquire();
                    continue;
                }
                Act::End => Err(Stop::End),
                Act::Barrier => {
                    self.pc = block.end();
                    Err(Stop::Barrier)
                }
                Act::Slow => self.slow(block, step, share, host),
                Act::ShareLoad { to, at, offsets, places, words } => {
                    if self.load_share(room, share, (to, at), &offsets[..usize::from(places)], words) {
                        continue;
                    }
                    self.slow(block, step, share, host)
                }
                Act::ShareStore { at, offsets, data, places, words } => {
                    let places = offsets.into_iter().zip(data).take(usize::from(places));
                    let mut stores =
                        places.map(|(offset, data)| self.store_share(share, at, offset, data, words));
                    // What was stored already is stored once more.
                    if stores.all(|stored| stored) {
                        continue;
                    }
                    self.slow(block, step, share, host)
                }
                Act::Load { reach, to, words } => match self.load_words(room, reach, to, words, host) {
                    Ok(true) => continue,
                    Ok(false) => self.slow(block, step, share, host),
                    Err(stop) => Err(stop),
                },
                Act::Store { reach, data, words } => match self.store_words(room, reach, data, words, host) {
                    Ok(true) => continue,
                    Ok(false) => self.slow(block, step, share, host),
                    Err(stop) => Err(stop),
                },
                Act::LoadPart { reach, to, bytes, is_signed } => {
                    match self.load_part(room, reach, to, (bytes, is_signed), host) {
                        Ok(true) => continue,
                        Ok(false) => self.slow(block, step, share, host),
                        Err(stop) => Err(stop),
                    }
                }
                Act::StorePart { reach, data, bytes } => {
                    match self.store_part(room, reach, data, bytes, host) {
                        Ok(true) => continue,
                        Ok(false) => self.slow(block, step, share, host),
                        Err(stop) => Err(stop),
                    }
                }
                Act::Fill { to, value } => {
                    let value = self.from(value);
                    self.fill(room, to, value);
                    continue;
                }
                Act::Plain { f, to, sources } => {
                    self.plain_lanes(room, f, to, sources);
                    continue;
                }
                Act::Narrow { f, to, sources, changes } => {
                    self.narrow(room, constants, f, to, sources, changes);
                    continue;
                }
                Act::Wide { f, to, is_wide, gives, sources, changes } => {
                    self.wide(room, constants, f, (to, is_wide, gives), sources, changes);
                    continue;
                }
                Act::Masked { f, to, sources, changes, mask, gives } => {
                    self.masked(room, constants, f, (to, gives), sources, (mask, changes));
                    continue;
                }
                Act::Sum { f, to, gives, sources } => {
                    self.sum(room, constants, f, (to, gives), sources);
                    continue;
                }
                Act::BasedSum { f, to, gives, base, sources } => {
                    self.based_sum(room, f, (to, gives), base, sources);
                    continue;
                }
                Act::ShiftLeft { f, to, by, source } => {
                    self.shift_left(room, f, to, by, source);
                    continue;
                }
                Act::Holds { f, to, is_exec, sources, changes } => {
                    self.holds(room, constants, f, (to, is_exec), sources, changes);
                    continue;
                }
            };
            if let Err(stop) = done {
                return Err(self.stopped(block, step, stop));
            }
        }
        // Where it goes on, the last instruction has said if it was looked at anew.
        let last = block.steps.last();
        if !last.is_some_and(|step| {
            matches!(step.act, Act::Slow) && usize::from(step.nth) + 1 == block.insts.len()
        }) {
            self.pc = block.end();
        }
        Ok(())
    }

    /// Runs a block by looking at each of its instructions.
    #[cold]
    fn run_anew(
        &mut self,
        block: &Block,
        share: &mut Share,
        host: &mut Watched<'_, impl Host>,
    ) -> Result<(), (u16, Stop)> {
        let mut at = 0;
        self.pc = block.end();
        for (nth, inst) in block.insts.iter().enumerate() {
            // The counter is after the last instruction, unless that one jumps.
            if is_nothing(inst.op()) {
                self.pc = block.end();
            } else {
                let step = &Step { act: Act::Slow, at, nth: nth as u16 };
                self.slow(block, step, share, host).map_err(|stop| self.stopped(block, step, stop))?;
            }
            at += u16::from(inst.words);
        }
        Ok(())
    }

    /// Where a wave stands whose step has stopped it.
    #[cold]
    fn stopped(&mut self, block: &Block, step: &Step, stop: Stop) -> (u16, Stop) {
        if !matches!(stop, Stop::Barrier | Stop::Sleep) {
            self.pc = block.start.wrapping_add(4 * u64::from(step.at));
        }
        let is_executed = matches!(stop, Stop::Barrier | Stop::Sleep | Stop::End);
        (step.nth + u16::from(is_executed), stop)
    }

    /// Executes the instruction of a step as it stands.
    fn slow(
        &mut self,
        block: &Block,
        step: &Step,
        share: &mut Share,
        host: &mut Watched<'_, impl Host>,
    ) -> Result<(), Stop> {
        let inst = &block.insts[usize::from(step.nth)];
        let at = block.start.wrapping_add(4 * u64::from(step.at));
        self.pc = at.wrapping_add(4 * u64::from(inst.words));
        if inst.op() == Op::s_icache_inv {
            host.code.changed();
        }
        self.execute(inst, share, host)
    }

    /// A register of the wave as an instruction without an index names it; else it is looked at anew.
    #[inline]
    fn held(&self, vector: u8) -> Option<usize> {
        let at = usize::from(vector);
        (at < self.vectors.len() && !self.mode.indexes()).then_some(at)
    }

    /// Loads or stores words that all lanes have at the same offset; whether these are there.
    fn reach_scratch(
        &mut self,
        descriptor: u8,
        start: u32,
        first: usize,
        words: usize,
        stores: bool,
    ) -> bool {
        if self.pair(ScalarReg(descriptor)) & 0xffff_ffff_ffff != SCRATCH_BUFFER {
            return false;
        }
        let exec = self.exec();
        let Some(vectors) = self.vectors.get_mut(first..first + words) else { return false };
        let Some(kept) = self.scratch.words(start, words) else { return false };
        for (vector, word) in vectors.iter_mut().zip(kept) {
            let (from, to) = if stores { (&mut **vector, word) } else { (word, &mut **vector) };
            if exec == u64::MAX {
                *to = *from;
            } else {
                for lane in 0..LANES {
                    to.0[lane] = if exec >> lane & 1 != 0 { from.0[lane] } else { to.0[lane] };
                }
            }
        }
        true
    }

    #[inline]
    pub(super) fn from(&self, source: From) -> u64 {
        match source {
            From::Register(number) => self.scalars[usize::from(number)].into(),
            From::Pair(number) => self.pair(ScalarReg(number)),
            From::Constant(value) => value,
        }
    }

    #[inline]
    fn give(&mut self, to: To, value: u64, scc: Scc) {
        match to {
            To::Register(number) => self.scalars[usize::from(number)] = value as u32,
            To::Pair(number) => self.set_pair(ScalarReg(number), value),
        }
        match scc {
            Scc::Keeps => {}
            Scc::NotZero => self.scc = value != 0,
            Scc::Is(scc) => self.scc = scc,
        }
    }

    #[inline]
    fn takes(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Scc(set) => self.scc == set,
            When::VccIsZero(zero) => (self.vcc() == 0) == zero,
            When::ExecIsZero(zero) => (self.exec() == 0) == zero,
        }
    }
}
