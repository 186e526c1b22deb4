//! What is known of a dispatch while its parts are run: which one it is, and the mnemonics that its waves have come to.
//!
//! Threads tell what they have run when they rest, not while they run; whoever reads the set after the last part is over, by
//! an order of its own, reads all of it.

use crate::mnemonics::{Mnemonics, WORDS};
use crate::sync::{AtomicU64, Ordering};

/// The serial of the next dispatch.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// See the module's head. Each dispatch has one, its parts together.
#[derive(Debug)]
pub(crate) struct Record {
    /// Greater than that of any dispatch that was there before.
    pub serial: u64,
    reached: [AtomicU64; WORDS],
}

impl Default for Record {
    fn default() -> Self {
        Self { serial: NEXT.fetch_add(1, Ordering::Relaxed), reached: [const { AtomicU64::new(0) }; WORDS] }
    }
}

impl Record {
    /// Waves have come to these.
    pub(crate) fn reached(&self, mnemonics: &Mnemonics) {
        for (word, bits) in self.reached.iter().zip(mnemonics.words()) {
            // Mostly another thread has told the same.
            if bits & !word.load(Ordering::Relaxed) != 0 {
                word.fetch_or(*bits, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn mnemonics(&self) -> Mnemonics {
        let words = self.reached.each_ref().map(|word| word.load(Ordering::Relaxed));
        Mnemonics::of_words(words).unwrap_or_default()
    }
}
