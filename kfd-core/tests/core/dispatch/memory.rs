//! What a wave worker is given of its process, what its addresses mean, and what it reaches through the core.

use super::engine::{answer, dispatched, settle, world};
use crate::world::{Buffer, Client, World, completions, gpu, obituaries};
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Errno, Outcome};
use kfd_core::dispatch::WaveAnswer;
use kfd_core::ids::{GpuVa, UserVa};
use kfd_core::limits::Limits;
use kfd_core::notice::{Notice, UserAccess};
use kfd_core::waves::{
    AtomicKind, Change, ClientAccess, EPOCH_BYTES, Place, Reached, WaveAccess, WaveClient, WaveSpan, Width,
};
use std::fs::File;
use std::os::unix::fs::FileExt;
use zerocopy::FromBytes;

const VA: u64 = 0x7f10_0000_0000;
const PAGE: u64 = 4096;

fn given(world: &World, client: &Client<'_>) -> WaveClient {
    world.core.wave_client(client.process).expect("a live process")
}

fn span(world: &World, client: &Client<'_>, va: u64) -> (u64, Option<WaveSpan>) {
    world.core.wave_span(client.process, 0, GpuVa(va))
}

fn reach(world: &World, client: &Client<'_>, va: u64, access: WaveAccess<'_>) -> Reached {
    world.core.wave_reach(client.process, 0, GpuVa(va), access)
}

/// The epoch of device 0 as a worker reads it.
fn told(epochs: &File) -> u64 {
    let mut word = [0; 8];
    epochs.read_exact_at(&mut word, 0).unwrap();
    u64::from_ne_bytes(word)
}

// Keeps: wave-epochs
#[test]
fn a_worker_has_its_processs_arena_and_sees_the_epoch_move_when_something_is_unmapped() {
    let world = world(24);
    let mut client = world.client(1);
    let buffer = client.buffer(VA, 2 * PAGE);
    let other = client.buffer(VA + 16 * PAGE, PAGE);
    client.poke(buffer.offset + PAGE, &[7; 8]);
    let WaveClient { arena, epochs, hold } = given(&world, &client);
    let (arena, epochs) = (File::from(arena), File::from(epochs));
    assert_eq!(epochs.metadata().unwrap().len(), EPOCH_BYTES as u64);
    let (epoch, found) = span(&world, &client, VA + PAGE);
    let found = found.expect("mapped");
    assert_eq!((found.start, found.len, found.writable), (VA, 2 * PAGE, true));
    let Place::Own(offset) = found.place else { panic!("{found:?}") };
    let mut word = [0; 8];
    arena.read_exact_at(&mut word, offset + PAGE).unwrap();
    assert_eq!((word, told(&epochs)), ([7; 8], epoch));
    assert_eq!(span(&world, &client, VA + 2 * PAGE), (epoch, None), "behind it");
    // What is mapped where nothing was changes nothing that is remembered.
    client.buffer(VA + 32 * PAGE, PAGE);
    assert_eq!(told(&epochs), epoch);
    client.unmap(other.handle).unwrap();
    assert_eq!(told(&epochs), epoch + 1);
    assert_eq!(span(&world, &client, other.va), (epoch + 1, None));
    // The next worker of the same process reads the same page.
    let again = given(&world, &client);
    client.unmap(buffer.handle).unwrap();
    assert_eq!((told(&epochs), told(&File::from(again.epochs))), (epoch + 2, epoch + 2));
    assert_eq!(
        world.core.wave_client(client.process).map(drop),
        Err(Errno::NOMEM),
        "one, and one before it that is just going"
    );
    drop((hold, again.hold));
    world.kill(client.process);
    assert_eq!(world.core.wave_client(client.process).map(drop), Err(Errno::BADF));
    world.end();
}

// Keeps: wave-hold
#[test]
fn a_process_is_freed_after_its_worker_is_gone_and_no_step_of_its_death_waits_for_that() {
    let world = world(24);
    let mut client = world.client(1);
    dispatched(&world, &mut client, VA);
    let held = given(&world, &client);
    let epoch = told(&File::from(held.epochs.try_clone().unwrap()));
    world.kill(client.process);
    world.core.barrier();
    assert!(obituaries(&world.outbox.take()).is_empty() && world.core.published().is_empty());
    assert!(told(&File::from(held.epochs)) > epoch, "its maps are revoked");
    assert_eq!(world.core.account().total().wave_workers, 1);
    drop(held.hold);
    world.core.barrier();
    assert_eq!(obituaries(&world.outbox.take()).len(), 1);
    world.end();
}

// Keeps: wave-far
#[test]
fn memory_of_another_process_is_reached_through_the_core_and_never_given() {
    let world = world(24);
    let mut owner = world.client(1);
    let flags = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
    let shared = owner.alloc(VA, PAGE, flags).unwrap();
    let mut export = abi::IpcExportHandle { handle: shared.handle, gpu_id: gpu().0, ..Default::default() };
    owner.ok(0x81, &mut export);
    let mut client = world.client(2);
    let mut import = abi::IpcImportHandle {
        share_handle: export.share_handle,
        va_addr: VA,
        gpu_id: gpu().0,
        ..Default::default()
    };
    client.ok(0x80, &mut import);
    let there = Buffer { handle: import.handle, va: VA, offset: import.mmap_offset, parts: 1 };
    client.map(there.handle).unwrap();
    owner.poke(shared.offset, &[1, 2, 3, 4, 5, 6, 7, 8]);

    assert_eq!(span(&world, &client, VA + 8).1.map(|span| span.place), Some(Place::Far));
    let load = |va, len| reach(&world, &client, va, WaveAccess::Load(len));
    assert_eq!(load(VA + 1, 3), Reached::Done(vec![2, 3, 4]));
    assert_eq!(reach(&world, &client, VA + 2, WaveAccess::Store(&[9])), Reached::Done(vec![]));
    let atomic = |kind, width, operand, comparand| {
        reach(&world, &client, VA, WaveAccess::Atomic { kind, width, operand, comparand })
    };
    assert_eq!(atomic(AtomicKind::Add, Width::Four, 0x10, 0), Reached::Done(vec![1, 2, 9, 4]));
    let old = vec![0x11, 2, 9, 4, 5, 6, 7, 8];
    let before = u64::from_le_bytes(old.clone().try_into().unwrap());
    assert_eq!(atomic(AtomicKind::CompareSwap, Width::Eight, 77, before), Reached::Done(old));
    assert_eq!(owner.peek(shared.offset), 77);
    assert_eq!(load(VA + PAGE - 1, 2), Reached::Fault, "across its end");
    assert_eq!(load(VA - 1, 1), Reached::Fault);
    world.kill(owner.process);
    assert_eq!(load(VA, 8), Reached::Done(77_u64.to_le_bytes().to_vec()), "the share outlives its owner");
    client.unmap(there.handle).unwrap();
    assert_eq!(reach(&world, &client, VA, WaveAccess::Load(8)), Reached::Fault);
    world.kill(client.process);
    world.end();
}

// Keeps: wave-far
#[test]
fn memory_of_the_client_itself_is_named_for_a_memory_worker() {
    let world = world(24);
    let mut client = world.client(1);
    client.userptr(VA, PAGE);
    assert_eq!(span(&world, &client, VA).1.map(|span| span.place), Some(Place::Far));
    let once = |access| Reached::Client(ClientAccess::Each(vec![access]));
    assert_eq!(
        reach(&world, &client, VA + 4, WaveAccess::Load(12)),
        once(UserAccess::Read { va: UserVa(VA + 4), len: 12 })
    );
    assert_eq!(
        reach(&world, &client, VA + 4, WaveAccess::Store(&[5])),
        once(UserAccess::Write { va: UserVa(VA + 4), bytes: vec![5] })
    );
    let (kind, width, operand, comparand) = (AtomicKind::SMax, Width::Four, 3, 0);
    let change = Change { va: UserVa(VA + 8), kind, width, operand, comparand };
    assert_eq!(
        reach(&world, &client, VA + 8, WaveAccess::Atomic { kind, width, operand, comparand }),
        Reached::Client(ClientAccess::Change(change))
    );
    assert_eq!(change.apply(&(-1_i32).to_le_bytes()), 3_i32.to_le_bytes());
    assert_eq!(change.apply(&7_i32.to_le_bytes()), 7_i32.to_le_bytes());
    assert_eq!(reach(&world, &client, VA + PAGE, WaveAccess::Load(1)), Reached::Fault);
    world.end();
}

// Keeps: wave-interrupts
#[test]
fn waves_raise_events_ring_doorbells_and_load_from_neither_doorbells_nor_registers() {
    let world = World::running(gpu().2, Limits::default(), hsa_queue::Waves::Run);
    let mut client = world.client(1);
    let (_, event) = client.event_page(0x7f00_0000_0000);
    let waits = client.park(&[event], false, u32::MAX);
    world.core.wave_interrupt(client.process, event + 1);
    assert!(world.outbox.take().is_empty(), "nobody waits for that one");
    world.core.wave_interrupt(client.process, event);
    let notices = world.outbox.take();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Complete { call, .. } if *call == waits)));

    let doorbells = client.alloc(VA, 2 * PAGE, abi::ALLOC_MEM_FLAGS_DOORBELL | abi::ALLOC_MEM_FLAGS_WRITABLE);
    let doorbells = doorbells.unwrap();
    client.map(doorbells.handle).unwrap();
    assert_eq!(span(&world, &client, VA).1.map(|span| span.place), Some(Place::Rings));
    assert_eq!(reach(&world, &client, VA, WaveAccess::Load(8)), Reached::Fault);
    let mut queue = client.queue(VA + 64 * PAGE);
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &crate::world::barrier(&[], signal));
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 1, "nobody has rung");
    world.core.wave_rang(client.process, 0, 1);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 0);
    world.core.wave_rang(client.process, 7, u64::MAX);
    world.end();
}

// Keeps: code-executable
#[test]
fn what_may_be_executed_is_what_its_client_has_said() {
    let world = world(24);
    let mut client = world.client(1);
    let places = [abi::ALLOC_MEM_FLAGS_VRAM, abi::ALLOC_MEM_FLAGS_GTT];
    for (at, (place, executable)) in
        places.into_iter().flat_map(|place| [(place, false), (place, true)]).enumerate()
    {
        let flags = if executable { abi::ALLOC_MEM_FLAGS_EXECUTABLE } else { 0 };
        let va = VA + at as u64 * 16 * PAGE;
        let buffer = client.alloc(va, PAGE, place | abi::ALLOC_MEM_FLAGS_WRITABLE | flags).unwrap();
        client.map(buffer.handle).unwrap();
        assert_eq!(span(&world, &client, va).1.map(|span| span.executable), Some(executable), "{at}");
    }
    world.end();
}

// Keeps: code-executable
#[test]
fn a_fetch_of_what_may_not_be_executed_is_told_as_such() {
    for (flags, read_only, no_execute, write) in
        [(abi::ALLOC_MEM_FLAGS_WRITABLE, 0, 1, false), (abi::ALLOC_MEM_FLAGS_EXECUTABLE, 1, 0, true)]
    {
        let world = world(24);
        let mut client = world.client(1);
        let event = client.event(abi::EVENT_MEMORY, false);
        client.park(&[event], false, abi::TIMEOUT_INFINITE);
        let buffer = client.alloc(VA, PAGE, abi::ALLOC_MEM_FLAGS_VRAM | flags).unwrap();
        client.map(buffer.handle).unwrap();
        let (_, order) = dispatched(&world, &mut client, VA + 64 * PAGE);
        answer(&world, &order, WaveAnswer::Fault { va: GpuVa(VA + 256), write });
        let told = settle(&world).others;
        let [Outcome::Done(done)] = completions(&told)[..] else { panic!("{told:?}") };
        let (data, _) = abi::MemoryExceptionData::read_from_prefix(&done.writes[0].bytes).unwrap();
        let failure = abi::MemoryExceptionFailure { read_only, no_execute, ..Default::default() };
        assert_eq!((data.va, data.failure), (VA, failure));
        world.end();
    }
}
