//! Views that stand between a processor and its client's memory: one that keeps it waiting, one that watches.

// Two test programs share this file, and one of them does not watch.
#![allow(dead_code)]

use hsa_queue::memory::Slots;
use hsa_queue::{Access, Fault, GpuVa, MemoryView, Ticket};

/// One access, as far as it identifies itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    LoadU64(GpuVa),
    LoadU32(GpuVa),
    StoreU64(GpuVa, u64),
    StoreU16(GpuVa, u16),
    Read(GpuVa, usize),
    Write(GpuVa, Vec<u8>),
    FetchSub(GpuVa, u64),
    Packets(Slots, Slots),
}

#[derive(Debug, Clone)]
enum Answer {
    Unit(Result<(), Fault>),
    Word(Result<u64, Fault>),
    Half(Result<u32, Fault>),
    Bytes(Result<Vec<u8>, Fault>),
    Packets(Result<Vec<[u64; 8]>, Fault>),
}

/// When an access is carried out that is answered later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At the moment it is asked; only the answer is late.
    Asked,
    /// Just before it is answered.
    Answered,
    /// Likewise, and packets only by reads and writes.
    Piecewise,
}

/// Answers every access `Pending` first, and checks that exactly the same one is asked again.
pub struct Reluctant<V> {
    inner: V,
    when: When,
    open: Option<(Op, Option<Answer>)>,
    tickets: u64,
}

impl<V: MemoryView> Reluctant<V> {
    pub fn new(inner: V, when: When) -> Self {
        Self { inner, when, open: None, tickets: 0 }
    }

    /// Accesses asked for so far.
    pub fn tickets(&self) -> u64 {
        self.tickets
    }

    fn ask(&mut self, op: Op) -> Option<Answer> {
        match self.open.take() {
            None => {
                let answer = (self.when == When::Asked).then(|| self.carry_out(&op));
                self.open = Some((op, answer));
                self.tickets += 1;
                None
            }
            Some((open, answer)) => {
                assert_eq!(open, op, "another access was asked while one is open");
                Some(answer.unwrap_or_else(|| self.carry_out(&op)))
            }
        }
    }

    fn carry_out(&mut self, op: &Op) -> Answer {
        fn result<T>(access: Access<T>) -> Result<T, Fault> {
            match access {
                Access::Ready(value) => Ok(value),
                Access::Fault(fault) => Err(fault),
                Access::Pending(_) => panic!("the inner view answers at once"),
            }
        }
        match op {
            Op::LoadU64(va) => Answer::Word(result(self.inner.load_u64(*va))),
            Op::LoadU32(va) => Answer::Half(result(self.inner.load_u32(*va))),
            Op::StoreU64(va, value) => Answer::Unit(result(self.inner.store_u64(*va, *value))),
            Op::StoreU16(va, value) => Answer::Unit(result(self.inner.store_u16(*va, *value))),
            Op::Read(va, len) => {
                let mut bytes = vec![0; *len];
                Answer::Bytes(result(self.inner.read(*va, &mut bytes)).map(|()| bytes))
            }
            Op::Write(va, bytes) => Answer::Unit(result(self.inner.write(*va, bytes))),
            Op::FetchSub(va, n) => Answer::Word(result(self.inner.fetch_sub_u64(*va, *n))),
            Op::Packets(retired, wanted) => Answer::Packets(self.packet_by_packet(*retired, *wanted)),
        }
    }

    fn packet_by_packet(&mut self, retired: Slots, wanted: Slots) -> Result<Vec<[u64; 8]>, Fault> {
        for i in 0..u64::from(retired.count) {
            if let Access::Fault(fault) = self.inner.store_u16(retired.va.offset(i * 64), 1) {
                return Err(fault);
            }
        }
        let mut packets = Vec::new();
        for i in 0..u64::from(wanted.count) {
            let mut words = [[0; 8]; 8];
            match self.inner.read(wanted.va.offset(i * 64), words.as_flattened_mut()) {
                Access::Fault(fault) => return Err(fault),
                _ if words[0][0] == 1 => break,
                _ => packets.push(words.map(u64::from_le_bytes)),
            }
        }
        Ok(packets)
    }

    fn pending<T>(&self) -> Access<T> {
        Access::Pending(Ticket(self.tickets))
    }

    fn unit(&mut self, op: Op) -> Access<()> {
        match self.ask(op) {
            None => self.pending(),
            Some(Answer::Unit(Ok(()))) => Access::Ready(()),
            Some(Answer::Unit(Err(fault))) => Access::Fault(fault),
            Some(_) => unreachable!("the answer is of the access's kind"),
        }
    }

    fn word(&mut self, op: Op) -> Access<u64> {
        match self.ask(op) {
            None => self.pending(),
            Some(Answer::Word(Ok(value))) => Access::Ready(value),
            Some(Answer::Word(Err(fault))) => Access::Fault(fault),
            Some(_) => unreachable!("the answer is of the access's kind"),
        }
    }
}

impl<V: MemoryView> MemoryView for Reluctant<V> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.word(Op::LoadU64(va))
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        match self.ask(Op::LoadU32(va)) {
            None => self.pending(),
            Some(Answer::Half(Ok(value))) => Access::Ready(value),
            Some(Answer::Half(Err(fault))) => Access::Fault(fault),
            Some(_) => unreachable!("the answer is of the access's kind"),
        }
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.unit(Op::StoreU64(va, value))
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.unit(Op::StoreU16(va, value))
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        match self.ask(Op::Read(va, out.len())) {
            None => {
                // Whoever looks at this before the answer sees it.
                out.fill(0xa5);
                self.pending()
            }
            Some(Answer::Bytes(Ok(bytes))) => {
                out.copy_from_slice(&bytes);
                Access::Ready(())
            }
            Some(Answer::Bytes(Err(fault))) => Access::Fault(fault),
            Some(_) => unreachable!("the answer is of the access's kind"),
        }
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        self.unit(Op::Write(va, bytes.to_vec()))
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        self.word(Op::FetchSub(va, n))
    }
    fn packets(&mut self, retired: Slots, wanted: Slots, out: &mut [[u64; 8]]) -> Option<Access<usize>> {
        if self.when == When::Piecewise {
            return None;
        }
        assert_eq!(out.len(), wanted.count as usize);
        Some(match self.ask(Op::Packets(retired, wanted)) {
            None => self.pending(),
            Some(Answer::Packets(Ok(packets))) => {
                out[..packets.len()].copy_from_slice(&packets);
                Access::Ready(packets.len())
            }
            Some(Answer::Packets(Err(fault))) => Access::Fault(fault),
            Some(_) => unreachable!("the answer is of the access's kind"),
        })
    }
}

/// Keeps what was asked, and every word that was answered.
pub struct Watching<V> {
    inner: V,
    pub ops: Vec<Op>,
    /// Words read, in order: where any address can have come from.
    pub words: Vec<u64>,
}

impl<V: MemoryView> Watching<V> {
    pub fn new(inner: V) -> Self {
        Self { inner, ops: Vec::new(), words: Vec::new() }
    }
}

impl<V: MemoryView> MemoryView for Watching<V> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.ops.push(Op::LoadU64(va));
        let access = self.inner.load_u64(va);
        if let Access::Ready(word) = access {
            self.words.push(word);
        }
        access
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        self.ops.push(Op::LoadU32(va));
        self.inner.load_u32(va)
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.ops.push(Op::StoreU64(va, value));
        self.inner.store_u64(va, value)
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.ops.push(Op::StoreU16(va, value));
        self.inner.store_u16(va, value)
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        self.ops.push(Op::Read(va, out.len()));
        let access = self.inner.read(va, out);
        if access == Access::Ready(()) {
            self.words.extend(out.chunks_exact(8).map(|w| u64::from_le_bytes(w.try_into().unwrap())));
        }
        access
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        self.ops.push(Op::Write(va, bytes.to_vec()));
        self.inner.write(va, bytes)
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        self.ops.push(Op::FetchSub(va, n));
        self.inner.fetch_sub_u64(va, n)
    }
}
