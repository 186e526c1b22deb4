//! Plays the daemon for one worker: an arena, a map of addresses with an epoch, memory that only the daemon reaches.

use door::wave_workers::child::{ServeError, serve};
use door::wave_workers::wire::{Claim, End, Order, Run, Spent, Why};
use door::wave_workers::{DeviceLimits, Limits, Link};
use kfd_core::dispatch::Wish;
use kfd_core::shm::{WINDOW, Window};
use kfd_core::waves::{Place, WaveAccess, WaveSpan as Span};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::thread::JoinHandle;

/// Memory of the arena, from `OWN_AT` of it on.
pub const OWN: u64 = 0x1_0000_0000;
const OWN_AT: u64 = 0x1_0000;
const OWN_LEN: u64 = 16 << 20;
/// Memory that only the daemon has.
pub const FAR: u64 = 0x2_0000_0000;
pub const FAR_LEN: u64 = 1 << 20;
pub const RINGS: u64 = 0x3_0000_0000;
pub const SINK: u64 = 0x4_0000_0000;
/// The second page of `OWN`'s memory, only to be read.
pub const READ_ONLY: u64 = 0x5_0000_0000;
pub const NOWHERE: u64 = 0x7000_0000_0000;

/// Where kernels, arguments and data are placed in `OWN`.
const KERNELS: u64 = 2 << 20;

pub const KHZ: u32 = 100_000;

/// How a dispatch ended, as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Done,
    Cancelled,
    Fault { va: u64, write: bool, pc: u64 },
    Error { why: Why, pc: u64, text: String },
}

/// What else was told before a dispatch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Translate(u64),
    Far(u64),
    Rang {
        device: u32,
        pages: u64,
    },
    Interrupt(u32),
    /// The watched word, when stores came.
    Watched(u32),
}

/// A worker on threads of this process.
pub type Threads = JoinHandle<Result<(), ServeError>>;

pub struct Player {
    pub link: Link,
    window: Window,
    epochs: File,
    pub epoch: u64,
    pub spans: Vec<Span>,
    pub far: Vec<u8>,
    /// Everything that was told but ends.
    pub told: Vec<Told>,
    pub spent: Spent,
    /// Waves under way, as was told of dispatches that went on.
    pub waves: Vec<u64>,
    /// Done when a translation was looked up and before it is answered.
    pub between: Option<fn(&mut Player)>,
    /// The epoch moves before each translation is answered.
    pub moves: bool,
    /// A word of the arena that is looked at when stores come.
    pub watched: Option<u64>,
    next: u64,
    tickets: u64,
    worker: Option<Threads>,
    buffer: Vec<u8>,
}

/// A memfd of a size.
pub fn memfd(len: u64) -> OwnedFd {
    let fd = memfd_create("player", MFdFlags::MFD_CLOEXEC).expect("a memfd");
    nix::unistd::ftruncate(&fd, len.cast_signed()).expect("its size");
    fd
}

pub fn limits(threads: usize) -> Limits {
    let device = DeviceLimits { compute_units: 4, counter_khz: KHZ };
    Limits { threads, memory: 64 << 20, devices: vec![device; 2] }
}

impl Player {
    /// A worker of so many threads in this process.
    pub fn new(threads: usize) -> Self {
        Self::with(|arena, epochs| {
            let (link, socket) = Link::pair().expect("a pair of sockets");
            let body = move || serve(socket, arena, epochs, limits(threads), || Ok(()));
            (link, Some(std::thread::spawn(body)))
        })
    }

    /// Any worker; `start` gets the arena and the page of epochs.
    pub fn with(start: impl FnOnce(OwnedFd, OwnedFd) -> (Link, Option<Threads>)) -> Self {
        let (arena, epochs) = (memfd(2 * WINDOW), File::from(memfd(4096)));
        let window = Window::map(arena.as_fd(), 0).expect("a window");
        let theirs = epochs.try_clone().expect("a descriptor");
        let (link, worker) = start(arena, theirs.into());
        let span = |start, len, writable, place| Span { start, len, writable, executable: true, place };
        let mut player = Self {
            link,
            window,
            epochs,
            epoch: 0,
            spans: vec![
                span(OWN, OWN_LEN, true, Place::Own(OWN_AT)),
                span(FAR, FAR_LEN, true, Place::Far),
                span(RINGS, 8192, true, Place::Rings),
                span(SINK, 4096, true, Place::Sink),
                span(READ_ONLY, 4096, false, Place::Own(OWN_AT + 4096)),
            ],
            far: vec![0; FAR_LEN as usize],
            told: Vec::new(),
            spent: Spent::default(),
            waves: Vec::new(),
            between: None,
            moves: false,
            watched: None,
            next: KERNELS,
            tickets: 1,
            worker,
            buffer: Link::buffer(),
        };
        player.set_epoch(7);
        player
    }

    /// The device's map has changed.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.epochs.write_all_at(&epoch.to_ne_bytes(), 64).expect("the page of epochs");
    }

    pub fn read(&self, va: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        match va.checked_sub(FAR).filter(|at| *at < FAR_LEN) {
            Some(at) => bytes.copy_from_slice(&self.far[at as usize..][..len]),
            None => self.window.read((va - OWN + OWN_AT) as usize, &mut bytes).expect("in the window"),
        }
        bytes
    }

    pub fn write(&mut self, va: u64, bytes: &[u8]) {
        match va.checked_sub(FAR).filter(|at| *at < FAR_LEN) {
            Some(at) => self.far[at as usize..][..bytes.len()].copy_from_slice(bytes),
            None => self.window.write((va - OWN + OWN_AT) as usize, bytes).expect("in the window"),
        }
    }

    pub fn words(&self, va: u64, count: usize) -> Vec<u32> {
        self.read(va, 4 * count).as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    pub fn set_words(&mut self, va: u64, words: &[u32]) {
        self.write(va, &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
    }

    /// Room for bytes in the arena.
    pub fn place(&mut self, bytes: &[u8]) -> u64 {
        let va = OWN + self.next;
        self.next = (self.next + bytes.len() as u64).next_multiple_of(64);
        self.write(va, bytes);
        va
    }

    /// A kernel of one group of 64 that has as its arguments words of eight bytes.
    pub fn kernel(&mut self, code: &[u32], arguments: &[u64]) -> Run {
        // As hsa-queue/waves/tests/run/machine.rs has it: 256 VGPRs, and the address of arguments and the group's x wanted.
        let mut image = [0_u32; 16];
        image[4] = 64;
        (image[12], image[13], image[14]) = (63 | 0xf0 << 12 | 1 << 21 | 1 << 23, 2 << 1 | 1 << 7, 1 << 3);
        self.image(&[&image, code].concat(), arguments, [64, 1, 1], [64, 1, 1])
    }

    /// A kernel as it was compiled: its descriptor, then its code, as text in hex.
    pub fn compiled(&mut self, text: &str, arguments: &[u64], group: u32, grid: u32) -> Run {
        let word = |word| u32::from_str_radix(word, 16).expect("words are hex");
        let image: Vec<u32> = text.split_whitespace().map(word).collect();
        self.image(&image, arguments, [group, 1, 1], [grid, 1, 1])
    }

    fn image(&mut self, image: &[u32], arguments: &[u64], group: [u32; 3], grid: [u32; 3]) -> Run {
        let kernel_object = self.place(&image.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
        let arguments = [arguments, &[0; 8]].concat();
        let kernarg = self.place(&arguments.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
        // hsa_kernel_dispatch_packet_t: header and setup, sizes of the group in 16 bits, of the grid in 32.
        let mut packet = vec![3 << 16 | 0x1502, group[1] << 16 | group[0], group[2]];
        packet.extend(grid);
        packet.extend([image[1], image[0], kernel_object as u32, (kernel_object >> 32) as u32]);
        packet.extend([kernarg as u32, (kernarg >> 32) as u32, 0, 0, 0, 0]);
        let packet = self.place(&packet.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
        Run {
            kernel_object,
            kernarg,
            packet,
            group,
            grid,
            group_segment: image[0],
            private_segment: image[1],
            device: 1,
            ..Run::zeroed()
        }
    }

    /// Orders a dispatch; its ticket.
    pub fn order(&mut self, run: Run) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        self.link.send(&Order::Run(ticket, run)).expect("the worker takes it");
        ticket
    }

    pub fn wish(&mut self, ticket: u64, wish: Wish) {
        self.link.send(&Order::Wish(ticket, wish)).expect("the worker takes it");
    }

    /// Orders a dispatch and waits for its end.
    pub fn run(&mut self, run: Run) -> Ended {
        let ticket = self.order(run);
        let (ended, how) = self.end();
        assert_eq!(ended, ticket);
        how
    }

    /// Waits for the end of a dispatch, and answers meanwhile.
    pub fn end(&mut self) -> (u64, Ended) {
        loop {
            if let Some(end) = self.step(PollTimeout::from(60_000_u16)).expect("a claim") {
                return end;
            }
        }
    }

    /// Waits for what is told next.
    pub fn wait_for_word(&mut self) -> Option<(u64, Ended)> {
        self.step(PollTimeout::from(60_000_u16)).expect("a claim")
    }

    /// Hears what there is.
    pub fn glance(&mut self) -> Option<(u64, Ended)> {
        self.step(PollTimeout::ZERO).expect("a claim")
    }

    fn step(&mut self, patience: PollTimeout) -> std::io::Result<Option<(u64, Ended)>> {
        let mut set = [PollFd::new(self.link.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut set, patience).expect("a poll");
        assert!(ready > 0 || patience == PollTimeout::ZERO, "the worker is silent");
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut end = None;
        match self.link.receive(&mut buffer)? {
            None => {}
            Some(Claim::Over(ticket, how, spent)) => {
                self.spent = spent;
                end = Some((ticket, Ended::of(how)));
            }
            Some(Claim::Translate { request, device, va }) => self.translate(request, device, va),
            Some(Claim::Far { request, device, va, access }) => {
                assert_eq!(device, 1);
                self.told.push(Told::Far(va));
                let bytes = self.reach(va, access);
                self.link.send(&Order::Reached(request, bytes.as_deref())).expect("the worker takes it");
            }
            Some(Claim::Stores { request, device, stores }) => {
                assert_eq!(device, 1);
                self.told.extend(self.watched.map(|va| Told::Watched(self.words(va, 1)[0])));
                let mut all = Some(Vec::new());
                self.told.extend(stores.iter().next().map(|(va, _)| Told::Far(va)));
                for (va, bytes) in stores.iter() {
                    all = all.and(self.reach(va, WaveAccess::Store(bytes)));
                }
                self.link.send(&Order::Reached(request, all.as_deref())).expect("the worker takes it");
            }
            Some(Claim::Rang { device, pages }) => self.told.push(Told::Rang { device, pages }),
            Some(Claim::Interrupt(event)) => self.told.push(Told::Interrupt(event)),
            // These kernels have no code object, which would name them.
            Some(Claim::Kernel(_, name)) => assert_eq!(name, ""),
            Some(Claim::Progress { instructions, waves, .. }) => {
                assert!(instructions > 0 || self.moves);
                self.waves.push(waves);
            }
        }
        self.buffer = buffer;
        Ok(end)
    }

    fn translate(&mut self, request: u64, device: u32, va: u64) {
        assert_eq!(device, 1);
        self.told.push(Told::Translate(va));
        let found = self.spans.iter().find(|span| va.wrapping_sub(span.start) < span.len).copied();
        let epoch = self.epoch;
        if self.moves {
            self.set_epoch(epoch + 1);
        }
        if let Some(between) = self.between.take() {
            between(self);
        }
        self.link.send(&Order::Span(request, epoch, found)).expect("the worker takes it");
    }

    fn reach(&mut self, va: u64, access: WaveAccess<'_>) -> Option<Vec<u8>> {
        let at = usize::try_from(va.checked_sub(FAR)?).ok()?;
        match access {
            WaveAccess::Load(len) => self.far.get(at..at + len).map(<[u8]>::to_vec),
            WaveAccess::Store(bytes) => {
                self.far.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
                Some(Vec::new())
            }
            WaveAccess::Atomic { kind, width, operand, comparand } => {
                let bytes = width.bytes() as usize;
                let mut word = [0; 8];
                let place = self.far.get_mut(at..at + bytes)?;
                word[..bytes].copy_from_slice(place);
                let old = u64::from_le_bytes(word);
                let new = kind.apply(width, old, operand, comparand);
                place.copy_from_slice(&new.to_le_bytes()[..bytes]);
                Some(word[..bytes].to_vec())
            }
        }
    }

    /// Answers until the worker's end of the socket is gone; what ended before.
    pub fn end_of_all(&mut self) -> Vec<(u64, Ended)> {
        let mut ended = Vec::new();
        loop {
            match self.step(PollTimeout::from(60_000_u16)) {
                Ok(end) => ended.extend(end),
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
                    return ended;
                }
            }
        }
    }

    /// The worker's end of the socket is gone, or will be.
    pub fn is_hung_up(&self) {
        let mut buffer = Link::buffer();
        loop {
            match self.link.receive(&mut buffer) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let mut set = [PollFd::new(self.link.as_fd(), PollFlags::POLLIN)];
                    assert!(poll(&mut set, PollTimeout::from(60_000_u16)).expect("a poll") > 0);
                }
                Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
            }
        }
    }

    /// Hangs up and waits for the worker; how it ended.
    pub fn hang_up(mut self) -> Result<(), ServeError> {
        let worker = self.worker.take().expect("it was not waited for");
        drop(self.link);
        worker.join().expect("no panic")
    }

    /// Waits for a worker that hangs up.
    pub fn wait(mut self) -> Result<(), ServeError> {
        self.worker.take().expect("it was not waited for").join().expect("no panic")
    }
}

impl Ended {
    fn of(end: End<'_>) -> Self {
        match end {
            End::Done => Self::Done,
            End::Cancelled => Self::Cancelled,
            End::Fault { va, write, pc } => Self::Fault { va, write, pc },
            End::Error { why, pc, text } => Self::Error { why, pc, text: text.to_owned() },
        }
    }
}
