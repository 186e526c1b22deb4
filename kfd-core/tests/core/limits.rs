//! Limits: each has an errno, and what was taken comes back.

use crate::world::{AQL, World, identity};
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Errno, Node};
use kfd_core::limits::Limits;

const VA: u64 = 0x7f10_0000_0000;

// Keeps: limits-errno
#[test]
fn processes_end_at_the_users_share_and_come_back_with_the_free() {
    let world = World::with(Limits { processes: 8, ..Limits::default() });
    let clients: Vec<_> = (0..4).map(|tgid| world.stranger(tgid, 1000).process).collect();
    assert_eq!(world.core.open(identity(50, 0, 1000), Node::Kfd).unwrap_err(), Errno::NOMEM);
    world.stranger(60, 1001);
    world.kill(clients[0]);
    world.core.barrier();
    world.stranger(51, 1000);
    world.end();
}

// Keeps: limits-errno, CREATE_QUEUE
#[test]
fn queues_of_one_device_end_at_127() {
    let world = World::new();
    let mut client = world.client(1);
    let memory = client.cut(VA, &AQL).unwrap();
    let queues: Vec<_> = (0..127).map(|_| client.queue_in(memory).unwrap()).collect();
    assert_eq!(client.queue_in(memory).unwrap_err(), Errno::NOSPC);
    client.destroy(queues[5].id).unwrap();
    assert_eq!(client.queue_in(memory).unwrap().id, queues[5].id, "the lowest free id");
    world.end();
}

// Keeps: limits-errno
#[test]
fn each_exhausted_limit_is_enomem_and_takes_nothing() {
    let limits = Limits {
        queues_per_process: 1,
        events_per_process: 1,
        // A queue's memory and its save area, and one more.
        bos_per_process: 6,
        parked_per_process: 1,
        gtt_bytes: 32 << 20,
        userptr_bytes: 1 << 20,
        ..Limits::default()
    };
    let world = World::with(limits);
    let mut client = world.client(1);
    let queue = client.queue(VA);
    let before = world.core.totals().holds;
    assert_eq!(client.queue_in(queue.memory).unwrap_err(), Errno::NOMEM);
    assert_eq!(world.core.totals().holds, before);
    let event = client.event(abi::EVENT_SIGNAL, true);
    assert_eq!(client.no(0x08, &mut abi::CreateEvent::default()), libc::ENOMEM);
    client.park(&[event], false, u32::MAX);
    let (_, outcome) = client.wait_raw(&[event], false, u32::MAX);
    let kfd_core::call::Outcome::Refused(refused) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.errno, Errno::NOMEM);
    let before = world.core.totals().holds;
    assert_eq!(client.alloc(VA * 2, 1 << 24, abi::ALLOC_MEM_FLAGS_GTT).unwrap_err(), Errno::NOMEM);
    assert_eq!(world.core.totals().holds, before, "the BO's charge came back as well");
    client.alloc(VA * 2, 4096, abi::ALLOC_MEM_FLAGS_GTT).unwrap();
    assert_eq!(
        client.alloc(VA * 2, 4096, abi::ALLOC_MEM_FLAGS_GTT).unwrap_err(),
        Errno::NOMEM,
        "one BO too many"
    );
    world.end();
}
