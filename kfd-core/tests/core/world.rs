//! A core with nothing around it: a clock that tests turn, an outbox that keeps what it gets, and clients that speak
//! ioctls and touch their arena as a real one would.

use hsa_queue::Waves;
use hsa_queue::layout::{amd_queue, amd_signal};
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{
    Arg, Caller, Done, Errno, FileIdentity, Gathered, Identity, Node, Outcome, Refused, UserWrite,
};
use kfd_core::clock::Clock;
use kfd_core::death::{Cause, Obituary};
use kfd_core::ids::{CallId, FileId, Nanos, ProcessId, RenderMinor, Tgid, Tid, Uid};
use kfd_core::limits::Limits;
use kfd_core::notice::{Notice, Outbox};
use kfd_core::profile::Profile;
use kfd_core::{Core, CoreConfig, Ran};
use notifier::MmId;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Time stands still until a test turns it: once, or a little at each look.
#[derive(Default)]
pub struct Turned {
    now: Mutex<u64>,
    look: Mutex<u64>,
}

impl Turned {
    pub fn by(&self, nanos: u64) {
        *self.now.lock().unwrap() += nanos;
    }

    pub fn at_each_look_by(&self, nanos: u64) {
        *self.look.lock().unwrap() = nanos;
    }
}

impl Clock for Turned {
    fn now(&self) -> Nanos {
        let mut now = self.now.lock().unwrap();
        *now += *self.look.lock().unwrap();
        Nanos(*now)
    }
}

/// Keeps every notice.
#[derive(Default)]
pub struct Kept(Mutex<Vec<Notice>>);

impl Outbox for Kept {
    fn post(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

impl Kept {
    pub fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Tells the threads of a test that it is over, also when it ends by a panic: a scope joins its threads before it lets a
/// panic out, and they would wait for each other forever.
#[derive(Default)]
pub struct Curtain(Mutex<bool>);

impl Curtain {
    pub fn is_down(&self) -> bool {
        *self.0.lock().unwrap()
    }

    /// It falls when what this returns goes out of scope.
    pub fn falls_at_the_end(&self) -> impl Drop {
        struct End<'a>(&'a Curtain);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *self.0.0.lock().unwrap() = true;
            }
        }
        End(self)
    }
}

pub struct World {
    pub core: Arc<Core>,
    pub clock: Arc<Turned>,
    pub outbox: Arc<Kept>,
}

pub fn gpu() -> (u32, RenderMinor, Profile) {
    let profile = Profile::named("gfx900").expect("compiled in");
    (profile.devices[0].gpu_id.0, profile.devices[0].render_minor, profile)
}

/// The same under a kernel of interface 1.`minor`.
pub fn older(minor: u32) -> Profile {
    gpu().2.with_interface(minor).expect("an interface")
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self::of(gpu().2, limits)
    }

    pub fn of(profile: Profile, limits: Limits) -> Self {
        Self::running(profile, limits, Waves::Refuse)
    }

    pub fn running(profile: Profile, limits: Limits, waves: Waves) -> Self {
        let clock = Arc::new(Turned::default());
        clock.by(1_000_000_000);
        let outbox = Arc::new(Kept::default());
        let limits = Limits { arena_bytes: limits.arena_bytes.min(4 << 30), ..limits };
        let clock_of_core = Arc::clone(&clock) as Arc<dyn Clock>;
        let config = CoreConfig { profile, limits, clock: clock_of_core, waves };
        let core = Core::new(config, Arc::clone(&outbox) as Arc<dyn Outbox>).expect("a valid configuration");
        Self { core, clock, outbox }
    }

    /// A process that has opened kfd and its render node and bound the device.
    pub fn client(&self, tgid: u32) -> Client<'_> {
        let mut client = self.stranger(tgid, 1000);
        client.bind();
        client
    }

    /// A process that has opened kfd only.
    pub fn stranger(&self, tgid: u32, uid: u32) -> Client<'_> {
        let identity = identity(tgid, 0, uid);
        let opened = self.core.open(identity, Node::Kfd).expect("the first open of a process");
        assert!(opened.fresh);
        Client {
            world: self,
            process: opened.process,
            identity,
            files: vec![opened.file],
            serial: 0,
            arena: None,
            save_areas: HashMap::new(),
            lane: 0,
        }
    }

    /// Runs engines until there is nothing to run; time passes so that polling ends. How many turns did something.
    pub fn run(&self) -> usize {
        let mut worked = 0;
        loop {
            match self.core.run_next(self.core.now()) {
                Ran::Nothing => return worked,
                Ran::Worked => worked += 1,
                Ran::PollUntil(_) => self.clock.by(10_000),
            }
            assert!(worked < 1_000_000, "an engine that never rests");
        }
    }

    /// Runs engines and drops every page they ask to be dropped, as the daemon does. What else was posted.
    pub fn settle(&self) -> Vec<Notice> {
        let mut others = Vec::new();
        loop {
            self.run();
            let mut rearmed = false;
            for notice in self.outbox.take() {
                match notice {
                    Notice::Rearm { process, offset, len } => {
                        self.core.rearmed(process, offset, len);
                        rearmed = true;
                    }
                    Notice::Runnable => {}
                    other => others.push(other),
                }
            }
            if !rearmed {
                return others;
            }
        }
    }

    pub fn kill(&self, process: ProcessId) {
        let doom = self.core.doom(process, Cause::Exited).expect("alive");
        doom.stop_queues(&self.core).answer_waiters(&self.core).unpublish(&self.core);
    }

    /// Kills whatever lives and holds the core to its promise.
    pub fn end(&self) {
        self.core.shutdown_begin();
        for process in self.core.live() {
            self.kill(process);
        }
        self.core.barrier();
        let report = self.core.leak_report();
        assert!(report.is_empty(), "{report:?}");
    }
}

pub fn identity(tgid: u32, exec_epoch: u32, uid: u32) -> Identity {
    let mm = MmId { pidfd_inode: u64::from(tgid) + 1_000_000, exec_epoch };
    Identity { tgid: Tgid(tgid), uid: Uid(uid), mm }
}

pub fn completions(notices: &[Notice]) -> Vec<&Outcome> {
    notices
        .iter()
        .filter_map(|n| if let Notice::Complete { outcome, .. } = n { Some(outcome) } else { None })
        .collect()
}

pub fn obituaries(notices: &[Notice]) -> Vec<Obituary> {
    notices.iter().filter_map(|n| if let Notice::Freed(o) = n { Some(*o) } else { None }).collect()
}

pub fn wait_result(outcome: &Outcome) -> (Option<Errno>, u32) {
    let (errno, arg) = match outcome {
        Outcome::Done(Done { arg, .. }) => (None, arg),
        Outcome::Refused(Refused { errno, arg, .. }) => (Some(*errno), arg),
        Outcome::Parked => panic!("an answer is never Parked"),
    };
    (errno, abi::WaitEvents::read_from_prefix(arg.bytes()).unwrap().0.wait_result)
}

pub struct Client<'w> {
    pub world: &'w World,
    pub process: ProcessId,
    pub identity: Identity,
    pub files: Vec<FileId>,
    serial: u64,
    arena: Option<File>,
    /// Where waves are saved, by device: one area for all queues of a client and its twins.
    save_areas: HashMap<u32, u64>,
    /// Which twin.
    lane: u64,
}

/// GTT memory that the client sees through its arena and its queues at `va`.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    pub handle: u64,
    pub va: u64,
    pub offset: u64,
    /// Buffer objects that it consists of, one handle after the other.
    pub parts: u64,
}

/// An AQL queue in memory of parts ([`AQL`]): `amd_queue_t` at 0, signals from 4096, the ring from 8192, another one after
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Aql {
    pub id: u32,
    pub doorbell: u64,
    pub memory: Buffer,
    pub packets: u64,
}

/// The parts of an AQL queue's memory: a driver takes no ring and no index words that are a part of a larger buffer.
pub const AQL: [u64; 4] = [4096; 4];

impl<'w> Client<'w> {
    pub fn core(&self) -> &'w Core {
        &self.world.core
    }

    /// Another thread of the same process.
    pub fn twin(&self, lane: u64) -> Client<'w> {
        let arena = self.arena.as_ref().map(|file| file.try_clone().unwrap());
        let serial = (lane + 1) << 32;
        Client {
            world: self.world,
            process: self.process,
            identity: self.identity,
            files: vec![],
            serial,
            arena,
            save_areas: self.save_areas.clone(),
            lane: lane + 1,
        }
    }

    pub fn open(&mut self, node: Node) {
        let opened = self.core().open(self.identity, node).expect("a later open");
        assert_eq!((opened.process, opened.fresh), (self.process, false));
        self.files.push(opened.file);
    }

    /// Opens the render node, so that the arena can be touched, and binds nothing.
    pub fn open_unbound(&mut self) {
        let (_, minor, _) = gpu();
        self.open(Node::Render(minor));
        self.arena = Some(File::from(self.core().arena(self.process, minor).expect("an arena")));
    }

    pub fn bind(&mut self) {
        let (gpu_id, _, _) = gpu();
        self.open_unbound();
        self.ok(0x15, &mut abi::AcquireVm { drm_fd: 5, gpu_id });
    }

    pub fn caller(&mut self, node: Node) -> Caller {
        self.serial += 1;
        let call = CallId { door: 0, serial: self.serial };
        let tgid = self.identity.tgid;
        let file = self.files.last().copied().unwrap_or(FileId(0));
        Caller { process: self.process, node, file, tgid, tid: Tid(tgid.0), call }
    }

    /// One ioctl on kfd, raw.
    pub fn raw(&mut self, number: u8, arg: &[u8], gathered: Vec<Vec<u8>>) -> (CallId, Outcome) {
        let cmd = table::KFD.iter().find(|row| row.number() == number).expect("a known number").cmd;
        let caller = self.caller(Node::Kfd);
        (caller.call, self.core().call(&caller, cmd, Arg::new(arg).unwrap(), Gathered::from(gathered)))
    }

    pub fn ioctl<T: IntoBytes + FromBytes + Immutable>(
        &mut self,
        number: u8,
        arg: &mut T,
        gathered: Vec<Vec<u8>>,
    ) -> Result<Vec<UserWrite>, Errno> {
        let mut bytes = arg.as_bytes().to_vec();
        if number == 0x02 {
            // Without an area: the call itself says why there is none.
            let _refused = self.complete(&mut bytes);
        }
        let (_, outcome) = self.raw(number, &bytes, gathered);
        let (out, result) = match outcome {
            Outcome::Done(done) => (done.arg, Ok(done.writes)),
            Outcome::Refused(refused) => (refused.arg, Err(refused.errno)),
            Outcome::Parked => panic!("{number:#x} parked"),
        };
        *arg = T::read_from_prefix(out.bytes()).unwrap().0;
        result
    }

    /// One ioctl on kfd by a door that carries descriptors: `file` is what the struct's own leads to. The descriptor that
    /// is answered, if any.
    pub fn passing<T: IntoBytes + FromBytes + Immutable>(
        &mut self,
        number: u8,
        arg: &mut T,
        file: Option<FileIdentity>,
    ) -> Result<Option<OwnedFd>, Errno> {
        let cmd = table::KFD.iter().find(|row| row.number() == number).expect("a known number").cmd;
        let caller = self.caller(Node::Kfd);
        let gathered = Gathered { file, passes: true, ..Gathered::default() };
        match self.core().call(&caller, cmd, Arg::new(arg.as_bytes()).unwrap(), gathered) {
            Outcome::Done(mut done) => {
                *arg = T::read_from_prefix(done.arg.bytes()).unwrap().0;
                Ok(done.fds.pop())
            }
            Outcome::Refused(refused) => Err(refused.errno),
            Outcome::Parked => panic!("{number:#x} parked"),
        }
    }

    /// A stream of that device's events.
    pub fn stream(&mut self, gpuid: u32) -> UnixStream {
        let mut arg = abi::SmiEvents { gpuid, anon_fd: 0 };
        let fd = self.passing(0x1f, &mut arg, None).expect("a stream");
        UnixStream::from(fd.expect("a descriptor is answered"))
    }

    pub fn ok<T: IntoBytes + FromBytes + Immutable>(&mut self, number: u8, arg: &mut T) -> Vec<UserWrite> {
        self.ioctl(number, arg, vec![]).unwrap_or_else(|errno| panic!("{number:#x}: {errno}"))
    }

    pub fn no<T: IntoBytes + FromBytes + Immutable>(&mut self, number: u8, arg: &mut T) -> i32 {
        self.ioctl(number, arg, vec![]).expect_err("a refusal").0
    }

    pub fn alloc(&mut self, va: u64, size: u64, flags: u32) -> Result<Buffer, Errno> {
        let (gpu_id, _, _) = gpu();
        let mut arg = abi::AllocMemoryOfGpu { va_addr: va, size, gpu_id, flags, ..Default::default() };
        self.ioctl(0x16, &mut arg, vec![])?;
        Ok(Buffer { handle: arg.handle, va, offset: arg.mmap_offset, parts: 1 })
    }

    pub fn map(&mut self, handle: u64) -> Result<u32, Errno> {
        self.map_on(handle, gpu().0)
    }

    /// The same on another device.
    pub fn map_on(&mut self, handle: u64, gpu_id: u32) -> Result<u32, Errno> {
        let mut arg = abi::MapMemoryToGpu { handle, n_devices: 1, ..Default::default() };
        self.ioctl(0x18, &mut arg, vec![gpu_id.to_le_bytes().to_vec()])?;
        Ok(arg.n_success)
    }

    pub fn unmap(&mut self, handle: u64) -> Result<u32, Errno> {
        let (gpu_id, _, _) = gpu();
        let mut arg = abi::UnmapMemoryFromGpu { handle, n_devices: 1, ..Default::default() };
        self.ioctl(0x19, &mut arg, vec![gpu_id.to_le_bytes().to_vec()])?;
        Ok(arg.n_success)
    }

    pub fn free(&mut self, handle: u64) -> Result<(), Errno> {
        self.ioctl(0x17, &mut abi::FreeMemoryOfGpu { handle }, vec![]).map(drop)
    }

    /// GTT memory, mapped.
    pub fn buffer(&mut self, va: u64, size: u64) -> Buffer {
        let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let buffer = self.alloc(va, size, flags).expect("memory");
        assert_eq!(self.map(buffer.handle), Ok(1));
        buffer
    }

    /// GTT memory of several buffer objects one after the other: in the device's addresses, in the arena and by handle.
    pub fn cut(&mut self, va: u64, parts: &[u64]) -> Result<Buffer, Errno> {
        let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let mut spare = Vec::new();
        // Holes that others left may be in between: then it is tried behind them.
        let first = 'whole: loop {
            let mut row: Vec<Buffer> = Vec::new();
            for len in parts {
                let at = va + parts[..row.len()].iter().sum::<u64>();
                let part = self.alloc(at, *len, flags)?;
                let last = row.last().map(|last| (last.handle + 1, last.offset + part.va - last.va));
                row.push(part);
                if last.is_some_and(|follows| follows != (part.handle, part.offset)) {
                    spare.append(&mut row);
                    continue 'whole;
                }
            }
            for part in &row {
                self.map(part.handle)?;
            }
            break row[0];
        };
        for part in spare {
            self.free(part.handle)?;
        }
        Ok(Buffer { parts: parts.len() as u64, ..first })
    }

    /// Maps all parts on a further device.
    pub fn map_all_on(&mut self, memory: Buffer, gpu_id: u32) {
        for handle in memory.handle..memory.handle + memory.parts {
            self.map_on(handle, gpu_id).unwrap();
        }
    }

    /// Unmaps and frees all parts.
    pub fn give(&mut self, memory: Buffer) -> Result<(), Errno> {
        for handle in memory.handle..memory.handle + memory.parts {
            self.unmap(handle)?;
            self.free(handle)?;
        }
        Ok(())
    }

    /// Names a save area in a CREATE_QUEUE of a compute queue that has none, as every client gives one.
    fn complete(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let arg = abi::CreateQueue::mut_from_bytes(bytes).expect("the struct of CREATE_QUEUE");
        let compute = [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_COMPUTE_AQL].contains(&arg.queue_type);
        if !compute || arg.ctx_save_restore_address != 0 {
            return Ok(());
        }
        let devices = self.core().profile().devices.clone();
        let found = devices.iter().enumerate().find(|(_, device)| device.gpu_id.0 == arg.gpu_id);
        let (index, device) = found.ok_or(Errno::INVAL)?;
        let sizes = device.queue_buffers();
        let va = match self.save_areas.get(&arg.gpu_id) {
            Some(va) => *va,
            None => {
                let va = 0x7c00_0000_0000 + (self.lane << 40) + ((index as u64) << 32);
                let size = sizes.whole_save_area(sizes.save_area);
                let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
                let area = self.alloc(va, size, flags)?;
                self.map_on(area.handle, arg.gpu_id)?;
                self.save_areas.insert(arg.gpu_id, va);
                va
            }
        };
        arg.ctx_save_restore_address = va;
        (arg.ctx_save_restore_size, arg.ctl_stack_size) = (sizes.save_area, sizes.control_stack);
        Ok(())
    }

    /// USERPTR memory, mapped; the client's address is the GPU's.
    pub fn userptr(&mut self, va: u64, size: u64) -> Buffer {
        let (gpu_id, _, _) = gpu();
        let flags = abi::ALLOC_MEM_FLAGS_USERPTR | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let mut arg =
            abi::AllocMemoryOfGpu { va_addr: va, size, mmap_offset: va, gpu_id, flags, ..Default::default() };
        self.ok(0x16, &mut arg);
        assert_eq!(self.map(arg.handle), Ok(1));
        Buffer { handle: arg.handle, va, offset: 0, parts: 1 }
    }

    /// USERPTR memory of several buffer objects one after the other.
    pub fn userptr_cut(&mut self, va: u64, parts: &[u64]) -> Buffer {
        let starts = parts.iter().scan(va, |at, len| Some(std::mem::replace(at, *at + len)));
        let made: Vec<_> = starts.zip(parts).map(|(at, len)| self.userptr(at, *len)).collect();
        Buffer { parts: made.len() as u64, ..made[0] }
    }

    pub fn poke(&self, at: u64, bytes: &[u8]) {
        self.arena.as_ref().expect("bound").write_all_at(bytes, at).unwrap();
    }

    pub fn arena_file(&self) -> &File {
        self.arena.as_ref().expect("bound")
    }

    pub fn peek(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.arena.as_ref().expect("bound").read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    }

    pub fn peek_all(&self, at: u64, out: &mut [u8]) {
        self.arena.as_ref().expect("bound").read_exact_at(out, at).unwrap();
    }

    /// A queue of 64 packets whose parts all lie in `memory`, which is cut as [`AQL`] is.
    pub fn queue_in(&mut self, memory: Buffer) -> Result<Aql, Errno> {
        self.queue_on(memory, gpu().0)
    }

    /// The same on another device.
    pub fn queue_on(&mut self, memory: Buffer, gpu_id: u32) -> Result<Aql, Errno> {
        let mut arg = abi::CreateQueue {
            ring_base_address: memory.va + 8192,
            write_pointer_address: memory.va + amd_queue::WRITE_DISPATCH_ID,
            read_pointer_address: memory.va + amd_queue::READ_DISPATCH_ID,
            ring_size: 64 * 64,
            gpu_id,
            queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: 100,
            queue_priority: 7,
            ..Default::default()
        };
        self.ioctl(0x02, &mut arg, vec![])?;
        Ok(Aql { id: arg.queue_id, doorbell: arg.doorbell_offset, memory, packets: 0 })
    }

    pub fn queue(&mut self, va: u64) -> Aql {
        let memory = self.cut(va, &AQL).expect("memory");
        self.queue_in(memory).expect("a queue")
    }

    pub fn destroy(&mut self, queue_id: u32) -> Result<(), Errno> {
        self.ioctl(0x03, &mut abi::DestroyQueue { queue_id, pad: 0 }, vec![]).map(drop)
    }

    /// Signal number `index` of a queue's buffer, at `value`, with an event behind it or none.
    pub fn signal(&self, aql: &Aql, index: u64, value: i64, event: Option<(u64, u32)>) -> u64 {
        let at = aql.memory.offset + 4096 + index * amd_signal::BYTES;
        self.poke(at, &[0; amd_signal::BYTES as usize]);
        self.poke(at + amd_signal::VALUE, &value.to_le_bytes());
        if let Some((mailbox, id)) = event {
            self.poke(at + amd_signal::EVENT_MAILBOX_PTR, &mailbox.to_le_bytes());
            self.poke(at + amd_signal::EVENT_ID, &id.to_le_bytes());
        }
        aql.memory.va + 4096 + index * amd_signal::BYTES
    }

    pub fn signal_value(&self, aql: &Aql, index: u64) -> i64 {
        self.peek(aql.memory.offset + 4096 + index * amd_signal::BYTES + amd_signal::VALUE).cast_signed()
    }

    /// Writes a packet and advances the write index; the doorbell is another matter.
    pub fn push(&self, aql: &mut Aql, packet: &[u8; 64]) {
        let slot = aql.memory.offset + 8192 + aql.packets % 64 * 64;
        self.poke(slot + 2, &packet[2..]);
        self.poke(slot, &packet[..2]);
        aql.packets += 1;
        self.poke(aql.memory.offset + amd_queue::WRITE_DISPATCH_ID, &aql.packets.to_le_bytes());
    }

    /// The client's store hits the doorbell page, which is absent.
    pub fn ring(&self, aql: &Aql) {
        self.store_at(aql.doorbell);
    }

    /// A store to that byte of the kfd node, whose page is absent.
    pub fn store_at(&self, doorbell: u64) {
        let core = self.core();
        core.trapped(core.trap(self.process, doorbell & !4095));
    }

    pub fn read_index(&self, aql: &Aql) -> u64 {
        self.peek(aql.memory.offset + amd_queue::READ_DISPATCH_ID)
    }

    /// An event page in GTT and one signal event; its mailbox's address and its id.
    pub fn event(&mut self, kind: u32, auto_reset: bool) -> u32 {
        let mut arg =
            abi::CreateEvent { event_type: kind, auto_reset: auto_reset.into(), ..Default::default() };
        self.ok(0x08, &mut arg);
        arg.event_id
    }

    pub fn event_page(&mut self, va: u64) -> (Buffer, u32) {
        let page = self.buffer(va, 4096 * 8);
        let mut arg = abi::CreateEvent {
            event_page_offset: page.handle,
            event_type: abi::EVENT_SIGNAL,
            auto_reset: 1,
            ..Default::default()
        };
        self.ok(0x08, &mut arg);
        assert_ne!(arg.event_page_offset, 0, "libhsakmt needs one that is not zero");
        assert_eq!(arg.event_slot_index, arg.event_id);
        (page, arg.event_id)
    }

    pub fn set(&mut self, event_id: u32) {
        self.ok(0x0a, &mut abi::SetEvent { event_id, pad: 0 });
    }

    pub fn wait_raw(&mut self, events: &[u32], all: bool, timeout: u32) -> (CallId, Outcome) {
        let arg = abi::WaitEvents {
            events_ptr: 0x10_0000,
            num_events: events.len() as u32,
            wait_for_all: all.into(),
            timeout,
            wait_result: 77,
        };
        let data: Vec<u8> = events
            .iter()
            .flat_map(|id| abi::EventData { event_id: *id, ..Default::default() }.as_bytes().to_vec())
            .collect();
        self.raw(0x0c, arg.as_bytes(), vec![data])
    }

    /// A wait that must park.
    pub fn park(&mut self, events: &[u32], all: bool, timeout: u32) -> CallId {
        let (call, outcome) = self.wait_raw(events, all, timeout);
        assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
        call
    }
}

/// A BARRIER_AND packet (type 3).
pub fn barrier(dependencies: &[u64], completion: u64) -> [u8; 64] {
    let mut packet = [0; 64];
    packet[..2].copy_from_slice(&3u16.to_le_bytes());
    for (index, signal) in dependencies.iter().enumerate() {
        packet[8 + index * 8..][..8].copy_from_slice(&signal.to_le_bytes());
    }
    packet[56..].copy_from_slice(&completion.to_le_bytes());
    packet
}
