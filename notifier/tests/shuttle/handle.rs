//! References, slots, and the end of everything.

use crate::{ID, Model, Watched, join, notifier, spawn_all};
use notifier::Slot;
use std::sync::Arc;

/// Rules 6 and 10: six threads attach, use and put the one object of an mm while it dies.
pub const ATTACH: Model = Model {
    body: || {
        let notifier = notifier();
        let mm = notifier.mm(ID);
        let users = {
            let (notifier, mm) = (notifier.clone(), mm.clone());
            spawn_all(6, move |_| {
                for _ in 0..2 {
                    let Ok(object) = notifier.get(&mm, Watched::default) else { return };
                    object.use_for_a_while();
                    let other = object.clone();
                    drop(object);
                    other.use_for_a_while();
                }
            })
        };
        let exit = spawn_all(1, move |_| mm.exit());
        join(users);
        join(exit);
        notifier.barrier();
        assert_eq!(notifier.domain().pending(), 0);
    },
};

/// Rule 5 for readers: four look into a slot, or keep what they find, while it is emptied and filled.
pub const SLOT: Model = Model {
    body: || {
        let notifier = notifier();
        let slot = Arc::new(Slot::empty());
        slot.publish(notifier.get(&notifier.mm(ID), Watched::default).unwrap()).unwrap();
        let readers = {
            let (notifier, slot) = (notifier.clone(), slot.clone());
            spawn_all(4, move |number| {
                let section = notifier.domain().read();
                if number % 2 == 0 {
                    if let Some(object) = slot.load(&section) {
                        object.use_for_a_while();
                    }
                } else {
                    let kept = slot.get(&section);
                    drop(section);
                    if let Some(object) = kept {
                        object.use_for_a_while();
                    }
                }
            })
        };
        let updater = {
            let (notifier, slot) = (notifier.clone(), slot.clone());
            spawn_all(1, move |_| {
                drop(slot.take());
                let fresh = notifier.get(&notifier.mm(ID), Watched::default).unwrap();
                drop(slot.publish(fresh));
            })
        };
        join(readers);
        join(updater);
        drop(slot.take());
        notifier.barrier();
        assert_eq!(notifier.domain().pending(), 0);
    },
};

/// The last put, against a walk.
pub const PUT_EXIT: Model = Model {
    body: || {
        let notifier = notifier();
        let mm = notifier.mm(ID);
        let object = notifier.get(&mm, Watched::default).unwrap();
        let exits = {
            let mm = mm.clone();
            spawn_all(2, move |_| mm.exit())
        };
        let puts = {
            let object = object.clone();
            let second = object.clone();
            let both = Arc::new(std::sync::Mutex::new(vec![object, second]));
            spawn_all(2, move |_| {
                let one = both.lock().unwrap().pop();
                drop(one);
            })
        };
        drop(object);
        join(exits);
        join(puts);
        notifier.barrier();
    },
};

/// The last handle of the domain goes wherever the last user is, also on the reclaimer, with nobody waiting.
pub const NO_BARRIER: Model = Model {
    body: || {
        let notifier = notifier();
        let mm = notifier.mm(ID);
        let users = {
            let notifier = notifier.clone();
            let mm = mm.clone();
            spawn_all(3, move |_| {
                if let Ok(object) = notifier.get(&mm, Watched::default) {
                    object.use_for_a_while();
                }
            })
        };
        drop(notifier);
        drop(mm);
        join(users);
    },
};

#[test]
fn threads_that_attach_and_put_share_one_live_object_or_are_refused() {
    ATTACH.check();
}

#[test]
fn what_readers_find_in_a_slot_stays_valid_while_it_changes() {
    SLOT.check();
}

#[test]
fn the_last_of_many_puts_frees_after_every_walker() {
    PUT_EXIT.check();
}

#[test]
fn the_last_handle_of_a_domain_may_go_anywhere() {
    NO_BARRIER.check();
}
