//! SDMA linear copies beside a memcpy of the same bytes.
//!
//! Usage: `cargo run --release -p hsa-queue --example copy_rate [megabytes moved]`
//!
//! The view's memory is words of the heap, as shared memory is to an engine: relaxed loads and stores, no memcpy. One view
//! copies by itself (`MemoryView::copy`), the other leaves the processor to read and write through its buffer. The three
//! take turns copy by copy; the figure is the ratio of the medians.

use hsa_queue::sdma::{Generation, Processor};
use hsa_queue::sync::{AtomicU64, Ordering};
use hsa_queue::{Access, Clock, Fault, GpuVa, MemoryView, QueueRegs, Step};
use std::time::{Duration, Instant};

const WRITE_INDEX: u64 = 0x1000;
const READ_INDEX: u64 = 0x1008;
const RING: u64 = 0x2000;
const DATA: u64 = 0x1_0000;

struct NoClock;

impl Clock for NoClock {
    fn ticks(&self) -> u64 {
        0
    }
}

/// Words from address 0 on. All accesses of this example are of whole words.
struct Arena<'a> {
    words: &'a [AtomicU64],
    copies: bool,
}

impl Arena<'_> {
    fn range(&self, va: GpuVa, len: u64, write: bool) -> Result<&[AtomicU64], Fault> {
        let (first, count) = ((va.0 / 8) as usize, (len / 8) as usize);
        let found = first.checked_add(count).and_then(|end| self.words.get(first..end));
        found.ok_or(Fault { va, len, write })
    }
}

fn answer<T>(result: Result<T, Fault>) -> Access<T> {
    result.map_or_else(Access::Fault, Access::Ready)
}

impl MemoryView for Arena<'_> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        answer(self.range(va, 8, false).map(|words| words[0].load(Ordering::Acquire)))
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        answer(Err(Fault { va, len: 4, write: false }))
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        answer(self.range(va, 8, true).map(|words| words[0].store(value, Ordering::Release)))
    }
    fn store_u16(&mut self, va: GpuVa, _value: u16) -> Access<()> {
        answer(Err(Fault { va, len: 2, write: true }))
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        if va.is_aligned(4) && out.len() % 8 == 4 {
            // The last odd dword of a fetch from the ring.
            return answer(Err(Fault { va, len: 4, write: false }));
        }
        answer(self.range(va, out.len() as u64, false).map(|words| {
            for (to, from) in out.as_chunks_mut().0.iter_mut().zip(words) {
                *to = from.load(Ordering::Relaxed).to_ne_bytes();
            }
        }))
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        answer(self.range(va, bytes.len() as u64, true).map(|words| {
            for (from, to) in bytes.as_chunks().0.iter().zip(words) {
                to.store(u64::from_ne_bytes(*from), Ordering::Relaxed);
            }
        }))
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        answer(self.range(va, 8, true).map(|words| words[0].fetch_sub(n, Ordering::AcqRel)))
    }
    fn copy(&mut self, dst: GpuVa, src: GpuVa, len: u64) -> Option<Access<()>> {
        if !(self.copies && dst.is_aligned(8) && src.is_aligned(8) && len.is_multiple_of(8)) {
            return None;
        }
        let pair = self.range(src, len, false).and_then(|from| Ok((from, self.range(dst, len, true)?)));
        Some(answer(pair.map(|(from, to)| {
            for (to, from) in to.iter().zip(from) {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        })))
    }
}

/// Copies once through a processor.
fn through(processor: &mut Processor, view: &mut Arena<'_>, len: u64) {
    let at = processor.feed().position();
    let [src, dst] = [DATA, DATA + len];
    // Padded to eight dwords, so that the ring is read in whole words.
    let packet = [1, len as u32 - 1, 0, src as u32, (src >> 32) as u32, dst as u32, (dst >> 32) as u32, 0];
    for (i, pair) in packet.as_chunks::<2>().0.iter().enumerate() {
        let slot = RING + (at + i as u64 * 2) % 64 * 4;
        view.words[(slot / 8) as usize]
            .store(u64::from(pair[0]) | u64::from(pair[1]) << 32, Ordering::Relaxed);
    }
    view.words[(WRITE_INDEX / 8) as usize].store((at + 8) * 4, Ordering::Release);
    loop {
        match processor.run(view, &NoClock, 64).step {
            Step::Progress { .. } => {}
            Step::Empty => return,
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let moved: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1024);
    for len in [4 << 10, 64 << 10, 1 << 20, 16 << 20u64] {
        let arena = || -> Box<[AtomicU64]> {
            (0..(DATA + 2 * len) / 8).map(|word| AtomicU64::new(word.wrapping_mul(0x9e37_79b9))).collect()
        };
        let memories = [arena(), arena()];
        let (source, mut target) = (vec![7u8; len as usize], vec![0u8; len as usize]);
        let regs = QueueRegs {
            ring: GpuVa(RING),
            size_bytes: 256,
            write_index: GpuVa(WRITE_INDEX),
            read_index: GpuVa(READ_INDEX),
        };
        let new = || Processor::new(regs, Generation::V5).expect("the example's ring is a ring");
        let mut processors = [new(), new()];
        let mut times = [(); 3].map(|()| Vec::new());
        for _ in 0..((moved << 20) / len).clamp(20, 20_000) {
            for (i, processor) in processors.iter_mut().enumerate() {
                let mut view = Arena { words: &memories[i], copies: i == 0 };
                let start = Instant::now();
                through(processor, &mut view, len);
                times[i].push(start.elapsed());
            }
            let start = Instant::now();
            target.copy_from_slice(std::hint::black_box(&source));
            times[2].push(start.elapsed());
            std::hint::black_box(&mut target);
        }
        for memory in &memories {
            let word = |va: u64| memory[(va / 8) as usize].load(Ordering::Relaxed);
            assert!((0..len).step_by(8).all(|at| word(DATA + at) == word(DATA + len + at)), "copied");
        }
        let [view, buffer, memcpy] = times.map(median);
        let ratio = memcpy / view;
        println!(
            "{:>6} KiB: view's copy {:.1} GB/s, through the buffer {:.1}, memcpy {:.1}; ratios {ratio:.2} and {:.2}, goal ≥ 0.9: {}",
            len >> 10,
            len as f64 / view / 1e9,
            len as f64 / buffer / 1e9,
            len as f64 / memcpy / 1e9,
            memcpy / buffer,
            if ratio >= 0.9 { "met" } else { "not met" }
        );
    }
}
