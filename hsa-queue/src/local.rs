//! A client's memory inside this process: what tests, models and benchmarks run processors over.
//!
//! Words of the heap stand for one range of a client's address space; everything else is a fault. Threads may
//! share it as clients and engines share an arena. Never `Pending`.
//!
//! Not for: real client memory, which is not ours to hold as atomics of the heap.

use crate::memory::{Access, Fault, GpuVa, MemoryView, Width};
use crate::sync::{AtomicU64, Ordering};

/// One range of memory at a made-up address.
#[derive(Debug)]
pub struct LocalMemory {
    base: u64,
    words: Box<[AtomicU64]>,
}

impl LocalMemory {
    /// `bytes` zero bytes at `base`, both rounded down to multiples of 8.
    #[must_use]
    pub fn new(base: GpuVa, bytes: usize) -> Self {
        Self { base: base.0 & !7, words: (0..bytes / 8).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The address of the first byte.
    #[must_use]
    pub const fn base(&self) -> GpuVa {
        GpuVa(self.base)
    }

    /// The memory as bytes, word by word.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.words.iter().flat_map(|w| w.load(Ordering::Acquire).to_le_bytes()).collect()
    }

    /// [`MemoryView::words`], for as long as the memory is there.
    #[must_use]
    pub fn words_at(&self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        let first = self.extent(va, usize::try_from(len).ok()?, true).ok()?;
        (first.is_multiple_of(8) && len.is_multiple_of(8))
            .then(|| &self.words[first / 8..][..(len / 8) as usize])
    }

    /// The word at `va` and the bit at which `va` lies in it, if `len` bytes there exist and are aligned.
    #[inline]
    fn aligned(&self, va: GpuVa, len: u64, write: bool) -> Result<(&AtomicU64, u32), Fault> {
        let offset = va.0.wrapping_sub(self.base);
        match self.words.get((offset / 8) as usize) {
            Some(word) if va.is_aligned(len) => Ok((word, (offset % 8) as u32 * 8)),
            _ => Err(Fault { va, len, write }),
        }
    }

    /// Offset of `len` bytes at `va`, if all exist.
    #[inline]
    fn extent(&self, va: GpuVa, len: usize, write: bool) -> Result<usize, Fault> {
        let offset = va.0.wrapping_sub(self.base);
        let len = len as u64;
        match offset.checked_add(len) {
            Some(end) if end <= self.words.len() as u64 * 8 => Ok(offset as usize),
            _ => Err(Fault { va, len, write }),
        }
    }

    /// Changes some bits of a word and leaves the others, whoever changes them meanwhile.
    fn merge(word: &AtomicU64, mask: u64, bits: u64) {
        let merged = |old: u64| Some(old & !mask | bits);
        // The closure never declines, so the update cannot fail.
        let _ = word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, merged);
    }
}

fn answer<T>(result: Result<T, Fault>) -> Access<T> {
    match result {
        Ok(value) => Access::Ready(value),
        Err(fault) => Access::Fault(fault),
    }
}

impl MemoryView for &LocalMemory {
    #[inline]
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        answer(self.aligned(va, 8, false).map(|(word, _)| word.load(Ordering::Acquire)))
    }

    #[inline]
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        answer(self.aligned(va, 4, false).map(|(word, bit)| (word.load(Ordering::Acquire) >> bit) as u32))
    }

    #[inline]
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        answer(self.aligned(va, 8, true).map(|(word, _)| word.store(value, Ordering::Release)))
    }

    #[inline]
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        answer(
            self.aligned(va, 2, true)
                .map(|(word, bit)| LocalMemory::merge(word, 0xffff << bit, u64::from(value) << bit)),
        )
    }

    #[inline]
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        let offset = match self.extent(va, out.len(), false) {
            Ok(offset) => offset,
            Err(fault) => return Access::Fault(fault),
        };
        if offset.is_multiple_of(8) && out.len().is_multiple_of(8) {
            let words = &self.words[offset / 8..][..out.len() / 8];
            for (chunk, word) in out.chunks_exact_mut(8).zip(words) {
                chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
            }
        } else {
            for (i, byte) in out.iter_mut().enumerate() {
                let at = offset + i;
                *byte = self.words[at / 8].load(Ordering::Relaxed).to_le_bytes()[at % 8];
            }
        }
        Access::Ready(())
    }

    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        let offset = match self.extent(va, bytes.len(), true) {
            Ok(offset) => offset,
            Err(fault) => return Access::Fault(fault),
        };
        for (i, &byte) in bytes.iter().enumerate() {
            let at = offset + i;
            let bit = at % 8 * 8;
            LocalMemory::merge(&self.words[at / 8], 0xff << bit, u64::from(byte) << bit);
        }
        Access::Ready(())
    }

    #[inline]
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        answer(self.aligned(va, 8, true).map(|(word, _)| word.fetch_sub(n, Ordering::AcqRel)))
    }

    #[inline]
    fn store_u32(&mut self, va: GpuVa, value: u32) -> Access<()> {
        answer(
            self.aligned(va, 4, true)
                .map(|(word, bit)| LocalMemory::merge(word, 0xffff_ffff << bit, u64::from(value) << bit)),
        )
    }

    fn compare_exchange(&mut self, va: GpuVa, width: Width, old: u64, new: u64) -> Option<Access<u64>> {
        let (word, bit) = match self.aligned(va, width.bytes(), true) {
            Ok(place) => place,
            Err(fault) => return Some(Access::Fault(fault)),
        };
        let mask = width.cut(u64::MAX) << bit;
        let exchange = |now: u64| (now & mask == old << bit & mask).then(|| now & !mask | new << bit & mask);
        let (Ok(was) | Err(was)) = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, exchange);
        Some(Access::Ready((was & mask) >> bit))
    }

    fn words(&mut self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        self.words_at(va, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_or_is_unaligned_is_a_fault_and_changes_nothing() {
        let memory = LocalMemory::new(GpuVa(0x1000), 64);
        let mut view = &memory;
        let fault = |va, len, write| Access::Fault(Fault { va: GpuVa(va), len, write });
        assert_eq!(view.load_u64(GpuVa(0x1040)), fault(0x1040, 8, false).map(|()| 0));
        assert_eq!(view.load_u64(GpuVa(0x1004)), fault(0x1004, 8, false).map(|()| 0));
        assert_eq!(view.load_u32(GpuVa(0xffc)), fault(0xffc, 4, false).map(|()| 0));
        assert_eq!(view.write(GpuVa(0x103c), &[1; 5]), fault(0x103c, 5, true));
        assert_eq!(view.read(GpuVa(u64::MAX), &mut [0; 8]), fault(u64::MAX, 8, false));
        assert_eq!(memory.snapshot(), vec![0; 64]);
        assert_eq!(view.store_u16(GpuVa(0x1002), 0xabcd), Access::Ready(()));
        assert_eq!(view.load_u32(GpuVa(0x1000)), Access::Ready(0xabcd_0000));
    }
}
