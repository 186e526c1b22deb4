//! Chains of ten thousand listeners, a hundred thousand address spaces, and registrations that race their ends.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::{Listener, MmId, Notifier, Ref, Releasing};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

const LISTENERS: usize = 10_000;
const SPACES: usize = 100_000;

/// What happened to all listeners of a test.
#[derive(Default)]
struct Counts {
    released: AtomicUsize,
    freed: AtomicUsize,
}

impl Counts {
    fn get(&self) -> (usize, usize) {
        (self.released.load(SeqCst), self.freed.load(SeqCst))
    }
}

struct Member {
    counts: Arc<Counts>,
    own: AtomicUsize,
}

impl Member {
    fn new(counts: &Arc<Counts>) -> Self {
        Self { counts: counts.clone(), own: AtomicUsize::new(0) }
    }
}

impl Listener for Member {
    fn release(&self, _: &Releasing<'_>) {
        self.own.fetch_add(1, SeqCst);
        self.counts.released.fetch_add(1, SeqCst);
    }
    fn free(self: Box<Self>) {
        self.counts.freed.fetch_add(1, SeqCst);
    }
}

fn id(number: usize) -> MmId {
    MmId { pidfd_inode: number as u64, exec_id: 0 }
}

// Keeps: notifier-scale
#[test]
fn ten_thousand_listeners_of_one_mm_are_each_released_once_and_freed_once() {
    let notifier = Notifier::new("chain");
    let mm = notifier.mm(id(1));
    let counts = Arc::new(Counts::default());
    let mut registrations: Vec<_> =
        (0..LISTENERS).map(|_| mm.register(Box::new(Member::new(&counts))).unwrap()).collect();
    // A third has left before: from the front, the back and everywhere between.
    let mut number = 0;
    registrations.retain(|_| {
        number += 1;
        number % 3 != 0
    });
    let left = LISTENERS - registrations.len();
    mm.exit();
    assert!(registrations.iter().all(|registration| registration.own.load(SeqCst) == 1));
    assert_eq!(counts.released.load(SeqCst), registrations.len());
    // Half of the rest is taken back by its owners after exit has unlinked it.
    let kept = registrations.split_off(registrations.len() / 2);
    let (given_up, kept_count) = (registrations.len(), kept.len());
    drop(registrations);
    let back: Vec<Box<Member>> = kept.into_iter().map(notifier::Registration::unregister).collect();
    assert!(back.iter().all(|member| member.own.load(SeqCst) == 1), "released once, by exit");
    notifier.barrier();
    assert_eq!(counts.get(), (given_up + kept_count, left + given_up));
    drop((back, mm));
    assert_eq!((notifier.domain().pending(), Arc::strong_count(&counts)), (0, 1));
}

// Keeps: notifier-scale
#[test]
fn a_hundred_thousand_mms_die_one_by_one_and_leave_nothing() {
    let notifier = Notifier::new("spaces");
    let counts = Arc::new(Counts::default());
    let objects: Vec<Ref<Member>> = (0..SPACES)
        .map(|number| notifier.get(&notifier.mm(id(number)), || Member::new(&counts)).unwrap())
        .collect();
    for object in objects.iter().step_by(2) {
        Ref::mm(object).exit();
    }
    for (number, object) in objects.iter().enumerate() {
        assert_eq!(object.own.load(SeqCst), usize::from(number % 2 == 0), "a death is one mm's own");
        assert_eq!(Ref::mm(object).is_alive(), number % 2 != 0);
        let found = notifier.get(&notifier.mm(id(number)), || -> Member { unreachable!("it exists") });
        assert_eq!(found.is_ok_and(|found| Ref::ptr_eq(&found, object)), number % 2 != 0);
    }
    drop(objects);
    notifier.barrier();
    assert_eq!((counts.get(), notifier.domain().pending()), ((SPACES / 2, SPACES), 0));
    assert_eq!(Arc::strong_count(&counts), 1);
    // The names are free again.
    assert!((0..SPACES).step_by(2).all(|number| notifier.mm(id(number)).is_alive()));
}

// Keeps: notifier-scale
#[test]
fn thousands_of_registrations_that_race_exits_are_each_released_or_refused() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 400;
    let notifier = Notifier::new("races");
    let (counts, refused) = (Arc::new(Counts::default()), AtomicUsize::new(0));
    let start = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let mm = notifier.mm(id(round));
                    start.wait();
                    for _ in 0..8 {
                        match mm.register(Box::new(Member::new(&counts))) {
                            // Not while it may still be walked: `unregister` would release it again.
                            Ok(registration) => {
                                while mm.is_alive() {
                                    thread::yield_now();
                                }
                                drop(registration.unregister());
                            }
                            Err(_) => _ = refused.fetch_add(1, SeqCst),
                        }
                    }
                    start.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            let mm = notifier.mm(id(round));
            start.wait();
            (0..round % 64).for_each(|_| std::hint::spin_loop());
            mm.exit();
            start.wait();
        }
    });
    notifier.barrier();
    let (released, freed) = counts.get();
    let (all, refused) = (THREADS * ROUNDS * 8, refused.load(SeqCst));
    // By exit, by `unregister`, or by both.
    assert!(
        released >= all - refused && released <= 2 * (all - refused),
        "{released} of {all}, {refused} refused"
    );
    assert_eq!(freed, refused, "the others were given back to their owners");
    assert_eq!(Arc::strong_count(&counts), 1);
}
