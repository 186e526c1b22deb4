//! Registration, both of its ends, and several exits at once.

use crate::{ID, Model, Watched, join, notifier, spawn_all};
use notifier::{Listener, Registration};
use std::sync::{Arc, Mutex};

/// Rules 1, 4 and 5: six owners come and go in three ways while two triggers of one death walk.
pub const OWNERS: Model = Model {
    body: || {
        let notifier = notifier();
        let mm = notifier.mm(ID);
        let gone = Arc::new(Mutex::new(Vec::new()));
        let owners = {
            let (mm, gone) = (mm.clone(), gone.clone());
            spawn_all(6, move |number| {
                let watched = Watched::default();
                let Ok(registration) = mm.register(Box::new(watched.clone())) else {
                    assert_eq!(watched.released(), 0, "refused and released");
                    return gone.lock().unwrap().push(watched);
                };
                match number % 3 {
                    0 => {
                        let listener = registration.unregister();
                        assert!(watched.released() >= 1, "unregister returned before release had run");
                        listener.memory.end();
                    }
                    1 => registration.unregister_no_release().call_srcu(Listener::free),
                    _ => drop(registration),
                }
                gone.lock().unwrap().push(watched);
            })
        };
        let exits = {
            let mm = mm.clone();
            spawn_all(2, move |_| mm.exit())
        };
        join(owners);
        join(exits);
        notifier.barrier();
        for watched in gone.lock().unwrap().iter() {
            assert_eq!(Arc::strong_count(&watched.memory), 1, "reachable after the barrier");
        }
    },
};

/// Rules 1 and 2: whoever stays registered to the end has been released when all exits are over.
pub const STAYERS: Model = Model {
    body: || {
        let notifier = notifier();
        let mm = notifier.mm(ID);
        let kept: Arc<Mutex<Vec<(Watched, Registration<Watched>)>>> = Arc::default();
        let owners = {
            let (mm, kept) = (mm.clone(), kept.clone());
            spawn_all(5, move |_| {
                let watched = Watched::default();
                if let Ok(registration) = mm.register(Box::new(watched.clone())) {
                    kept.lock().unwrap().push((watched, registration));
                }
            })
        };
        let exits = {
            let mm = mm.clone();
            spawn_all(3, move |_| mm.exit())
        };
        join(owners);
        join(exits);
        for (watched, registration) in kept.lock().unwrap().drain(..) {
            assert!(watched.released() >= 1, "a listener was registered and missed by every walk");
            registration.unregister().memory.end();
        }
    },
};

#[test]
fn owners_that_come_and_go_in_every_way_agree_with_racing_exits() {
    OWNERS.check();
}

#[test]
fn whoever_is_registered_is_found_by_an_exit() {
    STAYERS.check();
}
