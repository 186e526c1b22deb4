use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{MsgFlags, recv};

use super::super::{Coverage, ExecListener, Interest};
use super::sys::Forked;
use super::{Event, SOON, Tgid, Watcher, collect, token};

/// `None`, with a word why, where the machine does not let us listen.
fn allowed(listener: io::Result<ExecListener>) -> Option<ExecListener> {
    match listener {
        Ok(listener) => Some(listener),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) || e.kind() == io::ErrorKind::Unsupported => {
            eprintln!("not run: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    }
}

fn listener() -> Option<ExecListener> {
    allowed(ExecListener::open())
}

fn hears_execs_and_nothing_else(listener: &ExecListener) {
    let forked: Vec<_> = (0..50).map(|_| Forked::brief().tgid()).collect();
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let mut execs = Vec::new();
    assert_eq!(listener.drain(&mut execs).unwrap(), Coverage::Complete);
    assert!(execs.contains(&Tgid(child.id())), "{execs:?}");
    assert!(!forked.iter().any(|tgid| execs.contains(tgid)));
}

#[test]
fn an_exec_is_reported_and_neither_forks_nor_exits_are() {
    if let Some(listener) = listener() {
        hears_execs_and_nothing_else(&listener);
    }
}

#[test]
fn on_an_older_kernel_the_socket_filter_alone_keeps_forks_and_exits_out() {
    let Some(listener) = allowed(ExecListener::by_socket_filter()) else { return };
    hears_execs_and_nothing_else(&listener);
    // `drain` skips what is no exec, so look at the socket itself.
    for _ in 0..50 {
        drop(Forked::brief());
    }
    let mut message = [0; 128];
    while let Ok(length) = recv(listener.as_fd().as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
        assert!(length >= 40);
        assert_eq!(message[36..40], 2_u32.to_ne_bytes(), "PROC_EVENT_EXEC");
    }
}

#[test]
fn in_another_network_namespace_listening_is_refused_in_words() {
    let attempt = thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).map(|()| ExecListener::open()));
    match attempt.join().unwrap() {
        Err(errno) => eprintln!("not run: {errno}"),
        Ok(listener) => assert_eq!(listener.unwrap_err().kind(), io::ErrorKind::Unsupported),
    }
}

#[test]
fn two_listeners_hear_the_same_exec() {
    let (Some(one), Some(other)) = (listener(), listener()) else { return };
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    for listener in [one, other] {
        let mut execs = Vec::new();
        assert_eq!(listener.drain(&mut execs).unwrap(), Coverage::Complete);
        assert!(execs.contains(&Tgid(child.id())));
    }
}

#[test]
fn forks_and_exits_do_not_make_the_listener_ready() {
    let Some(listener) = listener() else { return };
    let mut watcher = Watcher::new().unwrap();
    watcher.poll_fd(listener.as_fd(), Interest::Read, token(1)).unwrap();
    for _ in 0..50 {
        drop(Forked::brief());
    }
    let mut child = Command::new("true").spawn().unwrap();
    assert!(
        matches!(collect(&mut watcher, 1, SOON)[..], [Event::Ready(_, readiness)] if readiness.readable())
    );
    child.wait().unwrap();
    // Other tests exec at the same time, so readiness alone proves nothing: nothing but execs is there.
    let mut execs = Vec::new();
    assert_eq!(listener.drain(&mut execs).unwrap(), Coverage::Complete);
    assert!(!execs.is_empty(), "ready means an exec");
}

#[test]
fn a_listener_that_does_not_drain_learns_that_it_lost_execs() {
    let Some(listener) = listener() else { return };
    nix::sys::socket::setsockopt(&listener, nix::sys::socket::sockopt::RcvBuf, &1).unwrap();
    for _ in 0..20 {
        Command::new("true").status().unwrap();
    }
    let mut execs = Vec::new();
    assert_eq!(listener.drain(&mut execs).unwrap(), Coverage::Lost);
    assert!(execs.len() < 20);
}
