//! A device with memory as one array: the kernel's descriptor and code first, then what is placed.

use std::collections::HashSet;
use waves::{
    Access, AtomicOp, Blocks, Device, Dispatch, Fault, GpuVa, Host, Progress, Request, Ticket, WaveSync,
};

/// Where memory begins.
pub const BASE: u64 = 0x1_0000_0000;
/// Bytes of a kernel descriptor.
const DESCRIPTOR: usize = 64;
/// A device that holds few groups, so that others wait for room.
pub const DEVICE: Device = Device { compute_units: 2, memory: 64 << 20 };

pub fn words(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|word| u32::from_str_radix(word, 16).expect("words are hex")).collect()
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub struct Machine {
    memory: Vec<u8>,
    /// Bytes of descriptor and code.
    kept: usize,
    kernel: u64,
    kernarg: u64,
    /// Accesses that were put off once; none are without.
    late: Option<HashSet<(u64, usize, bool)>>,
    count: usize,
    /// Instructions after which a dispatch is given up.
    most: u64,
    pub device: Device,
    pub interrupts: Vec<u32>,
    /// Times that waves said that they meet others.
    pub released: u64,
    sync: WaveSync,
    /// Instructions that the last dispatch took.
    pub taken: u64,
    /// The most groups that were resident after a poll.
    pub residents: usize,
}

impl Machine {
    /// Code written by hand. Its kernel has 256 VGPRs, and wants the address of its arguments and its group's x.
    pub fn new(code: &str) -> Self {
        // Denormals kept, DX10_CLAMP, IEEE.
        let rsrc1: u32 = 63 | 0xf0 << 12 | 1 << 21 | 1 << 23;
        let rsrc2: u32 = 2 << 1 | 1 << 7;
        Self::described(rsrc1, rsrc2, 1 << 3, code)
    }

    /// Code written by hand with a descriptor.
    pub fn described(rsrc1: u32, rsrc2: u32, properties: u32, code: &str) -> Self {
        let mut descriptor = [0; DESCRIPTOR / 4];
        descriptor[4] = DESCRIPTOR as u32;
        (descriptor[12], descriptor[13], descriptor[14]) = (rsrc1, rsrc2, properties);
        Self::holding(bytes(&[&descriptor, words(code).as_slice()].concat()), BASE)
    }

    /// A compiled kernel: its descriptor, then its code.
    pub fn compiled(text: &str) -> Self {
        Self::holding(bytes(&words(text)), BASE)
    }

    /// Memory that begins with an image, in which the kernel's descriptor is at an address.
    pub fn holding(image: Vec<u8>, kernel: u64) -> Self {
        Self {
            kept: image.len(),
            memory: image,
            kernel,
            kernarg: 0,
            late: None,
            count: 0,
            released: 0,
            most: u64::MAX,
            device: DEVICE,
            interrupts: Vec::new(),
            sync: WaveSync::default(),
            taken: 0,
            residents: 0,
        }
    }

    /// Bytes of scratch that the kernel has of its own.
    pub fn private_segment(&mut self, bytes: u32) {
        self.write_bytes(self.kernel + 4, &bytes.to_le_bytes());
    }

    pub fn write_bytes(&mut self, at: u64, bytes: &[u8]) {
        let at = (at - BASE) as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// All of it, from [`BASE`] on.
    #[allow(dead_code, reason = "the example shares it between threads")]
    pub fn memory(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// Every access is put off once.
    pub fn hesitates(&mut self) {
        self.late = Some(HashSet::new());
    }

    /// A dispatch that has run for so many instructions is left.
    pub fn gives_up_after(&mut self, instructions: u64) {
        self.most = instructions;
    }

    pub fn hesitations(&self) -> usize {
        self.count
    }

    /// The address after the code.
    pub fn end(&self) -> u64 {
        BASE + self.kept as u64
    }

    /// Forgets all but the code.
    pub fn clear(&mut self) {
        self.memory.truncate(self.kept);
    }

    /// Puts bytes into memory; where they are.
    pub fn place_bytes(&mut self, bytes: &[u8]) -> u64 {
        self.memory.resize(self.memory.len().next_multiple_of(64), 0);
        let at = BASE + self.memory.len() as u64;
        self.memory.extend(bytes);
        at
    }

    /// Puts words into memory; where they are.
    pub fn place(&mut self, words: &[u32]) -> u64 {
        self.place_bytes(&bytes(words))
    }

    /// Puts words of 64 bits into memory; where they are.
    pub fn place_wide(&mut self, words: &[u64]) -> u64 {
        self.place_bytes(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Arguments of eight bytes each, then zeros where compilers expect offsets.
    pub fn arguments(&mut self, arguments: &[u64]) {
        self.kernarg = self.place_wide(&[arguments, &[0; 8]].concat());
    }

    pub fn read_bytes(&self, at: u64, count: usize) -> &[u8] {
        let at = (at - BASE) as usize;
        &self.memory[at..at + count]
    }

    pub fn read(&self, at: u64, count: usize) -> Vec<u32> {
        self.read_bytes(at, 4 * count).as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    pub fn read_wide(&self, at: u64, count: usize) -> Vec<u64> {
        self.read_bytes(at, 8 * count).as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    }

    /// The request of a packet, which is placed. The descriptor says what its kernel has of its own; `group_segment` comes
    /// on top.
    pub fn request(&mut self, group: [u32; 3], grid: [u32; 3], group_segment: u32) -> Request {
        let own = self.read(self.kernel, 2);
        let (group_segment, private_segment) = (own[0] + group_segment, own[1]);
        let (low, high) = (|word: u64| word as u32, |word: u64| (word >> 32) as u32);
        // hsa_kernel_dispatch_packet_t: header and setup, sizes of the group in 16 bits, of the grid in 32.
        let packet = self.place(&[
            3 << 16 | 0x1502,
            group[1] << 16 | group[0],
            group[2],
            grid[0],
            grid[1],
            grid[2],
            private_segment,
            group_segment,
            low(self.kernel),
            high(self.kernel),
            low(self.kernarg),
            high(self.kernarg),
            0,
            0,
            0,
            0,
        ]);
        Request {
            kernel_object: self.kernel,
            kernarg: self.kernarg,
            group,
            grid,
            group_segment,
            private_segment,
            packet,
            queue: 0,
            id: 0,
            cooperative: false,
        }
    }

    /// Runs a dispatch to its end; what that was, if not that all of it was done.
    pub fn run(&mut self, group: [u32; 3], grid: [u32; 3], group_segment: u32) -> Result<(), Progress> {
        let request = self.request(group, grid, group_segment);
        self.run_request(request)
    }

    pub fn run_request(&mut self, request: Request) -> Result<(), Progress> {
        let mut dispatch = Dispatch::new(request, self.device);
        let mut blocks = Blocks::default();
        let mut left = self.most;
        self.residents = 0;
        loop {
            let mut budget = left.min(1000);
            let turn = budget;
            let progress = dispatch.poll(&mut blocks, self, &mut budget);
            left -= turn - budget;
            self.taken = dispatch.instructions();
            self.residents = self.residents.max(dispatch.residents());
            match progress {
                Progress::Done => return Ok(()),
                Progress::More if left == 0 => return Err(Progress::More),
                Progress::More | Progress::Pending(_) => {}
                stopped => {
                    assert_eq!(
                        dispatch.poll(&mut blocks, self, &mut 1),
                        stopped,
                        "what was said is said again"
                    );
                    return Err(stopped);
                }
            }
        }
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
        range.and_then(|range| self.memory.get_mut(range)).ok_or(Fault {
            va: GpuVa(va),
            len: len as u64,
            write,
        })
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

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        let bytes = change.bytes();
        if let Some(late) = self.late(va, bytes, true) {
            return late;
        }
        match self.part(va, bytes, true) {
            Ok(part) => {
                let mut word = [0; 8];
                word[..bytes].copy_from_slice(part);
                let old = u64::from_le_bytes(word);
                part.copy_from_slice(&change.apply(old).to_le_bytes()[..bytes]);
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

    fn release(&mut self) {
        self.released += 1;
    }

    fn wave_sync(&self) -> Option<&WaveSync> {
        Some(&self.sync)
    }

    fn interrupt(&mut self, event: u32) {
        self.interrupts.push(event);
    }
}
