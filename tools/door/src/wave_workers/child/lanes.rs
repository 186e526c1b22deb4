//! Accesses of a whole wave, each lane to a place of its own: done at once when all of them lie in one span of the arena that is
//! remembered. Otherwise none is, and lanes are served one by one (`reach`).

use super::reach::Reach;
use kfd_core::waves::Place;
use waves::LANES;

/// Bytes of a lane's word.
const WORD: u64 = 4;

/// Where in the arena a span lies that has the words of all lanes.
#[derive(Clone, Copy)]
struct Around {
    start: u64,
    offset: u64,
}

impl Reach<'_> {
    fn around(&mut self, at: &[u64; LANES], lanes: u64, write: bool) -> Option<Around> {
        let first = *at.get(lanes.trailing_zeros() as usize)?;
        let span = self.remembered(first).filter(|span| !write || span.writable)?;
        let Place::Own(offset) = span.place else { return None };
        let last = span.len.checked_sub(WORD)?;
        let is_inside = |va: u64| va.wrapping_sub(span.start) <= last && va.is_multiple_of(WORD);
        let all = at.iter().enumerate().all(|(lane, va)| lanes >> lane & 1 == 0 || is_inside(*va));
        (all && offset.is_multiple_of(WORD)).then_some(Around { start: span.start, offset })
    }

    #[inline]
    pub(super) fn load_lanes(&mut self, at: &[u64; LANES], lanes: u64, into: &mut [u32; LANES]) -> bool {
        let Some(around) = self.around(at, lanes, false) else { return false };
        let arena = self.arena();
        let mut each = at.iter().zip(into).enumerate().filter(|(lane, _)| lanes >> lane & 1 != 0);
        each.all(|(_, (va, word))| {
            arena.load_word(around.offset + (va - around.start)).map(|found| *word = found).is_some()
        })
    }

    #[inline]
    pub(super) fn store_lanes(&mut self, at: &[u64; LANES], lanes: u64, words: &[u32; LANES]) -> bool {
        let Some(around) = self.around(at, lanes, true) else { return false };
        let Some(arena) = self.arena_after() else { return false };
        let mut each = at.iter().zip(words).enumerate().filter(|(lane, _)| lanes >> lane & 1 != 0);
        each.all(|(_, (va, word))| arena.store_word(around.offset + (va - around.start), *word).is_some())
    }
}
