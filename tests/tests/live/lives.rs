//! What is not a death: a client that closes, duplicates, forks or starts another program keeps everything.

use kfd_tests::{Kfdd, eventually};
use libc::{EINTR, EIO};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_client_that_closes_and_reopens_kfd_finds_its_queue_and_its_event() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok("run 0 3");
    let event = client.one("event 0");
    let process = kfdd.row(&client).process;
    client.ok("close");
    assert_eq!(kfdd.row(&client).process, process, "the object lives as long as the address space");
    client.ok("open");
    assert_eq!(kfdd.row(&client).process, process);
    client.ok(&format!("set {event}"));
    assert_eq!(client.ok("run 0 5"), [5, 8], "five more packets after the three of before");
    client.ok("unqueue 0");
    client.ok("queue 16");
    client.ok("run 1 1");
    client.kill();
    kfdd.finish();
}

#[test]
fn nothing_is_torn_down_by_a_duplicate_that_is_closed() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    let (_, event) = client.park();
    for _ in 0..20 {
        client.ok("dup");
        client.ok("run 0 1");
    }
    client.ok(&format!("set {event}"));
    assert_eq!(client.one("woken"), 0, "the parked call goes on and ends by its event");
    assert!(kfdd.deaths().is_empty());
    client.kill();
    kfdd.finish();
}

#[test]
fn nothing_is_torn_down_by_a_client_that_calls_system() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    let (_, event) = client.park();
    for _ in 0..5 {
        client.ok("system");
        client.ok("run 0 1");
    }
    client.ok(&format!("set {event}"));
    assert_eq!(client.one("woken"), 0);
    assert!(kfdd.deaths().is_empty());
    client.kill();
    kfdd.finish();
}

#[test]
fn a_forked_child_that_ends_takes_nothing_with_it() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    for _ in 0..5 {
        assert_eq!(client.in_child("anon 4096").map(|_| ()), Ok(()));
        client.ok("run 0 1");
    }
    assert!(kfdd.deaths().is_empty());
    client.kill();
    kfdd.finish();
}

#[test]
fn a_client_that_ends_by_itself_leaves_nothing() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok("alloc vram 1048576");
    client.ok("run 0 1");
    let pid = client.pid();
    assert!(client.leave().success());
    assert!(kfdd.obituary(pid).freed_at.0 > 0);
    kfdd.finish();
}

// Keeps: elsewhere-identity
#[test]
fn a_client_in_another_pid_namespace_is_who_the_host_says_it_is() {
    let Some(kfdd) = Kfdd::start() else { return };
    if !kfd_tests::able::has("unshare") {
        return kfdd.finish();
    }
    let mut client =
        kfd_tests::Actor::start_under(&["unshare", "--pid", "--fork", "--kill-child"], &kfdd.dev());
    client.ok("open");
    client.ok("queue 16");
    assert_eq!(client.ok("run 0 4")[0], 4);
    assert_eq!(kfdd.row(&client).holds.queues, 1);
    assert_eq!(client.in_child("version"), Err(libc::EBADF));
    client.ok("run 0 1");
    let pid = client.pid();
    client.signal(nix::sys::signal::Signal::SIGKILL);
    assert_eq!(kfdd.obituary(pid).tgid.0, pid);
    kfdd.finish();
}

#[test]
fn a_signal_ends_a_wait_with_eintr_or_restarts_it_as_its_handler_says() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("handle interrupt");
    let (tid, _) = client.park();
    client.ok(&format!("interrupt {tid}"));
    assert_eq!(client.errno("woken"), EINTR);
    client.ok("handle restart");
    let (tid, event) = client.park();
    for _ in 0..20 {
        client.ok(&format!("interrupt {tid}"));
    }
    client.ok(&format!("set {event}"));
    assert_eq!(client.one("woken"), 0, "the restarted wait ends by its event");
    assert_eq!(kfdd.row(&client).holds.parked, 0);
    client.kill();
    kfdd.finish();
}

#[test]
fn a_wait_on_an_event_that_is_destroyed_ends_with_eio() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let (_, event) = client.park();
    let parked = eventually(PATIENCE, || (kfdd.row(&client).holds.parked == 1).then_some(()));
    assert!(parked.is_some());
    client.ok(&format!("unevent {event}"));
    assert_eq!(client.errno("woken"), EIO);
    client.kill();
    kfdd.finish();
}

#[test]
fn a_wait_ends_with_its_timeout_and_not_before() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let event = client.one("event 0");
    for timeout in [0, 1, 50, 200] {
        let begun = std::time::Instant::now();
        assert_eq!(client.one(&format!("wait {event} {timeout}")), 1);
        assert!(begun.elapsed() >= Duration::from_millis(timeout));
    }
    client.ok(&format!("set {event}"));
    assert_eq!(client.one(&format!("wait {event} 0")), 0, "set before the wait");
    assert_eq!(client.one(&format!("wait {event} 0")), 1, "and taken by it");
    client.kill();
    kfdd.finish();
}
