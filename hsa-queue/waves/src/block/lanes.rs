//! Vector acts: sources are found or made, the loop runs over all lanes, and its result takes the register's place.

use super::act::{Changes, Column, From};
use crate::sys::{Based, Holds, Level, Loop, Masked, Narrow, Pair, Wide};
use crate::vector::loops::Around;
use crate::vector::shape::Shapes;
use crate::wave::{LANES, Lanes, Wave, ZERO};
use gcn::ScalarReg;

/// Where a thread makes what lies in no register.
#[derive(Debug)]
pub(crate) struct Room {
    found: Option<(Level, Around, Shapes)>,
    /// Results. The one that takes a register's place leaves the old one here.
    pub(super) low: Box<Lanes>,
    high: Box<Lanes>,
    /// Sources: scalars, and those whose sign is changed.
    pub(super) made: Box<[[Lanes; 2]; 3]>,
    /// What memory has of all lanes, one lane's words after the other's.
    pub(super) words: Box<[u32; 4 * LANES]>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(Level::found().next())
    }
}

impl Room {
    pub(crate) fn of(level: Option<Level>) -> Self {
        Self {
            found: level.map(|level| (level, Around::new(level), Shapes::new(level))),
            low: Box::new(ZERO),
            high: Box::new(ZERO),
            made: Box::new([[ZERO; 2]; 3]),
            words: Box::new([0; 4 * LANES]),
        }
    }

    pub(super) fn loops(&self) -> Option<(Around, Shapes)> {
        self.found.map(|(_, around, shapes)| (around, shapes))
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.found.map(|(level, ..)| level)
    }
}

/// A source's register.
#[inline(always)]
fn column<'a>(column: Column, vectors: &'a [Box<Lanes>], constants: &'a [Lanes]) -> &'a Lanes {
    match column {
        Column::Vector(number) => &vectors[usize::from(number)],
        Column::Constant(number) => &constants[usize::from(number)],
        // Those are made.
        Column::Scalar(_) => &constants[0],
    }
}

/// A source's register, where it was made if it was.
#[inline(always)]
fn narrow<'a>(
    made: &'a [[Lanes; 2]; 3],
    changes: Changes,
    at: usize,
    source: Column,
    vectors: &'a [Box<Lanes>],
    constants: &'a [Lanes],
) -> &'a Lanes {
    if changes.made >> at & 1 != 0 { &made[at][0] } else { column(source, vectors, constants) }
}

/// A source's two registers.
#[inline(always)]
fn wide<'a>(
    made: &'a [[Lanes; 2]; 3],
    changes: Changes,
    at: usize,
    source: [Column; 2],
    vectors: &'a [Box<Lanes>],
    constants: &'a [Lanes],
) -> Pair<'a> {
    if changes.made >> at & 1 != 0 {
        let high = usize::from(changes.wide >> at & 1);
        [&made[at][0], &made[at][high]]
    } else {
        let [low, high] = source;
        [column(low, vectors, constants), column(high, vectors, constants)]
    }
}

/// Makes the sources that have to be.
#[inline(never)]
fn make(
    wave: &Wave,
    around: Around,
    made: &mut [[Lanes; 2]; 3],
    sources: &[[Column; 2]],
    changes: Changes,
    constants: &[Lanes],
) {
    for (number, (pair, columns)) in made.iter_mut().zip(sources).enumerate() {
        if changes.made >> number & 1 == 0 {
            continue;
        }
        for (half, (made, source)) in pair.iter_mut().zip(columns).enumerate() {
            match *source {
                Column::Scalar(register) => around.fill(made, wave.scalars[usize::from(register)]),
                other => *made = *column(other, &wave.vectors, constants),
            }
            let (abs, neg) = (changes.abs >> number & 1 != 0, changes.neg >> number & 1 != 0);
            let is_wide = changes.wide >> number & 1 != 0;
            if (abs || neg) && is_wide == (half == 1) {
                let from = *made;
                around.sign(made, &from, abs, neg);
            }
            if !is_wide {
                break;
            }
        }
    }
}

impl Wave {
    #[inline]
    pub(super) fn fill(&mut self, room: &mut Room, to: u8, value: u64) {
        let Some((_, around, _)) = room.found else { return };
        let (exec, register) = (self.exec(), &mut self.vectors[usize::from(to)]);
        if exec == u64::MAX {
            around.fill(register, value as u32);
        } else {
            around.fill(&mut room.low, value as u32);
            around.merge(register, &room.low, exec);
        }
    }

    #[inline]
    pub(super) fn plain_lanes(&mut self, room: &mut Room, f: Loop<Narrow>, to: u8, sources: [u8; 3]) {
        let Some((_, around, _)) = room.found else { return };
        let [a, b, c] = sources.map(usize::from);
        f.call(&mut room.low, &self.vectors[a], &self.vectors[b], &self.vectors[c]);
        let exec = self.exec();
        replace(&mut self.vectors[usize::from(to)], &mut room.low, exec, around);
    }

    #[inline]
    pub(super) fn narrow(
        &mut self,
        room: &mut Room,
        constants: &[Lanes],
        f: Loop<Narrow>,
        to: u8,
        sources: [Column; 3],
        changes: Changes,
    ) {
        let Some((_, around, _)) = room.found else { return };
        if changes.made != 0 {
            make(self, around, &mut room.made, &sources.map(|source| [source; 2]), changes, constants);
        }
        let of = |at: usize| narrow(&room.made, changes, at, sources[at], &self.vectors, constants);
        let (a, b, c) = (of(0), of(1), of(2));
        f.call(&mut room.low, a, b, c);
        let exec = self.exec();
        replace(&mut self.vectors[usize::from(to)], &mut room.low, exec, around);
    }

    #[inline]
    pub(super) fn wide(
        &mut self,
        room: &mut Room,
        constants: &[Lanes],
        f: Loop<Wide>,
        (to, is_wide, gives): (u8, bool, Option<u8>),
        sources: [[Column; 2]; 3],
        changes: Changes,
    ) {
        let Some((_, around, _)) = room.found else { return };
        if changes.made != 0 {
            make(self, around, &mut room.made, &sources, changes, constants);
        }
        let of = |at: usize| wide(&room.made, changes, at, sources[at], &self.vectors, constants);
        let given = f.call([&mut room.low, &mut room.high], of(0), of(1), of(2));
        let exec = self.exec();
        replace(&mut self.vectors[usize::from(to)], &mut room.low, exec, around);
        if is_wide {
            replace(&mut self.vectors[usize::from(to) + 1], &mut room.high, exec, around);
        }
        if let Some(gives) = gives {
            self.set_pair(ScalarReg(gives), given & exec);
        }
    }

    #[inline]
    pub(super) fn masked(
        &mut self,
        room: &mut Room,
        constants: &[Lanes],
        f: Loop<Masked>,
        (to, gives): (u8, Option<u8>),
        sources: [Column; 2],
        (mask, changes): (From, Changes),
    ) {
        let Some((_, around, _)) = room.found else { return };
        if changes.made != 0 {
            make(self, around, &mut room.made, &sources.map(|source| [source; 2]), changes, constants);
        }
        let mask = self.from(mask);
        let of = |at: usize| narrow(&room.made, changes, at, sources[at], &self.vectors, constants);
        let (a, b) = (of(0), of(1));
        let given = f.call(&mut room.low, a, b, mask);
        let exec = self.exec();
        replace(&mut self.vectors[usize::from(to)], &mut room.low, exec, around);
        if let Some(gives) = gives {
            self.set_pair(ScalarReg(gives), given & exec);
        }
    }

    #[inline]
    pub(super) fn sum(
        &mut self,
        room: &mut Room,
        constants: &[Lanes],
        f: Loop<Wide>,
        (to, gives): ([u8; 2], u8),
        sources: [[Column; 2]; 2],
    ) {
        let of = |[low, high]: [Column; 2]| -> Pair<'_> {
            [column(low, &self.vectors, constants), column(high, &self.vectors, constants)]
        };
        let (a, b) = (of(sources[0]), of(sources[1]));
        let given = f.call([&mut room.low, &mut room.high], a, b, b);
        self.summed(room, to, gives, given);
    }

    #[inline]
    pub(super) fn based_sum(
        &mut self,
        room: &mut Room,
        f: Loop<Based>,
        (to, gives): ([u8; 2], u8),
        base: [From; 2],
        sources: [u8; 2],
    ) {
        let base = self.from(base[0]) & u64::from(u32::MAX) | self.from(base[1]) << 32;
        let [low, high] = sources;
        let other = [&*self.vectors[usize::from(low)], &*self.vectors[usize::from(high)]];
        let given = f.call([&mut room.low, &mut room.high], base, other);
        self.summed(room, to, gives, given);
    }

    #[inline]
    pub(super) fn shift_left(&mut self, room: &mut Room, f: Loop<Based>, to: u8, by: u8, source: u8) {
        let source = usize::from(source);
        let pair = [&*self.vectors[source], &*self.vectors[source + 1]];
        f.call([&mut room.low, &mut room.high], by.into(), pair);
        self.place(room, [to, to + 1]);
    }

    /// Both halves of a result take their registers' places.
    #[inline]
    fn place(&mut self, room: &mut Room, [low, high]: [u8; 2]) {
        let Some((_, around, _)) = room.found else { return };
        let exec = self.exec();
        replace(&mut self.vectors[usize::from(low)], &mut room.low, exec, around);
        replace(&mut self.vectors[usize::from(high)], &mut room.high, exec, around);
    }

    #[inline]
    fn summed(&mut self, room: &mut Room, to: [u8; 2], gives: u8, given: u64) {
        let exec = self.exec();
        self.place(room, to);
        self.set_pair(ScalarReg(gives), given & exec);
    }

    #[inline]
    pub(super) fn holds(
        &mut self,
        room: &mut Room,
        constants: &[Lanes],
        f: Loop<Holds>,
        (to, is_exec): (u8, bool),
        sources: [[Column; 2]; 2],
        changes: Changes,
    ) {
        let Some((_, around, _)) = room.found else { return };
        if changes.made != 0 {
            make(self, around, &mut room.made, &sources, changes, constants);
        }
        let of = |at: usize| wide(&room.made, changes, at, sources[at], &self.vectors, constants);
        let found = f.call(of(0), of(1)) & self.exec();
        self.set_pair(ScalarReg(to), found);
        if is_exec {
            self.set_exec(found);
        }
    }
}

/// The result takes the place of a register, or of those of its lanes that take part.
#[inline]
pub(super) fn replace(register: &mut Box<Lanes>, result: &mut Box<Lanes>, exec: u64, around: Around) {
    if exec == u64::MAX {
        std::mem::swap(register, result);
    } else {
        around.merge(register, result, exec);
    }
}
