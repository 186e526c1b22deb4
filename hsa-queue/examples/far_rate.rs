//! AQL packets a second of a ring that has to be asked for, beside the same ring in shared memory.
//!
//! Usage: `cargo run --release -p hsa-queue --example far_rate [rings]`
//!
//! Each access of the far view is a message to another thread over a socket pair and one back, as an access to USERPTR
//! memory is a message to a memory worker; the bytes are copied on both ways. Packets are null-signal barriers. The two
//! processors take turns ring by ring; the figure is the ratio of the medians, for several budgets of a turn: what is
//! given back at once, and how often the read index is published, is bounded by it.

use hsa_queue::aql::packet::INVALID_HEADER;
use hsa_queue::local::LocalMemory;
use hsa_queue::{Access, Clock, Fault, GpuVa, MemoryView, Processor, QueueRegs, Step, Ticket};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const PACKETS: u64 = 4096;
const RING: u64 = 0x10_0000;
const QUEUE: u64 = RING + PACKETS * 64;
const BUDGETS: [u32; 4] = [8, 64, 512, 1024];

struct NoClock;

impl Clock for NoClock {
    fn ticks(&self) -> u64 {
        0
    }
}

/// Asks over a socket for every access.
struct Far<'a> {
    memory: &'a LocalMemory,
    link: UnixStream,
    asked: bool,
    trips: u64,
}

impl Far<'_> {
    /// The first time sends, the second time is answered.
    fn ask<T>(
        &mut self,
        sent: usize,
        received: usize,
        carry_out: impl FnOnce(&mut &LocalMemory) -> Access<T>,
    ) -> Access<T> {
        if !std::mem::replace(&mut self.asked, true) {
            return Access::Pending(Ticket(self.trips));
        }
        self.asked = false;
        self.trips += 1;
        let mut message = vec![0u8; 16 + sent];
        message[..8].copy_from_slice(&(sent as u64).to_le_bytes());
        message[8..16].copy_from_slice(&(received as u64).to_le_bytes());
        self.link.write_all(&message).expect("the worker lives");
        let mut answer = vec![0u8; 8 + received];
        self.link.read_exact(&mut answer).expect("the worker lives");
        carry_out(&mut self.memory)
    }
}

impl MemoryView for Far<'_> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.ask(0, 8, |memory| memory.load_u64(va))
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        self.ask(0, 4, |memory| memory.load_u32(va))
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.ask(8, 0, |memory| memory.store_u64(va, value))
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.ask(2, 0, |memory| memory.store_u16(va, value))
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        self.ask(0, out.len(), |memory| memory.read(va, out))
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        // Word by word: the memory's own write goes byte by byte, which a worker's does not.
        self.ask(bytes.len(), 0, |memory| {
            for (i, word) in bytes.as_chunks::<8>().0.iter().enumerate() {
                if let Access::Fault(fault) =
                    memory.store_u64(va.offset(i as u64 * 8), u64::from_le_bytes(*word))
                {
                    return Access::Fault(fault);
                }
            }
            Access::Ready(())
        })
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, _n: u64) -> Access<u64> {
        Access::Fault(Fault { va, len: 8, write: true })
    }
}

/// Answers each request of `sent` bytes with as many as it asks for.
fn work(mut link: UnixStream) {
    let mut head = [0u8; 16];
    let mut bytes = Vec::new();
    while link.read_exact(&mut head).is_ok() {
        let [sent, wanted] =
            [0, 8].map(|at| head[at..at + 8].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)));
        bytes.resize(sent.max(8 + wanted), 0);
        if link.read_exact(&mut bytes[..sent]).is_err() || link.write_all(&bytes[..8 + wanted]).is_err() {
            return;
        }
    }
}

fn produce(memory: &LocalMemory, round: u64) {
    let mut view = memory;
    let mut store = |va: u64, value| assert_eq!(view.store_u64(GpuVa(va), value), Access::Ready(()));
    for slot in 0..PACKETS {
        for word in 1..8 {
            store(RING + slot * 64 + word * 8, 0);
        }
        store(RING + slot * 64, 3 | 1 << 8 | 2 << 9 | 2 << 11);
    }
    store(QUEUE + 56, (round + 1) * PACKETS);
}

fn drain<V: MemoryView>(processor: &mut Processor, view: &mut V, budget: u32) {
    let end = processor.read_id() + PACKETS;
    while processor.read_id() < end {
        match processor.run(view, &NoClock, budget).step {
            Step::Progress { .. } | Step::Pending(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e9 / PACKETS as f64
}

fn measure(rings: u64, budget: u32) {
    let [near_memory, far_memory] =
        [(); 2].map(|()| LocalMemory::new(GpuVa(RING), (QUEUE + 256 - RING) as usize));
    let regs = QueueRegs {
        ring: GpuVa(RING),
        size_bytes: PACKETS * 64,
        write_index: GpuVa(QUEUE + 56),
        read_index: GpuVa(QUEUE + 128),
    };
    let new = || Processor::new(regs).expect("the example's ring is a ring");
    let (mut near, mut far) = (new(), new());
    let (link, theirs) = UnixStream::pair().expect("a socket pair");
    let worker = std::thread::spawn(|| work(theirs));
    let mut view = Far { memory: &far_memory, link, asked: false, trips: 0 };
    let (mut near_times, mut far_times) = (Vec::new(), Vec::new());
    for round in 0..rings {
        produce(&near_memory, round);
        let start = Instant::now();
        drain(&mut near, &mut &near_memory, budget);
        near_times.push(start.elapsed());
        produce(&far_memory, round);
        let start = Instant::now();
        drain(&mut far, &mut view, budget);
        far_times.push(start.elapsed());
    }
    for slot in 0..PACKETS {
        let header = (&far_memory).load_u32(GpuVa(RING + slot * 64)).map(|word| word as u16);
        assert_eq!(header, Access::Ready(INVALID_HEADER), "every packet was retired");
    }
    let trips = view.trips as f64 / rings as f64;
    drop(view);
    worker.join().expect("the worker ends with its link");
    let (near, far) = (median(near_times), median(far_times));
    println!(
        "budget {budget}: far {far:.0} ns a packet, {trips:.1} round trips a ring of {PACKETS} ({:.2} µs each); near: {near:.1} ns a packet; ratio {:.3}, goal ≥ 0.1: {}",
        far * PACKETS as f64 / trips / 1e3,
        near / far,
        if near / far >= 0.1 { "met" } else { "not met" }
    );
}

fn main() {
    let rings = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(200);
    for budget in BUDGETS {
        measure(rings, budget);
    }
}
