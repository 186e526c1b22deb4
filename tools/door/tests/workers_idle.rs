//! An idle pool makes no wake-ups. A test program of its own, so that every thread of a pool in it is this pool's.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

#[path = "client/mod.rs"]
mod client;
#[path = "workers/pool.rs"]
#[allow(dead_code, reason = "shared with the other worker tests")]
mod pool;

use client::Client;
use kfd_core::notice::UserAnswer;
use pool::{Pool, eventually, read};
use std::time::Duration;

#[test]
fn client_process() {
    client::serve();
}

// Keeps: idle-free
#[test]
fn an_idle_pool_wakes_nobody() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![0])]);
    let wakeups = || {
        let workers = pool.workers.worker_pids().into_iter().chain(pool.workers.keeper_pid());
        let mut all: Vec<u64> =
            workers.map(|pid| voluntary_switches(&format!("/proc/{pid}/status"))).collect();
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            if std::fs::read_to_string(task.path().join("comm")).unwrap().starts_with("kfdd-") {
                all.push(voluntary_switches(task.path().join("status").to_str().unwrap()));
            }
        }
        all
    };
    // The timer that was armed for this job fires once more.
    let mut before = wakeups();
    eventually("the pool comes to rest", || {
        std::thread::sleep(Duration::from_millis(200));
        let earlier = std::mem::replace(&mut before, wakeups());
        earlier == before
    });
    assert_eq!(before.len(), 7, "two workers, the keeper, two links, two wardens");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(wakeups(), before);
}

/// How often the task went to sleep: equal counts, no wake-up between.
fn voluntary_switches(status: &str) -> u64 {
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}
