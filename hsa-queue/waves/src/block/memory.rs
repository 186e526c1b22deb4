//! Acts of the data share and of memory: wholes where addresses have a shape; what has none is looked at anew.
//!
//! Each answers whether it was done. Where it was not, nothing was, or rows of lanes are marked as done.

use super::act::Reach;
use super::lanes::{Room, replace};
use crate::host::Host;
use crate::operand::{PRIVATE_BASE, SHARED_BASE};
use crate::share::Share;
use crate::stop::Stop;
use crate::vector::shape::{ROW, Shape, are_same, have_shapes, shape};
use crate::wave::{LANES, Lanes, Wave};
use gcn::ScalarReg;
use hsa_queue::memory::Access;
use zerocopy::IntoBytes;

// Registers are taken as the bytes that memory has, which are little-endian.
const _: () = assert!(cfg!(target_endian = "little"), "waves run on little-endian processors");

impl Wave {
    #[inline]
    pub(super) fn load_share(
        &mut self,
        room: &mut Room,
        share: &Share,
        (to, at): (u8, u8),
        offsets: &[u32],
        words: u8,
    ) -> bool {
        let Some((around, shapes)) = room.loops() else { return false };
        let exec = self.exec();
        let (to, at, words) = (usize::from(to), usize::from(at), usize::from(words));
        // The address may lie in the destination.
        let is_replaced = (to..to + offsets.len() * words).contains(&at);
        if is_replaced {
            room.made[0][0] = *self.vectors[at];
        }
        let rows = shapes.shapes.call(&self.vectors[at]);
        for number in 0..offsets.len() * words {
            let addresses = if is_replaced { &room.made[0][0] } else { &*self.vectors[at] };
            let offset = offsets[number / words].wrapping_add(4 * (number % words) as u32);
            if !shapes.gather.call(&mut room.low, share.bytes(), addresses, offset, rows) {
                if is_replaced {
                    *self.vectors[at] = room.made[0][0];
                }
                return false;
            }
            replace(&mut self.vectors[to + number], &mut room.low, exec, around);
        }
        true
    }

    #[inline]
    pub(super) fn store_share(&self, share: &mut Share, at: u8, offset: u32, data: u8, words: u8) -> bool {
        let exec = self.exec();
        let (at, first) = (&*self.vectors[usize::from(at)], usize::from(data));
        let data = &self.vectors[first..first + usize::from(words)];
        match data {
            [data] if exec == u64::MAX && share.store_rows(at, offset, data) => true,
            _ => share.scatter(at, offset, data, exec),
        }
    }

    /// The first lane's address, if all lanes take part and have theirs at a distance of so many bytes, in memory.
    #[inline]
    fn following(&self, room: &Room, reach: Reach, distance: u32) -> Option<u64> {
        let (_, shapes) = room.loops()?;
        let low = &*self.vectors[usize::from(reach.first)];
        let high = if reach.base.is_some() { low } else { &*self.vectors[usize::from(reach.first) + 1] };
        let pair = if reach.base.is_some() { [low, &crate::wave::ZERO] } else { [low, high] };
        let follows = shapes.follow.call(pair, distance);
        let va = self.address(reach, 0);
        let end = va.checked_add(u64::from(distance) * LANES as u64 - 1)?;
        (follows && !(reach.is_flat && (is_elsewhere(va) || is_elsewhere(end)))).then_some(va)
    }

    /// The address that all lanes have, in memory.
    fn common(&self, room: &Room, reach: Reach) -> Option<u64> {
        let (_, shapes) = room.loops()?;
        let first = usize::from(reach.first);
        let are_same = |lanes: &Lanes| are_same(shapes.shapes.call(lanes));
        let va = self.address(reach, 0);
        let is_one =
            are_same(&self.vectors[first]) && (reach.base.is_some() || are_same(&self.vectors[first + 1]));
        // 16 bytes are the most that are loaded.
        let leads_elsewhere = reach.is_flat && (is_elsewhere(va) || is_elsewhere(va.wrapping_add(15)));
        (is_one && !leads_elsewhere).then_some(va)
    }

    /// Whether an access of all lanes was answered; where a part of it is not there, each lane tells for itself.
    #[inline]
    fn is_answered(&mut self, answer: Access<()>) -> Result<bool, Stop> {
        match answer {
            Access::Ready(()) => Ok(true),
            Access::Pending(ticket) => Err(Stop::Pending(ticket)),
            Access::Fault(_) => {
                self.apart = true;
                Ok(false)
            }
        }
    }

    /// Loads a byte or a short for each lane, if they follow each other or are one.
    pub(super) fn load_part(
        &mut self,
        room: &mut Room,
        reach: Reach,
        to: u8,
        (bytes, is_signed): (u8, bool),
        host: &mut impl Host,
    ) -> Result<bool, Stop> {
        if self.apart || self.done != 0 || self.exec() != u64::MAX {
            return Ok(false);
        }
        let each = usize::from(bytes);
        let extended = |part: &[u8]| match (part, is_signed) {
            ([byte], false) => u32::from(*byte),
            ([byte], true) => i32::from(*byte as i8) as u32,
            ([low, high, ..], false) => u32::from(u16::from_le_bytes([*low, *high])),
            ([low, high, ..], true) => i32::from(i16::from_le_bytes([*low, *high])) as u32,
            ([], _) => 0,
        };
        let mut loaded = [0; 2 * LANES];
        if let Some(va) = self.common(room, reach) {
            let answer = host.load(va, &mut loaded[..each]);
            if !self.is_answered(answer)? {
                return Ok(false);
            }
            self.vectors[usize::from(to)].0.fill(extended(&loaded[..each]));
            return Ok(true);
        }
        let Some(va) = self.following(room, reach, bytes.into()) else { return Ok(false) };
        let answer = host.load(va, &mut loaded[..each * LANES]);
        if !self.is_answered(answer)? {
            return Ok(false);
        }
        for (lane, part) in self.vectors[usize::from(to)].0.iter_mut().zip(loaded.chunks_exact(each)) {
            *lane = extended(part);
        }
        Ok(true)
    }

    /// Stores the lowest byte or short of each lane, if they follow each other.
    pub(super) fn store_part(
        &mut self,
        room: &mut Room,
        reach: Reach,
        data: u8,
        bytes: u8,
        host: &mut impl Host,
    ) -> Result<bool, Stop> {
        if self.apart || self.done != 0 || self.exec() != u64::MAX {
            return Ok(false);
        }
        let Some(va) = self.following(room, reach, bytes.into()) else { return Ok(false) };
        let (mut stored, each) = ([0; 2 * LANES], usize::from(bytes));
        for (part, lane) in stored.chunks_exact_mut(each).zip(&self.vectors[usize::from(data)].0) {
            part.copy_from_slice(&lane.to_le_bytes()[..each]);
        }
        let answer = host.store(va, &stored[..each * LANES]);
        self.is_answered(answer)
    }

    /// A lane's address.
    #[inline]
    fn address(&self, reach: Reach, lane: usize) -> u64 {
        let first = usize::from(reach.first);
        let low = u64::from(self.vectors[first].0[lane]);
        let start = match reach.base {
            Some(base) => self.pair(ScalarReg(base)).wrapping_add(low),
            None => low | u64::from(self.vectors[first + 1].0[lane]) << 32,
        };
        start.wrapping_add_signed(reach.offset.into())
    }

    /// The address of a row's first lane and the row's shape, if it lies in memory as a whole.
    fn row(&self, reach: Reach, row: usize) -> (u64, Shape) {
        let first = usize::from(reach.first);
        let low = &self.vectors[first].0.as_chunks::<ROW>().0[row];
        let va = self.address(reach, ROW * row);
        let has_one_half = match reach.base {
            Some(_) => true,
            None => self.vectors[first + 1].0.as_chunks::<ROW>().0[row]
                .iter()
                .all(|high| *high == self.vectors[first + 1].0[ROW * row]),
        };
        let ends = low[0].checked_add(4 * ROW as u32).is_some() && va.checked_add(4 * ROW as u64).is_some();
        let elsewhere =
            reach.is_flat && (is_elsewhere(va) || is_elsewhere(va.wrapping_add(4 * ROW as u64 - 1)));
        (va, if has_one_half && ends && !elsewhere { shape(low) } else { Shape::Any })
    }

    #[inline]
    pub(super) fn load_words(
        &mut self,
        room: &mut Room,
        reach: Reach,
        to: u8,
        words: u8,
        host: &mut impl Host,
    ) -> Result<bool, Stop> {
        if self.apart {
            return Ok(false);
        }
        let is_whole = self.exec() == u64::MAX;
        let (to, words) = (usize::from(to), usize::from(words));
        if is_whole
            && self.done == 0
            && let Some(va) = self.following(room, reach, 4 * words as u32)
        {
            let answer = if words == 1 {
                host.load(va, room.low.0.as_mut_bytes())
            } else {
                host.load(va, &mut room.words.as_mut_bytes()[..4 * words * LANES])
            };
            match answer {
                Access::Ready(()) if words == 1 => std::mem::swap(&mut self.vectors[to], &mut room.low),
                Access::Ready(()) => {
                    let columns = &mut self.vectors[to..to + words];
                    match words {
                        2 => apart::<2>(&room.words[..2 * LANES], columns),
                        3 => apart::<3>(&room.words[..3 * LANES], columns),
                        _ => apart::<4>(&room.words[..], columns),
                    }
                }
                Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
                // Which lane's it is, each of them tells.
                Access::Fault(_) => {
                    self.apart = true;
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if is_whole
            && self.done == 0
            && let Some(va) = self.common(room, reach)
        {
            let mut loaded = [0_u32; 4];
            let answer = host.load(va, &mut loaded.as_mut_bytes()[..4 * words]);
            if !self.is_answered(answer)? {
                return Ok(false);
            }
            for (register, word) in self.vectors[to..].iter_mut().zip(&loaded[..words]) {
                register.0.fill(*word);
            }
            return Ok(true);
        }
        if is_whole && words == 1 && self.has_rows(room, reach) {
            return self.load_rows(reach, to, host);
        }
        Ok(self.done == 0 && self.load_each(room, reach, (to, words), host))
    }

    /// Whether addresses have shapes row by row.
    fn has_rows(&self, room: &Room, reach: Reach) -> bool {
        let low = &self.vectors[usize::from(reach.first)];
        room.loops().is_some_and(|(_, shapes)| have_shapes(shapes.shapes.call(low)))
    }

    /// The addresses of the lanes that take part; `None` if one of them leads elsewhere.
    fn addresses(&self, reach: Reach) -> Option<[u64; LANES]> {
        let first = usize::from(reach.first);
        let low = &self.vectors[first].0;
        let mut at = [0; LANES];
        match reach.base {
            Some(base) => {
                let base = self.pair(ScalarReg(base)).wrapping_add_signed(reach.offset.into());
                for (at, low) in at.iter_mut().zip(low) {
                    *at = base.wrapping_add(u64::from(*low));
                }
            }
            None => {
                for (at, (low, high)) in at.iter_mut().zip(low.iter().zip(&self.vectors[first + 1].0)) {
                    let start = u64::from(*low) | u64::from(*high) << 32;
                    *at = start.wrapping_add_signed(reach.offset.into());
                }
            }
        }
        let exec = self.exec();
        let leads_elsewhere = |lane: &usize| exec >> lane & 1 != 0 && is_elsewhere(at[*lane]);
        (!reach.is_flat || !(0..LANES).any(|lane| leads_elsewhere(&lane))).then_some(at)
    }

    /// Loads words for each lane from wherever they are, if the host can do so at once.
    fn load_each(
        &mut self,
        room: &mut Room,
        reach: Reach,
        (to, words): (usize, usize),
        host: &mut impl Host,
    ) -> bool {
        let (Some((around, _)), Some(mut at), exec) = (room.loops(), self.addresses(reach), self.exec())
        else {
            return false;
        };
        for word in 0..words {
            if !host.gather(&at, exec, &mut self.loaded[word].0) {
                return false;
            }
            for at in &mut at {
                *at = at.wrapping_add(4);
            }
        }
        for (register, loaded) in self.vectors[to..].iter_mut().zip(&self.loaded[..words]) {
            around.merge(register, loaded, exec);
        }
        true
    }

    /// Loads a word for each lane, a row at once.
    fn load_rows(&mut self, reach: Reach, to: usize, host: &mut impl Host) -> Result<bool, Stop> {
        for row in 0..LANES / ROW {
            let lanes = u64::from(u16::MAX) << (ROW * row);
            if self.done & lanes != 0 {
                continue;
            }
            let (va, shape) = self.row(reach, row);
            let loaded = &mut self.loaded[0].0.as_chunks_mut::<ROW>().0[row];
            let answer = match shape {
                Shape::Words => host.load(va, loaded.as_mut_bytes()),
                Shape::One => {
                    let answer = host.load(va, loaded[0].as_mut_bytes());
                    *loaded = [loaded[0]; ROW];
                    answer
                }
                Shape::Any => {
                    self.apart = true;
                    return Ok(false);
                }
            };
            match answer {
                Access::Ready(()) => self.done |= lanes,
                Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
                Access::Fault(_) => {
                    self.apart = true;
                    return Ok(false);
                }
            }
        }
        self.done = 0;
        *self.vectors[to] = self.loaded[0];
        Ok(true)
    }

    #[inline]
    pub(super) fn store_words(
        &mut self,
        room: &mut Room,
        reach: Reach,
        data: u8,
        words: u8,
        host: &mut impl Host,
    ) -> Result<bool, Stop> {
        if self.apart {
            return Ok(false);
        }
        let is_whole = self.exec() == u64::MAX;
        let (data, words) = (usize::from(data), usize::from(words));
        if is_whole
            && self.done == 0
            && let Some(va) = self.following(room, reach, 4 * words as u32)
        {
            let columns = &self.vectors[data..data + words];
            let answer = match words {
                1 => host.store(va, columns[0].0.as_bytes()),
                2 => host.store(va, together::<2>(columns, &mut room.words[..]).as_bytes()),
                3 => host.store(va, together::<3>(columns, &mut room.words[..]).as_bytes()),
                _ => host.store(va, together::<4>(columns, &mut room.words[..]).as_bytes()),
            };
            return match answer {
                Access::Ready(()) => Ok(true),
                Access::Pending(ticket) => Err(Stop::Pending(ticket)),
                Access::Fault(_) => {
                    self.apart = true;
                    Ok(false)
                }
            };
        }
        if words > 1 {
            return Ok(false);
        }
        if is_whole && self.has_rows(room, reach) {
            return self.store_rows(reach, data, host);
        }
        let Some(at) = self.addresses(reach).filter(|_| self.done == 0) else { return Ok(false) };
        Ok(host.scatter(&at, self.exec(), &self.vectors[data].0))
    }

    /// Stores a word of each lane, a row at once.
    fn store_rows(&mut self, reach: Reach, data: usize, host: &mut impl Host) -> Result<bool, Stop> {
        for row in 0..LANES / ROW {
            let lanes = u64::from(u16::MAX) << (ROW * row);
            if self.done & lanes != 0 {
                continue;
            }
            let (va, shape) = self.row(reach, row);
            if shape != Shape::Words {
                self.apart = true;
                return Ok(false);
            }
            match host.store(va, self.vectors[data].0.as_chunks::<ROW>().0[row].as_bytes()) {
                Access::Ready(()) => self.done |= lanes,
                Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
                Access::Fault(_) => {
                    self.apart = true;
                    return Ok(false);
                }
            }
        }
        self.done = 0;
        Ok(true)
    }
}

/// Whether an address of FLAT leads to the data share or to scratch.
fn is_elsewhere(va: u64) -> bool {
    matches!(va & !0xffff_ffff, SHARED_BASE | PRIVATE_BASE)
}

/// Lanes of so many words become columns.
fn apart<const WORDS: usize>(words: &[u32], columns: &mut [Box<Lanes>]) {
    let lanes = words.as_chunks::<WORDS>().0;
    for (at, column) in columns.iter_mut().enumerate().take(WORDS) {
        for (word, lane) in column.0.iter_mut().zip(lanes) {
            *word = lane[at];
        }
    }
}

/// Columns become lanes of so many words.
fn together<'a, const WORDS: usize>(columns: &[Box<Lanes>], words: &'a mut [u32]) -> &'a [u32] {
    let lanes = &mut words[..WORDS * LANES];
    for (number, lane) in lanes.as_chunks_mut::<WORDS>().0.iter_mut().enumerate() {
        for (word, column) in lane.iter_mut().zip(columns) {
            *word = column.0[number];
        }
    }
    lanes
}
