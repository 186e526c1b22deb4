//! Queues under a debugger: told, listed, suspended, destroyed.

use super::*;
use crate::dispatch::engine::{dispatched, done, settle, wish};
use hsa_queue::Waves;
use kfd_core::dispatch::Wish;
use kfd_core::listing::QueueState;

// Keeps: DBG_TRAP
#[test]
fn a_new_queue_is_told_listed_and_suspended_once_the_debugger_knows_it() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    runtime_is_there(&mut target);
    let old = target.queue(0x10_0000);
    assert_eq!(enable(&mut debugger, &target, NEW).0, Ok(0));
    world.outbox.take();
    let new = target.queue(0x20_0000);
    assert_eq!(told(&world.outbox.take()), 1, "one byte for one queue");
    let invalid = abi::DBG_QUEUE_INVALID_MASK;
    assert_eq!(
        suspend(&mut debugger, &target, &[old.id, new.id, 77]),
        (Ok(1), vec![old.id, new.id | invalid, 77 | invalid]),
        "neither the new one nor the one that there is not"
    );
    let (gpu_id, _, _) = gpu();
    assert_eq!(query(&mut debugger, &target, 0), Ok((NEW, gpu_id, new.id)));
    let args = abi::DbgTrapQueueSnapshot {
        exception_mask: NEW,
        snapshot_buf_ptr: 0x8000,
        num_queues: 8,
        entry_size: 80,
    };
    let (result, args, writes) = trap(&mut debugger, &target, dbg_op::GET_QUEUE_SNAPSHOT, args);
    assert_eq!((result, args.num_queues, args.entry_size), (Ok(0), 2, 64));
    assert_eq!(writes.iter().map(|write| write.va.0).collect::<Vec<_>>(), [0x8000, 0x8000 + 80]);
    let entry = abi::QueueSnapshotEntry::read_from_bytes(&writes[1].bytes[..]).unwrap();
    assert_eq!((entry.queue_id, entry.gpu_id, entry.exception_status), (new.id, gpu_id, NEW));
    assert_eq!((entry.ring_base_address, entry.ring_size), (new.memory.va + 8192, 4096));
    assert_eq!(entry.queue_type, abi::QUEUE_TYPE_COMPUTE_AQL);
    assert_eq!(query(&mut debugger, &target, 0), Err(libc::EAGAIN), "the list cleared it");
    assert_eq!(suspend(&mut debugger, &target, &[new.id]), (Ok(1), vec![new.id]));
    assert_eq!(resume(&mut debugger, &target, &[]), (Ok(2), vec![]), "no array means all");
    world.end();
}

// Keeps: DBG_TRAP
#[test]
fn lists_tell_how_much_there_is_whatever_the_room() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    target.queue(0x10_0000);
    assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
    let queues = abi::DbgTrapQueueSnapshot { entry_size: 8, ..Default::default() };
    let (result, queues, writes) = trap(&mut debugger, &target, dbg_op::GET_QUEUE_SNAPSHOT, queues);
    assert_eq!((result, queues.num_queues, queues.entry_size, writes.len()), (Ok(0), 1, 8, 0));
    let (result, _, _) =
        trap(&mut debugger, &target, dbg_op::GET_QUEUE_SNAPSHOT, abi::DbgTrapQueueSnapshot::default());
    assert_eq!(result, Err(libc::EINVAL), "entries of no bytes");
    let devices = abi::DbgTrapDeviceSnapshot { entry_size: 400, ..Default::default() };
    assert_eq!(trap(&mut debugger, &target, dbg_op::GET_DEVICE_SNAPSHOT, devices).0, Err(libc::EINVAL));
    let devices = abi::DbgTrapDeviceSnapshot { snapshot_buf_ptr: 0x8000, num_devices: 9, ..devices };
    let (result, devices, writes) = trap(&mut debugger, &target, dbg_op::GET_DEVICE_SNAPSHOT, devices);
    assert_eq!((result, devices.num_devices, devices.entry_size), (Ok(0), 1, 120));
    let entry = abi::DeviceInfoEntry::read_from_bytes(&writes[0].bytes[..]).unwrap();
    let (gpu_id, _, profile) = gpu();
    let pci = &profile.devices[0].pci;
    assert_eq!((entry.gpu_id, entry.device_id), (gpu_id, u32::from(pci.device)));
    assert_eq!((entry.gfx_target_version, entry.location_id), (GFX942, pci.location_id()));
    world.end();
}

// Keeps: suspended-queue
#[test]
fn a_suspended_queue_runs_nothing_until_it_is_resumed() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    runtime_is_there(&mut target);
    let mut queue = target.queue(0x10_0000);
    let signal = target.signal(&queue, 0, 1, None);
    assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
    assert_eq!(suspend(&mut debugger, &target, &[queue.id]), (Ok(1), vec![queue.id]));
    target.push(&mut queue, &barrier(&[], signal));
    target.ring(&queue);
    world.settle();
    assert_eq!(target.signal_value(&queue, 0), 1, "off its device");
    assert_eq!(suspend(&mut debugger, &target, &[queue.id]), (Ok(1), vec![queue.id]), "once is twice");
    assert_eq!(resume(&mut debugger, &target, &[queue.id]), (Ok(1), vec![queue.id]));
    world.settle();
    assert_eq!(target.signal_value(&queue, 0), 0);
    world.end();
}

// Keeps: suspended-queue, dispatch-paused
#[test]
fn a_suspended_queues_dispatch_stands_still_and_its_answer_is_kept_until_it_is_resumed() {
    for answered in [false, true] {
        let world = World::running(profile(GFX942), Limits::default(), Waves::Run);
        let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
        runtime_is_there(&mut target);
        let (queue, order) = dispatched(&world, &mut target, 0x10_0000);
        assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
        assert_eq!(suspend(&mut debugger, &target, &[queue.id]), (Ok(1), vec![queue.id]));
        assert_eq!(settle(&world).wishes, [order.ticket]);
        assert_eq!(wish(&world, &order), Wish::Pause);
        assert_eq!(world.core.queues()[0].state, QueueState::Suspended);
        if answered {
            done(&world, &order);
            settle(&world);
            assert_eq!(target.signal_value(&queue, 0), 1);
        }
        assert_eq!(resume(&mut debugger, &target, &[queue.id]), (Ok(1), vec![queue.id]));
        settle(&world);
        if !answered {
            assert_eq!(wish(&world, &order), Wish::Run);
            done(&world, &order);
            settle(&world);
        }
        assert_eq!(target.signal_value(&queue, 0), 0);
        world.end();
    }
}

// Keeps: suspended-queue, DESTROY_QUEUE
#[test]
fn a_suspended_queue_is_destroyed_when_it_is_let_go() {
    for ends in [false, true] {
        let world = world();
        let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
        runtime_is_there(&mut target);
        let queue = target.queue(0x10_0000);
        assert_eq!(enable(&mut debugger, &target, DELETED).0, Ok(0));
        assert_eq!(suspend(&mut debugger, &target, &[queue.id]).0, Ok(1));
        let destroy = abi::DestroyQueue { queue_id: queue.id, pad: 0 };
        let (call, outcome) = target.raw(0x03, destroy.as_bytes(), vec![]);
        assert!(matches!(outcome, Outcome::Parked));
        let interrupted = world.core.interrupt(target.process, call).unwrap();
        assert!(matches!(interrupted, Outcome::Refused(r) if r.errno == Errno::RESTART));
        assert!(matches!(target.raw(0x03, destroy.as_bytes(), vec![]).1, Outcome::Parked));
        world.outbox.take();
        if ends {
            assert_eq!(trap(&mut debugger, &target, dbg_op::DISABLE, Nothing::default()).0, Ok(0));
        } else {
            assert_eq!(resume(&mut debugger, &target, &[queue.id]).0, Ok(1));
            assert_eq!(query(&mut debugger, &target, 0), Ok((DELETED, gpu().0, 0)));
        }
        let notices = world.outbox.take();
        assert!(matches!(completions(&notices)[..], [Outcome::Done(_)]));
        assert_eq!(told(&notices), usize::from(!ends), "the deletion, to a debugger that is there");
        assert_eq!(target.destroy(queue.id), Err(Errno::INVAL), "it is gone");
        world.end();
    }
}
