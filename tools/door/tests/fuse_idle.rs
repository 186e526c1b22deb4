//! An idle FUSE door sleeps: a test program of its own, so that all door threads in it are that door's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuse/client.rs"]
#[allow(dead_code, reason = "shared with the other tests of the door")]
mod client;
#[path = "fuse/script.rs"]
#[allow(dead_code, reason = "shared with the other tests of the door")]
mod script;
#[path = "fuse/sys.rs"]
#[allow(dead_code, reason = "shared with the other tests of the door")]
mod sys;

use client::Client;
use door::fuse::{FuseConfig, FuseDoor, Shown};
use kfd_core::ids::RenderMinor;
use script::{Memory, Reach, Script, Seen};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
#[ignore = "the client's side of the other test"]
fn client_role() {
    client::run();
}

/// How often the door's threads have gone to sleep so far (proc(5), `voluntary_ctxt_switches`).
fn sleeps() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_task = |path: &Path| {
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        field("Name:")?
            .starts_with("kfdd-")
            .then(|| field("voluntary_ctxt_switches:")?.parse::<u64>().ok())?
    };
    tasks.filter_map(|task| of_task(&task.unwrap().path())).sum()
}

// Keeps: idle-free
#[test]
fn a_door_with_idle_clients_makes_no_wake_ups() {
    if !nix::unistd::geteuid().is_root() || !Path::new("/dev/fuse").exists() {
        println!("skipped: a_door_with_idle_clients_makes_no_wake_ups needs root and /dev/fuse");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (script, seen) = Script::new();
    let reach = Arc::new(Reach(Arc::new(Memory::default())));
    let config = FuseConfig {
        mount_point: dir.path().into(),
        shown: Shown { minors: vec![RenderMinor(128)], ..Shown::default() },
        threads: 2,
    };
    let door = FuseDoor::start(config, Arc::clone(&script), reach, script).unwrap();
    let mut clients: Vec<_> = (0..8).map(|_| Client::start()).collect();
    for client in &mut clients {
        let fd = client.open(&dir.path().join("kfd"));
        client.open(&dir.path().join("dri/renderD128"));
        client.tell(&format!("map {fd} 0 4096"));
        client.tell("store 0 0 1");
        // WAIT_EVENTS on no event.
        client.tell(&format!("park {fd} c0184b0c 000000000000000000000000000000000010000000000000"));
        while !matches!(seen.recv_timeout(Duration::from_secs(5)).unwrap(), Seen::Parked(_)) {}
    }
    std::thread::sleep(Duration::from_millis(200));
    let before = sleeps();
    std::thread::sleep(Duration::from_secs(2));
    // The kernel's flusher may write the dirty pages back meanwhile, once each 30 s: one WRITE a client.
    let idle = sleeps() - before;
    assert!(idle <= clients.len() as u64, "{idle} wake-ups in two seconds");
    clients[0].open(&dir.path().join("kfd"));
    // The answer is there before the thread that gave it sleeps again.
    let until = Instant::now() + Duration::from_secs(20);
    while sleeps() <= before + idle {
        assert!(Instant::now() < until, "the count counts nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(clients);
    door.stop();
}
