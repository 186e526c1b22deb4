//! Pages that never arrive, of a FUSE mount that does not answer: what they cost their client, and what nobody else.
//! Needs root and FUSE and says so where they are missing.

use crate::client::Client;
use crate::hung::HungMount;
use crate::pool::{PATIENCE, Pool, eventually, pattern, read, write};
use door::workers::WorkersConfig;
use kfd_core::ids::{ProcessId, UserVa};
use kfd_core::notice::{UserAccess, UserAnswer};
use std::time::{Duration, Instant};

/// `None` where FUSE cannot be mounted; says the skip then.
fn mounted() -> Option<HungMount> {
    let skip = |why: &std::io::Error| {
        println!(
            "skipped: {}: FUSE cannot be mounted: {why}",
            std::thread::current().name().unwrap_or("a test")
        );
    };
    HungMount::new().inspect_err(skip).ok()
}

// Keeps: hung-page
#[test]
fn a_page_that_never_arrives_costs_its_client_and_nobody_else() {
    let Some(mount) = mounted() else { return };
    // Long beside the stall time, so that one is told from the other on a busy machine too.
    let deadline = Duration::from_secs(2);
    let pool = Pool::with(|config: &mut WorkersConfig| (config.count, config.deadline) = (1, deadline));
    let (mut bad, mut good) = (Client::start(), Client::start());
    let page = bad.ask(&format!("map {}", mount.file().display()));
    let (own, va) = (bad.ask("alloc 4096"), good.ask("alloc 4096"));
    let (bad_process, good_process) = (pool.attach(&bad, 0), pool.attach(&good, 1));
    assert_eq!(pool.run(bad_process, vec![read(own, 3)]), [UserAnswer::Done(pattern(3))]);

    let begun = Instant::now();
    let hangs = pool.submit(bad_process, vec![read(page, 8)]);
    let behind = pool.submit(bad_process, vec![read(own, 3)]);
    let other = pool.submit(good_process, vec![write(va, &9u64.to_le_bytes()), read(va, 8)]);
    assert!(mount.is_read_within(PATIENCE));
    let answers = other.recv_timeout(PATIENCE).unwrap();
    let delayed = begun.elapsed();
    assert_eq!(answers, [UserAnswer::Done(vec![]), UserAnswer::Done(9u64.to_le_bytes().to_vec())]);
    assert!(delayed < deadline / 2, "the other client waited {delayed:?}");
    assert!(pool.lost.try_recv().is_err(), "the slow client still has time");

    assert_eq!(pool.lost.recv_timeout(PATIENCE).unwrap(), bad_process);
    let doomed = begun.elapsed();
    // Eight times is what a worker gets that waits for a CPU.
    assert!(doomed >= deadline && doomed < deadline * 8, "{doomed:?}");
    assert_eq!(hangs.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Failed]);
    assert_eq!(behind.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Failed]);
    assert_eq!(pool.run(bad_process, vec![read(own, 3)]), [UserAnswer::Failed]);
    eventually("the worker is counted", || pool.workers.stuck() == 1);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(pool.workers.stuck(), 1, "no signal ends it");
    assert_eq!(pool.workers.attached(), 1);
    assert!(pool.lost.try_recv().is_err(), "told once");
    eprintln!("hung page: other client answered after {delayed:?}, the client lost after {doomed:?}");

    mount.abort();
    eventually("the worker ends once the page fails", || pool.workers.stuck() == 0);
    assert_eq!(pool.run(good_process, vec![read(va, 8)]).len(), 1);
}

// Keeps: hung-page
#[test]
fn several_hanging_clients_are_lost_together_and_delay_another_by_their_stall_times_only() {
    let Some(mount) = mounted() else { return };
    let deadline = Duration::from_secs(2);
    let pool = Pool::with(|config| (config.count, config.deadline) = (1, deadline));
    let mut good = Client::start();
    let va = good.ask("alloc 4096");
    let good_process = pool.attach(&good, 9);
    let mut bad: Vec<Client> = (0..4).map(|_| Client::start()).collect();
    let map = format!("map {}", mount.file().display());
    let pages: Vec<u64> = bad.iter_mut().map(|client| client.ask(&map)).collect();
    let processes: Vec<ProcessId> =
        bad.iter().enumerate().map(|(slot, client)| pool.attach(client, slot as u32)).collect();
    let begun = Instant::now();
    let hanging: Vec<_> = processes
        .iter()
        .zip(pages)
        .map(|(&process, page)| pool.submit(process, vec![read(page, 8)]))
        .collect();
    assert_eq!(pool.run(good_process, vec![read(va, 3)]), [UserAnswer::Done(pattern(3))]);
    let delayed = begun.elapsed();
    assert!(delayed < deadline / 2, "{delayed:?}");
    let mut lost: Vec<_> = bad.iter().map(|_| pool.lost.recv_timeout(PATIENCE).unwrap()).collect();
    let all = begun.elapsed();
    assert!(all < deadline * 4, "one deadline after the other would be four: {all:?}");
    lost.sort_by_key(|process| process.slot);
    assert_eq!(lost, processes);
    for told in hanging {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Failed]);
    }
    eventually("all four are counted", || pool.workers.stuck() == 4);
    eprintln!("four hung pages: another client answered after {delayed:?}, all lost after {all:?}");
    mount.abort();
    eventually("they end", || pool.workers.stuck() == 0);
}

// Keeps: worker-once
#[test]
fn no_job_is_done_twice_or_left_out_when_workers_are_replaced_under_it() {
    const JOBS: u64 = 3000;
    let Some(mount) = mounted() else { return };
    let pool = Pool::with(|config| {
        (config.count, config.stall, config.deadline) = (1, Duration::from_millis(2), Duration::from_secs(1));
    });
    let mut good = Client::start();
    let va = good.ask("alloc 4096");
    let process = pool.attach(&good, 100);
    pool.run(process, vec![write(va, &JOBS.to_le_bytes())]);
    let map = format!("map {}", mount.file().display());
    let mut bad: Vec<Client> = (0..JOBS / 300).map(|_| Client::start()).collect();
    let pages: Vec<u64> = bad.iter_mut().map(|client| client.ask(&map)).collect();
    let mut told = Vec::new();
    for at in 0..JOBS {
        if at % 300 == 0 {
            let which = at as usize / 300;
            let hangs = pool.attach(&bad[which], which as u32);
            pool.workers.submit(hangs, vec![read(pages[which], 8)], Box::new(|_| ()));
        }
        told.push(pool.submit(process, vec![UserAccess::FetchSub { va: UserVa(va), by: 1 }]));
    }
    for (at, told) in told.into_iter().enumerate() {
        let old = (JOBS - at as u64).to_le_bytes().to_vec();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Done(old)]);
    }
    assert_eq!(good.ask(&format!("peek {va}")), 0);
    for _ in &bad {
        assert_ne!(pool.lost.recv_timeout(PATIENCE).unwrap(), process);
    }
    assert!(pool.lost.try_recv().is_err());
}

#[test]
fn a_page_that_is_only_late_is_answered_and_later_jobs_keep_their_order() {
    let Some(mount) = mounted() else { return };
    let pool = Pool::with(|config| (config.count, config.deadline) = (1, Duration::from_secs(10)));
    let mut client = Client::start();
    let page = client.ask(&format!("map {}", mount.file().display()));
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    let late = pool.submit(process, vec![write(va, &[1]), read(page, 8)]);
    let later = pool.submit(process, vec![read(va, 1), write(va, &[2]), read(va, 1)]);
    assert!(mount.is_read_within(PATIENCE));
    std::thread::sleep(Duration::from_millis(100));
    assert!(late.try_recv().is_err() && later.try_recv().is_err());
    mount.abort();
    assert_eq!(late.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Done(vec![]), UserAnswer::Failed]);
    let expected = [vec![1], vec![], vec![2]].map(UserAnswer::Done);
    assert_eq!(later.recv_timeout(PATIENCE).unwrap(), expected);
    assert!(pool.lost.try_recv().is_err());
}

#[test]
fn stopping_with_a_hung_worker_does_not_hang() {
    let Some(mount) = mounted() else { return };
    let pool = Pool::start();
    let mut client = Client::start();
    let page = client.ask(&format!("map {}", mount.file().display()));
    let process = pool.attach(&client, 0);
    let hangs = pool.submit(process, vec![read(page, 8)]);
    assert!(mount.is_read_within(PATIENCE));
    let begun = Instant::now();
    pool.workers.stop();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(hangs.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Failed]);
    assert_eq!(pool.run(process, vec![read(page, 8)]), [UserAnswer::Failed]);
}
