//! Rules 1 to 5: joining a chain, its walk, and the two ways to leave.

use crate::{A_WHILE, ID, Log, Recorder, message};
use notifier::{Listener, MmId, Notifier, Registration, Releasing};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

// Keeps: rule-1
#[test]
fn rule_1_a_listener_is_registered_only_while_the_mm_is_alive() {
    let notifier = Notifier::new("rule1");
    let mm = notifier.mm(ID);
    let (before, after) = (Arc::default(), Arc::default());
    let registration = mm.register(Box::new(Recorder::new(&before))).unwrap();
    assert!(mm.is_alive());
    mm.exit();
    assert!(!mm.is_alive());
    assert!(mm.register(Box::new(Recorder::new(&after))).is_err());
    assert!(notifier.get::<Recorder>(&mm, || unreachable!("nothing is made for a dead mm")).is_err());
    mm.exit();
    assert_eq!((before.released(), after.released()), (1, 0));
    drop(registration);
    notifier.barrier();
    assert_eq!((before.freed(), after.freed()), (1, 1), "the refused listener goes the way of all listeners");
}

// Keeps: rule-1
#[test]
fn rule_1_every_listener_registered_against_a_racing_exit_is_released_or_refused() {
    let notifier = Notifier::new("rule1race");
    for round in 0..200 {
        let mm = notifier.mm(MmId { pidfd_inode: 4711, exec_id: 0 });
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for _ in 0..round % 7 {
                    std::hint::spin_loop();
                }
                mm.exit();
            });
            start.wait();
            for _ in 0..8 {
                let log = Arc::default();
                if let Ok(registration) = mm.register(Box::new(Recorder::new(&log))) {
                    while mm.is_alive() {
                        thread::yield_now();
                    }
                    drop(registration.unregister());
                    assert!(log.released() >= 1);
                } else {
                    assert_eq!(log.released(), 0);
                }
            }
        });
        drop(mm);
        notifier.barrier();
    }
}

// Keeps: rule-2
#[test]
fn rule_2_exit_walks_in_a_read_section_and_a_later_unlink_is_harmless() {
    let notifier = Notifier::new("rule2");
    let mm = notifier.mm(ID);
    let logs: [Arc<Log>; 3] = Default::default();
    let waited = Arc::new(AtomicUsize::new(0));
    let mut registrations: Vec<Registration<Recorder>> = Vec::new();
    for log in &logs {
        let (domain, waited) = (notifier.domain().clone(), waited.clone());
        // A grace period that begins inside the hook cannot end before the walk.
        let hook = move || {
            let (domain, done) = (domain.clone(), waited.clone());
            thread::spawn(move || {
                domain.synchronize();
                done.fetch_add(1, Ordering::SeqCst);
            });
            thread::sleep(A_WHILE);
            assert_eq!(waited.load(Ordering::SeqCst), 0, "a grace period ended inside the walk");
        };
        registrations.push(mm.register(Box::new(Recorder::hooked(log, hook))).unwrap());
    }
    mm.exit();
    for log in &logs {
        assert_eq!(log.released(), 1);
    }
    // The owner's own unlinks come after exit's: in the middle, at the ends, waiting and not.
    let last = registrations.pop().unwrap();
    let middle = registrations.remove(1);
    middle.unregister_no_release().call_srcu(Listener::free);
    drop(last.unregister());
    drop(registrations);
    notifier.barrier();
    assert_eq!(logs.each_ref().map(|log| log.released()), [1, 1, 1]);
    assert_eq!(
        logs.each_ref().map(|log| log.freed()),
        [1, 1, 0],
        "unregister gives the listener back instead"
    );
}

struct Smuggler {
    own: Arc<Mutex<Option<Registration<Smuggler>>>>,
    way: usize,
    log: Arc<Log>,
}

impl Listener for Smuggler {
    fn release(&self, _: &Releasing<'_>) {
        self.log.released.fetch_add(1, Ordering::SeqCst);
        let Some(own) = self.own.lock().unwrap().take() else { return };
        match self.way {
            0 => drop(own.unregister()),
            1 => drop(own.unregister_no_release()),
            _ => drop(own),
        }
    }
    fn free(self: Box<Self>) {
        self.log.freed.fetch_add(1, Ordering::SeqCst);
    }
}

// Keeps: rule-3
#[test]
fn rule_3_a_smuggled_self_unlink_panics_with_the_rules_name_and_leaks_nothing() {
    for way in 0..3 {
        let notifier = Notifier::new("rule3");
        let mm = notifier.mm(ID);
        let (log, sibling) = (Arc::<Log>::default(), Arc::<Log>::default());
        let _first = mm.register(Box::new(Recorder::new(&sibling))).unwrap();
        let own = Arc::new(Mutex::new(None));
        let registration =
            mm.register(Box::new(Smuggler { own: own.clone(), way, log: log.clone() })).unwrap();
        *own.lock().unwrap() = Some(registration);
        let panic = catch_unwind(AssertUnwindSafe(|| mm.exit())).unwrap_err();
        assert_eq!(message(panic), "rule 3: a release hook never unlinks itself or a sibling");
        assert!(!mm.is_alive());
        assert_eq!(sibling.released(), 1, "the walk went on after the panic");
        notifier.barrier();
        assert_eq!((log.released(), log.freed()), (1, 1));
    }
}

#[test]
fn rule_3_exit_from_inside_a_walk_panics_instead_of_walking_for_ever() {
    let notifier = Notifier::new("rule3exit");
    let mm = notifier.mm(ID);
    let log = Arc::default();
    let again = mm.clone();
    let _registration = mm.register(Box::new(Recorder::hooked(&log, move || again.exit()))).unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| mm.exit())).unwrap_err();
    assert!(message(panic).contains("does not call exit of its own mm"));
}

#[test]
fn rule_3_another_mms_walk_may_unlink_here() {
    let notifier = Notifier::new("rule3other");
    let (mm, other) = (notifier.mm(ID), notifier.mm(MmId { pidfd_inode: 1, exec_id: 1 }));
    let (log, foreign) = (Arc::<Log>::default(), Arc::<Log>::default());
    let foreign_registration = Mutex::new(Some(other.register(Box::new(Recorder::new(&foreign))).unwrap()));
    let hook = move || drop(foreign_registration.lock().unwrap().take());
    let _registration = mm.register(Box::new(Recorder::hooked(&log, hook))).unwrap();
    mm.exit();
    notifier.barrier();
    assert_eq!((foreign.released(), foreign.freed()), (0, 1));
}

#[test]
fn rule_4_unregister_runs_release_once_when_no_exit_has() {
    let notifier = Notifier::new("rule4");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let listener = mm.register(Box::new(Recorder::new(&log))).unwrap().unregister();
    assert_eq!(log.released(), 1);
    mm.exit();
    assert_eq!(log.released(), 1, "an unlinked listener is not walked");
    drop(listener);
    assert_eq!(log.freed(), 0);
}

// Keeps: rule-4
#[test]
fn rule_4_unregister_returns_only_when_a_racing_exits_release_has_finished() {
    let notifier = Notifier::new("rule4race");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let (entered, in_hook) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(Some(gate));
    let hook = move || {
        // Only the first of the two calls, exit's, is held up.
        let gate = gate.lock().unwrap().take();
        entered.send(()).unwrap();
        let Some(gate) = gate else { return };
        gate.recv().unwrap();
        thread::sleep(A_WHILE);
    };
    let registration = mm.register(Box::new(Recorder::hooked(&log, hook))).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| mm.exit());
        in_hook.recv().unwrap();
        let unregister = scope.spawn(|| drop(registration.unregister()));
        in_hook.recv().unwrap();
        thread::sleep(A_WHILE);
        assert!(!unregister.is_finished(), "unregister returned while a hook was running");
        go_on.send(()).unwrap();
        unregister.join().unwrap();
        assert_eq!(log.released(), 2, "once by each");
    });
}

// Keeps: rule-5
#[test]
fn rule_5_the_free_after_unregister_no_release_waits_for_the_walker() {
    let notifier = Notifier::new("rule5");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let (entered, in_hook) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let hook = move || {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
    };
    let registration = mm.register(Box::new(Recorder::hooked(&log, hook))).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| mm.exit());
        in_hook.recv().unwrap();
        registration.unregister_no_release().call_srcu(Listener::free);
        thread::sleep(A_WHILE);
        assert_eq!(log.freed(), 0, "freed under a walker");
        assert_eq!(notifier.domain().pending(), 1);
        go_on.send(()).unwrap();
    });
    notifier.barrier();
    assert_eq!((log.released(), log.freed()), (1, 1));
    assert_eq!(notifier.domain().pending(), 0);
}
