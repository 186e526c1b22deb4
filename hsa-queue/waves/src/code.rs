//! The code of one client as all threads that run it know it: which pages have been decoded, and when that became stale.
//!
//! ```text
//! decodes: page into the set ──► words are read ──► block
//! stores:  bytes are written ──► page in the set? ──► epoch + 1, page out of the set
//! enters a block: epoch as it was when the blocks were made? or else all of them are made anew
//! ```
//! The page is in the set before its words are read, so a store that comes later finds it. What a thread still runs when
//! another stores is the block that it is in, as hardware runs what it has fetched. A store asks a small filter first: nearly
//! all of them leave it there. A store at the very time of a decoding may be missed, as instruction caches miss it; one that
//! the decoding thread has been told of, by whatever orders memory, is not.

use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use std::collections::HashSet;

/// Bytes of code that are told apart.
const PAGE: u64 = 4096;
/// Words of the filter, whose bits stand for pages by their number modulo 4096.
const WORDS: usize = 64;

/// See the module's head. Cheap to clone: all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Code {
    known: Arc<Known>,
}

#[derive(Debug)]
struct Known {
    epoch: AtomicU64,
    filter: [AtomicU64; WORDS],
    pages: Mutex<HashSet<u64>>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            filter: [const { AtomicU64::new(0) }; WORDS],
            pages: Mutex::default(),
        }
    }
}

/// The word and the bit of a page in the filter.
fn place(page: u64) -> (usize, u64) {
    ((page / 64) as usize % WORDS, 1 << (page % 64))
}

impl Code {
    /// Says that code may have changed, or is no longer there: every thread decodes anew what it enters from now on.
    pub fn changed(&self) {
        self.known.epoch.fetch_add(1, Ordering::Release);
    }

    /// How often that was so.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.known.epoch.load(Ordering::Acquire)
    }

    /// Says, before its words are read, that the code at `va` is decoded.
    pub(crate) fn decodes(&self, va: u64) {
        let page = va / PAGE;
        let mut pages = self.known.pages.lock();
        if pages.insert(page) {
            let (word, bit) = place(page);
            // Under the lock, as all writes of the filter are.
            self.known.filter[word].fetch_or(bit, Ordering::SeqCst);
        }
    }

    /// Says that `len` bytes at `va` have been stored.
    #[inline]
    pub(crate) fn stored(&self, va: u64, len: u64) {
        let (first, last) = (va / PAGE, va.wrapping_add(len.saturating_sub(1)) / PAGE);
        let mut page = first;
        loop {
            let (word, bit) = place(page);
            if self.known.filter[word].load(Ordering::Relaxed) & bit != 0 {
                self.drops(page);
            }
            if page == last {
                return;
            }
            page = page.wrapping_add(1) & (u64::MAX / PAGE);
        }
    }

    #[cold]
    fn drops(&self, page: u64) {
        let mut pages = self.known.pages.lock();
        if !pages.remove(&page) {
            return;
        }
        let mut words = [0; WORDS];
        for page in pages.iter() {
            let (word, bit) = place(*page);
            words[word] |= bit;
        }
        for (word, bits) in self.known.filter.iter().zip(words) {
            word.store(bits, Ordering::SeqCst);
        }
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn a_store_into_a_page_that_was_decoded_is_told_once() {
        let code = Code::default();
        code.decodes(0x5000);
        code.decodes(0x5ffc);
        // The same bit of the filter, another page; beside it.
        code.stored(0x5000 + (4096 << 12), 4);
        code.stored(0x4f00, 0x100);
        assert_eq!(code.epoch(), 0);
        code.stored(0x4f00, 0x101);
        assert_eq!(code.epoch(), 1);
        code.stored(0x5000, 4);
        assert_eq!(code.epoch(), 1);
        code.decodes(0x5000);
        code.stored(u64::MAX - 3, 0x6000);
        assert_eq!(code.clone().epoch(), 2);
    }
}
