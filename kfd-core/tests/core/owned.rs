//! The owner graph: what a process has is counted by kind, and a death leaves nothing of any.

use crate::world::{World, gpu};
use crate::{debug, svm};
use kfd_core::leak::{ObjectKind, Owned, Owner};

// Keeps: owner-graph
#[test]
fn every_kind_of_object_is_counted_under_its_owner_and_none_is_left_after_a_death() {
    let world = World::new();
    let mut client = world.client(100);
    let (_, event) = client.event_page(0x7f00_0000_0000);
    client.queue(0x7f10_0000_0000);
    client.buffer(0x7f20_0000_0000, 4096);
    let _stream = client.stream(gpu().0);
    svm::register(&mut client, (0x7f30_0000_0000, 4096));
    client.park(&[event], false, u32::MAX);
    let mut debugger = world.stranger(200, 1000);
    debug::session(&mut debugger, &client);

    let report = world.core.leak_report();
    assert!(!report.is_empty());
    let objects = |id| report.objects.iter().find(|(process, _)| *process == id).map(|(_, has)| has);
    let has = objects(client.process).expect("it has something");
    let count =
        |kind| has.iter().find(|owned| owned.kind == kind).map(|Owned { owner, count, .. }| (*owner, *count));
    for (kind, owner) in [
        (ObjectKind::Queue, Owner::Process),
        (ObjectKind::GraphicsFile, Owner::RenderFile),
        (ObjectKind::ParkedCall, Owner::Process),
        (ObjectKind::DebugSession, Owner::Debugger),
        (ObjectKind::EventStream, Owner::Process),
        (ObjectKind::SvmRange, Owner::Process),
        (ObjectKind::Event, Owner::Process),
        (ObjectKind::Arena, Owner::Process),
    ] {
        assert_eq!(count(kind), Some((owner, 1)), "{kind:?} of {has:?}");
    }
    // Those of its queue's own memory among them.
    for kind in [ObjectKind::Mapping, ObjectKind::BufferObject] {
        assert!(
            count(kind).is_some_and(|(owner, count)| owner == Owner::Process && count > 1),
            "{kind:?} of {has:?}"
        );
    }
    let text = report.to_string();
    assert!(text.contains("    1 × Queue, ended by Process\n"), "{text}");

    // Debug builds look after each step whether something of a kind still runs.
    world.kill(client.process);
    world.core.barrier();
    let report = world.core.leak_report();
    assert!(report.objects.iter().all(|(process, _)| *process != client.process), "{:?}", report.objects);
    world.end();
}
