//! What sysfs shows at each reading: memory, business, processes; and what a primary node answers.

use crate::world::{Kept, Turned, World, barrier, gpu, identity};
use kfd_core::abi::{drm, kfd as abi, table};
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome, UserWrite};
use kfd_core::clock::Clock;
use kfd_core::eviction::Reason;
use kfd_core::ids::{Nanos, Tgid};
use kfd_core::limits::Limits;
use kfd_core::topology::{Gauge, Live};
use kfd_core::{Core, CoreConfig};
use std::sync::{Arc, Mutex};
use zerocopy::{FromBytes, IntoBytes};

const VA: u64 = 0x7f10_0000_0000;
const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
const MS: u64 = 1_000_000;

fn figure(world: &World, device: usize, gauge: Gauge) -> u64 {
    let text = String::from_utf8(world.core.figure(Live { device, gauge })).expect("text");
    text.strip_suffix('\n').expect("a line").parse().expect("a number")
}

// Keeps: vram-used
#[test]
fn memory_in_use_is_what_somebody_is_charged_for_on_that_device() {
    let world = World::of(gpu().2.with_gpus(2).expect("there is room"), Limits::default());
    let mut client = world.client(1);
    let before = figure(&world, 0, Gauge::Gtt);
    let buffer = client.alloc(VA, 3 << 20, VRAM).expect("memory");
    client.buffer(VA + (1 << 30), 1 << 20);
    let used = |device| (figure(&world, device, Gauge::Vram), figure(&world, device, Gauge::VisibleVram));
    assert_eq!((used(0), used(1)), ((3 << 20, 3 << 20), (0, 0)));
    assert_eq!(figure(&world, 0, Gauge::Gtt), before + (1 << 20));
    let on = |device| world.core.on_device(Tgid(1), device).expect("it has it").vram;
    assert_eq!((on(0), on(1)), (3 << 20, 0));
    // AMDGPU_INFO says the same of each device.
    let mut told = [0, 0];
    for (device, told) in world.core.profile().devices.iter().zip(&mut told) {
        let node = Node::Render(device.render_minor);
        client.open(node);
        let info =
            drm::Info { return_pointer: 0x1000, return_size: 8, query: drm::INFO_VRAM_USAGE, args: [0; 4] };
        let caller = client.caller(node);
        let writes = answer(&world, caller, 0x45, info.as_bytes()).expect("an answer");
        *told = u64::read_from_bytes(&writes[0].bytes).expect("a number");
    }
    assert_eq!(told, [3 << 20, 0]);
    client.free(buffer.handle).expect("it is freed");
    assert_eq!((used(0), on(0)), ((0, 0), 0));
    world.end();
}

/// A buffer that a process gave others to share counts for it alone, and once.
// Keeps: vram-of-process
#[test]
fn shared_memory_counts_for_its_owner() {
    let world = World::new();
    let (mut owner, mut importer) = (world.client(1), world.client(2));
    let buffer = owner.alloc(VA, 1 << 20, VRAM).expect("memory");
    let mut key = abi::IpcExportHandle { handle: buffer.handle, gpu_id: gpu().0, ..Default::default() };
    owner.ok(0x81, &mut key);
    let mut import = abi::IpcImportHandle {
        gpu_id: gpu().0,
        share_handle: key.share_handle,
        va_addr: VA,
        ..Default::default()
    };
    importer.ok(0x80, &mut import);
    let of = |tgid| world.core.on_device(Tgid(tgid), 0).expect("it has it").vram;
    assert_eq!((of(1), of(2), figure(&world, 0, Gauge::Vram)), (1 << 20, 0, 1 << 20));
    world.end();
}

/// Each look at it is half a millisecond later than the last.
#[derive(Default)]
struct Ticking(Mutex<u64>);

impl Ticking {
    fn later(&self, by: u64) {
        *self.0.lock().unwrap() += by;
    }

    fn passed(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

impl Clock for Ticking {
    fn now(&self) -> Nanos {
        self.later(MS / 2);
        Nanos((1 << 40) + self.passed())
    }
}

// Keeps: busy-share
#[test]
fn a_device_is_busy_for_the_share_of_the_last_second_in_which_its_queues_ran() {
    let (clock, outbox) = (Arc::new(Ticking::default()), Arc::new(Kept::default()));
    let config = CoreConfig { clock: Arc::clone(&clock) as _, ..CoreConfig::new(gpu().2) };
    let core = Core::new(config, Arc::clone(&outbox) as _).expect("a valid configuration");
    let world = World { core, clock: Arc::new(Turned::default()), outbox };
    let mut client = world.client(1);
    let mut queue = client.queue(VA);
    assert_eq!(figure(&world, 0, Gauge::Busy), 0, "nothing ran");
    let begin = clock.passed();
    for _ in 0..20 {
        let signal = client.signal(&queue, 0, 1, None);
        client.push(&mut queue, &barrier(&[], signal));
        client.ring(&queue);
        world.settle();
    }
    let (busy, passed) = (figure(&world, 0, Gauge::Busy), clock.passed() - begin);
    // A turn with a packet takes at least one look at the clock, and there are looks outside of turns.
    assert!(busy >= 1 && busy * 10 * MS < passed, "{busy} % after {} ms", passed / MS);
    assert_eq!(figure(&world, 0, Gauge::MemoryBusy), 0, "no copy engine");
    assert_eq!(world.core.on_device(Tgid(1), 0).expect("it has it").copied_us, 0);
    clock.later(2_000 * MS);
    assert_eq!(figure(&world, 0, Gauge::Busy), 0, "that was long ago");
    world.end();
}

// Keeps: kfd-proc
#[test]
fn a_process_that_uses_kfd_is_listed_with_its_queues_until_it_is_freed() {
    let world = World::new();
    let mut client = world.client(7);
    let first = client.queue(VA);
    let mut sdma = abi::CreateQueue {
        ring_base_address: VA + 0x10_2000,
        write_pointer_address: VA + 0x10_0000,
        read_pointer_address: VA + 0x10_0008,
        ring_size: 4096,
        gpu_id: gpu().0,
        queue_type: abi::QUEUE_TYPE_SDMA,
        queue_percentage: 100,
        queue_priority: 7,
        ..Default::default()
    };
    client.buffer(VA + 0x10_0000, 4096);
    client.buffer(VA + 0x10_2000, 4096);
    client.ok(0x02, &mut sdma);
    // Somebody who looks at a device by its nodes of DRM alone is none of KFD's.
    let (_, minor, _) = gpu();
    world.core.open(identity(8, 0, 1000), Node::Card(minor)).expect("an open");
    assert_eq!(world.core.kfd_processes(), [Tgid(7)]);
    assert_eq!((world.core.pasid(Tgid(8)), world.core.on_device(Tgid(8), 0)), (None, None));
    assert!(world.core.pasid(Tgid(7)).is_some_and(|pasid| (1 << 15..1 << 16).contains(&pasid)));
    let queues: Vec<_> =
        world.core.its_queues(Tgid(7)).iter().map(|q| (q.id.0, q.gpu, q.bytes, q.kind)).collect();
    assert_eq!(queues, [(first.id, gpu().0, 4096, 0), (sdma.queue_id, gpu().0, 4096, 1)]);
    client.destroy(first.id).expect("a queue");
    assert_eq!(world.core.its_queues(Tgid(7)).len(), 1);

    let evicted = || world.core.on_device(Tgid(7), 0).expect("it has it").evicted_ms;
    for reason in [Reason::Request, Reason::Overdrawn] {
        world.core.evict(client.process, reason);
        world.clock.by(30 * MS);
    }
    assert_eq!(evicted(), 0, "an eviction counts when it is over");
    for reason in [Reason::Overdrawn, Reason::Request] {
        world.core.restore(client.process, reason);
    }
    assert_eq!(evicted(), 60, "both at once");

    world.kill(client.process);
    world.core.barrier();
    assert!(world.core.kfd_processes().is_empty() && world.core.its_queues(Tgid(7)).is_empty());
    world.end();
}

fn answer(
    world: &World,
    caller: kfd_core::call::Caller,
    number: u8,
    arg: &[u8],
) -> Result<Vec<UserWrite>, Errno> {
    let cmd = table::DRM.iter().find(|row| row.number() == number).expect("a known number").cmd;
    match world.core.call(&caller, cmd, Arg::new(arg).unwrap(), Gathered::default()) {
        Outcome::Done(done) => {
            let mut writes = done.writes;
            writes.push(UserWrite { va: kfd_core::ids::UserVa(0), bytes: done.arg.bytes().to_vec() });
            Ok(writes)
        }
        Outcome::Refused(refused) => Err(refused.errno),
        Outcome::Parked => panic!("parked"),
    }
}

// Keeps: drm-master, primary-node, GET_UNIQUE, GET_MAGIC, SET_VERSION, SET_CLIENT_CAP, AUTH_MAGIC
// Keeps: SET_MASTER, DROP_MASTER
#[test]
fn the_first_file_of_a_primary_node_is_its_master_and_lets_others_in() {
    let world = World::new();
    let (_, minor, _) = gpu();
    let node = Node::Card(minor);
    let (mut master, mut other) = (world.stranger(1, 0), world.stranger(2, 0));
    master.open(node);
    other.open(node);
    let call = |client: &mut crate::world::Client<'_>, number, arg: &[u8]| {
        let caller = client.caller(node);
        answer(&world, caller, number, arg).map(|writes| writes.last().expect("the struct").bytes.clone())
    };
    let info =
        drm::Info { return_pointer: 0x1000, return_size: 4, query: drm::INFO_ACCEL_WORKING, args: [0; 4] };
    let auth = |client: &mut crate::world::Client<'_>| {
        let told = call(client, 0x05, drm::Client::default().as_bytes()).expect("an answer");
        drm::Client::read_from_bytes(&told).expect("the struct").auth
    };
    assert_eq!((auth(&mut master), auth(&mut other)), (1, 0));
    assert!(call(&mut master, 0x45, info.as_bytes()).is_ok());
    assert_eq!(call(&mut other, 0x45, info.as_bytes()), Err(Errno::ACCES), "not authenticated");

    // drmOpen's way to the bus id.
    let ask = |drm_di_major, drm_di_minor| drm::SetVersion {
        drm_di_major,
        drm_di_minor,
        drm_dd_major: -1,
        drm_dd_minor: -1,
    };
    let unique = drm::Unique { unique_len: 64, unique: 0x2000 };
    let length = |told: Vec<u8>| drm::Unique::read_from_bytes(&told).expect("the struct").unique_len;
    assert_eq!(call(&mut master, 0x01, unique.as_bytes()).map(length), Ok(0), "nobody asked for it yet");
    assert_eq!(call(&mut other, 0x07, ask(1, 4).as_bytes()), Err(Errno::ACCES));
    assert_eq!(call(&mut master, 0x07, ask(1, 5).as_bytes()), Err(Errno::INVAL));
    let told = call(&mut master, 0x07, ask(1, 4).as_bytes()).expect("a version");
    let told = drm::SetVersion::read_from_bytes(&told).expect("the struct");
    assert_eq!((told.drm_di_major, told.drm_di_minor, told.drm_dd_major), (1, 4, 3));
    let caller = master.caller(node);
    let writes = answer(&world, caller, 0x01, unique.as_bytes()).expect("a bus id");
    assert_eq!(writes[0].bytes, b"pci:0000:2f:00.0");

    let magic = call(&mut other, 0x02, &[0; 4]).expect("a token");
    assert_eq!(call(&mut other, 0x11, &magic), Err(Errno::ACCES), "only the master may");
    assert_eq!(call(&mut master, 0x11, &[9, 9, 9, 9]), Err(Errno::INVAL));
    assert!(call(&mut master, 0x11, &magic).is_ok());
    assert!(call(&mut other, 0x45, info.as_bytes()).is_ok());
    assert_eq!(call(&mut other, 0x0d, &[0; 16]), Err(Errno::OPNOTSUPP), "no display");
    assert_eq!(call(&mut other, 0x1f, &[]), Err(Errno::ACCES));
    assert!(call(&mut master, 0x1f, &[]).is_ok());
    assert_eq!(call(&mut master, 0x1f, &[]), Err(Errno::INVAL), "it is not any more");
    assert!(call(&mut master, 0x45, info.as_bytes()).is_ok(), "authenticated all the same");
    assert!(call(&mut master, 0x1e, &[]).is_ok());

    // A master's death makes room for the next.
    world.kill(master.process);
    let mut next = world.stranger(3, 0);
    next.open(node);
    assert_eq!(auth(&mut next), 1);
    assert!(call(&mut next, 0x1e, &[]).is_ok());
    // On a render node none of it exists.
    next.open(Node::Render(minor));
    for number in [0x01, 0x02, 0x07, 0x0d, 0x11, 0x1e, 0x1f] {
        let caller = next.caller(Node::Render(minor));
        assert_eq!(answer(&world, caller, number, &[0; 16]), Err(Errno::ACCES), "{number:#x}");
    }
    world.end();
}

// Keeps: device-files
#[test]
fn sensors_tell_what_an_idle_device_could_have() {
    let world = World::new();
    let mut client = world.client(1);
    let node = Node::Render(gpu().1);
    let mut ask = |query, first, size| {
        let info =
            drm::Info { return_pointer: 0x1000, return_size: size, query, args: [first, 1, u32::MAX, 0] };
        let caller = client.caller(node);
        answer(&world, caller, 0x45, info.as_bytes()).map(|writes| writes[0].bytes.clone())
    };
    let mut word =
        |query, first| ask(query, first, 4).map(|bytes| u32::read_from_bytes(&bytes).expect("a word"));
    let device = &world.core.profile().devices[0];
    assert_eq!(word(drm::INFO_SENSOR, drm::SENSOR_GFX_SCLK), Ok(device.compute.engine_mhz));
    assert_eq!(word(drm::INFO_SENSOR, drm::SENSOR_GFX_MCLK), Ok(device.vram.clock_mhz));
    assert_eq!(word(drm::INFO_SENSOR, drm::SENSOR_GPU_TEMP), Ok(40_000));
    assert_eq!(word(drm::INFO_SENSOR, drm::SENSOR_GPU_LOAD), Ok(0));
    assert_eq!(word(drm::INFO_SENSOR, drm::SENSOR_GPU_AVG_POWER), Ok(26));
    assert_eq!(word(drm::INFO_SENSOR, 0x6), Err(Errno::INVAL), "the voltage of a part that it has not");
    assert_eq!(word(drm::INFO_READ_MMR_REG, 0x2004), Ok(0), "GRBM_STATUS: idle");
    assert_eq!(word(drm::INFO_VRAM_LOST_COUNTER, 0), Ok(0));
    let bios = ask(drm::INFO_VBIOS, drm::VBIOS_INFO, 200).expect("what it says of itself");
    let bios = drm::VbiosInfo::read_from_bytes(&bios).expect("the struct");
    assert!(bios.vbios_pn.starts_with(b"113-D0501100-106\0"));
    assert_eq!(ask(drm::INFO_VBIOS, 2, 200), Err(Errno::INVAL), "there is no image");
    let evictions = ask(drm::INFO_NUM_EVICTIONS, 0, 8);
    assert_eq!(evictions, Ok(vec![0; 8]));
    world.core.evict(client.process, Reason::Memory);
    let info =
        drm::Info { return_pointer: 0x1000, return_size: 8, query: drm::INFO_NUM_EVICTIONS, args: [0; 4] };
    let caller = client.caller(node);
    let writes = answer(&world, caller, 0x45, info.as_bytes()).expect("a count");
    assert_eq!(writes[0].bytes, 1u64.to_le_bytes());
    world.end();
}
