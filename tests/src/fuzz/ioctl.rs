//! Sequences of calls, packets and engine turns on a core, as bytes say.
//!
//! | first byte | what follows | what is done |
//! |---|---|---|
//! | a row of the table | length (255: the table's), the struct, then what its pointers point at | the call, as a door makes it |
//! | 252 | four bytes of a command word, length, the struct | a call that may be none |
//! | 253 | page | a store on an absent doorbell page |
//! | 254 | place in the arena, 8 bytes each; length; bytes | a store of the client |
//! | 255 | how often | turns of an engine, memory workers answering from the bytes that follow |
//!
//! The process is new for each input and dies after it; from time to time the core is held to having freed all of them.
//! The seeds are what a client does that wants something.

use super::parser::Run;
use door::gather::{Plan, scatter};
use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Caller, Gathered, Identity, Node, Outcome, Task};
use kfd_core::clock::Clock;
use kfd_core::death::Cause;
use kfd_core::ids::{CallId, FileId, Nanos, ProcessId, RenderMinor, Tgid, Tid, Uid};
use kfd_core::limits::Limits;
use kfd_core::notice::{Notice, Outbox, UserAccess, UserAnswer, UserSlots};
use kfd_core::profile::Profile;
use kfd_core::sync::Mutex;
use kfd_core::{Core, CoreConfig, Ran};
use notifier::MmId;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use zerocopy::{Immutable, IntoBytes};

/// Inputs between two looks at what was left.
const GENERATION: u32 = 128;

/// What a call may gather; more is answered by a failure, to keep inputs small.
const MOST_GATHERED: u64 = 64 << 10;

/// Calls in one input.
const MOST_CALLS: usize = 32;

/// Goes on a little each time it is looked at.
#[derive(Default)]
struct Steps(Mutex<u64>);

impl Clock for Steps {
    fn now(&self) -> Nanos {
        let mut now = self.0.lock();
        *now += 1000;
        Nanos(*now)
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Notice>>);

impl Outbox for Kept {
    fn post(&self, notice: Notice) {
        self.0.lock().push(notice);
    }
}

struct World {
    core: Arc<Core>,
    outbox: Arc<Kept>,
    minor: RenderMinor,
    gpu_id: u32,
    /// Where a debugger would be told.
    pipe: Arc<OwnedFd>,
    inputs: u32,
}

/// Bytes that end in zeros.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn padded(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = self.take(len).to_vec();
        bytes.resize(len, 0);
        bytes
    }

    fn answer(&mut self, access: &UserAccess) -> UserAnswer {
        match access {
            UserAccess::Read { len, .. } if u64::from(*len) > MOST_GATHERED => UserAnswer::Failed,
            UserAccess::Read { len, .. } => UserAnswer::Done(self.padded(*len as usize)),
            UserAccess::Write { .. } => UserAnswer::Done(Vec::new()),
            UserAccess::Packets { wanted, .. } => {
                UserAnswer::Done(self.padded(wanted.count as usize * UserSlots::BYTES))
            }
            // What comes back of the others is words: an old value, or where something is not.
            UserAccess::FetchSub { .. } | UserAccess::Survey { .. } => UserAnswer::Done(self.padded(24)),
        }
    }
}

/// A core of the profile gfx900, with the interface that has every call, and what runs inputs on it.
///
/// # Panics
/// The compiled-in profile is none.
#[must_use]
pub fn start() -> Box<Run> {
    let mut profile = Profile::named("gfx900").expect("compiled in");
    profile.interface_minor = 18;
    let (minor, gpu_id) = (profile.devices[0].render_minor, profile.devices[0].gpu_id.0);
    let outbox = Arc::new(Kept::default());
    let mut config = CoreConfig::new(profile);
    (config.clock, config.limits) = (Arc::new(Steps::default()), Limits::default());
    let core = Core::new(config, Arc::clone(&outbox) as Arc<dyn Outbox>).expect("a valid configuration");
    let (_, pipe) = std::io::pipe().expect("two descriptors");
    let pipe = Arc::new(pipe.into());
    let mut world = World { core, outbox, minor, gpu_id, pipe, inputs: 0 };
    Box::new(move |bytes| world.run(bytes))
}

impl World {
    fn run(&mut self, bytes: &[u8]) -> u64 {
        self.inputs = self.inputs.wrapping_add(1);
        let tgid = Tgid(self.inputs % 100_000 + 1);
        let mm = MmId { pidfd_inode: u64::from(self.inputs), exec_id: 0 };
        let identity = Identity { tgid, uid: Uid(1000), mm };
        let kfd = self.core.open(identity, Node::Kfd).expect("room for one process");
        let render = self.core.open(identity, Node::Render(self.minor)).expect("a second file");
        let (process, files) = (kfd.process, [kfd.file, render.file]);
        let mut client = Client { world: self, process, files, tgid, mm, serial: 0, arena: None, seen: 0 };
        let bind = abi::AcquireVm { drm_fd: 5, gpu_id: client.world.gpu_id };
        client.call(0xc008_4b15, 0x15, bind.as_bytes(), &mut Reader(&[]));
        let mut reader = Reader(bytes);
        for _ in 0..MOST_CALLS {
            if reader.0.is_empty() {
                break;
            }
            client.act(&mut reader);
        }
        client.turns(4, &mut reader);
        let seen = client.seen;
        let doom = self.core.doom(process, Cause::Exited).expect("alive until now");
        doom.stop_queues(&self.core).answer_waiters(&self.core).unpublish(&self.core);
        self.core.node_forgotten(process, Node::Render(self.minor));
        if self.inputs.is_multiple_of(GENERATION) {
            self.core.barrier();
            let report = self.core.leak_report();
            assert!(report.is_empty(), "left after {GENERATION} inputs: {report:?}");
        }
        self.outbox.0.lock().clear();
        seen
    }
}

struct Client<'w> {
    world: &'w World,
    process: ProcessId,
    files: [FileId; 2],
    tgid: Tgid,
    mm: MmId,
    serial: u64,
    arena: Option<File>,
    seen: u64,
}

impl Client<'_> {
    fn act(&mut self, reader: &mut Reader<'_>) {
        match reader.byte() {
            252 => {
                let cmd = reader.take(4).first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
                let len = usize::from(reader.byte());
                let arg = reader.padded(len);
                self.call(cmd, 252, &arg, reader);
            }
            253 => {
                let page = u64::from(reader.byte() % 4);
                let trapped = self.world.core.trap(self.process, page * 4096);
                self.world.core.trapped(trapped);
            }
            254 => {
                let at = u64::from(reader.byte()) * 8 + u64::from(reader.byte()) * 2048;
                let len = usize::from(reader.byte());
                let bytes = reader.padded(len);
                let world = self.world;
                if self.arena.is_none() {
                    self.arena = world.core.arena(self.process, world.minor).ok().map(File::from);
                }
                if let Some(arena) = &self.arena {
                    arena.write_all_at(&bytes, at).expect("inside the arena");
                }
            }
            255 => {
                let turns = u32::from(reader.byte() % 32);
                self.turns(turns, reader);
            }
            row => {
                let rows = table::KFD.len() + table::DRM.len();
                let ioctl = table::rows().nth(usize::from(row) % rows).expect("fewer than there are");
                let len = match reader.byte() {
                    255 => ioctl.size(),
                    len => usize::from(len),
                };
                let arg = reader.padded(len);
                self.call(ioctl.cmd, row, &arg, reader);
            }
        }
    }

    /// What a door would find out of a privileged client that names itself and a pipe.
    fn found(&self) -> Gathered {
        let task = Some(Task { tgid: self.tgid, mm: self.mm, traced: true });
        let descriptor = Some(Arc::clone(&self.world.pipe));
        Gathered { task, descriptor, privileged: true, ..Gathered::default() }
    }

    /// One call as the FUSE door makes it.
    fn call(&mut self, cmd: u32, row: u8, bytes: &[u8], reader: &mut Reader<'_>) {
        let ioctl = table::lookup(cmd);
        // A number that nobody has goes to the core as it is: no door would bring it.
        let admitted = match ioctl.map(|ioctl| Admitted::new(ioctl, bytes)) {
            None => None,
            Some(None) => return,
            Some(admitted) => admitted,
        };
        let gathered = match admitted.as_ref().map(Plan::new) {
            None => Gathered::default(),
            Some(Err(errno)) => return self.see(row, errno.0),
            Some(Ok(mut plan)) => {
                let accesses = plan.take_accesses();
                let len = |access: &UserAccess| match access {
                    UserAccess::Read { len, .. } => u64::from(*len),
                    _ => 0,
                };
                if accesses.iter().map(len).sum::<u64>() > MOST_GATHERED {
                    return self.see(row, libc::EFAULT);
                }
                match plan.collect(accesses.iter().map(|access| reader.answer(access)).collect()) {
                    Ok(gathered) => gathered,
                    Err(errno) => return self.see(row, errno.0),
                }
            }
        };
        let gathered = gathered.with(self.found());
        self.serial += 1;
        let [kfd, render] = self.files;
        let drm = cmd >> 8 & 0xff == u32::from(b'd');
        let (node, file) = if drm { (Node::Render(self.world.minor), render) } else { (Node::Kfd, kfd) };
        let call = CallId { door: 0, serial: self.serial };
        let (tgid, tid) = (self.tgid, Tid(self.tgid.0));
        let caller = Caller { process: self.process, node, file, tgid, tid, call };
        let outcome = match (&admitted, Arg::new(bytes)) {
            (Some(admitted), _) => self.world.core.serve(&caller, admitted, gathered),
            (None, Some(arg)) => self.world.core.call(&caller, cmd, arg, gathered),
            (None, None) => return,
        };
        match outcome {
            Outcome::Done(done) => {
                let _ = scatter(done.writes);
                self.see(row, 0);
            }
            Outcome::Refused(refused) => self.see(row, refused.errno.0),
            Outcome::Parked => {
                self.see(row, -1);
                if self.serial.is_multiple_of(2) {
                    let _ = self.world.core.interrupt(self.process, call);
                }
            }
        }
    }

    fn see(&mut self, row: u8, result: i32) {
        let what = u64::from(row) << 32 | u64::from(result.cast_unsigned());
        self.seen = (self.seen ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn turns(&mut self, count: u32, reader: &mut Reader<'_>) {
        let core = &self.world.core;
        for _ in 0..count {
            let ran = core.run_next(core.now());
            let notices = std::mem::take(&mut *self.world.outbox.0.lock());
            if ran == Ran::Nothing && notices.is_empty() {
                break;
            }
            for notice in notices {
                match notice {
                    Notice::Rearm { process, offset, len } => core.rearmed(process, offset, len),
                    Notice::Memory(request) => {
                        let answer = reader.answer(&request.access);
                        core.memory_answer(request.queue, request.ticket, answer);
                    }
                    Notice::Copy(request) => {
                        let answer = reader.answer(&request.access);
                        core.copy_answer(request.process, request.call, answer);
                    }
                    Notice::MemoryException { .. } => {
                        self.seen = self.seen.rotate_left(7) ^ 1;
                    }
                    _ => {}
                }
            }
        }
        core.tick(core.now());
    }
}

/// A record of a call.
fn record(number: u8, arg: &(impl IntoBytes + Immutable), pointed: &[u8]) -> Vec<u8> {
    let row = table::KFD.iter().position(|row| row.number() == number).expect("a known number");
    [&[row as u8, 255][..], arg.as_bytes(), pointed].concat()
}

/// What clients do: memory of each kind, events and waits for them, queues of each kind with packets, the rest of the table
/// once each.
///
/// # Panics
/// The compiled-in profile is none.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let device = &Profile::named("gfx900").expect("compiled in").devices[0];
    let (gpu_id, sizes) = (device.gpu_id.0, device.queue_buffers());
    let va_addr = 0x7f10_0000_0000u64;
    let alloc = |flags: u32, va_addr: u64, size: u64| abi::AllocMemoryOfGpu {
        va_addr,
        size,
        gpu_id,
        flags: flags | abi::ALLOC_MEM_FLAGS_WRITABLE,
        mmap_offset: if flags == abi::ALLOC_MEM_FLAGS_USERPTR { va_addr } else { 0 },
        ..Default::default()
    };
    let handle = u64::from(gpu_id) << 32;
    let map = |index: u64| {
        let map = abi::MapMemoryToGpu {
            handle: handle | index,
            n_devices: 1,
            device_ids_array_ptr: 8,
            n_success: 0,
        };
        record(0x18, &map, &gpu_id.to_le_bytes())
    };
    let mut seeds = Vec::new();
    let kinds = [
        abi::ALLOC_MEM_FLAGS_GTT,
        abi::ALLOC_MEM_FLAGS_VRAM,
        abi::ALLOC_MEM_FLAGS_USERPTR,
        abi::ALLOC_MEM_FLAGS_DOORBELL,
        abi::ALLOC_MEM_FLAGS_MMIO_REMAP,
    ];
    for flags in kinds {
        let free = abi::FreeMemoryOfGpu { handle };
        let unmap = abi::UnmapMemoryFromGpu { handle, n_devices: 1, device_ids_array_ptr: 8, n_success: 0 };
        let calls = [
            record(0x16, &alloc(flags, va_addr, 0x4000), &[]),
            map(0),
            record(0x19, &unmap, &gpu_id.to_le_bytes()),
            record(0x17, &free, &[]),
        ];
        seeds.push(calls.concat());
    }
    for kind in 0..=8 {
        let create = abi::CreateEvent { event_type: kind, auto_reset: kind % 2, ..Default::default() };
        let wait = abi::WaitEvents { events_ptr: 8, num_events: 1, timeout: 10, ..Default::default() };
        let calls = [
            record(0x08, &create, &[]),
            record(0x0a, &abi::SetEvent { event_id: 1, pad: 0 }, &[]),
            record(0x0c, &wait, &[[1u8].as_slice(), &[0; 47]].concat()),
            record(0x0b, &abi::ResetEvent { event_id: 1, pad: 0 }, &[]),
            record(0x0c, &wait, &[[1u8].as_slice(), &[0; 47]].concat()),
            record(0x09, &abi::DestroyEvent { event_id: 1, pad: 0 }, &[]),
        ];
        seeds.push(calls.concat());
    }
    // A fence, a release of memory, a barrier: each queue's own packet at its ring.
    let packets: [(u32, &[u32], u64); 3] = [
        (abi::QUEUE_TYPE_COMPUTE, &[0xc006_4900, 0x514, 1 << 29, 0x2100, 0x7f10, 7, 0, 0], 8),
        (abi::QUEUE_TYPE_SDMA, &[5, 0x2100, 0x7f10, 7], 16),
        (abi::QUEUE_TYPE_COMPUTE_AQL, &[0x1503, 0, 0, 0], 1),
    ];
    for (queue_type, packet, written) in packets {
        let saves = queue_type != abi::QUEUE_TYPE_SDMA;
        let (area, whole) = (va_addr + 0x1000_0000, sizes.whole_save_area(sizes.save_area));
        let create = abi::CreateQueue {
            ring_base_address: va_addr + 0x1000,
            write_pointer_address: va_addr + 0x38,
            read_pointer_address: va_addr + 0x80,
            ring_size: 0x1000,
            gpu_id,
            queue_type,
            queue_percentage: 100,
            queue_priority: 7,
            ctx_save_restore_address: if saves { area } else { 0 },
            ctx_save_restore_size: sizes.save_area,
            ctl_stack_size: sizes.control_stack,
            ..Default::default()
        };
        let bytes: Vec<u8> = packet.iter().flat_map(|dword| dword.to_le_bytes()).collect();
        let poke = |at: u64, bytes: &[u8]| {
            [&[254, (at / 8 % 256) as u8, (at / 2048) as u8, bytes.len() as u8][..], bytes].concat()
        };
        let update = abi::UpdateQueue {
            ring_base_address: va_addr + 0x1000,
            ring_size: 0x1000,
            queue_percentage: 50,
            queue_priority: 3,
            ..Default::default()
        };
        // Index words, ring and save area: a buffer each.
        let parts = [(va_addr, 0x1000), (va_addr + 0x1000, 0x1000), (area, whole)];
        let made = (0u64..).zip(&parts[..if saves { 3 } else { 2 }]).flat_map(|(index, (at, size))| {
            [record(0x16, &alloc(abi::ALLOC_MEM_FLAGS_GTT, *at, *size), &[]), map(index)].concat()
        });
        let calls = [
            made.collect(),
            record(0x02, &create, &[]),
            poke(0x1000, &bytes),
            poke(0x38, &u64::to_le_bytes(written)),
            vec![253, 0, 255, 20],
            record(0x07, &update, &[]),
            record(0x03, &abi::DestroyQueue { queue_id: 0, pad: 0 }, &[]),
        ];
        seeds.push(calls.concat());
    }
    for (index, ioctl) in table::rows().enumerate() {
        let mut arg = vec![0; ioctl.size()];
        // Most structs have the device's id somewhere: one seed with it in each word.
        for at in (0..arg.len().saturating_sub(3)).step_by(4) {
            arg[at..at + 4].copy_from_slice(&gpu_id.to_le_bytes());
            seeds.push([&[index as u8, 255][..], &arg].concat());
            arg[at..at + 4].fill(0);
        }
        seeds.push([&[index as u8, 255][..], &arg].concat());
    }
    seeds
}
