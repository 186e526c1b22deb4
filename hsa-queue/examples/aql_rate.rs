//! How many null-signal barrier packets a second one processor retires, beside a peer that only reads and
//! invalidates the same packets.
//!
//! Usage: `cargo run --release -p hsa-queue --example aql_rate [rings]`
//!
//! A producer fills a ring as a runtime does (claim by the write index, body, then the header in a releasing
//! store), a consumer drains it, and only the draining is timed. The consumers (the processor, and the floor)
//! take turns ring by ring, and the figure is the ratio of the medians, because the machine is shared and drifts.
//! The lines with the producer on another core are the goal's measure: only rings whose threads were seen on two cores
//! count, which says nothing of the caches that a virtual machine's cores share. Those with the producer on the
//! consumer's own thread have warm caches: what the processor itself costs. A ratio above 1 is possible, since the
//! processor leaves out the packet's reserved word and the floor does not. What a caller gives as a turn's budget bounds
//! how many packets are retired in place, hence several.

use hsa_queue::aql::packet::INVALID_HEADER;
use hsa_queue::sync::{AtomicU64, Ordering};
use hsa_queue::{Access, Clock, Fault, GpuVa, MemoryView, Processor, QueueRegs, Step};
use std::time::{Duration, Instant};

const RING_PACKETS: u64 = 4096;
const RING: u64 = 0x10_0000;
const QUEUE: u64 = RING + RING_PACKETS * 64;
const WRITE_INDEX: u64 = QUEUE + 56;
const READ_INDEX: u64 = QUEUE + 128;
/// BARRIER_AND, barrier bit, system acquire and release.
const BARRIER_HEADER: u64 = 3 | 1 << 8 | 2 << 9 | 2 << 11;

/// An arena as an engine sees it: one range, plain words, bounds checked.
struct Arena {
    words: Box<[AtomicU64]>,
}

impl Arena {
    fn new() -> Self {
        let words: Box<[AtomicU64]> = (0..(QUEUE + 256 - RING) / 8).map(|_| AtomicU64::new(0)).collect();
        for slot in 0..RING_PACKETS {
            words[slot as usize * 8].store(u64::from(INVALID_HEADER), Ordering::Relaxed);
        }
        Self { words }
    }

    #[inline]
    fn word(&self, va: u64) -> &AtomicU64 {
        &self.words[((va - RING) / 8) as usize]
    }

    #[inline]
    fn checked(&self, va: GpuVa, len: u64, write: bool) -> Result<&AtomicU64, Fault> {
        let fault = Fault { va, len, write };
        if !va.is_aligned(len) {
            return Err(fault);
        }
        self.words.get((va.0.wrapping_sub(RING) / 8) as usize).ok_or(fault)
    }
}

fn answer<T>(result: Result<T, Fault>) -> Access<T> {
    match result {
        Ok(value) => Access::Ready(value),
        Err(fault) => Access::Fault(fault),
    }
}

impl MemoryView for &Arena {
    #[inline]
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        answer(self.checked(va, 8, false).map(|w| w.load(Ordering::Acquire)))
    }
    #[inline]
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        let half = |word: u64| if va.is_aligned(8) { word } else { word >> 32 };
        answer(self.checked(va, 4, false).map(|w| half(w.load(Ordering::Acquire)) as u32))
    }
    #[inline]
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        answer(self.checked(va, 8, true).map(|w| w.store(value, Ordering::Release)))
    }
    /// Stands for a plain 16-bit store, which safe code cannot express on these words; nobody else writes to a
    /// slot that the consumer owns. The floor invalidates in the same way.
    #[inline]
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        answer(self.checked(va, 2, true).map(|w| {
            let old = w.load(Ordering::Relaxed);
            if va.is_aligned(8) {
                w.store(old & !0xffff | u64::from(value), Ordering::Release);
            } else {
                let bit = va.0 % 8 * 8;
                w.store(old & !(0xffff << bit) | u64::from(value) << bit, Ordering::Release);
            }
        }))
    }
    #[inline]
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        let first = (va.0.wrapping_sub(RING) / 8) as usize;
        let Some(words) = self.words.get(first..first + out.len() / 8) else {
            return Access::Fault(Fault { va, len: out.len() as u64, write: false });
        };
        for (chunk, word) in out.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        Access::Ready(())
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        Access::Fault(Fault { va, len: bytes.len() as u64, write: true })
    }
    #[inline]
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        answer(self.checked(va, 8, true).map(|w| w.fetch_sub(n, Ordering::AcqRel)))
    }
    #[inline]
    fn words(&mut self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        let first = (va.0.wrapping_sub(RING) / 8) as usize;
        self.words.get(first..first.checked_add((len / 8) as usize)?)
    }
}

struct Monotonic(Instant);

impl Clock for Monotonic {
    fn ticks(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// Submits a ring full of packets, the `round`th.
fn produce(arena: &Arena, round: u64) {
    for id in round * RING_PACKETS..(round + 1) * RING_PACKETS {
        arena.word(WRITE_INDEX).store(id + 1, Ordering::Release);
        let slot = RING + id % RING_PACKETS * 64;
        for word in 1..8 {
            arena.word(slot + word * 8).store(0, Ordering::Relaxed);
        }
        arena.word(slot).store(BARRIER_HEADER, Ordering::Release);
    }
}

/// Drains a full ring with the processor, `budget` packets a turn.
fn drain(processor: &mut Processor, arena: &Arena, clock: &Monotonic, budget: u32) {
    let end = processor.read_id() + RING_PACKETS;
    let mut view = arena;
    while processor.read_id() < end {
        match processor.run(&mut view, clock, budget).step {
            Step::Progress { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// The floor: reads each packet whole and invalidates it; looks at no index, and stores the read index as often. Its
/// checks are hoisted as far as they go, so that nothing is in its time but the packets' lines.
fn floor(arena: &Arena, round: u64) {
    let mut sum = 0u64;
    let read_index = arena.word(READ_INDEX);
    let mut id = round * RING_PACKETS;
    let (slots, _) = arena.words.as_chunks::<8>();
    for batch in slots[..RING_PACKETS as usize].chunks_exact(64) {
        for slot in batch {
            let header = slot[0].load(Ordering::Acquire);
            // One link a packet: a chain through every word would be slower than the memory.
            sum |= slot[1..].iter().fold(header, |all, word| all | word.load(Ordering::Relaxed));
            slot[0].store(header & !0xffff | u64::from(INVALID_HEADER), Ordering::Release);
        }
        id += batch.len() as u64;
        read_index.store(id, Ordering::Release);
    }
    std::hint::black_box(sum);
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() / RING_PACKETS as f64
}

/// The processor that this thread last ran on (`proc_pid_stat(5)`, field 39: the 37th after the name's parenthesis).
fn cpu() -> Option<u32> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(36)?.parse().ok()
}

fn wait_for(word: &AtomicU64, value: u64) {
    let mut spins = 0u32;
    while word.load(Ordering::Acquire) != value {
        spins += 1;
        // A waiter that shares its core with the other thread must let it run.
        if spins.is_multiple_of(1024) { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// Nanoseconds a packet, of the processor and of the floor, and the share of rings that counted: with the producer
/// elsewhere, those whose consumer ran on one core throughout and whose producer ran on the other.
fn measure(rings: u64, budget: u32, producer_elsewhere: bool) -> Option<(f64, f64, f64)> {
    let arenas = [Arena::new(), Arena::new()];
    let clock = Monotonic(Instant::now());
    let regs = QueueRegs {
        ring: GpuVa(RING),
        size_bytes: RING_PACKETS * 64,
        write_index: GpuVa(WRITE_INDEX),
        read_index: GpuVa(READ_INDEX),
    };
    let mut processor = Processor::new(regs).expect("the example's ring is a ring");
    // Even: the producer's turn; odd: the consumer's.
    let turn = AtomicU64::new(0);
    let producer_cpu = AtomicU64::new(u64::MAX);
    let producer_now = || cpu().map_or(u64::MAX, u64::from);
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        if producer_elsewhere {
            scope.spawn(|| {
                for ring in 0..rings * 2 {
                    wait_for(&turn, ring * 2);
                    let before = producer_now();
                    produce(&arenas[ring as usize % 2], ring / 2);
                    let stayed = before == producer_now();
                    producer_cpu.store(if stayed { before } else { u64::MAX }, Ordering::Relaxed);
                    turn.store(ring * 2 + 1, Ordering::Release);
                }
            });
        }
        for ring in 0..rings * 2 {
            let arena = &arenas[ring as usize % 2];
            if producer_elsewhere {
                wait_for(&turn, ring * 2 + 1);
            } else {
                produce(arena, ring / 2);
            }
            let before = cpu();
            let start = Instant::now();
            if ring % 2 == 0 {
                drain(&mut processor, arena, &clock, budget);
            } else {
                floor(arena, ring / 2);
            }
            let time = start.elapsed();
            let from = producer_cpu.load(Ordering::Relaxed);
            let apart = before.is_some_and(|at| from != u64::MAX && u64::from(at) != from);
            if before == cpu() && (apart || !producer_elsewhere) {
                if ring % 2 == 0 { ours.push(time) } else { floors.push(time) }
            }
            turn.store(ring * 2 + 2, Ordering::Release);
        }
    });
    let counted = (ours.len() + floors.len()) as f64 / (rings * 2) as f64;
    let enough = ours.len() >= 16 && floors.len() >= 16;
    enough.then(|| (median(ours) * 1e9, median(floors) * 1e9, counted))
}

fn main() {
    let rings = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(2000);
    let places = [("producer on another core", true), ("producer on the same core", false)];
    for (budget, (name, producer_elsewhere)) in [256, 64, 8].into_iter().flat_map(|b| places.map(|p| (b, p)))
    {
        let Some((ours, floor, counted)) = measure(rings, budget, producer_elsewhere) else {
            println!("budget {budget}, {name}: not measured, the threads hardly ever ran on two cores");
            continue;
        };
        let ratio = floor / ours;
        println!(
            "budget {budget}, {name}: {:.1} M packets/s ({ours:.1} ns), floor {:.1} M packets/s ({floor:.1} ns), ratio {ratio:.2}, goal ≥ 0.5: {} ({:.0} % of the rings counted)",
            1e3 / ours,
            1e3 / floor,
            if ratio >= 0.5 { "met" } else { "not met" },
            counted * 100.0
        );
    }
}
