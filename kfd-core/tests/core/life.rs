//! Lives of processes: made, found, ended.

use crate::world::{World, barrier, completions, gpu, identity, obituaries, wait_result};
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Arg, Caller, Errno, Gathered, Node, Outcome};
use kfd_core::death::Cause;
use kfd_core::ids::{CallId, FileId, Tgid, Tid};
use kfd_core::notice::Notice;
use kfd_core::stage::Stage;

// Keeps: death-frees-all, death-one-author, ACQUIRE_VM
#[test]
fn one_life_from_open_to_the_free() {
    let world = World::new();
    let mut client = world.client(100);
    let (page, event) = client.event_page(0x7f00_0000_0000);
    let mut queue = client.queue(0x7f10_0000_0000);
    let mailbox = page.va + u64::from(event) * 8;
    let signal = client.signal(&queue, 0, 1, Some((mailbox, event)));

    let call = client.park(&[event], false, u32::MAX);
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    let notices = world.settle();

    assert_eq!(client.signal_value(&queue, 0), 0, "the completion signal was lowered");
    assert_eq!(client.read_index(&queue), 1);
    let [Notice::Complete { call: completed, process, outcome }] = &notices[..] else {
        panic!("{notices:?}")
    };
    assert_eq!((*completed, *process), (call, client.process));
    assert_eq!(wait_result(outcome), (None, abi::WAIT_RESULT_COMPLETE));
    assert_eq!(client.peek(page.offset + u64::from(event) * 8), u64::MAX, "the slot was acknowledged");

    let parked = client.park(&[event], false, u32::MAX);
    let doom = world.core.doom(client.process, Cause::Killed).expect("the first sign");
    assert!(world.core.doom(client.process, Cause::Exited).is_none(), "a second doom finds no token");
    let stopped = doom.stop_queues(&world.core);
    assert_eq!(world.core.processes()[0].state, Stage::QueuesStopped);
    let answered = stopped.answer_waiters(&world.core);
    let notices = world.outbox.take();
    let [Notice::Complete { call, outcome, .. }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(*call, parked);
    assert_eq!(wait_result(outcome), (Some(Errno::IO), abi::WAIT_RESULT_FAIL));
    answered.unpublish(&world.core);
    assert!(world.core.processes().is_empty());
    world.core.barrier();

    let notices = world.outbox.take();
    let [obituary] = obituaries(&notices)[..] else { panic!("{notices:?}") };
    assert_eq!((obituary.tgid, obituary.process, obituary.cause), (Tgid(100), client.process, Cause::Killed));
    assert!(world.core.totals().holds.is_zero());
    world.end();
}

// Keeps: reopen-finds-all
#[test]
fn closing_every_file_ends_nothing_and_a_reopen_finds_the_queues() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(0x7f10_0000_0000);
    for file in std::mem::take(&mut client.files) {
        world.core.release(file);
    }
    world.core.release(FileId(u64::MAX));
    assert_eq!(world.core.processes()[0].files, 0);
    client.open(Node::Kfd);
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 0);
    assert_eq!(client.destroy(queue.id), Ok(()));
    world.end();
}

// Keeps: exec-distinct
#[test]
fn an_exec_makes_a_distinct_process_and_the_old_one_can_end_later() {
    let world = World::new();
    let mut old = world.client(100);
    old.queue(0x7f10_0000_0000);
    let opened = world.core.open(identity(100, 1, 1000), Node::Kfd).unwrap();
    assert!(opened.fresh);
    assert_ne!(opened.process, old.process);
    assert_eq!(world.core.find(Tgid(100), None), Some(opened.process), "the latest");
    assert_eq!(world.core.find(Tgid(100), Some(identity(100, 0, 1000).mm)), Some(old.process));
    world.kill(old.process);
    assert_eq!(world.core.find(Tgid(100), None), Some(opened.process));
    assert_eq!(world.core.live(), vec![opened.process]);
    world.end();
}

// Keeps: forked-ebadf
#[test]
fn a_foreign_thread_group_is_refused_whatever_it_asks() {
    let world = World::new();
    let client = world.client(100);
    for row in kfd_core::abi::table::KFD {
        let caller = Caller {
            process: client.process,
            node: Node::Kfd,
            file: client.files[0],
            tgid: Tgid(101),
            tid: Tid(101),
            call: CallId { door: 0, serial: 9 },
        };
        let arg = Arg::new(&vec![0; row.size()]).unwrap();
        let Outcome::Refused(refused) = world.core.call(&caller, row.cmd, arg, Gathered::default()) else {
            panic!("{} was served", row.name)
        };
        assert_eq!(refused.errno, Errno::BADF, "{}", row.name);
    }
    world.end();
}

// Keeps: doomed-alive
#[test]
fn the_doomed_but_alive_are_refused_and_their_doorbells_lead_nowhere() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(0x7f10_0000_0000);
    let signal = client.signal(&queue, 0, 1, None);
    let doom = world.core.doom(client.process, Cause::Evicted).unwrap();
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 1, "a doomed process's packets are not run");
    assert_eq!(client.no(0x01, &mut abi::GetVersion::default()), libc::EBADF);
    assert_eq!(world.core.open(client.identity, Node::Kfd).unwrap_err(), Errno::AGAIN);
    let doom = doom.stop_queues(&world.core).answer_waiters(&world.core);
    let (_, minor, _) = gpu();
    assert_eq!(world.core.arena(client.process, minor).unwrap_err(), Errno::BADF);
    doom.unpublish(&world.core);
    client.ring(&queue);
    world.core.rearmed(client.process, 0, 0);
    assert!(world.core.interrupt(client.process, CallId { door: 0, serial: 1 }).is_none());
    world.core.barrier();
    let again = world.core.open(client.identity, Node::Kfd).expect("evicted, alive, and starting afresh");
    assert!(again.fresh && again.process != client.process);
    world.end();
}

// Keeps: death-one-author
#[test]
#[cfg(debug_assertions)]
fn a_token_dropped_on_the_way_is_a_panic() {
    let world = World::new();
    let client = world.client(100);
    let doom = world.core.doom(client.process, Cause::Exited).unwrap();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(doom)));
    assert!(dropped.is_err());
}

#[test]
fn ids_of_earlier_tenants_find_nothing() {
    let world = World::new();
    let first = world.client(100).process;
    world.kill(first);
    let mut second = world.client(101);
    assert_eq!(second.process.slot, first.slot, "the slot is taken again");
    assert_ne!(second.process.generation, first.generation);
    assert!(world.core.doom(first, Cause::Exited).is_none());
    second.process = first;
    assert_eq!(second.no(0x01, &mut abi::GetVersion::default()), libc::EBADF);
    world.end();
}

// Keeps: shutdown-closed
#[test]
fn after_shutdown_begins_nobody_comes() {
    let world = World::new();
    world.client(100);
    world.core.shutdown_begin();
    assert_eq!(world.core.open(identity(101, 0, 0), Node::Kfd).unwrap_err(), Errno::NODEV);
    world.end();
    assert!(completions(&world.outbox.take()).is_empty());
}

// Keeps: orphans-listed
#[test]
fn pages_that_a_forked_child_maps_are_listed_until_their_node_is_forgotten() {
    let world = World::new();
    let mut client = world.client(100);
    let (_, minor, _) = gpu();
    let buffer = client.buffer(0x7f10_0000_0000, 8192);
    client.poke(buffer.offset, &[1; 8192]);
    // Another open of it, by a node of its own.
    let again = world.core.arena(client.process, minor).expect("the same memory");
    assert!(world.core.lingering().is_empty(), "its owner is alive");
    world.kill(client.process);
    world.core.barrier();
    let rows = world.core.lingering();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].tgid, rows[0].minor, rows[0].bytes.0), (Tgid(100), minor, 8192));
    assert!(world.core.totals().holds.is_zero(), "nobody is charged for them");
    world.core.node_forgotten(client.process, Node::Kfd);
    world.core.node_forgotten(client.process, Node::Render(minor));
    assert_eq!(world.core.lingering().len(), 1, "the other node is there still");
    world.core.node_forgotten(client.process, Node::Render(minor));
    assert!(world.core.lingering().is_empty());
    drop(again);
    world.end();
}
