//! Errors that a device finds in its memory, on order.

use crate::dispatch::engine::{dispatched, done, settle, wish};
use crate::smi::deliver;
use crate::world::{World, barrier, completions, gpu};
use hsa_queue::Waves;
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Errno, Outcome};
use kfd_core::dispatch::Wish;
use kfd_core::limits::Limits;
use kfd_core::listing::QueueState;
use kfd_core::profile::RasBlock;
use std::io::{Read, Write};
use zerocopy::{FromBytes, Immutable, KnownLayout};

const VA: u64 = 0x7f10_0000_0000;

/// A device whose memory controllers have RAS.
fn world() -> World {
    let mut profile = gpu().2;
    profile.devices[0].ras = vec![RasBlock::Umc];
    World::of(profile, Limits::default())
}

/// The data of the event that ended a wait.
fn told<T: FromBytes + KnownLayout + Immutable>(outcome: &Outcome) -> T {
    let Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
    T::read_from_prefix(&done.writes[0].bytes).map(|(data, _)| data).unwrap()
}

// Keeps: ras-after, dispatch-void
#[test]
fn a_reset_ends_what_an_engine_of_waves_has_of_the_device() {
    let mut profile = gpu().2;
    profile.devices[0].ras = vec![RasBlock::Umc];
    let world = World::running(profile, Limits::default(), Waves::Run);
    let mut client = world.client(1);
    let (queue, order) = dispatched(&world, &mut client, VA);
    assert_eq!(world.core.ras_control(gpu().1, b"inject umc ue 0 0"), Ok(()));
    assert_eq!(settle(&world).wishes, [order.ticket]);
    assert_eq!(wish(&world, &order), Wish::Cancel);
    done(&world, &order);
    settle(&world);
    assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (0, 1));
    client.destroy(queue.id).unwrap();
    world.end();
}

// Keeps: ras-reset, ras-after
#[test]
fn an_uncorrectable_error_is_told_to_every_process_and_stops_what_ran() {
    let world = world();
    let (gpu_id, minor, _) = gpu();
    let mut clients = [world.client(1), world.client(2)];
    let mut queues = Vec::new();
    for client in &mut clients {
        let memory = client.event(abi::EVENT_MEMORY, false);
        client.park(&[memory], false, u32::MAX);
        let hw = client.event(abi::EVENT_HW_EXCEPTION, false);
        client.park(&[hw], false, u32::MAX);
        queues.push(client.queue(VA));
    }
    world.outbox.take();
    assert_eq!(world.core.ras_control(minor, b"inject umc ue 0 0"), Ok(()));

    let notices = world.outbox.take();
    let completed = completions(&notices);
    assert_eq!(completed.len(), 4, "{notices:?}");
    let hw = abi::HwExceptionData {
        reset_type: abi::HW_EXCEPTION_WHOLE_GPU_RESET,
        reset_cause: abi::HW_EXCEPTION_ECC,
        memory_lost: 1,
        gpu_id,
    };
    let memory = abi::MemoryExceptionData {
        failure: abi::MemoryExceptionFailure { imprecise: 1, ..Default::default() },
        va: 0,
        gpu_id,
        error_type: abi::MEM_ERR_SRAM_ECC,
    };
    let is_hw = |outcome: &&&Outcome| told::<abi::HwExceptionData>(outcome) == hw;
    let is_memory = |outcome: &&&Outcome| told::<abi::MemoryExceptionData>(outcome) == memory;
    assert_eq!(completed.iter().filter(is_hw).count(), 2);
    assert_eq!(completed.iter().filter(is_memory).count(), 2);

    for (client, queue) in clients.iter().zip(&mut queues) {
        let signal = client.signal(queue, 0, 1, None);
        client.push(queue, &barrier(&[], signal));
        client.ring(queue);
    }
    world.settle();
    world.clock.by(10_000_000_000);
    world.core.tick(world.core.now());
    world.settle();
    for (client, queue) in clients.iter().zip(&queues) {
        assert_eq!(client.signal_value(queue, 0), 1, "what it had on the device is lost");
    }
    assert!(world.core.queues().iter().all(|row| row.state == QueueState::Stopped));
    let mut later = world.client(3);
    for client in clients.iter_mut().chain([&mut later]) {
        let mut queue = client.queue(VA + 0x10_0000);
        let signal = client.signal(&queue, 0, 1, None);
        client.push(&mut queue, &barrier(&[], signal));
        client.ring(&queue);
        world.settle();
        assert_eq!(client.signal_value(&queue, 0), 0, "a queue that is made after it has a device in order");
    }
    for (client, queue) in clients.iter_mut().zip(&queues) {
        client.destroy(queue.id).unwrap();
    }
    world.end();
}

// Keeps: ras-reset
#[test]
fn a_reset_is_told_to_whoever_listens_to_the_device() {
    let world = world();
    let (gpu_id, minor, _) = gpu();
    let mut stream = world.client(1).stream(gpu_id);
    let mask = [abi::SMI_EVENT_GPU_PRE_RESET, abi::SMI_EVENT_GPU_POST_RESET];
    let mask = mask.iter().fold(0u64, |mask, event| mask | 1 << (event - 1));
    stream.write_all(&mask.to_ne_bytes()).unwrap();
    world.client(2);
    world.outbox.take();
    for _ in 0..2 {
        assert_eq!(world.core.ras_control(minor, b"inject umc ue 0 0 0"), Ok(()));
    }
    deliver(world.outbox.take());
    let mut lines = [0; 256];
    let count = stream.read(&mut lines).unwrap();
    let lines = std::str::from_utf8(&lines[..count]).unwrap();
    assert_eq!(lines, "3 1 RAS error\n4 1 \n3 2 RAS error\n4 2 \n");
    world.end();
}

// Keeps: ras-no-order
#[test]
fn an_order_that_the_device_does_not_know_or_that_it_corrects_changes_nothing() {
    let world = world();
    let (_, minor, profile) = gpu();
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_MEMORY, false);
    client.park(&[event], false, u32::MAX);
    client.queue(VA);
    world.outbox.take();
    let beyond = format!("inject umc ue {} 0", profile.devices[0].vram.bytes);
    for (command, expected) in [
        ("inject umc ce 0 0", Ok(())),
        ("inject gfx ue 0 0", Err(Errno::INVAL)),
        (beyond.as_str(), Err(Errno::INVAL)),
        ("retire_page 0", Err(Errno::INVAL)),
    ] {
        assert_eq!(world.core.ras_control(minor, command.as_bytes()), expected, "{command}");
    }
    let plain = World::new();
    assert_eq!(plain.core.ras_control(minor, b"inject umc ue 0 0"), Err(Errno::INVAL), "it has no RAS");
    let notices = world.outbox.take();
    assert!(notices.is_empty(), "{notices:?}");
    assert_ne!(world.core.queues()[0].state, QueueState::Stopped);
    world.end();
}
