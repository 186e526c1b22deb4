//! Back-pressure, floods and reports of waits that last too long.

use crate::Model;
use loom::{
    sync::{Condvar, Mutex, atomic::AtomicUsize, atomic::Ordering::Relaxed},
    thread,
};
use notifier::{
    model::Probe,
    srcu::{Builder, Domain, Stall, Waiter},
};
use std::{sync::Arc, time::Duration};

/// A producer that waits until nothing is pending, against the reclaimer.
pub const THROTTLE: Model = Model {
    preemptions: Some(3),
    body: || {
        let domain = Domain::model(1, true);
        domain.defer(|| ());
        domain.throttle(0);
        assert_eq!(domain.pending(), 0, "throttle returned while a callback was pending");
    },
};

/// The reclaimer lingers after a large batch while a producer queues one more and waits for it.
pub const LINGER: Model = Model {
    preemptions: Some(2),
    body: || {
        let domain = Domain::model(1, true);
        (0..4).for_each(|_| domain.defer(|| ()));
        domain.throttle(0);
    },
};

/// One producer waits while another queues.
pub const TWO_PRODUCERS: Model = Model {
    preemptions: Some(2),
    body: || {
        let domain = Domain::model(1, true);
        let other = {
            let domain = domain.clone();
            thread::spawn(move || domain.defer(|| ()))
        };
        domain.throttle(0);
        other.join().unwrap();
        domain.barrier();
    },
};

/// The backlog grows while a section holds the reclaimer up.
pub const FLOOD: Model = Model {
    preemptions: Some(2),
    body: || {
        let domain = Domain::builder("model").flood_at(2).build().unwrap();
        let section = domain.read();
        (0..3).for_each(|_| domain.defer(|| ()));
        drop(section);
        domain.barrier();
        assert!(domain.floods() > 0, "three callbacks were pending and nobody was told");
    },
};

fn impatient(tell: impl Fn(&Stall) + Send + Sync + 'static) -> Builder {
    Domain::builder("model").stall_after(Duration::ZERO).on_stall(tell)
}

/// A section that ends only when the updater has complained of it.
pub const STALL: Model = Model {
    preemptions: Some(2),
    body: || {
        let told = Arc::new((Mutex::new(false), Condvar::new()));
        let tell = told.clone();
        let domain = impatient(move |stall| {
            assert_eq!((stall.waiter, stall.open), (Waiter::GracePeriod, 1));
            *tell.0.lock().unwrap() = true;
            tell.1.notify_one();
        })
        .build_alone();
        let section = domain.read();
        let updater = {
            let domain = domain.clone();
            thread::spawn(move || domain.synchronize())
        };
        let mut heard = told.0.lock().unwrap();
        while !*heard {
            heard = told.1.wait(heard).unwrap();
        }
        drop(heard);
        drop(section);
        updater.join().unwrap();
    },
};

/// An updater that may run out of patience at any moment, and still waits for the reader.
pub const IMPATIENT: Model = Model {
    preemptions: Some(3),
    body: || {
        let domain = impatient(|_| ()).build_alone();
        let (published, old) = (Arc::new(AtomicUsize::new(0)), Arc::new(Probe::default()));
        let reader = {
            let (domain, published, old) = (domain.clone(), published.clone(), old.clone());
            thread::spawn(move || {
                let _section = domain.read();
                if published.load(Relaxed) == 0 {
                    old.touch();
                }
            })
        };
        published.store(1, Relaxed);
        domain.synchronize();
        old.end();
        reader.join().unwrap();
    },
};

#[test]
fn throttle_returns_when_nothing_is_pending_and_not_before() {
    THROTTLE.check(None);
    TWO_PRODUCERS.check(None);
}

#[test]
fn a_waiting_producer_ends_the_reclaimers_lingering() {
    LINGER.check(None);
}

#[test]
fn a_backlog_is_told_of() {
    FLOOD.check(None);
}

#[test]
fn a_section_that_stays_is_told_of() {
    STALL.check(None);
}

#[test]
fn a_wait_that_is_told_of_goes_on() {
    IMPATIENT.check(None);
}
