//! A device of one group at a time: memory as one array, code, and a kernel that wants its arguments and its group's id.

use std::collections::HashSet;
use waves::{
    Access, Atomic, Code, Dispatch, Fault, Group, Host, KernelDescriptor, Progress, Segment, Ticket,
};

/// Where memory begins, code first.
const BASE: u64 = 0x1_0000_0000;

pub fn words(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|word| u32::from_str_radix(word, 16).expect("words are hex")).collect()
}

pub struct Machine {
    memory: Vec<u8>,
    code: usize,
    kernarg: u64,
    /// Accesses that were put off once; none are without.
    late: Option<HashSet<(u64, usize, bool)>>,
    count: usize,
    /// Turns of a group before it is given up.
    turns: usize,
}

impl Machine {
    pub fn new(code: &str) -> Self {
        let memory: Vec<u8> = words(code).iter().flat_map(|word| word.to_le_bytes()).collect();
        Self { code: memory.len(), memory, kernarg: 0, late: None, count: 0, turns: usize::MAX }
    }

    /// Every access is put off once.
    pub fn hesitates(&mut self) {
        self.late = Some(HashSet::new());
    }

    /// A group that has run for so many instructions is left.
    pub fn gives_up_after(&mut self, instructions: usize) {
        self.turns = instructions;
    }

    pub fn hesitations(&self) -> usize {
        self.count
    }

    /// The address after the code.
    pub fn end(&self) -> u64 {
        BASE + self.code as u64
    }

    /// Forgets all but the code.
    pub fn clear(&mut self) {
        self.memory.truncate(self.code);
    }

    /// Puts words into memory; where they are.
    pub fn place(&mut self, words: &[u32]) -> u64 {
        self.memory.resize(self.memory.len().next_multiple_of(64), 0);
        let at = BASE + self.memory.len() as u64;
        self.memory.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        at
    }

    pub fn arguments(&mut self, arguments: &[u64]) {
        let words: Vec<u32> =
            arguments.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]).collect();
        self.kernarg = self.place(&words);
    }

    pub fn read(&self, at: u64, count: usize) -> Vec<u32> {
        let at = (at - BASE) as usize;
        self.memory[at..at + 4 * count].as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    /// Runs all groups, one after the other; why one stopped.
    pub fn run(&mut self, group: [u32; 3], grid: [u32; 3], group_segment: u32) -> Result<(), Progress> {
        let mut descriptor = [0; 64];
        // 256 VGPRs; denormals kept, DX10_CLAMP, IEEE; two user registers and the group's x; kernarg pointer.
        let rsrc1: u32 = 63 | 0xf0 << 12 | 1 << 21 | 1 << 23;
        let rsrc2: u32 = 2 << 1 | 1 << 7;
        descriptor[48..52].copy_from_slice(&rsrc1.to_le_bytes());
        descriptor[52..56].copy_from_slice(&rsrc2.to_le_bytes());
        descriptor[56] = 1 << 3;
        let kernel = KernelDescriptor::parse(&descriptor).expect("a descriptor");
        let dispatch = Dispatch {
            kernel,
            entry: BASE,
            group,
            grid,
            group_segment,
            private_segment: 0,
            kernarg: Segment(self.kernarg),
            packet: Segment::default(),
            queue: Segment::default(),
            id: 0,
        };
        let mut code = Code::default();
        let groups = dispatch.groups();
        for x in 0..groups[0] {
            let mut group = Group::new(&dispatch, [x, 0, 0]);
            let mut left = self.turns;
            loop {
                let mut budget = left.min(1000) as u64;
                let turn = budget;
                let progress = group.run(&mut code, self, &mut budget);
                left -= (turn - budget) as usize;
                match progress {
                    Progress::Done => break,
                    Progress::More if left == 0 => return Err(Progress::More),
                    Progress::More | Progress::Yields | Progress::Pending(_) => {}
                    stopped @ Progress::Stopped { .. } => return Err(stopped),
                }
            }
        }
        Ok(())
    }

    fn late<T>(&mut self, va: u64, len: usize, write: bool) -> Option<Access<T>> {
        let late = self.late.as_mut()?;
        if late.insert((va, len, write)) {
            self.count += 1;
            return Some(Access::Pending(Ticket(self.count as u64)));
        }
        late.remove(&(va, len, write));
        None
    }

    fn part(&mut self, va: u64, len: usize, write: bool) -> Result<&mut [u8], Fault> {
        let at = va.checked_sub(BASE).and_then(|at| usize::try_from(at).ok());
        let range = at.and_then(|at| Some(at..at.checked_add(len)?));
        range.and_then(|range| self.memory.get_mut(range)).ok_or(Fault { va, len: len as u64, write })
    }
}

impl Host for Machine {
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        if let Some(late) = self.late(va, into.len(), false) {
            return late;
        }
        match self.part(va, into.len(), false) {
            Ok(part) => {
                into.copy_from_slice(part);
                Access::Ready(())
            }
            Err(fault) => Access::Fault(fault),
        }
    }

    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        if let Some(late) = self.late(va, bytes.len(), true) {
            return late;
        }
        match self.part(va, bytes.len(), true) {
            Ok(part) => {
                part.copy_from_slice(bytes);
                Access::Ready(())
            }
            Err(fault) => Access::Fault(fault),
        }
    }

    fn atomic(&mut self, va: u64, atomic: Atomic, operand: u64, bytes: usize) -> Access<u64> {
        if let Some(late) = self.late(va, bytes, true) {
            return late;
        }
        match self.part(va, bytes, true) {
            Ok(part) => {
                let mut word = [0; 8];
                word[..bytes].copy_from_slice(part);
                let old = u64::from_le_bytes(word);
                part.copy_from_slice(&atomic.apply(old, operand, bytes).to_le_bytes()[..bytes]);
                Access::Ready(old)
            }
            Err(fault) => Access::Fault(fault),
        }
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        let word = |machine: &mut Self, va| {
            machine.part(va, 4, false).map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]))
        };
        match word(self, va) {
            Ok(first) => Access::Ready((first, word(self, va + 4).ok())),
            Err(fault) => Access::Fault(fault),
        }
    }

    fn clock(&mut self) -> u64 {
        self.count as u64
    }

    fn interrupt(&mut self, _: u32) {}
}
