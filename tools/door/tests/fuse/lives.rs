//! Forks, execs, closes and deaths.

use crate::client::Client;
use crate::script::Seen;
use crate::{GET_VERSION, WAIT, WAIT_EVENTS, served};
use kfd_core::call::Node;
use kfd_core::death::Cause;
use std::time::{Duration, Instant};

// Keeps: forked-ebadf
#[test]
fn a_forked_childs_call_is_ebadf_and_its_reopen_is_estale() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let answer = client.tell(&format!("fork_ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert_eq!(answer, format!("exit {}", libc::EBADF));
    // The node is its parent's: both of the kernel's attempts are refused.
    assert_eq!(client.tell(&format!("fork_reopen {fd}")), format!("exit {}", libc::ESTALE));
    assert_eq!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")), "ret 0 0100000012000000");
}

// Keeps: flush-harmless
#[test]
fn closing_a_duplicate_running_a_command_and_reopening_tear_nothing_down() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.tell(&format!("dup_close {fd}"));
    client.tell("system");
    let seen = served.drain();
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Doomed(..) | Seen::Released(_))), "{seen:?}");
    client.tell(&format!("close {fd}"));
    served.expect("the release", |seen| matches!(seen, Seen::Released(_)).then_some(()));
    client.open(&served.kfd());
    assert_eq!(served.opened(), process);
    assert!(!served.drain().iter().any(|seen| matches!(seen, Seen::Doomed(..))));
}

// Keeps: exec-distinct
#[test]
fn an_exec_that_closes_the_file_dooms_the_process() {
    let served = served_or_skip!();
    let mut client = Client::start();
    client.open(&served.kfd());
    let process = served.opened();
    client.say("exec");
    served.expect("the doom", |seen| (*seen == Seen::Doomed(process, Cause::MmGone)).then_some(()));
    assert_eq!(client.hear(), "ready");
    client.open(&served.kfd());
    assert_ne!(served.opened(), process);
}

// Keeps: exec-distinct
#[test]
fn an_exec_that_keeps_the_file_is_seen_at_the_next_open() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.say(&format!("exec {fd}"));
    assert_eq!(client.hear(), "ready");
    assert_eq!(client.tell(&format!("inherited {fd}")), "1");
    client.open(&served.kfd());
    served.expect("the doom", |seen| (*seen == Seen::Doomed(process, Cause::Exec)).then_some(()));
    assert_ne!(served.opened(), process);
    let answer = client.tell(&format!("adopt_ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with(&format!("err {}", libc::EBADF)), "{answer}");
}

#[test]
fn forget_comes_with_the_last_foreign_mapping_after_the_process_was_unpublished() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.tell(&format!("map {fd} 0 4096"));
    client.tell("store 0 0 1");
    let sleeper: i32 = client.tell("fork_sleeper").strip_prefix("pid ").unwrap().parse().unwrap();
    client.kill();
    client.wait();
    served.door.unpublished(process);
    let seen = served.drain();
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Forgotten(..))), "{seen:?}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::SIGKILL).unwrap();
    served.expect("the FORGET", |seen| (*seen == Seen::Forgotten(process, Node::Kfd)).then_some(()));
}

#[test]
fn clients_that_come_and_go_leave_nothing_in_the_door() {
    let served = served_or_skip!();
    for _ in 0..10 {
        let mut client = Client::start();
        let fd = client.open(&served.kfd());
        let process = served.opened();
        client.open(&served.render());
        assert_eq!(served.opened(), process);
        client.tell(&format!("map {fd} 0 4096"));
        client.tell("store 0 0 1");
        client.kill();
        client.wait();
        served.door.unpublished(process);
    }
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let census = served.door.census();
        if census.files == 0 && census.calls == 0 && census.nodes == 0 {
            break;
        }
        assert!(Instant::now() < until, "{census:?} is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_client_with_an_open_file_outlives_the_door() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let render = client.open(&served.render());
    client.tell(&format!("map {render} 0 4096"));
    client.tell("store 0 0 5");
    client.say(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
    client.hear();
    served.parked();
    served.door.stop();
    assert!(client.hear().starts_with("err"), "the parked call hangs");
    assert_eq!(client.tell("load 0 0"), "5");
    let answer = client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with(&format!("err {}", libc::ENOTCONN)), "{answer}");
    assert!(!served.kfd().exists());
}
