use std::fs;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Event, Sleeper, Watcher, token};

fn switches(status: &str) -> (u64, u64) {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
        line.trim().parse().expect("it is a number")
    };
    (field("voluntary_ctxt_switches:"), field("nonvoluntary_ctxt_switches:"))
}

#[test]
fn a_watcher_with_nothing_to_report_is_never_woken() {
    let (tids, tid) = mpsc::channel();
    let mut sleepers: Vec<_> = (0..20).map(|_| Sleeper::new()).collect();
    let pidfds: Vec<_> = sleepers.iter().map(Sleeper::pidfd).collect();
    let watcher = thread::spawn(move || {
        let mut watcher = Watcher::new().unwrap();
        watcher.watch_deaths((0..).zip(&pidfds).map(|(slot, pidfd)| (pidfd.as_fd(), token(slot)))).unwrap();
        tids.send((nix::unistd::gettid(), watcher.handle())).unwrap();
        let mut events = Vec::new();
        watcher.wait(&mut events).unwrap();
        events
    });
    let (tid, _handle) = tid.recv().unwrap();
    let read = |file: &str| fs::read_to_string(format!("/proc/self/task/{tid}/{file}")).unwrap();
    // Asleep in its one call before the count begins.
    while !read("stat").contains(") S ") || !read("syscall").starts_with("426 ") {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(20));
    let before = (switches(&read("status")), read("syscall"));
    thread::sleep(Duration::from_millis(300));
    assert_eq!((switches(&read("status")), read("syscall")), before);
    sleepers[7].kill();
    assert_eq!(watcher.join().unwrap(), [Event::Died(token(7))]);
}
