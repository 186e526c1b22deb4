use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::super::Interest;
use super::{A_WHILE, Event, SOON, Watcher, collect, token};

#[test]
fn a_descriptor_is_reported_once_per_arming() {
    let mut watcher = Watcher::new().unwrap();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    for round in 0..3 {
        watcher.poll_fd(ours.as_fd(), Interest::Read, token(round)).unwrap();
        assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
        theirs.write_all(b"x").unwrap();
        let events = collect(&mut watcher, 1, SOON);
        let [Event::Ready(ready, readiness)] = events[..] else { panic!("{events:?}") };
        assert_eq!(ready, token(round));
        assert!(readiness.readable() && !readiness.writable() && !readiness.hung_up() && !readiness.failed());
        theirs.write_all(b"y").unwrap();
        assert_eq!(collect(&mut watcher, 1, A_WHILE), [], "one event until it is armed again");
        ours.read_exact(&mut [0; 2]).unwrap();
    }
}

#[test]
fn a_descriptor_that_is_ready_when_armed_is_reported_at_once() {
    let mut watcher = Watcher::new().unwrap();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    watcher.poll_fd(ours.as_fd(), Interest::Both, token(1)).unwrap();
    let events = collect(&mut watcher, 1, SOON);
    assert!(
        matches!(events[..], [Event::Ready(_, readiness)] if readiness.writable() && !readiness.readable())
    );
}

#[test]
fn a_peer_that_closes_is_a_hang_up() {
    let mut watcher = Watcher::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    watcher.poll_fd(ours.as_fd(), Interest::Read, token(1)).unwrap();
    drop(theirs);
    let events = collect(&mut watcher, 1, SOON);
    assert!(matches!(events[..], [Event::Ready(_, readiness)] if readiness.hung_up()));
}

#[test]
fn a_file_that_cannot_be_polled_is_a_ready_one_and_a_cancelled_poll_is_silent() {
    let mut watcher = Watcher::new().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    watcher.poll_fd(file.as_fd(), Interest::Read, token(1)).unwrap();
    assert!(matches!(collect(&mut watcher, 1, SOON)[..], [Event::Ready(_, _)]));
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    watcher.poll_fd(ours.as_fd(), Interest::Read, token(2)).unwrap();
    watcher.cancel(token(2)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    theirs.write_all(b"x").unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
}
