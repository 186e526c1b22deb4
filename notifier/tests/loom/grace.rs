//! Readers against an updater that waits.

use crate::Model;
use loom::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};
use notifier::{
    model::Probe,
    srcu::{Domain, Shape},
};
use std::sync::Arc;

/// A value that is reachable while `published` is 0.
#[derive(Clone)]
struct World {
    domain: Arc<Domain>,
    published: Arc<AtomicUsize>,
    old: Arc<Probe>,
}

impl World {
    fn new(stripes: u32) -> Self {
        Self::on(Domain::model(stripes, false))
    }

    fn on(domain: Arc<Domain>) -> Self {
        Self { domain, published: Arc::new(AtomicUsize::new(0)), old: Arc::default() }
    }

    fn read(&self) {
        let _section = self.domain.read();
        if self.published.load(Relaxed) == 0 {
            self.old.touch();
        }
    }

    fn replace(&self) {
        self.published.store(1, Relaxed);
        self.domain.synchronize();
        self.old.end();
    }

    fn spawn(&self, body: fn(&Self)) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || body(&world))
    }
}

/// One reader, one grace period: all schedules.
pub const ONE_READER: Model = Model {
    preemptions: None,
    body: || {
        let world = World::new(1);
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// A reader with counters of its own, which become part of the sums when it first reads.
pub const OWN_STRIPE: Model = Model {
    preemptions: None,
    body: || {
        let world = World::on(Domain::shaped(Shape { own: 2, shared: 1, reclaimer: false }));
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// Sections that leave through other counters than they entered by, as after a change of CPUs.
pub const MIGRATING: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::new(2);
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// Two readers on two stripes.
pub const TWO_READERS: Model = Model {
    preemptions: Some(3),
    body: || {
        let world = World::new(2);
        let others = [world.spawn(World::read), world.spawn(World::replace)];
        world.read();
        others.into_iter().for_each(|other| other.join().unwrap());
    },
};

/// A section inside a section.
pub const NESTED: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::new(1);
        let reader = world.spawn(|world| {
            let _outer = world.domain.read();
            let reachable = world.published.load(Relaxed) == 0;
            drop(world.domain.read());
            if reachable {
                world.old.touch();
            }
        });
        world.replace();
        reader.join().unwrap();
    },
};

/// A reader that loads the bank index before an earlier grace period flips it.
pub const STRAGGLER: Model = Model {
    preemptions: None,
    body: || {
        let world = World::new(1);
        let reader = world.spawn(World::read);
        world.domain.synchronize();
        world.replace();
        reader.join().unwrap();
    },
};

/// Two updaters, one of which may share the other's grace period.
pub const TWO_UPDATERS: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::new(1);
        let reader = world.spawn(World::read);
        let updater = world.spawn(|world| world.domain.synchronize());
        world.replace();
        updater.join().unwrap();
        reader.join().unwrap();
    },
};

#[test]
fn a_reader_sees_the_removal_or_is_waited_for() {
    ONE_READER.check(None);
}

#[test]
fn a_reader_with_counters_of_its_own_is_waited_for() {
    OWN_STRIPE.check(None);
}

#[test]
fn a_section_that_changes_cpus_is_waited_for() {
    MIGRATING.check(None);
}

#[test]
fn two_readers_on_two_stripes_are_both_waited_for() {
    TWO_READERS.check(None);
}

#[test]
fn a_nested_section_does_not_end_the_outer_one() {
    NESTED.check(None);
}

#[test]
fn a_straggler_from_an_earlier_bank_is_waited_for() {
    STRAGGLER.check(None);
}

#[test]
fn an_updater_that_shares_a_grace_period_is_as_safe_as_its_owner() {
    TWO_UPDATERS.check(None);
}
