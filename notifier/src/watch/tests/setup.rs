use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};

use super::super::watcher::plain_ring;
use super::super::{SetupError, WatchHandle};
use super::sys::forbid_io_uring;
use super::{A_WHILE, Event, Monotonic, SOON, Sleeper, Watcher, alone, collect, token};

fn setup_error_under(errno: libc::c_int) -> SetupError {
    let attempt = thread::spawn(move || {
        forbid_io_uring(errno);
        Watcher::new().err()
    });
    attempt.join().expect("the thread ends").expect("there is no ring")
}

#[test]
fn a_missing_and_a_forbidden_io_uring_are_told_apart_and_say_what_to_do() {
    let missing = setup_error_under(libc::ENOSYS);
    assert!(matches!(missing, SetupError::Missing) && missing.to_string().contains("CONFIG_IO_URING"));
    let forbidden = setup_error_under(libc::EPERM);
    assert!(
        matches!(forbidden, SetupError::Forbidden) && forbidden.to_string().contains("io_uring_disabled")
    );
}

#[test]
fn a_lack_of_descriptors_is_an_error() {
    if !alone("watch::tests::setup::a_lack_of_descriptors_is_an_error") {
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, 3, 3).unwrap();
    assert!(matches!(Watcher::new(), Err(SetupError::Resources(_))));
}

#[test]
fn the_ring_of_an_older_kernel_reports_the_same() {
    let mut watcher = Watcher::on(plain_ring().unwrap(), WatchHandle::new().unwrap()).unwrap();
    let mut sleeper = Sleeper::new();
    watcher.watch_death(sleeper.pidfd().as_fd(), token(1)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    sleeper.kill();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    watcher.set_deadline(token(2), Monotonic::now() + Duration::from_millis(10));
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Expired(token(2))]);
    for _ in 0..3 {
        watcher.handle().wake();
        watcher.handle().wake();
        assert_eq!(collect(&mut watcher, 1, SOON), [Event::Woken]);
        assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    }
    let pidfd = sleeper.pidfd();
    watcher.watch_deaths((0..5000).map(|slot| (pidfd.as_fd(), token(slot)))).unwrap();
    assert_eq!(collect(&mut watcher, 5000, SOON).len(), 5000);
}
