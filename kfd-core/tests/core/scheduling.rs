//! Hardware slots: over-subscription by slices, shares of processes, priorities; places on SDMA engines; CU masks.

use crate::world::{Buffer, Client, World, barrier, gpu, older};
use kfd_core::Ran;
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;
use kfd_core::ids::ProcessId;
use kfd_core::limits::Limits;
use kfd_core::listing::{QueueKind, QueueRow, QueueState};
use kfd_core::profile::Profile;

const VA: u64 = 0x7f10_0000_0000;
const PACKETS: u64 = 16_384;
const RING: u64 = 8192;
/// Of the compiled-in profiles.
const QUANTUM: u64 = 1_000_000;

fn world(slots: u32) -> World {
    let mut profile = gpu().2;
    profile.devices[0].queues.slots = slots;
    World::of(profile, Limits::default())
}

/// A queue that has all its packets at once, enough for many turns.
struct Backlog {
    process: ProcessId,
    id: u32,
    memory: Buffer,
}

impl Backlog {
    fn new(client: &mut Client<'_>, va: u64, priority: u32) -> Self {
        let memory = client.cut(va, &[4096, 4096, PACKETS * 64]).unwrap();
        client.poke(memory.offset + RING, &barrier(&[], 0).repeat(PACKETS as usize));
        client.poke(memory.offset + hsa_queue::layout::amd_queue::WRITE_DISPATCH_ID, &PACKETS.to_le_bytes());
        let mut arg = abi::CreateQueue {
            ring_base_address: va + RING,
            write_pointer_address: va + hsa_queue::layout::amd_queue::WRITE_DISPATCH_ID,
            read_pointer_address: va + hsa_queue::layout::amd_queue::READ_DISPATCH_ID,
            ring_size: PACKETS as u32 * 64,
            gpu_id: gpu().0,
            queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: 100,
            queue_priority: priority,
            ..Default::default()
        };
        client.ok(0x02, &mut arg);
        client.store_at(arg.doorbell_offset);
        Self { process: client.process, id: arg.queue_id, memory }
    }

    fn row(&self, world: &World) -> QueueRow {
        let rows = world.core.queues();
        rows.into_iter().find(|row| row.process == self.process && row.queue.0 == self.id).expect("it is")
    }

    fn packets(&self, world: &World) -> u64 {
        self.row(world).packets
    }
}

/// So many turns, each of which takes so long.
fn turns(world: &World, count: u32, nanos: u64) {
    for _ in 0..count {
        world.core.run_next(world.core.now());
        world.clock.by(nanos);
    }
}

fn drain(world: &World) {
    while world.core.run_next(world.core.now()) != Ran::Nothing {
        world.clock.by(10_000);
    }
}

// Keeps: slots-shared
#[test]
fn busy_queues_beyond_the_slots_wait_and_each_gets_its_slice() {
    let world = world(2);
    let mut clients: Vec<_> = (1..=4).map(|tgid| world.client(tgid)).collect();
    let queues: Vec<_> = clients.iter_mut().map(|client| Backlog::new(client, VA, 7)).collect();
    turns(&world, 8, 100_000);
    let rows: Vec<_> = queues.iter().map(|queue| queue.row(&world)).collect();
    assert_eq!(rows.iter().map(|row| row.slot).collect::<Vec<_>>(), [Some(0), Some(1), None, None]);
    assert_eq!(rows.iter().map(|row| row.waiting).collect::<Vec<_>>(), [None, None, Some(0), Some(1)]);
    assert!(rows[..2].iter().all(|row| row.packets > 0) && rows[2..].iter().all(|row| row.packets == 0));
    assert!(rows.iter().all(|row| row.quantum_us == 1000 && row.state == QueueState::Active));
    turns(&world, 8, 100_000);
    let rows: Vec<_> = queues.iter().map(|queue| queue.row(&world)).collect();
    assert!(rows.iter().all(|row| row.packets > 0), "the first two have given way");
    assert!(rows[0].slot.is_none() && rows[1].slot.is_none());
    drain(&world);
    assert!(queues.iter().all(|queue| queue.packets(&world) == PACKETS), "and nothing is lost by it");
    world.end();
}

// Keeps: slot-at-rest
#[test]
fn a_queue_at_rest_gives_its_slot_at_once_and_idle_queues_take_none_from_the_busy() {
    let world = world(1);
    let mut client = world.client(1);
    let mut idle = client.queue(VA + 0x1_0000_0000);
    let mut other = client.queue(VA + 0x2_0000_0000);
    for queue in [&mut idle, &mut other] {
        let signal = client.signal(queue, 0, 1, None);
        client.push(queue, &barrier(&[], signal));
        client.ring(queue);
        let before = world.core.now();
        world.settle();
        assert_eq!(client.signal_value(queue, 0), 0);
        assert!(world.core.now().0 - before.0 < QUANTUM, "no slice had to end for it");
        let rows = world.core.queues();
        assert_eq!(rows.iter().filter(|row| row.slot == Some(0)).count(), 1, "kept until another wants it");
        assert!(rows.iter().all(|row| row.state == QueueState::Idle && row.waiting.is_none()));
    }
    world.end();
}

// Keeps: slots-by-process
#[test]
fn many_busy_queues_of_one_process_do_not_take_the_slot_of_anothers_only_one() {
    let world = world(4);
    let (mut many, mut one) = (world.client(1), world.client(2));
    let lone = Backlog::new(&mut one, VA, 7);
    let crowd: Vec<_> = (0..12).map(|index| Backlog::new(&mut many, VA + index * 0x1_0000_0000, 7)).collect();
    turns(&world, 60, 250_000);
    let others: u64 = crowd.iter().map(|queue| queue.packets(&world)).sum();
    let own = lone.packets(&world);
    assert!(own * 10 >= others * 9, "{own} packets of one queue, {others} of twelve");
    assert!(crowd.iter().all(|queue| queue.packets(&world) > 0), "the twelve take turns on three slots");
    drain(&world);
    world.end();
}

// Keeps: slots-by-process
#[test]
fn a_late_queue_of_another_process_gets_a_slot_when_a_slice_ends() {
    let world = world(2);
    let (mut many, mut late) = (world.client(1), world.client(2));
    let crowd: Vec<_> = (0..6).map(|index| Backlog::new(&mut many, VA + index * 0x1_0000_0000, 7)).collect();
    turns(&world, 6, 100_000);
    let lone = Backlog::new(&mut late, VA, 7);
    turns(&world, 12, 100_000);
    assert!(lone.packets(&world) > 0, "it waited for one slice, not for all who waited before it");
    assert!(crowd.iter().any(|queue| queue.packets(&world) == 0));
    drain(&world);
    world.end();
}

// Keeps: slice-priority
#[test]
fn a_slice_is_as_long_as_the_priority_says() {
    let world = world(1);
    let (mut low, mut high) = (world.client(1), world.client(2));
    let queues = [Backlog::new(&mut low, VA, 3), Backlog::new(&mut high, VA, 15)];
    let mut held = [0_u64; 2];
    // Twelve slices of each, as many packets as the turns of that time take.
    for _ in 0..240 {
        turns(&world, 1, 125_000);
        for (queue, held) in queues.iter().zip(&mut held) {
            *held += u64::from(queue.row(&world).slot.is_some());
        }
        for (client, queue) in [&low, &high].into_iter().zip(&queues) {
            // It never runs dry: what was taken is there again.
            let read = client.peek(queue.memory.offset + hsa_queue::layout::amd_queue::READ_DISPATCH_ID);
            client.poke(queue.memory.offset + RING, &barrier(&[], 0).repeat(PACKETS as usize));
            let write = (read + PACKETS).to_le_bytes();
            client.poke(queue.memory.offset + hsa_queue::layout::amd_queue::WRITE_DISPATCH_ID, &write);
        }
    }
    let ratio = held[1] as f64 / held[0] as f64;
    assert!((3.0..=5.0).contains(&ratio), "slices of 2 and of 1/2 quanta: {held:?}");
    world.end();
}

/// A device of that profile under the id that [`Client`] speaks to.
fn device(name: &str) -> World {
    let mut profile = Profile::named(name).expect("compiled in");
    profile.devices[0].gpu_id.0 = gpu().0;
    World::of(profile, Limits::default())
}

fn sdma(client: &mut Client<'_>, queue_type: u32, sdma_engine_id: u32) -> Result<u32, Errno> {
    let mut arg = abi::CreateQueue {
        ring_base_address: VA + 4096,
        ring_size: 4096,
        write_pointer_address: VA,
        read_pointer_address: VA + 8,
        gpu_id: gpu().0,
        queue_type,
        queue_percentage: 100,
        sdma_engine_id,
        ..Default::default()
    };
    client.ioctl(0x02, &mut arg, vec![]).map(|_| arg.queue_id)
}

// Keeps: CREATE_QUEUE
#[test]
fn a_queue_can_name_its_sdma_engine_where_the_interface_has_it() {
    let world = device("gfx942");
    let mut client = world.client(1);
    client.cut(VA, &[4096, 4096]).unwrap();
    let by_engine = abi::QUEUE_TYPE_SDMA_BY_ENG_ID;
    for engine in [0, 1, 15] {
        for queue in 0..8 {
            sdma(&mut client, by_engine, engine).unwrap_or_else(|errno| panic!("{engine} {queue}: {errno}"));
        }
        assert_eq!(sdma(&mut client, by_engine, engine), Err(Errno::NOMEM), "the engine has eight places");
    }
    assert_eq!(sdma(&mut client, by_engine, 16), Err(Errno::INVAL), "there are sixteen engines");
    assert_eq!(sdma(&mut client, abi::QUEUE_TYPE_SDMA, 0), Err(Errno::NOMEM), "those places are the same");
    sdma(&mut client, abi::QUEUE_TYPE_SDMA_XGMI, 0).expect("another engine for links");
    let rows = world.core.queues();
    let kinds = |kind| rows.iter().filter(|row| row.kind == kind).map(|row| row.engine).collect::<Vec<_>>();
    assert_eq!(kinds(QueueKind::Sdma), [vec![Some(0); 8], vec![Some(1); 8]].concat());
    assert_eq!(kinds(QueueKind::SdmaXgmi), [vec![Some(15); 8], vec![Some(2)]].concat());
    world.end();
    let world = World::of(older(16), Limits::default());
    let mut client = world.client(1);
    assert_eq!(sdma(&mut client, by_engine, 0), Err(Errno::INVAL), "an interface that does not know it");
    world.end();
}

// Keeps: SET_CU_MASK
#[test]
fn cu_masks_are_pairs_where_units_are_paired() {
    let mask = |client: &mut Client<'_>, word: u32| {
        let mut arg = abi::SetCuMask { queue_id: 0, num_cu_mask: 32, cu_mask_ptr: 8 };
        client.ioctl(0x1a, &mut arg, vec![word.to_le_bytes().to_vec()]).map(drop)
    };
    for (name, single) in [("gfx1100", Err(Errno::INVAL)), ("gfx942", Ok(()))] {
        let world = device(name);
        let mut client = world.client(1);
        client.queue(VA);
        assert_eq!(mask(&mut client, 0b1111_0011), Ok(()));
        assert_eq!(mask(&mut client, 0b0110), single, "{name}");
        world.end();
    }
}

// Keeps: slot-at-rest
#[test]
fn a_queue_destroyed_or_disabled_on_its_slot_makes_room_for_the_one_that_waits() {
    let world = world(1);
    let mut client = world.client(1);
    let queues: Vec<_> = (0..3).map(|n| Backlog::new(&mut client, VA + n * 0x1_0000_0000, 7)).collect();
    turns(&world, 1, 1000);
    client.destroy(queues[0].id).unwrap();
    assert_eq!((queues[1].row(&world).slot, queues[2].row(&world).waiting), (Some(0), Some(0)));
    let mut off = abi::UpdateQueue { queue_id: queues[1].id, ..Default::default() };
    client.ok(0x07, &mut off);
    assert_eq!((queues[1].row(&world).state, queues[2].row(&world).slot), (QueueState::Disabled, Some(0)));
    drain(&world);
    assert_eq!((queues[1].packets(&world), queues[2].packets(&world)), (0, PACKETS));
    world.end();
}
