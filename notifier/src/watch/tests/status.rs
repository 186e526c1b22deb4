use std::os::fd::AsFd;
use std::time::Instant;

use super::super::{KillSign, Tid, kill_sign};
use super::sys::Forked;
use super::{A_WHILE, Event, Pidfd, SOON, Sleeper, Tgid, Watcher, collect, token};

#[test]
fn a_kill_shows_in_the_status_while_the_pidfd_is_still_silent() {
    let child = Forked::idle();
    let (tgid, tid) = (child.tgid(), Tid(child.tgid().0));
    let mut watcher = Watcher::new().unwrap();
    watcher.watch_death(Pidfd::open(tgid).unwrap().as_fd(), token(1)).unwrap();
    assert_eq!(kill_sign(tgid, Some(tid)).unwrap(), KillSign::Absent);
    child.stall_exit();
    child.kill();
    child.wait_for_exit_stop();
    assert_eq!(kill_sign(tgid, Some(tid)).unwrap(), KillSign::Pending);
    assert_eq!(kill_sign(tgid, None).unwrap(), KillSign::Pending);
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    child.release_exit();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
}

#[test]
fn a_process_with_much_memory_shows_its_kill_long_before_its_pidfd_fires() {
    const MEMORY: usize = 256 << 20;
    let child = Forked::with_memory(MEMORY);
    let resident = || {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", child.tgid())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let begun = Instant::now();
    while resident() < MEMORY {
        assert!(begun.elapsed() < SOON);
    }
    let mut watcher = Watcher::new().unwrap();
    watcher.watch_death(Pidfd::open(child.tgid()).unwrap().as_fd(), token(1)).unwrap();
    let killed = Instant::now();
    child.kill();
    assert_eq!(kill_sign(child.tgid(), Some(Tid(child.tgid().0))).unwrap(), KillSign::Pending);
    let shown = killed.elapsed();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    let fired = killed.elapsed();
    println!("shown after {shown:?}, pidfd after {fired:?}");
    assert!(shown < fired);
}

#[test]
fn a_thread_that_is_gone_is_judged_by_its_process() {
    let mut sleeper = Sleeper::new();
    let (tgid, no_tid) = (sleeper.tgid(), Some(Tid(u32::MAX)));
    assert_eq!(kill_sign(tgid, no_tid).unwrap(), KillSign::Absent);
    sleeper.kill();
    let begun = Instant::now();
    while kill_sign(tgid, no_tid).unwrap() == KillSign::Absent {
        assert!(begun.elapsed() < SOON);
    }
    sleeper.reap();
    assert_eq!(kill_sign(tgid, no_tid).unwrap(), KillSign::Gone);
    assert_eq!(kill_sign(Tgid(u32::MAX), None).unwrap(), KillSign::Gone);
}
