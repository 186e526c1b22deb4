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

    fn shaped(own: usize, cpus: u32, shared: u32) -> Self {
        Self::on(Domain::shaped(Shape { own, cpus, shared, lanes: 0, reclaimer: false }))
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
        let world = World::shaped(2, 0, 1);
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// The same reader's second section, which goes the fast way.
pub const OWN_TWICE: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::shaped(2, 0, 1);
        let reader = world.spawn(|world| {
            drop(world.domain.read());
            world.read();
        });
        world.replace();
        reader.join().unwrap();
    },
};

/// Two sections of one reader in a row: who sees the second one must see that the first is over.
pub const OWN_AGAIN: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::shaped(2, 0, 1);
        let reader = world.spawn(|world| {
            world.read();
            world.read();
        });
        world.replace();
        reader.join().unwrap();
    },
};

/// A reader that is counted by its CPU.
pub const PER_CPU: Model = Model {
    preemptions: None,
    body: || {
        let world = World::shaped(0, 1, 1);
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// A reader that has no word and has not asked for one yet.
pub const PER_CPU_FIRST: Model = Model {
    preemptions: None,
    body: || {
        let world = World::shaped(2, 1, 1);
        // The words are those of the first two threads.
        world.spawn(|_| ()).join().unwrap();
        let reader = world.spawn(World::read);
        world.replace();
        reader.join().unwrap();
    },
};

/// An inner section that outlives the outer one: the word is taken, so it is counted by the CPU.
pub const PER_CPU_INNER: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::shaped(2, 1, 1);
        let reader = world.spawn(|world| {
            let outer = world.domain.read();
            let inner = world.domain.read();
            drop(outer);
            if world.published.load(Relaxed) == 0 {
                world.old.touch();
            }
            drop(inner);
        });
        world.replace();
        reader.join().unwrap();
    },
};

/// Two readers on one CPU.
pub const PER_CPU_SHARED: Model = Model {
    preemptions: Some(3),
    body: || {
        let world = World::shaped(0, 1, 1);
        let readers = [world.spawn(World::read), world.spawn(World::read)];
        world.replace();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    },
};

/// A section that begins on one CPU and ends on another.
pub const PER_CPU_MIGRATING: Model = Model {
    preemptions: Some(4),
    body: || {
        let world = World::shaped(0, 2, 1);
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

/// A reader whose second section may begin in the bank that a grace period turned away from during the first.
pub const STRAGGLER: Model = Model {
    preemptions: Some(3),
    body: || {
        let world = World::new(1);
        let reader = world.spawn(|world| {
            drop(world.domain.read());
            world.read();
        });
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

/// A period that was asked for while another, which may have begun too early, was running.
pub const POLL: Model = Model {
    preemptions: Some(2),
    body: || {
        let world = World::on(Domain::model(1, true));
        world.domain.retire(Box::new(0));
        let reader = world.spawn(World::read);
        world.published.store(1, Relaxed);
        let cookie = world.domain.start_poll();
        if world.domain.is_elapsed(cookie) {
            world.old.end();
        }
        reader.join().unwrap();
        world.domain.barrier();
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
fn a_reader_that_reads_again_with_its_own_counters_is_waited_for() {
    OWN_TWICE.check(None);
    OWN_AGAIN.check(None);
}

#[test]
fn readers_counted_by_their_cpu_are_waited_for() {
    PER_CPU.check(None);
    PER_CPU_FIRST.check(None);
    PER_CPU_INNER.check(None);
    PER_CPU_SHARED.check(None);
}

#[test]
fn a_section_that_changes_cpus_is_waited_for() {
    MIGRATING.check(None);
    PER_CPU_MIGRATING.check(None);
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

#[test]
fn a_period_that_was_asked_for_is_one_that_began_later() {
    POLL.check(None);
}
