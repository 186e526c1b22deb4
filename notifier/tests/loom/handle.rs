//! References, the published slot, and the delayed free.

use crate::{ID, Model, Watched, notifier};
use loom::thread;
use notifier::Slot;
use std::sync::Arc;

/// Rule 6: the last put against the walk.
pub const PUT_EXIT: Model = Model {
    preemptions: Some(3),
    body: || {
        let notifier = notifier(true);
        let mm = notifier.mm(ID);
        let object = notifier.get(&mm, Watched::default).unwrap();
        let exit = {
            let mm = mm.clone();
            thread::spawn(move || mm.exit())
        };
        drop(object);
        exit.join().unwrap();
        notifier.barrier();
    },
};

/// Two holders; the last put frees what the other one used, with no reader to wait for.
pub const TWO_PUTS: Model = Model {
    preemptions: Some(3),
    body: || {
        let notifier = notifier(true);
        let object = notifier.get(&notifier.mm(ID), Watched::default).unwrap();
        let other = object.clone();
        let holder = thread::spawn(move || {
            other.memory.touch();
            drop(other);
        });
        drop(object);
        // Not joined before the barrier: that would order what the put has to order.
        notifier.barrier();
        holder.join().unwrap();
        notifier.barrier();
    },
};

/// A reader of a slot against take and put.
pub const SLOT: Model = Model {
    preemptions: Some(3),
    body: || {
        let notifier = notifier(true);
        let watched = Watched::default();
        let slot = Arc::new(Slot::empty());
        slot.publish(notifier.get(&notifier.mm(ID), || watched.clone()).unwrap()).unwrap();
        let reader = {
            let (slot, domain, memory) = (slot.clone(), notifier.domain().clone(), watched.memory);
            thread::spawn(move || {
                let section = domain.read();
                let seen = slot.load(&section).is_some();
                let kept = slot.get(&section);
                if seen {
                    memory.touch();
                }
                drop(section);
                if kept.is_some() {
                    memory.touch();
                }
            })
        };
        drop(slot.take());
        reader.join().unwrap();
        notifier.barrier();
    },
};

/// Rule 10: an attach against the last put of the object before it.
pub const GET_PUT: Model = Model {
    preemptions: Some(3),
    body: || {
        let notifier = notifier(true);
        let mm = notifier.mm(ID);
        let first = notifier.get(&mm, Watched::default).unwrap();
        let put = thread::spawn(move || drop(first));
        let second = notifier.get(&mm, Watched::default).unwrap();
        second.memory.touch();
        put.join().unwrap();
        second.memory.touch();
        drop(second);
        notifier.barrier();
    },
};

#[test]
fn the_last_put_frees_after_the_walker_has_left() {
    PUT_EXIT.check(None);
}

#[test]
fn the_last_put_frees_after_everything_that_other_holders_did() {
    TWO_PUTS.check(None);
}

#[test]
fn what_a_slot_shows_or_hands_out_stays_valid() {
    SLOT.check(None);
}

#[test]
fn an_attach_gets_the_old_object_alive_or_a_new_one() {
    GET_PUT.check(None);
}
