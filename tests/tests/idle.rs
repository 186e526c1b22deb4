//! Nobody wakes when there is nothing to do.
//!
//! Counted by the kernel: the voluntary context switches of every thread of the daemon and of its memory workers. A
//! thread that sleeps on, does not switch.

use kfd_core::sync::Mutex;
use kfd_tests::{Actor, Kfdd, task};
use std::time::Duration;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The threads of the daemon and its workers, and how often each has slept.
fn sleeps(kfdd: &Kfdd) -> Vec<(String, u32, u64)> {
    let mut processes = vec![kfdd.pid()];
    processes.extend(kfdd.memory_workers());
    processes.into_iter().flat_map(task::sleeps).collect()
}

/// Waits until all that was begun is over, then counts the wake-ups of `span`.
fn assert_asleep(kfdd: &Kfdd, span: Duration) {
    std::thread::sleep(Duration::from_secs(1));
    let before = sleeps(kfdd);
    std::thread::sleep(span);
    let after = sleeps(kfdd);
    assert!(before.len() >= 5, "threads: {before:?}");
    let woken: Vec<_> = after.iter().filter(|thread| !before.contains(thread)).collect();
    println!("{} threads, {} of them woke in {span:?}", after.len(), woken.len());
    assert!(woken.is_empty(), "woke: {woken:?}; before: {before:?}");
}

// Keeps: idle-free
#[test]
fn a_daemon_with_50_idle_clients_of_two_queues_each_makes_no_wake_ups_for_5_s() {
    let _turn = ONE_AT_A_TIME.lock();
    let Some(kfdd) = Kfdd::start() else { return };
    let mut clients: Vec<Actor> = (0..50).map(|_| kfdd.client()).collect();
    for client in &mut clients {
        client.ok("queue 16");
        client.ok("queue 16");
        client.ok("run 0 1");
        client.ok("run 1 1");
        client.park();
    }
    assert_eq!(kfdd.queues().len(), 100);
    assert_asleep(&kfdd, Duration::from_secs(5));
    // And all of them wake at once when there is something to do.
    for client in &mut clients {
        client.ok("run 0 1");
    }
    for client in &mut clients {
        client.kill();
    }
    kfdd.finish();
}

/// rocm-systems 8813.
// Keeps: elsewhere-dead-queue
#[test]
fn no_thread_wakes_for_a_queue_that_does_not_exist() {
    let _turn = ONE_AT_A_TIME.lock();
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    for index in 0..4 {
        client.ok("queue 16");
        client.ok(&format!("run {index} 3"));
        client.ok(&format!("stick {index}"));
    }
    for index in 0..4 {
        client.ok(&format!("unqueue {index}"));
    }
    assert_asleep(&kfdd, Duration::from_secs(2));
    client.kill();
    assert_asleep(&kfdd, Duration::from_secs(2));
    kfdd.finish();
}
