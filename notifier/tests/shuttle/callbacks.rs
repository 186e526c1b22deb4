//! Several producers, one reclaimer, barriers, back-pressure and the end of the domain.

use crate::{Model, domain, domain_with, join, spawn_all};
use notifier::model::Probe;
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

struct Ends(Arc<Probe>);
impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Four producers, each of which waits for its own callbacks, beside two that only wait for a grace period.
pub const BARRIERS: Model = Model {
    body: || {
        let domain = domain();
        let producers = {
            let domain = domain.clone();
            spawn_all(4, move |_| {
                let ran = Arc::new(AtomicUsize::new(0));
                for _ in 0..2 {
                    let ran = ran.clone();
                    domain.defer(move || _ = ran.fetch_add(1, SeqCst));
                }
                domain.barrier();
                assert_eq!(ran.load(SeqCst), 2, "barrier returned before a callback queued before it");
            })
        };
        let updaters = {
            let domain = domain.clone();
            spawn_all(2, move |_| domain.synchronize())
        };
        join(producers);
        join(updaters);
        assert_eq!(domain.pending(), 0);
    },
};

/// Producers in a flood, one of which has no lane, beside one that comes and goes.
pub const FLOOD: Model = Model {
    body: || {
        let domain = domain();
        let producers = {
            let domain = domain.clone();
            spawn_all(5, move |number| {
                let ran = Arc::new(AtomicUsize::new(0));
                for _ in 0..1 + number * 2 {
                    let ran = ran.clone();
                    domain.defer(move || _ = ran.fetch_add(1, SeqCst));
                }
                domain.barrier();
                assert_eq!(ran.load(SeqCst), 1 + number * 2, "queued in a flood, and lost");
            })
        };
        join(producers);
        assert_eq!(domain.pending(), 0);
    },
};

/// Readers of every kind against updaters that replace what they read, by waiting and by callback.
pub const READERS: Model = Model {
    body: || {
        let domain = domain();
        let objects: Arc<Vec<Arc<Probe>>> = Arc::new((0..3).map(|_| Arc::default()).collect());
        let current = Arc::new(AtomicUsize::new(0));
        let readers = {
            let (domain, objects, current) = (domain.clone(), objects.clone(), current.clone());
            spawn_all(5, move |number| {
                for _ in 0..2 {
                    let outer = domain.read();
                    let inner = (number % 2 == 0).then(|| domain.read());
                    let seen = &objects[current.load(SeqCst)];
                    seen.touch();
                    drop(inner);
                    seen.touch();
                    drop(outer);
                }
            })
        };
        let updater = {
            let (domain, objects) = (domain.clone(), objects.clone());
            spawn_all(1, move |_| {
                current.store(1, SeqCst);
                domain.synchronize();
                objects[0].end();
                current.store(2, SeqCst);
                domain.retire(Box::new(Ends(objects[1].clone())));
            })
        };
        // Whose periods the updater may share.
        let others = {
            let domain = domain.clone();
            spawn_all(2, move |_| domain.synchronize())
        };
        join(readers);
        join(updater);
        join(others);
        domain.barrier();
    },
};

/// Producers under back-pressure, whoever runs when.
pub const THROTTLED: Model = Model {
    body: || {
        let domain = domain();
        // Queued, run, and the most of the difference. Not modelled: the three change in one step.
        let counts = Arc::new(std::sync::Mutex::new((0, 0, 0)));
        let producers = {
            let (domain, counts) = (domain.clone(), counts.clone());
            spawn_all(4, move |_| {
                for _ in 0..3 {
                    domain.throttle(1);
                    {
                        let mut counts = counts.lock().unwrap();
                        counts.0 += 1;
                        counts.2 = counts.2.max(counts.0 - counts.1);
                    }
                    let counts = counts.clone();
                    domain.defer(move || counts.lock().unwrap().1 += 1);
                }
            })
        };
        join(producers);
        domain.throttle(0);
        let (_, ran, most) = *counts.lock().unwrap();
        assert_eq!(ran, 12, "nothing is pending and something has not run");
        assert!(
            most <= 1 + 4,
            "the backlog is bounded by the limit and the number of producers, and was {most}"
        );
    },
};

/// One producer waits until nothing is pending while others, who have no lanes, go on.
pub const ONE_WAITS: Model = Model {
    body: || {
        let domain = domain_with(0);
        let others = {
            let domain = domain.clone();
            spawn_all(2, move |_| domain.defer(|| ()))
        };
        domain.throttle(0);
        join(others);
        domain.barrier();
    },
};

/// The domain goes with callbacks left: they run before the drop is over.
pub const LEFT: Model = Model {
    body: || {
        let domain = domain();
        let ran = Arc::new(AtomicUsize::new(0));
        let producers = {
            let (domain, ran) = (domain.clone(), ran.clone());
            spawn_all(3, move |_| {
                let ran = ran.clone();
                domain.defer(move || _ = ran.fetch_add(1, SeqCst));
            })
        };
        join(producers);
        drop(domain);
        assert_eq!(ran.load(SeqCst), 3, "a callback was left behind");
    },
};

#[test]
fn each_of_many_barriers_waits_for_its_own_callbacks() {
    BARRIERS.check();
}

#[test]
fn nothing_is_lost_in_a_flood_of_many() {
    FLOOD.check();
}

#[test]
fn no_reader_of_any_kind_meets_what_was_freed() {
    READERS.check();
}

#[test]
fn throttled_producers_all_go_on_and_the_backlog_is_bounded() {
    THROTTLED.check();
    ONE_WAITS.check();
}

#[test]
fn a_domain_that_goes_runs_what_is_left() {
    LEFT.check();
}
