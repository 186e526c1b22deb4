//! A client: one range of memory with an `amd_queue_t`, signals, mailboxes and a ring, and the stores that a
//! runtime makes there.

use hsa_queue::layout::{amd_queue, amd_signal};
use hsa_queue::local::LocalMemory;
use hsa_queue::sync::{AtomicU64, Ordering};
use hsa_queue::{Access, Clock, EventId, GpuVa, MemoryView, Processor, QueueRegs, Step};

pub const BASE: u64 = 0x40_0000;
pub const QUEUE: u64 = BASE;
pub const SIGNALS: u64 = BASE + 0x400;
pub const MAILBOXES: u64 = BASE + 0x800;
pub const RING: u64 = BASE + 0x1000;
/// Where a signal handle leads that has no memory behind it.
pub const NOWHERE: u64 = 0xdead_0000;
/// The signal that takes queue errors.
pub const INACTIVE: usize = 15;

/// Ticks that count the times they were asked for.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn asked(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clock for Counter {
    fn ticks(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

pub struct Client {
    pub memory: LocalMemory,
    pub ring_packets: u64,
    pub clock: Counter,
    /// Id of the next packet to write.
    pub next: u64,
}

pub fn ready<T>(access: Access<T>) -> T {
    match access {
        Access::Ready(value) => value,
        _ => panic!("the client's own memory answers"),
    }
}

pub fn signal(i: usize) -> u64 {
    SIGNALS + i as u64 * amd_signal::BYTES
}

pub fn mailbox(i: usize) -> u64 {
    MAILBOXES + i as u64 * 8
}

/// The event behind signal `i`, when it has one.
pub fn event(i: usize) -> EventId {
    EventId(100 + i as u32)
}

pub fn barrier(kind: u64, deps: &[u64], completion: u64) -> [u64; 8] {
    let mut words = [kind | 1 << 8 | 2 << 9 | 2 << 11, 0, 0, 0, 0, 0, 0, completion];
    words[1..=deps.len()].copy_from_slice(deps);
    words
}

pub fn barrier_and(deps: &[u64], completion: u64) -> [u64; 8] {
    barrier(3, deps, completion)
}

pub fn barrier_or(deps: &[u64], completion: u64) -> [u64; 8] {
    barrier(5, deps, completion)
}

pub fn barrier_value(signal: u64, value: i64, mask: i64, cond: u32, completion: u64) -> [u64; 8] {
    [2 << 16, signal, value.cast_unsigned(), mask.cast_unsigned(), u64::from(cond), 0, 0, completion]
}

/// A well-formed dispatch of 64 work-items.
pub fn kernel_dispatch() -> [u64; 8] {
    [2 | 1 << 16 | 64 << 32 | 1 << 48, 1 | 64 << 32, 1 | 1 << 32, 0, RING, 0, 0, 0]
}

impl Client {
    pub fn new(ring_packets: u64) -> Self {
        let memory = LocalMemory::new(GpuVa(BASE), (RING - BASE + ring_packets * 64) as usize);
        let client = Self { memory, ring_packets, clock: Counter::default(), next: 0 };
        client.create_queue();
        client
    }

    /// What a runtime does before it creates a queue: headers INVALID, `amd_queue_t` filled in, an inactive signal
    /// with an event.
    pub fn create_queue(&self) {
        for slot in 0..self.ring_packets {
            self.store(RING + slot * 64, 1);
        }
        self.store(QUEUE + amd_queue::WRITE_DISPATCH_ID, 0);
        self.store(QUEUE + amd_queue::READ_DISPATCH_ID, 0);
        self.store(QUEUE + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, amd_queue::READ_DISPATCH_ID);
        self.store(QUEUE + amd_queue::QUEUE_INACTIVE_SIGNAL, signal(INACTIVE));
        self.create_signal(INACTIVE, 0, true);
    }

    pub fn create_signal(&self, i: usize, value: i64, with_event: bool) {
        self.store(signal(i) + amd_signal::KIND, 1);
        self.store(signal(i) + amd_signal::VALUE, value.cast_unsigned());
        self.store(signal(i) + amd_signal::EVENT_MAILBOX_PTR, if with_event { mailbox(i) } else { 0 });
        self.store(signal(i) + amd_signal::EVENT_ID, u64::from(event(i).0));
        self.store(mailbox(i), 0);
    }

    pub fn store(&self, va: u64, value: u64) {
        ready((&self.memory).store_u64(GpuVa(va), value));
    }

    pub fn load(&self, va: u64) -> u64 {
        ready((&self.memory).load_u64(GpuVa(va)))
    }

    pub fn value(&self, i: usize) -> i64 {
        self.load(signal(i) + amd_signal::VALUE).cast_signed()
    }

    pub fn set_value(&self, i: usize, value: i64) {
        self.store(signal(i) + amd_signal::VALUE, value.cast_unsigned());
    }

    pub fn read_index(&self) -> u64 {
        self.load(QUEUE + amd_queue::READ_DISPATCH_ID)
    }

    pub fn set_write_index(&self, id: u64) {
        self.store(QUEUE + amd_queue::WRITE_DISPATCH_ID, id);
    }

    pub fn slot(&self, id: u64) -> u64 {
        RING + id % self.ring_packets * 64
    }

    pub fn header(&self, id: u64) -> u16 {
        self.load(self.slot(id)) as u16
    }

    /// Writes a packet into the slot of `id`, header last, without touching the write index.
    pub fn write_packet(&self, id: u64, words: [u64; 8]) {
        for (i, word) in words.iter().enumerate().skip(1) {
            self.store(self.slot(id) + i as u64 * 8, *word);
        }
        self.store(self.slot(id), words[0]);
    }

    /// Claims the next id and writes a packet there.
    pub fn submit(&mut self, words: [u64; 8]) -> u64 {
        let id = self.next;
        self.next += 1;
        self.set_write_index(self.next);
        self.write_packet(id, words);
        id
    }

    pub fn regs(&self) -> QueueRegs {
        QueueRegs {
            ring: GpuVa(RING),
            size_bytes: self.ring_packets * 64,
            write_index: GpuVa(QUEUE + amd_queue::WRITE_DISPATCH_ID),
            read_index: GpuVa(QUEUE + amd_queue::READ_DISPATCH_ID),
        }
    }

    pub fn processor(&self) -> Processor {
        Processor::new(self.regs()).unwrap()
    }

    /// Runs until the processor rests; returns the events raised and where it rests.
    pub fn run(&self, processor: &mut Processor) -> (Vec<EventId>, Step) {
        run_on(processor, &mut &self.memory, &self.clock)
    }
}

/// Turns of eight packets until the processor rests, answering what is pending at once.
pub fn run_on<V: MemoryView>(
    processor: &mut Processor,
    view: &mut V,
    clock: &Counter,
) -> (Vec<EventId>, Step) {
    let mut raised = Vec::new();
    for _ in 0..100_000 {
        match processor.run(view, clock, 8).step {
            Step::Progress { raise } => raised.extend(raise),
            Step::Pending(_) => {}
            Step::Stopped { error, raise } => {
                raised.extend(raise);
                return (raised, Step::Stopped { error, raise });
            }
            rest => return (raised, rest),
        }
    }
    panic!("the processor never rests");
}
