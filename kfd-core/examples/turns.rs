//! What a turn of the core costs above the bare packet processor: barrier packets without a signal, in an arena.
//!
//! `cargo run --release -p kfd-core --example turns`. Prints one line per case: packets per second through
//! `Core::run_next` for one queue and for 64 processes with 4 queues each, the least and the most served of those, and
//! the cost of one GET_VERSION.

use kfd_core::abi::{kfd as abi, table};
use kfd_core::call::{Arg, Caller, Gathered, Identity, Node, Outcome};
use kfd_core::ids::{CallId, FileId, ProcessId, Tgid, Tid, Uid};
use kfd_core::notice::{Notice, Outbox};
use kfd_core::profile::Profile;
use kfd_core::{Core, CoreConfig, Ran};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const RING: u64 = 16_384;
const VA: u64 = 0x7f10_0000_0000;
/// A BARRIER_AND header (HSA 1.2, 2.9.1: type 3), no dependencies, no signal.
const BARRIER: u16 = 3;

struct Nobody;

impl Outbox for Nobody {
    fn post(&self, _: Notice) {}
}

struct Client {
    process: ProcessId,
    tgid: Tgid,
    arena: File,
    gpu_id: u32,
}

struct Queue {
    offset: u64,
    doorbell: u64,
}

fn call<T: IntoBytes + FromBytes + Immutable>(
    core: &Core,
    client: &Client,
    number: u8,
    arg: &mut T,
    ids: Vec<u8>,
) {
    let cmd = table::KFD.iter().find(|row| row.number() == number).expect("a known number").cmd;
    let Client { process, tgid, .. } = *client;
    let caller = Caller {
        process,
        node: Node::Kfd,
        file: FileId(1),
        tgid,
        tid: Tid(tgid.0),
        call: CallId { door: 0, serial: 0 },
    };
    let bytes = Arg::new(arg.as_bytes()).expect("a struct of the table");
    match core.call(&caller, cmd, bytes, Gathered::from(vec![ids])) {
        Outcome::Done(done) => *arg = T::read_from_prefix(done.arg.bytes()).expect("the same struct").0,
        other => panic!("{number:#x}: {other:?}"),
    }
}

impl Client {
    fn new(core: &Core, tgid: u32) -> Self {
        let (tgid, uid) = (Tgid(tgid), Uid(1000));
        let identity =
            Identity { tgid, uid, mm: notifier::MmId { pidfd_inode: u64::from(tgid.0), exec_id: 0 } };
        let device = &core.profile().devices[0];
        let opened = core.open(identity, Node::Render(device.render_minor)).expect("an open");
        let arena = File::from(core.arena(opened.process, device.render_minor).expect("an arena"));
        let client = Self { process: opened.process, tgid, arena, gpu_id: device.gpu_id.0 };
        call(core, &client, 0x15, &mut abi::AcquireVm { drm_fd: 0, gpu_id: client.gpu_id }, vec![]);
        client
    }

    fn queue(&self, core: &Core, va: u64) -> Queue {
        let gpu_id = self.gpu_id;
        let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let size = 4096 + RING * 64;
        let mut bo = abi::AllocMemoryOfGpu { va_addr: va, size, gpu_id, flags, ..Default::default() };
        call(core, self, 0x16, &mut bo, vec![]);
        let mut map = abi::MapMemoryToGpu { handle: bo.handle, n_devices: 1, ..Default::default() };
        call(core, self, 0x18, &mut map, gpu_id.to_le_bytes().to_vec());
        let mut queue = abi::CreateQueue {
            ring_base_address: va + 4096,
            write_pointer_address: va + 56,
            read_pointer_address: va + 128,
            ring_size: (RING * 64) as u32,
            gpu_id,
            queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: 100,
            queue_priority: 7,
            ..Default::default()
        };
        call(core, self, 0x02, &mut queue, vec![]);
        Queue { offset: bo.mmap_offset, doorbell: queue.doorbell_offset & !4095 }
    }

    fn fill(&self, core: &Core, queue: &Queue, index: u64) {
        let mut ring = vec![0; RING as usize * 64];
        for packet in ring.chunks_exact_mut(64) {
            packet[..2].copy_from_slice(&BARRIER.to_le_bytes());
        }
        self.arena.write_all_at(&ring, queue.offset + 4096).expect("inside the arena");
        self.arena.write_all_at(&index.to_le_bytes(), queue.offset + 56).expect("inside the arena");
        core.trapped(core.trap(self.process, queue.doorbell));
    }
}

fn main() {
    let profile = Profile::named("gfx900").expect("compiled in");
    // An interface whose kernel does not look how a queue's memory is cut.
    let profile = profile.with_interface(16).expect("served");
    let core = Core::new(CoreConfig::new(profile), Arc::new(Nobody)).expect("a valid configuration");
    let one = Client::new(&core, 1);
    let queue = one.queue(&core, VA);
    let mut spent = 0.0;
    for round in 1..=100 {
        one.fill(&core, &queue, RING * round);
        let started = Instant::now();
        while core.queues()[0].packets < RING * round {
            for _ in 0..64 {
                core.run_next(core.now());
            }
        }
        spent += started.elapsed().as_secs_f64();
    }
    println!("one queue: {:.1} M packets/s", 100.0 * RING as f64 / spent / 1e6);

    let mut version = abi::GetVersion::default();
    let started = Instant::now();
    for _ in 0..1_000_000 {
        call(&core, &one, 0x01, &mut version, vec![]);
    }
    println!("GET_VERSION: {:.0} ns", started.elapsed().as_secs_f64() * 1e9 / 1e6);

    let clients: Vec<_> = (2..66).map(|tgid| Client::new(&core, tgid)).collect();
    let queues: Vec<Vec<_>> =
        clients.iter().map(|c| (0..4).map(|n| c.queue(&core, VA + n * (1 << 30))).collect()).collect();
    for (client, queues) in clients.iter().zip(&queues) {
        for queue in queues {
            client.fill(&core, queue, RING);
        }
    }
    let total = 256 * RING;
    let served = |core: &Core| -> Vec<u64> {
        let mut served = vec![0; clients.len()];
        for row in core.queues().iter().filter(|row| row.tgid != one.tgid) {
            served[row.tgid.0 as usize - 2] += row.packets;
        }
        served
    };
    let started = Instant::now();
    let (mut turns, mut half) = (0u64, None);
    while core.run_next(core.now()) == Ran::Worked {
        turns += 1;
        if turns == total / 64 / 2 {
            half = Some(served(&core));
        }
    }
    let spent = started.elapsed().as_secs_f64();
    let half = half.unwrap_or_else(|| served(&core));
    let (least, most) = (half.iter().min().expect("64"), half.iter().max().expect("64"));
    println!(
        "64 processes with 4 queues: {:.1} M packets/s, least/most served at half time {:.3}",
        total as f64 / spent / 1e6,
        *least as f64 / (*most).max(1) as f64
    );
    core.shutdown_begin();
    for process in core.live() {
        let doom = core.doom(process, kfd_core::death::Cause::Shutdown).expect("alive");
        doom.stop_queues(&core).answer_waiters(&core).unpublish(&core);
    }
    core.barrier();
    assert!(core.leak_report().is_empty());
}
