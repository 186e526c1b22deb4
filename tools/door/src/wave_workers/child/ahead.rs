//! What a thread has read ahead of memory that only the daemon reaches: as a compute unit's cache, it is dropped when waves acquire.
//!
//! Waves that go through an array are given more with each question, up to what a message holds; who goes anywhere gets a page.
//! What this thread stores is stored here too. Another thread's stores are seen after [`Ahead::forget`], which is what a wave asks
//! for by BUFFER_WBINVL1 and by loads past the cache. Not for: whether an address still means the same, which `reach` asks first.

use crate::wave_workers::wire::PAYLOAD_MAX;

/// Runs that are kept: a kernel goes through so many arrays at once.
const RUNS: usize = 8;
/// Bytes that are read where nothing was before: a page costs what a word costs.
const FIRST: usize = 4096;
/// Where a run begins: those before an address are of use where lanes stand side by side.
const LINE: u64 = 256;

#[derive(Debug)]
struct Run {
    va: u64,
    bytes: Vec<u8>,
}

impl Run {
    /// Where an address is in it.
    fn at(&self, va: u64) -> Option<usize> {
        let at = usize::try_from(va.checked_sub(self.va)?).ok()?;
        (at < self.bytes.len()).then_some(at)
    }

    fn end(&self) -> u64 {
        self.va.wrapping_add(self.bytes.len() as u64)
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Ahead(Vec<Run>);

impl Ahead {
    /// Copies what is there from `va` on; how many bytes that are.
    pub(super) fn copy(&mut self, va: u64, into: &mut [u8]) -> usize {
        let Some((number, at)) =
            self.0.iter().enumerate().find_map(|(number, run)| Some((number, run.at(va)?)))
        else {
            return 0;
        };
        let found = &self.0[number].bytes[at..];
        let len = found.len().min(into.len());
        into[..len].copy_from_slice(&found[..len]);
        self.0[..=number].rotate_right(1);
        len
    }

    /// What is to be read for `len` bytes at `va` of a span from `start` to `start + span`: where, and how many bytes.
    pub(super) fn wants(&self, va: u64, len: usize, start: u64, span: u64) -> (u64, usize) {
        let before = self.0.iter().find(|run| run.end() == va && va != start);
        let (from, bytes) = match before {
            Some(run) => (va, 2 * run.bytes.len()),
            None => ((va & !(LINE - 1)).max(start), FIRST),
        };
        let skipped = va - from;
        let left = usize::try_from(span - (from - start)).unwrap_or(usize::MAX);
        let least = (skipped as usize).saturating_add(len);
        (from, bytes.max(least).min(PAYLOAD_MAX).min(left))
    }

    /// Keeps what was read.
    pub(super) fn keep(&mut self, va: u64, bytes: Vec<u8>) {
        // The run before it has been gone through, and what lies in both would be there twice.
        let end = va.wrapping_add(bytes.len() as u64);
        self.0.retain(|run| run.end() != va && (run.end() <= va || run.va >= end));
        self.0.truncate(RUNS - 1);
        self.0.insert(0, Run { va, bytes });
    }

    /// Stores into what is there.
    pub(super) fn stored(&mut self, va: u64, bytes: &[u8]) {
        for run in &mut self.0 {
            let (start, end) = (va.max(run.va), va.wrapping_add(bytes.len() as u64).min(run.end()));
            if start < end {
                let to = &mut run.bytes[(start - run.va) as usize..(end - run.va) as usize];
                to.copy_from_slice(&bytes[(start - va) as usize..(end - va) as usize]);
            }
        }
    }

    /// What was read is to be read anew.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// The same of what has one of these bytes.
    pub(super) fn forget_at(&mut self, va: u64, len: u64) {
        self.0.retain(|run| run.end() <= va || run.va >= va.saturating_add(len));
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, FIRST, LINE, RUNS};
    use crate::wave_workers::wire::PAYLOAD_MAX;

    const START: u64 = 0x10_0040;

    fn byte(va: u64) -> u8 {
        (va / 7) as u8
    }

    /// Reads as a thread does, from memory that ends; how many questions it asked.
    fn read(ahead: &mut Ahead, va: u64, into: &mut [u8], span: u64) -> usize {
        let (mut done, mut asked) = (0, 0);
        while done < into.len() {
            let at = va + done as u64;
            let len = ahead.copy(at, &mut into[done..]);
            if len == 0 {
                let (from, bytes) = ahead.wants(at, into.len() - done, START, span);
                assert!(from >= START && from <= at && from + bytes as u64 > at && bytes <= PAYLOAD_MAX);
                assert!(from + bytes as u64 <= START + span);
                ahead.keep(from, (from..from + bytes as u64).map(byte).collect());
                asked += 1;
            }
            done += len;
        }
        assert!(into.iter().zip(va..).all(|(found, va)| *found == byte(va)));
        asked
    }

    #[test]
    fn who_goes_through_arrays_asks_seldom_and_finds_what_is_there() {
        let (mut ahead, span) = (Ahead::default(), 16 << 20);
        let (mut asked, rounds, mut bytes) = (0, 4096, [0; 256]);
        for round in 0..rounds {
            for array in 0..3 {
                asked += read(&mut ahead, START + array * (5 << 20) + 256 * round, &mut bytes, span);
            }
        }
        let least = 3 * 256 * rounds as usize / PAYLOAD_MAX;
        assert!(asked < least + 3 * 8, "{asked} questions, of which {least} have to be");
    }

    #[test]
    fn a_span_is_read_to_its_end_and_from_its_beginning() {
        let mut bytes = [0; 256];
        for (va, len) in [(0, 256), (0, 1), (3, 4), (LINE, 256), (1000 - 256, 256), (999, 1)] {
            let mut ahead = Ahead::default();
            assert_eq!(read(&mut ahead, START + va, &mut bytes[..len], 1000), 1);
            assert_eq!(read(&mut ahead, START + va, &mut bytes[..len], 1000), 0);
        }
        let mut large = vec![0; 3 * PAYLOAD_MAX];
        assert!(read(&mut Ahead::default(), START + 1, &mut large, 1 << 20) <= 5);
    }

    #[test]
    fn what_is_stored_is_found_and_what_is_forgotten_is_not() {
        let (mut ahead, mut found) = (Ahead::default(), [0; 8]);
        ahead.keep(0x1000, vec![1; 0x100]);
        ahead.keep(0x2000, vec![2; 0x100]);
        ahead.stored(0xffc, &[9; 8]);
        ahead.stored(0x10fc, &[8; 8]);
        ahead.stored(0x1800, &[7; 8]);
        assert_eq!((ahead.copy(0x1000, &mut found), found), (8, [9, 9, 9, 9, 1, 1, 1, 1]));
        assert_eq!((ahead.copy(0x10f8, &mut found), found), (8, [1, 1, 1, 1, 8, 8, 8, 8]));
        assert_eq!((ahead.copy(0xfff, &mut found), ahead.copy(0x1100, &mut found)), (0, 0));
        ahead.forget_at(0x10ff, 1);
        assert_eq!((ahead.copy(0x1000, &mut found), ahead.copy(0x2000, &mut found)), (0, 8));
        ahead.forget();
        assert_eq!(ahead.copy(0x2000, &mut found), 0);
    }

    #[test]
    fn the_last_runs_are_kept_and_none_twice() {
        let mut ahead = Ahead::default();
        for at in 0..RUNS as u64 + 3 {
            ahead.keep(at << 16, vec![0; FIRST]);
        }
        assert_eq!(ahead.0.len(), RUNS);
        ahead.keep((5 << 16) + 16, vec![1; FIRST]);
        assert_eq!((ahead.0.len(), ahead.copy(5 << 16, &mut [0])), (RUNS, 0));
    }
}
