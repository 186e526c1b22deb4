//! Clients that mean harm: each harms only itself, and a neighbour's packets run on beside it.

use kfd_core::abi::kfd as abi;
use kfd_core::listing::QueueState;
use kfd_tests::{Actor, Kfdd, eventually};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A well-behaved client that is to be left alone.
fn neighbour(kfdd: &Kfdd) -> Actor {
    let mut client = kfdd.client();
    client.ok("queue 16");
    client
}

/// Runs packets of the neighbour for a while; how many rounds, and the slowest.
fn rounds(neighbour: &mut Actor, span: Duration) -> (u32, Duration) {
    let begun = Instant::now();
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while begun.elapsed() < span {
        let before = Instant::now();
        neighbour.ok("run 0 3");
        slowest = slowest.max(before.elapsed());
        count += 1;
    }
    (count, slowest)
}

#[test]
fn a_storm_of_doorbell_stores_without_packets_keeps_no_neighbour_from_running() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut hostile, mut neighbour) = (kfdd.client(), neighbour(&kfdd));
    hostile.ok("queue 16");
    hostile.ok("storm 0");
    let (count, slowest) = rounds(&mut neighbour, Duration::from_secs(1));
    println!("beside a doorbell storm: {count} rounds in 1 s, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(2));
    hostile.kill();
    neighbour.kill();
    kfdd.finish();
}

#[test]
fn hundreds_of_queues_parked_on_nothing_keep_no_neighbour_from_running_and_go_with_their_owners() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut neighbour = neighbour(&kfdd);
    let mut hostile: Vec<Actor> = (0..3).map(|_| kfdd.client()).collect();
    for client in &mut hostile {
        for index in 0..100 {
            client.ok("queue 16");
            client.ok(&format!("stick {index}"));
        }
    }
    let parked = || kfdd.queues().iter().filter(|row| row.state == QueueState::Parked).count();
    assert!(eventually(PATIENCE, || (parked() >= 290).then_some(())).is_some(), "{} parked", parked());
    let (count, slowest) = rounds(&mut neighbour, Duration::from_secs(1));
    println!("beside 300 parked queues: {count} rounds in 1 s, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(2));
    for client in &mut hostile {
        client.kill();
    }
    neighbour.ok("run 0 1");
    neighbour.kill();
    kfdd.finish();
}

#[test]
fn a_write_index_that_jumps_or_wraps_hurts_its_own_queue_only() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut neighbour = neighbour(&kfdd);
    for jump in [17_u64, 1 << 32, 1 << 63, u64::MAX] {
        let mut hostile = kfdd.client();
        hostile.ok("queue 16");
        hostile.ok("run 0 2");
        hostile.ok(&format!("reserve 0 {jump}"));
        hostile.ok("ring 0 18446744073709551615");
        neighbour.ok("run 0 3");
        // The slots that were never filled hold INVALID headers.
        assert_eq!(hostile.one("read-index 0"), 2);
        hostile.ok("unqueue 0");
        hostile.kill();
    }
    neighbour.kill();
    kfdd.finish();
}

#[test]
fn barriers_that_wait_for_each_other_are_stuck_and_nobody_else() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut hostile, mut neighbour) = (kfdd.client(), neighbour(&kfdd));
    hostile.ok("queue 16");
    hostile.ok("queue 16");
    hostile.ok("cross 0 1");
    hostile.ok("cross 1 0");
    let pid = hostile.pid();
    let parked = || {
        let queues = kfdd.queues();
        let of_hostile = queues.iter().filter(|row| row.tgid.0 == pid && row.state == QueueState::Parked);
        (of_hostile.count() == 2).then_some(())
    };
    assert!(eventually(PATIENCE, parked).is_some(), "{:?}", kfdd.queues());
    neighbour.ok("run 0 5");
    hostile.ok("unqueue 0");
    hostile.ok("unqueue 1");
    hostile.ok("queue 16");
    hostile.ok("run 2 1");
    hostile.kill();
    neighbour.kill();
    kfdd.finish();
}

#[test]
fn a_freed_range_that_is_touched_again_is_in_the_listing_and_goes_with_its_owner() {
    const SIZE: u64 = 8 << 20;
    let Some(kfdd) = Kfdd::start() else { return };
    let mut hostile = kfdd.actor();
    let gpu = u32::try_from(hostile.one("open")).unwrap();
    let mut alloc = abi::AllocMemoryOfGpu {
        va_addr: 1 << 41,
        size: SIZE,
        gpu_id: gpu,
        flags: abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE,
        ..Default::default()
    };
    hostile.call("ALLOC_MEMORY_OF_GPU", &mut alloc).unwrap();
    let at = hostile.one(&format!("mmap render {} {SIZE}", alloc.mmap_offset));
    let touch = |hostile: &mut Actor| {
        for page in (0..SIZE).step_by(4096) {
            hostile.poke(at + page, &[1]);
        }
    };
    touch(&mut hostile);
    assert!(kfdd.row(&hostile).resident_bytes >= SIZE);
    hostile.call("FREE_MEMORY_OF_GPU", &mut abi::FreeMemoryOfGpu { handle: alloc.handle }).unwrap();
    let row = kfdd.row(&hostile);
    assert_eq!(row.holds.gtt_bytes, 0);
    assert!(row.resident_bytes < SIZE, "the freed range was given back: {row:?}");
    // No call of the daemon's sees these stores; the file system counts their pages, and the listing tells.
    touch(&mut hostile);
    let told = kfdd.processes().into_iter().find(|row| row.tgid.0 == hostile.pid());
    assert!(told.is_none_or(|row| row.cause.is_some() || row.resident_bytes >= SIZE), "nobody sees it");
    hostile.kill();
    assert_eq!(kfdd.obituary(hostile.pid()).tgid.0, hostile.pid());
    kfdd.finish();
}
