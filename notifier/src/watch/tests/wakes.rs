use std::sync::mpsc;
use std::thread;

use super::super::WatchHandle;
use super::{A_WHILE, Event, SOON, Watcher, collect};

#[test]
fn many_wake_ups_before_a_wait_are_one_event() {
    let mut watcher = Watcher::new().unwrap();
    let handle = watcher.handle();
    for _ in 0..3 {
        for _ in 0..100 {
            handle.wake();
        }
        assert_eq!(collect(&mut watcher, 1, SOON), [Event::Woken]);
        assert_eq!(collect(&mut watcher, 1, A_WHILE), [], "a wake-up that was taken does not come again");
    }
}

#[test]
fn a_wake_up_before_the_watcher_exists_is_not_lost() {
    let handle = WatchHandle::new().unwrap();
    handle.wake();
    let mut watcher = Watcher::with_handle(handle).unwrap();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Woken]);
}

#[test]
fn every_message_sent_before_a_wake_up_is_found_after_an_event() {
    const SENDERS: u32 = 4;
    const EACH: u32 = 20_000;
    let mut watcher = Watcher::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (sender, handle) = (sender.clone(), watcher.handle());
            thread::spawn(move || {
                for number in 0..EACH {
                    sender.send(number).unwrap();
                    handle.wake();
                }
            })
        })
        .collect();
    let mut received = 0;
    while received < SENDERS * EACH {
        assert_eq!(collect(&mut watcher, 1, SOON), [Event::Woken], "a wake-up was lost after {received}");
        received += receiver.try_iter().count() as u32;
    }
    for thread in threads {
        thread.join().unwrap();
    }
}
