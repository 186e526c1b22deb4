//! Registration, its two ends, and exit.

use crate::{ID, Model, Watched, notifier};
use loom::thread;
use notifier::Mm;
use std::sync::Arc;

fn exiting(mm: &Arc<Mm>) -> thread::JoinHandle<()> {
    let mm = mm.clone();
    thread::spawn(move || mm.exit())
}

/// Rule 1.
pub const REGISTER_EXIT: Model = Model {
    preemptions: None,
    body: || {
        let notifier = notifier(false);
        let mm = notifier.mm(ID);
        let watched = Watched::default();
        let exit = exiting(&mm);
        let registered = mm.register(Box::new(watched.clone()));
        exit.join().unwrap();
        assert_eq!(watched.released(), usize::from(registered.is_ok()), "walked exactly when registered");
        if let Ok(registration) = registered {
            registration.unregister().memory.end();
        }
    },
};

/// Rule 4.
pub const UNREGISTER_EXIT: Model = Model {
    preemptions: None,
    body: || {
        let notifier = notifier(false);
        let mm = notifier.mm(ID);
        let watched = Watched::default();
        let registration = mm.register(Box::new(watched.clone())).unwrap();
        let exit = exiting(&mm);
        let listener = registration.unregister();
        assert!(watched.released() >= 1, "unregister returned before release had run");
        listener.memory.end();
        exit.join().unwrap();
    },
};

/// Rule 5.
pub const NO_RELEASE_EXIT: Model = Model {
    preemptions: Some(3),
    body: || {
        let notifier = notifier(true);
        let mm = notifier.mm(ID);
        let registration = mm.register(Box::new(Watched::default())).unwrap();
        let exit = exiting(&mm);
        registration.unregister_no_release().call_srcu(|watched| watched.memory.end());
        exit.join().unwrap();
        notifier.barrier();
    },
};

/// Two triggers of one death.
pub const EXIT_EXIT: Model = Model {
    preemptions: None,
    body: || {
        let notifier = notifier(false);
        let mm = notifier.mm(ID);
        let watched = Watched::default();
        let registration = mm.register(Box::new(watched.clone())).unwrap();
        let exit = exiting(&mm);
        mm.exit();
        assert!(watched.released() >= 1, "exit returned before release had run");
        exit.join().unwrap();
        registration.unregister().memory.end();
    },
};

#[test]
fn a_registration_is_walked_or_refused() {
    REGISTER_EXIT.check(None);
}

#[test]
fn unregister_returns_after_release_has_run_and_finished() {
    UNREGISTER_EXIT.check(None);
}

#[test]
fn call_srcu_frees_after_the_walker_has_left() {
    NO_RELEASE_EXIT.check(None);
}

#[test]
fn each_of_two_exits_returns_after_release_has_run() {
    EXIT_EXIT.check(None);
}
