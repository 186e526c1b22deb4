//! Entries made for a fuzzer: bytes become a client (a ring, memory around it, indices, and stores that it makes while
//! the processor runs) and a processor runs over it.
//!
//! ```text
//!  bytes ─► Script (flags, budget, write index, pokes; the rest is the ring and the data behind it)
//!             ├─► LocalMemory ─► Hostile: answers at once or Pending first, counts
//!             └─► processor: turns, a poke between two of them ─► checks of what must hold, a signature
//! ```
//!
//! What must hold for every input: no panic, no more packets than the budget, no more accesses in a turn than a turn may
//! make, an access or a dispatch that is open is asked again as it was, and a processor that has stopped stays stopped.
//!
//! The signature tells inputs apart that drove the processor differently; a fuzzer keeps one of each. Not for: making
//! inputs, which is the fuzzer's.

mod hostile;
mod script;

use crate::clock::Clock;
use crate::processor::QueueProcessor;
use crate::sdma::Generation;
use crate::step::Step;
use crate::wave::Waves;
use crate::{aql, pm4, sdma};
use hostile::Hostile;
use script::Script;

/// Accesses that no turn may need: 16 for each of 64 packets ([`aql::Processor::run`]), one for each row of a window of
/// which 64 KiB make a turn, and twice that for pieces that fault.
const MOST_ACCESSES: u32 = 8192;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn ticks(&self) -> u64 {
        1
    }
}

/// Runs an AQL queue over what these bytes say.
#[must_use]
pub fn aql(bytes: &[u8]) -> u64 {
    run(bytes, |script| {
        Some(QueueProcessor::Aql(Box::new(
            aql::Processor::new(script.regs()).ok()?.with_waves(waves(script)),
        )))
    })
}

/// Runs a PM4 queue over what these bytes say.
#[must_use]
pub fn pm4(bytes: &[u8]) -> u64 {
    run(bytes, |script| {
        Some(QueueProcessor::Pm4(Box::new(pm4::Processor::new(script.regs(), waves(script)).ok()?)))
    })
}

/// Runs an SDMA queue over what these bytes say.
#[must_use]
pub fn sdma(bytes: &[u8]) -> u64 {
    run(bytes, |script| {
        let generation = if script.newer() { Generation::V5 } else { Generation::V4 };
        Some(QueueProcessor::Sdma(Box::new(sdma::Processor::new(script.regs(), generation).ok()?)))
    })
}

fn waves(script: &Script<'_>) -> Waves {
    match (script.runs_waves(), script.null_waves()) {
        (true, _) => Waves::Run,
        (false, true) => Waves::Null,
        (false, false) => Waves::Refuse,
    }
}

fn run(bytes: &[u8], make: impl FnOnce(&Script<'_>) -> Option<QueueProcessor>) -> u64 {
    let script = Script::new(bytes);
    let Some(mut processor) = make(&script) else { return 0 };
    let memory = script.memory();
    let mut view = Hostile::new(&memory, script.reluctant());
    let mut signature = Signature::default();
    let mut pokes = script.pokes();
    for _ in 0..script.turns() {
        let stopped = processor.has_stopped();
        let turn = processor.run(&mut view, &Still, script.budget());
        assert!(turn.packets <= script.budget(), "{} packets of {}", turn.packets, script.budget());
        assert!(view.take_count() <= MOST_ACCESSES, "a turn without an end");
        assert!(!stopped || processor.has_stopped(), "a queue that had stopped goes on");
        signature.add(turn.packets, turn.step);
        let waits = matches!(turn.step, Step::Empty | Step::Parked { .. });
        match pokes.next() {
            Some((va, value)) => script::poke(&memory, va, value),
            None if waits || processor.has_stopped() => break,
            None => {}
        }
    }
    signature.0
}

/// What was seen, folded into a word.
#[derive(Default)]
struct Signature(u64);

impl Signature {
    fn add(&mut self, packets: u32, step: Step) {
        let kind = match step {
            Step::Progress { raise: None } => 1,
            Step::Progress { raise: Some(_) } => 2,
            Step::Empty => 3,
            Step::Parked { forever } => 4 + u64::from(forever),
            // Every access of a reluctant view is one: not news.
            Step::Pending(_) | Step::Dispatched(_) => return,
            Step::Stopped { error, raise } => {
                8 + u64::from(error.exception_code()) * 2 + u64::from(raise.is_some())
            }
            Step::Faulted(fault) => 6 + u64::from(fault.write),
        };
        // The golden ratio's multiplier spreads what came before over the word.
        self.0 = (self.0 ^ (kind << 3 | u64::from(packets.min(4)))).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_are_an_input_and_the_same_bytes_do_the_same() {
        for entry in [aql, pm4, sdma] {
            for len in 0..600 {
                let bytes: Vec<u8> = (0..len).map(|i| (i * 37 + len) as u8).collect();
                assert_eq!(entry(&bytes), entry(&bytes));
            }
        }
    }

    #[test]
    fn a_dispatch_is_seen_to_be_run_and_to_end_as_its_kernel_says() {
        // The smallest ring, one packet a turn, four turns, one packet written: one work-item.
        let ran = |flags: u8, kernel: u64| {
            let words = [2 | 1 << 16 | 1 << 32 | 1 << 48, 1 | 1 << 32, 1 | 1 << 32, 0, kernel, 0, 0, 0u64];
            let packet: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            aql(&[&[flags, 0, 0, 3, 1, 0, 0, 0][..], &packet].concat())
        };
        for late in [0, 1] {
            let ends = [ran(8 | late, 0), ran(8 | late, 2), ran(8 | late, 3), ran(late, 0)];
            assert!((0..4).all(|i| (0..i).all(|j| ends[i] != ends[j])), "{ends:x?}");
        }
    }

    #[test]
    fn a_fence_is_seen_to_be_run() {
        // No flags, the smallest ring, one packet a turn, two turns, four dwords written.
        let head = [0, 0, 0, 1, 16, 0, 0, 0];
        let fence: Vec<u8> = [5u32, 0x1800, 0, 7].iter().flat_map(|dword| dword.to_le_bytes()).collect();
        let ran = sdma(&[&head[..], &fence].concat());
        assert_ne!(ran, sdma(&[]), "nothing was submitted");
        assert_ne!(ran, sdma(&[&head[..], &[3, 0, 0, 0]].concat()), "no such packet");
    }
}
