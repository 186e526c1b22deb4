//! A client of a dword queue: indices, a ring small enough to wrap often, room for data and indirect buffers.

use hsa_queue::local::LocalMemory;
use hsa_queue::sdma::Generation;
use hsa_queue::sync::{AtomicU64, Ordering};
use hsa_queue::{
    Access, Clock, EventId, GpuVa, MemoryView, QueueProcessor, QueueRegs, Step, Turn, Waves, pm4, sdma,
};

pub const BASE: u64 = 0x80_0000;
pub const WRITE_INDEX: u64 = BASE;
pub const READ_INDEX: u64 = BASE + 8;
/// 64 dwords.
pub const RING: u64 = BASE + 0x100;
pub const RING_DWORDS: u64 = 64;
/// Where indirect buffers lie.
pub const BUFFERS: u64 = BASE + 0x1000;
pub const DATA: u64 = BASE + 0x4000;
/// More than two pieces of a transfer.
pub const DATA_BYTES: u64 = 160 << 10;
pub const NOWHERE: u64 = 0xdead_0000_0000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Pm4,
    Sdma(Generation),
}

/// Ticks that count the times they were asked for, from a value with both halves in use.
#[derive(Default)]
pub struct Counter(AtomicU64);

pub const FIRST_TICK: u64 = 0x1_0000_0001;

impl Clock for Counter {
    fn ticks(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + FIRST_TICK
    }
}

pub struct Client {
    pub memory: LocalMemory,
    pub clock: Counter,
    pub kind: Kind,
    /// Dwords written so far.
    pub written: u64,
}

pub fn ready<T>(access: Access<T>) -> T {
    match access {
        Access::Ready(value) => value,
        _ => panic!("the client's own memory answers"),
    }
}

pub fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

impl Client {
    pub fn new(kind: Kind) -> Self {
        let memory = LocalMemory::new(GpuVa(BASE), (DATA - BASE + DATA_BYTES) as usize);
        Self { memory, clock: Counter::default(), kind, written: 0 }
    }

    pub fn regs() -> QueueRegs {
        QueueRegs {
            ring: GpuVa(RING),
            size_bytes: RING_DWORDS * 4,
            write_index: GpuVa(WRITE_INDEX),
            read_index: GpuVa(READ_INDEX),
        }
    }

    pub fn processor(&self, waves: Waves) -> QueueProcessor {
        match self.kind {
            Kind::Pm4 => QueueProcessor::Pm4(Box::new(pm4::Processor::new(Self::regs(), waves).unwrap())),
            Kind::Sdma(generation) => {
                QueueProcessor::Sdma(Box::new(sdma::Processor::new(Self::regs(), generation).unwrap()))
            }
        }
    }

    pub fn store32(&self, va: u64, value: u32) {
        ready((&self.memory).store_u32(GpuVa(va), value));
    }

    pub fn store(&self, va: u64, value: u64) {
        ready((&self.memory).store_u64(GpuVa(va), value));
    }

    pub fn load32(&self, va: u64) -> u32 {
        ready((&self.memory).load_u32(GpuVa(va)))
    }

    pub fn load(&self, va: u64) -> u64 {
        ready((&self.memory).load_u64(GpuVa(va)))
    }

    pub fn bytes(&self, va: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        ready((&self.memory).read(GpuVa(va), &mut out));
        out
    }

    pub fn write(&self, va: u64, bytes: &[u8]) {
        ready((&self.memory).write(GpuVa(va), bytes));
    }

    /// Puts dwords where an indirect buffer may lie.
    pub fn buffer(&self, va: u64, words: &[u32]) {
        for (i, word) in words.iter().enumerate() {
            self.store32(va + i as u64 * 4, *word);
        }
    }

    /// Writes dwords into the ring without telling of them.
    pub fn put(&mut self, words: &[u32]) {
        for word in words {
            self.store32(RING + self.written % RING_DWORDS * 4, *word);
            self.written += 1;
        }
    }

    pub fn unit(&self) -> u64 {
        if self.kind == Kind::Pm4 { 1 } else { 4 }
    }

    pub fn ring(&self, dwords: u64) {
        self.store(WRITE_INDEX, dwords.wrapping_mul(self.unit()));
    }

    pub fn submit(&mut self, words: &[u32]) {
        self.put(words);
        self.ring(self.written);
    }

    /// Whether the read index in memory says that all is consumed.
    pub fn consumed(&self) -> bool {
        match self.kind {
            Kind::Pm4 => u64::from(self.load32(READ_INDEX)) == self.written % RING_DWORDS,
            Kind::Sdma(_) => self.load(READ_INDEX) == self.written * 4,
        }
    }

    pub fn run(&self, processor: &mut QueueProcessor) -> (Vec<EventId>, Step) {
        run_on(processor, &mut &self.memory, &self.clock)
    }
}

/// Turns of eight packets until the processor rests, answering what is pending at once.
pub fn run_on<V: MemoryView>(
    processor: &mut QueueProcessor,
    view: &mut V,
    clock: &Counter,
) -> (Vec<EventId>, Step) {
    let mut raised = Vec::new();
    for _ in 0..100_000 {
        let Turn { packets, step } = processor.run(view, clock, 8);
        assert!(packets <= 8);
        match step {
            Step::Progress { raise } => raised.extend(raise),
            Step::Pending(_) => {}
            rest => return (raised, rest),
        }
    }
    panic!("the processor never rests");
}
