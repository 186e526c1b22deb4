//! A pidfd that is ready is not an mm that is gone.

use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::time::Instant;

use super::super::{MmState, mm_state};
use super::sys::Forked;
use super::{A_WHILE, Event, Pidfd, SOON, Watcher, collect, token};

#[test]
fn an_mm_outlives_its_process_while_a_clone_vm_sharer_lives() {
    let (process, sharer) = Forked::with_vm_sharer();
    let mem =
        OpenOptions::new().read(true).write(true).open(format!("/proc/{}/mem", process.tgid())).unwrap();
    let mut watcher = Watcher::new().unwrap();
    watcher.watch_death(Pidfd::open(process.tgid()).unwrap().as_fd(), token(1)).unwrap();
    watcher.watch_death(Pidfd::open(sharer.tgid()).unwrap().as_fd(), token(2)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    process.kill();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    assert_eq!(mm_state(mem.as_fd()).unwrap(), MmState::Alive, "the sharer has it");
    sharer.kill();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(2))]);
    let begun = Instant::now();
    while mm_state(mem.as_fd()).unwrap() != MmState::Gone {
        assert!(begun.elapsed() < SOON);
    }
}
