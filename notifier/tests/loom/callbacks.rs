//! Callbacks, the reclaimer and the barrier.

use crate::Model;
use loom::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};
use notifier::{
    model::Probe,
    srcu::{Domain, Shape},
};
use std::sync::{Arc, Mutex};

struct Ends(Arc<Probe>);
impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A reader, an updater that retires what it removed, and the reclaimer.
fn retire() {
    let (domain, old) = (Domain::model(1, true), Arc::new(Probe::default()));
    let published = Arc::new(AtomicUsize::new(0));
    let reader = {
        let (domain, old, published) = (domain.clone(), old.clone(), published.clone());
        thread::spawn(move || {
            let _section = domain.read();
            if published.load(Relaxed) == 0 {
                old.touch();
            }
        })
    };
    published.store(1, Relaxed);
    domain.retire(Box::new(Ends(old)));
    reader.join().unwrap();
    domain.barrier();
}

pub const RETIRE: Model = Model { preemptions: Some(2), body: retire };

/// Two threads that each queue and wait for their own.
fn barrier() {
    let domain = Domain::model(1, true);
    let queue_and_wait = |domain: &Domain| {
        let ran = Arc::new(Mutex::new(false));
        let set = ran.clone();
        domain.defer(move || *set.lock().unwrap() = true);
        domain.barrier();
        assert!(*ran.lock().unwrap(), "barrier returned before a callback queued before it");
    };
    let other = {
        let domain = domain.clone();
        thread::spawn(move || queue_and_wait(&domain))
    };
    queue_and_wait(&domain);
    other.join().unwrap();
}

pub const BARRIER: Model = Model { preemptions: Some(1), body: barrier };

/// One thread that queues and waits, against the reclaimer alone: deeper than two can be.
pub const BARRIER_ALONE: Model = Model {
    preemptions: Some(3),
    body: || {
        let domain = Domain::model(1, true);
        let ran = Arc::new(Mutex::new(false));
        let set = ran.clone();
        domain.defer(move || *set.lock().unwrap() = true);
        domain.barrier();
        assert!(*ran.lock().unwrap(), "barrier returned before a callback queued before it");
    },
};

/// The last of some callbacks is waited for without a barrier, which would ask again: only what queued them may wake the
/// reclaimer.
fn wait_for_the_last(domain: &Domain, callbacks: usize) {
    (1..callbacks).for_each(|_| domain.defer(|| ()));
    let ran = Arc::new((loom::sync::Mutex::new(false), loom::sync::Condvar::new()));
    let set = ran.clone();
    domain.defer(move || {
        *set.0.lock().unwrap() = true;
        set.1.notify_one();
    });
    let mut done = ran.0.lock().unwrap();
    while !*done {
        done = ran.1.wait(done).unwrap();
    }
}

pub const WAKE: Model =
    Model { preemptions: Some(3), body: || wait_for_the_last(&Domain::model(1, true), 1) };

/// The last one goes to a lane, if the reclaimer was awake.
pub const FLOOD_WAKE: Model = Model { preemptions: Some(3), body: || wait_for_the_last(&with_lanes(), 3) };

/// The domain goes while a section was forgotten that its reclaimer waits for.
pub const CLOSE: Model = Model {
    preemptions: Some(3),
    body: || {
        let domain = Domain::model(1, true);
        std::mem::forget(domain.read());
        domain.retire(Box::new(0));
        drop(domain);
    },
};

/// Two threads with lanes, of which the model's caller has the second.
fn with_lanes() -> Arc<Domain> {
    Domain::shaped(Shape { own: 0, cpus: 0, shared: 1, lanes: 2, reclaimer: true })
}

/// A flood of one thread: the lanes open, are turned and shut under it. Nothing is lost, and the order is kept.
pub const FLOOD: Model = Model {
    preemptions: Some(2),
    body: || {
        let (domain, ran) = (with_lanes(), Arc::new(Mutex::new(Vec::new())));
        for number in 0..4 {
            let ran = ran.clone();
            domain.defer(move || ran.lock().unwrap().push(number));
        }
        domain.barrier();
        assert_eq!(*ran.lock().unwrap(), [0, 1, 2, 3], "queued by one thread, lost or out of order");
    },
};

#[test]
fn nothing_that_is_queued_in_a_flood_is_lost() {
    FLOOD.check(None);
}

#[test]
fn a_callback_runs_after_every_reader_that_could_see_its_object() {
    RETIRE.check(None);
}

#[test]
fn a_forgotten_section_does_not_hold_up_the_end_of_its_domain() {
    CLOSE.check(None);
}

#[test]
fn barrier_returns_after_every_callback_queued_before_it() {
    BARRIER.check(None);
    BARRIER_ALONE.check(None);
}

#[test]
fn a_push_always_wakes_the_reclaimer() {
    WAKE.check(None);
    FLOOD_WAKE.check(None);
}
