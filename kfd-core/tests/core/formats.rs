//! PM4 and SDMA queues: made, run, limited and ended as the device has them.

use crate::world::{Buffer, Client, World, completions, gpu, older, wait_result};
use hsa_queue::Waves;
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;
use kfd_core::limits::Limits;
use kfd_core::listing::{QueueKind, QueueState};
use kfd_core::notice::{Notice, UserAccess, UserAnswer};
use kfd_core::profile::{Profile, QueueFormat};

const VA: u64 = 0x7f10_0000_0000;
const RING: u64 = 8192;
const RING_BYTES: u32 = 8192;
const WRITE: u64 = 0;
const READ: u64 = 8;

/// A device of that profile under the id that [`Client`] speaks to.
fn device(name: &str) -> Profile {
    let mut profile = Profile::named(name).expect("compiled in");
    profile.devices[0].gpu_id.0 = gpu().0;
    profile
}

fn world(name: &str) -> World {
    World::of(device(name), Limits::default())
}

/// A queue of dwords whose indices and ring lie in one buffer: both indices first, the ring from [`RING`] on.
struct Stream {
    memory: Buffer,
    doorbell: u64,
    dwords: u64,
    unit: u64,
}

fn memory_at(client: &mut Client<'_>, va: u64) -> Buffer {
    client.cut(va, &[4096, RING - 4096, RING_BYTES.into()]).expect("memory")
}

fn arg(memory: Buffer, queue_type: u32) -> abi::CreateQueue {
    abi::CreateQueue {
        ring_base_address: memory.va + RING,
        write_pointer_address: memory.va + WRITE,
        read_pointer_address: memory.va + READ,
        ring_size: RING_BYTES,
        gpu_id: gpu().0,
        queue_type,
        queue_percentage: 100,
        queue_priority: 7,
        ..Default::default()
    }
}

impl Stream {
    fn new(client: &mut Client<'_>, va: u64, queue_type: u32) -> Self {
        let memory = memory_at(client, va);
        let mut arg = arg(memory, queue_type);
        client.ok(0x02, &mut arg);
        let unit = if queue_type == abi::QUEUE_TYPE_COMPUTE { 1 } else { 4 };
        Self { memory, doorbell: arg.doorbell_offset, dwords: 0, unit }
    }

    fn submit(&mut self, client: &Client<'_>, dwords: &[u32]) {
        for dword in dwords {
            let at = self.memory.offset + RING + self.dwords * 4 % u64::from(RING_BYTES);
            client.poke(at, &dword.to_le_bytes());
            self.dwords += 1;
        }
        client.poke(self.memory.offset + WRITE, &(self.dwords * self.unit).to_le_bytes());
        client.store_at(self.doorbell);
    }

    fn read_index(&self, client: &Client<'_>) -> u64 {
        client.peek(self.memory.offset + READ)
    }
}

fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// PACKET3 with its body (nvd.h).
fn packet3(opcode: u32, body: &[u32]) -> Vec<u32> {
    let count = u32::try_from(body.len()).unwrap() - 1;
    [&[3 << 30 | count << 16 | opcode << 8], body].concat()
}

/// RELEASE_MEM of a 32-bit value, with or without an interrupt: data_sel 1, int_sel 2.
fn release_mem(va: u64, value: u32, interrupt: Option<u32>) -> Vec<u32> {
    let [low, high] = split(va);
    let select = 1 << 29 | interrupt.map_or(0, |_| 2 << 24);
    packet3(0x49, &[5 << 8 | 0x14, select, low, high, value, 0, interrupt.unwrap_or(0)])
}

/// WAIT_REG_MEM: memory, greater or equal.
fn wait_mem(va: u64, value: u32) -> Vec<u32> {
    let [low, high] = split(va);
    packet3(0x3c, &[1 << 4 | 5, low, high, value, u32::MAX, 4])
}

/// DISPATCH_DIRECT of one work-group.
fn dispatch() -> Vec<u32> {
    packet3(0x15, &[1, 1, 1, 1])
}

fn sdma_copy(to: u64, from: u64, bytes: u32) -> Vec<u32> {
    [&[1, bytes - 1, 0][..], &split(from), &split(to)].concat()
}

fn sdma_fence(va: u64, value: u32) -> Vec<u32> {
    [&[5][..], &split(va), &[value]].concat()
}

/// POLL_REGMEM: memory, greater or equal.
fn sdma_poll(va: u64, value: u32) -> Vec<u32> {
    [&[8 | 5 << 28 | 1 << 31][..], &split(va), &[value, u32::MAX, 0xfff_0004]].concat()
}

fn rows(world: &World) -> Vec<(QueueKind, QueueState)> {
    world.core.queues().iter().map(|row| (row.kind, row.state)).collect()
}

#[test]
fn an_sdma_queue_copies_and_fences_and_a_pm4_queue_signals_with_an_interrupt() {
    for name in ["gfx1100", "gfx942"] {
        let world = world(name);
        let mut client = world.client(1);
        let (page, event) = client.event_page(VA);
        let data = client.buffer(VA + 0x10_0000, 0x4_0000);
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i * 7 + i / 256) as u8).collect();
        client.poke(data.offset, &bytes);

        let mut copies = Stream::new(&mut client, VA + 0x20_0000, abi::QUEUE_TYPE_SDMA);
        copies.submit(&client, &sdma_copy(data.va + 0x2_0001, data.va, 100_000));
        copies.submit(&client, &sdma_fence(data.va + 0x3_fff0, 42));
        world.settle();
        assert_eq!(client.peek(data.offset + 0x3_fff0), 42);
        let mut there = vec![0; bytes.len()];
        client.peek_all(data.offset + 0x2_0001, &mut there);
        assert_eq!(there, bytes);
        assert_eq!(copies.read_index(&client), copies.dwords * 4, "bytes");

        let call = client.park(&[event], false, u32::MAX);
        let mut compute = Stream::new(&mut client, VA + 0x30_0000, abi::QUEUE_TYPE_COMPUTE);
        compute.submit(&client, &release_mem(page.va + u64::from(event) * 8, event, Some(event)));
        let notices = world.settle();
        let answered = completions(&notices);
        assert_eq!(answered.len(), 1, "{call:?}");
        assert_eq!(wait_result(answered[0]), (None, abi::WAIT_RESULT_COMPLETE));
        assert_eq!(compute.read_index(&client), compute.dwords, "dwords");
        assert_eq!(rows(&world), [(QueueKind::Sdma, QueueState::Idle), (QueueKind::Pm4, QueueState::Idle)]);
        world.end();
    }
}

#[test]
fn queues_of_every_format_wait_for_each_other_without_the_back_off() {
    let world = world("gfx942");
    let mut client = world.client(1);
    let words = client.buffer(VA, 4096);
    let mut copies = Stream::new(&mut client, VA + 0x10_0000, abi::QUEUE_TYPE_SDMA);
    let mut links = Stream::new(&mut client, VA + 0x20_0000, abi::QUEUE_TYPE_SDMA_XGMI);
    let mut compute = Stream::new(&mut client, VA + 0x30_0000, abi::QUEUE_TYPE_COMPUTE);
    copies.submit(&client, &[sdma_poll(words.va, 1), sdma_fence(words.va + 8, 1)].concat());
    links.submit(&client, &[sdma_poll(words.va + 8, 1), sdma_fence(words.va + 16, 1)].concat());
    world.settle();
    let parked = QueueState::Parked;
    assert_eq!(rows(&world)[..2], [(QueueKind::Sdma, parked), (QueueKind::SdmaXgmi, parked)]);
    assert_eq!(client.peek(words.offset + 16), 0);
    let chain =
        [release_mem(words.va, 1, None), wait_mem(words.va + 16, 1), release_mem(words.va + 24, 9, None)];
    compute.submit(&client, &chain.concat());
    world.settle();
    assert_eq!([0, 8, 16, 24].map(|at| client.peek(words.offset + at)), [1, 1, 1, 9]);
    world.end();
}

// Keeps: CREATE_QUEUE
#[test]
fn sdma_queues_beyond_the_engines_places_are_enomem_and_a_death_frees_the_places() {
    let world = world("gfx1100");
    let (mut one, mut two) = (world.client(1), world.client(2));
    let memory = memory_at(&mut one, VA);
    let other = memory_at(&mut two, VA);
    let mut made = Vec::new();
    for _ in 0..12 {
        let mut arg = arg(memory, abi::QUEUE_TYPE_SDMA);
        one.ok(0x02, &mut arg);
        made.push(arg.queue_id);
    }
    let full = |client: &mut Client<'_>, memory| client.no(0x02, &mut arg(memory, abi::QUEUE_TYPE_SDMA));
    assert_eq!(full(&mut one, memory), libc::ENOMEM, "two engines with six queues each");
    assert_eq!(full(&mut two, other), libc::ENOMEM, "the engines are the device's");
    let xgmi = two.no(0x02, &mut arg(other, abi::QUEUE_TYPE_SDMA_XGMI));
    assert_eq!(xgmi, libc::ENOMEM, "no engine is for links");
    two.ok(0x02, &mut arg(other, abi::QUEUE_TYPE_COMPUTE));
    one.destroy(made[5]).unwrap();
    two.ok(0x02, &mut arg(other, abi::QUEUE_TYPE_SDMA));
    assert_eq!(full(&mut one, memory), libc::ENOMEM);
    world.kill(one.process);
    drop(one);
    world.core.barrier();
    for _ in 0..11 {
        two.ok(0x02, &mut arg(other, abi::QUEUE_TYPE_SDMA));
    }
    assert_eq!(full(&mut two, other), libc::ENOMEM);
    world.end();
}

#[test]
fn a_refused_queue_takes_no_place() {
    // From 1.18 on a small ring is taken for a larger one.
    let world = World::of(device("gfx1100").with_interface(17).unwrap(), Limits::default());
    let mut client = world.client(1);
    let memory = memory_at(&mut client, VA);
    for _ in 0..20 {
        // Smaller than the hardware's smallest ring.
        let mut small = abi::CreateQueue { ring_size: 2, ..arg(memory, abi::QUEUE_TYPE_SDMA) };
        assert_eq!(client.no(0x02, &mut small), libc::EINVAL);
    }
    for _ in 0..12 {
        client.ok(0x02, &mut arg(memory, abi::QUEUE_TYPE_SDMA));
    }
    world.end();
}

#[test]
fn every_profile_compiled_in_makes_queues_of_every_format() {
    for name in ["gfx900", "gfx942", "gfx1100"] {
        let world = world(name);
        let mut client = world.client(1);
        let memory = memory_at(&mut client, VA);
        for queue_type in [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_SDMA, abi::QUEUE_TYPE_COMPUTE_AQL] {
            client.ok(0x02, &mut arg(memory, queue_type));
        }
        world.end();
    }
}

#[test]
fn a_device_makes_the_formats_that_its_profile_has() {
    let mut profile = device("gfx900");
    profile.devices[0].queues.formats = vec![QueueFormat::Aql];
    let world = World::of(profile, Limits::default());
    let mut client = world.client(1);
    let memory = memory_at(&mut client, VA);
    client.ok(0x02, &mut arg(memory, abi::QUEUE_TYPE_COMPUTE_AQL));
    for queue_type in
        [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_SDMA, abi::QUEUE_TYPE_SDMA_XGMI, 4, 9, u32::MAX]
    {
        assert_eq!(client.no(0x02, &mut arg(memory, queue_type)), libc::EINVAL, "{queue_type}");
    }
    world.end();
}

#[test]
fn a_packet_that_is_none_stops_its_own_queue_and_no_other_and_its_client_is_told() {
    let world = world("gfx1100");
    let (mut client, mut neighbour) = (world.client(1), world.client(2));
    let told = client.event(abi::EVENT_HW_EXCEPTION, true);
    client.park(&[told], false, u32::MAX);
    let not_told = neighbour.event(abi::EVENT_HW_EXCEPTION, true);
    neighbour.park(&[not_told], false, u32::MAX);
    let words = client.buffer(VA, 4096);
    let mut bad = Stream::new(&mut client, VA + 0x10_0000, abi::QUEUE_TYPE_COMPUTE);
    let mut good = Stream::new(&mut client, VA + 0x30_0000, abi::QUEUE_TYPE_SDMA);
    let theirs = neighbour.buffer(VA, 4096);
    let mut lost = Stream::new(&mut neighbour, VA + 0x20_0000, abi::QUEUE_TYPE_SDMA);
    bad.submit(&client, &packet3(0xfe, &[0]));
    lost.submit(&neighbour, &sdma_copy(theirs.va, 0xdead_0678, 64));
    good.submit(&client, &sdma_fence(words.va, 3));
    let notices = world.settle();
    assert_eq!(client.peek(words.offset), 3);
    let states: Vec<_> = rows(&world).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [QueueState::Stopped, QueueState::Idle, QueueState::Stopped]);
    let answered = completions(&notices);
    assert_eq!(answered.len(), 1, "the neighbour still waits");
    assert_eq!(wait_result(answered[0]), (None, abi::WAIT_RESULT_COMPLETE));
    let faults: Vec<_> = notices
        .iter()
        .filter_map(|notice| if let Notice::MemoryException { va, .. } = notice { Some(va.0) } else { None })
        .collect();
    assert_eq!(
        faults,
        [0xdead_0000],
        "the page of the copy's source is a memory exception, the packet is not"
    );
    world.end();
}

// Keeps: doorbell-by-queue
#[test]
fn a_queue_that_stores_to_a_doorbell_rings_it() {
    for name in ["gfx900", "gfx1100"] {
        let world = world(name);
        let mut client = world.client(1);
        let words = client.buffer(VA, 4096);
        let mut compute = Stream::new(&mut client, VA + 0x10_0000, abi::QUEUE_TYPE_COMPUTE);
        let mut copies = Stream::new(&mut client, VA + 0x20_0000, abi::QUEUE_TYPE_SDMA);
        // The compute queue's packet is there, its write index is not and nobody rings.
        let packet = release_mem(words.va, 7, None);
        for (i, dword) in (0u64..).zip(&packet) {
            client.poke(compute.memory.offset + RING + i * 4, &dword.to_le_bytes());
        }
        compute.dwords = packet.len() as u64;
        let doorbells = VA + 0x30_0000;
        let (gpu_id, _, _) = gpu();
        let flags = abi::ALLOC_MEM_FLAGS_DOORBELL | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let mut bo =
            abi::AllocMemoryOfGpu { va_addr: doorbells, size: 8192, gpu_id, flags, ..Default::default() };
        client.ok(0x16, &mut bo);
        assert_eq!(client.map(bo.handle), Ok(1));
        let sdma_write = |va: u64, value: u64| [&[2][..], &split(va), &[1], &split(value)].concat();
        let doorbell = doorbells + compute.doorbell % 8192;
        let writes = [
            sdma_write(compute.memory.va + WRITE, compute.dwords),
            sdma_write(doorbell, compute.dwords),
            sdma_fence(words.va + 8, 1),
        ];
        copies.submit(&client, &writes.concat());
        world.settle();
        assert_eq!((client.peek(words.offset + 8), client.peek(words.offset)), (1, 7), "{name}");
        assert_eq!(compute.read_index(&client), compute.dwords);
        world.end();
    }
}

#[test]
fn a_large_copy_shares_the_engine_with_others() {
    let world = world("gfx1100");
    let (mut one, mut two) = (world.client(1), world.client(2));
    let data = one.buffer(VA, 0x800_0000);
    let words = two.buffer(VA, 4096);
    let mut large = Stream::new(&mut one, VA + 0x1000_0000, abi::QUEUE_TYPE_SDMA);
    let mut small = Stream::new(&mut two, VA + 0x10_0000, abi::QUEUE_TYPE_SDMA);
    large.submit(&one, &sdma_copy(data.va + 0x400_0000, data.va, 0x400_0000 - 4096));
    small.submit(&two, &sdma_fence(words.va, 1));
    for _ in 0..4 {
        let _ = world.core.run_next(world.core.now());
    }
    assert_eq!(two.peek(words.offset), 1, "after its first turn");
    assert_eq!(large.read_index(&one), 0, "while the copy is under way");
    world.settle();
    assert_eq!(large.read_index(&one), large.dwords * 4);
    world.end();
}

#[test]
fn a_dispatch_stops_its_queue_unless_waves_are_null() {
    for (waves, after, state) in [(Waves::Refuse, 0, QueueState::Stopped), (Waves::Null, 1, QueueState::Idle)]
    {
        let world = World::running(device("gfx1100"), Limits::default(), waves);
        let mut client = world.client(1);
        let words = client.buffer(VA, 4096);
        let mut compute = Stream::new(&mut client, VA + 0x10_0000, abi::QUEUE_TYPE_COMPUTE);
        compute.submit(&client, &[dispatch(), release_mem(words.va, 1, None)].concat());
        world.settle();
        assert_eq!(client.peek(words.offset), after, "{waves:?}");
        assert_eq!(rows(&world), [(QueueKind::Pm4, state)]);
        world.end();
    }
}

#[test]
fn the_percentage_is_a_byte_from_interface_1_12_on() {
    let world = world("gfx942");
    let mut client = world.client(1);
    let memory = memory_at(&mut client, VA);
    let with = |queue_percentage| abi::CreateQueue { queue_percentage, ..arg(memory, 0) };
    client.ok(0x02, &mut with(100 | 3 << 8));
    assert_eq!(client.no(0x02, &mut with(101)), libc::EINVAL);
    let mut update = abi::UpdateQueue {
        ring_base_address: memory.va + RING,
        ring_size: RING_BYTES,
        queue_id: 0,
        queue_percentage: 5 << 8,
        queue_priority: 7,
    };
    client.ok(0x07, &mut update);
    assert_eq!(rows(&world), [(QueueKind::Pm4, QueueState::Disabled)], "0 of it is none");
    world.end();

    let old = World::of(older(11), Limits::default());
    let mut client = old.client(1);
    let memory = memory_at(&mut client, VA);
    let mut with_die = abi::CreateQueue { queue_percentage: 100 | 3 << 8, ..arg(memory, 2) };
    assert_eq!(client.no(0x02, &mut with_die), libc::EINVAL, "interface 1.11");
    old.end();
}

// Keeps: GET_QUEUE_WAVE_STATE
#[test]
fn an_sdma_queue_has_no_wave_state() {
    let world = world("gfx1100");
    let mut client = world.client(1);
    let memory = memory_at(&mut client, VA);
    for (queue_type, answer) in [(0, Ok(())), (1, Err(Errno(libc::EINVAL)))] {
        let mut idle = abi::CreateQueue { queue_percentage: 0, ..arg(memory, queue_type) };
        client.ok(0x02, &mut idle);
        let mut state = abi::GetQueueWaveState { queue_id: idle.queue_id, ..Default::default() };
        assert_eq!(client.ioctl(0x1b, &mut state, vec![]).map(drop), answer);
    }
    world.end();
}

#[test]
fn the_runtime_says_that_it_is_there_once_and_before_its_first_queue() {
    let world = world("gfx1100");
    let mut client = world.client(1);
    let enable = |mode_mask| abi::RuntimeEnable { r_debug: 0x1234, mode_mask, capabilities_mask: 9 };
    let mut args = enable(1);
    client.ok(0x25, &mut args);
    assert_eq!(args.capabilities_mask, 9, "amdkfd writes none");
    assert_eq!(client.no(0x25, &mut enable(3)), libc::EBUSY);
    client.ok(0x25, &mut enable(0));
    client.ok(0x25, &mut enable(0));
    let memory = memory_at(&mut client, VA);
    client.ok(0x02, &mut arg(memory, 0));
    assert_eq!(client.no(0x25, &mut enable(1)), libc::EEXIST);
    client.destroy(0).unwrap();
    client.ok(0x25, &mut enable(1));
    world.end();
}

// Keeps: SET_XNACK_MODE
#[test]
fn faults_are_retried_where_each_process_can_choose() {
    for (name, can) in [("gfx942", true), ("gfx1100", false)] {
        let world = world(name);
        let mut client = world.client(1);
        let now = |client: &mut Client<'_>| {
            let mut ask = abi::SetXnackMode { xnack_enabled: -1 };
            client.ok(0x21, &mut ask);
            ask.xnack_enabled
        };
        assert_eq!(now(&mut client), 0);
        let set = client.ioctl(0x21, &mut abi::SetXnackMode { xnack_enabled: 1 }, vec![]).map(drop);
        assert_eq!(set, if can { Ok(()) } else { Err(Errno(libc::EPERM)) });
        assert_eq!(now(&mut client), i32::from(can));
        client.ok(0x21, &mut abi::SetXnackMode { xnack_enabled: 0 });
        let memory = memory_at(&mut client, VA);
        client.ok(0x02, &mut arg(memory, 0));
        assert_eq!(client.no(0x21, &mut abi::SetXnackMode { xnack_enabled: 1 }), libc::EBUSY);
        world.end();
    }
}

#[test]
fn a_copy_through_client_memory_waits_for_its_workers_and_goes_on() {
    let world = world("gfx1100");
    let mut client = world.client(1);
    let user = client.userptr(VA, 0x2_0000);
    let data = client.buffer(VA + 0x10_0000, 0x2_0000);
    let mut copies = Stream::new(&mut client, VA + 0x20_0000, abi::QUEUE_TYPE_SDMA);
    copies
        .submit(&client, &[sdma_copy(data.va, user.va, 100_000), sdma_fence(data.va + 0x1_fff0, 1)].concat());
    let mut reads = 0;
    loop {
        let notices = world.settle();
        let Some(request) = notices.into_iter().find_map(|notice| match notice {
            Notice::Memory(request) => Some(request),
            _ => None,
        }) else {
            break;
        };
        let UserAccess::Read { va, len } = request.access else { panic!("{request:?}") };
        reads += u64::from(len);
        let bytes = (0..u64::from(len)).map(|i| (va.0 + i) as u8).collect();
        world.core.memory_answer(request.queue, request.ticket, UserAnswer::Done(bytes));
    }
    assert_eq!(reads, 100_000);
    assert_eq!(client.peek(data.offset + 0x1_fff0), 1);
    let mut there = vec![0; 100_000];
    client.peek_all(data.offset, &mut there);
    assert!(there.iter().zip(0u64..).all(|(byte, i)| *byte == (user.va + i) as u8));
    world.end();
}
