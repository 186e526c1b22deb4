use std::time::{Duration, Instant};

use super::{A_WHILE, Event, Monotonic, SOON, Sleeper, Watcher, collect, token};
use std::os::fd::AsFd;

#[test]
fn deadlines_expire_in_their_order_and_not_before_their_time() {
    let mut watcher = Watcher::new().unwrap();
    let begun = Instant::now();
    let start = Monotonic::now();
    for (slot, millis) in [(1, 60), (2, 20), (3, 40)] {
        watcher.set_deadline(token(slot), start + Duration::from_millis(millis));
    }
    let mut expired = Vec::new();
    while expired.len() < 3 {
        // Several at once where this thread was kept waiting.
        let events = collect(&mut watcher, 1, SOON);
        assert!(!events.is_empty());
        expired.extend(events);
        assert!(begun.elapsed() >= Duration::from_millis(20 * expired.len() as u64));
    }
    assert_eq!(expired, [2, 3, 1].map(|slot| Event::Expired(token(slot))));
    assert_eq!(collect(&mut watcher, 1, A_WHILE), [], "an expired deadline is forgotten");
}

#[test]
fn a_deadline_set_again_replaces_the_old_one_and_a_cancelled_one_never_expires() {
    let mut watcher = Watcher::new().unwrap();
    let soon = Monotonic::now() + Duration::from_millis(10);
    watcher.set_deadline(token(1), soon);
    let later = soon + Duration::from_millis(150);
    watcher.set_deadline(token(1), later);
    watcher.set_deadline(token(2), soon);
    watcher.cancel(token(2)).unwrap();
    watcher.set_deadline(token(3), soon);
    assert!(watcher.clear_deadline(token(3)));
    assert!(!watcher.clear_deadline(token(3)));
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Expired(token(1))]);
    assert!(Monotonic::now() >= later);
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
}

#[test]
fn deadlines_that_are_always_due_do_not_hide_a_death() {
    let mut watcher = Watcher::new().unwrap();
    let mut sleeper = Sleeper::new();
    watcher.watch_death(sleeper.pidfd().as_fd(), token(1)).unwrap();
    sleeper.kill();
    let begun = Instant::now();
    let mut events = Vec::new();
    while !events.contains(&Event::Died(token(1))) {
        assert!(begun.elapsed() < SOON);
        events.clear();
        watcher.set_deadline(token(2), Monotonic::from_nanos(0));
        watcher.wait(&mut events).unwrap();
        assert!(events.contains(&Event::Expired(token(2))));
    }
}
