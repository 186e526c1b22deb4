//! The ten rules of the chain, each by its number.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::{Listener, MmId, Notifier, Ref, Registration, Releasing, Slot};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

const ID: MmId = MmId { pidfd_inode: 4711, exec_epoch: 0 };
/// Long enough for a thread that is not blocked to have gone on.
const A_WHILE: Duration = Duration::from_millis(30);

/// What happened to one listener.
#[derive(Default)]
struct Log {
    released: AtomicUsize,
    freed: AtomicUsize,
    free_thread: Mutex<Option<thread::ThreadId>>,
}

impl Log {
    fn released(&self) -> usize {
        self.released.load(Ordering::SeqCst)
    }
    fn freed(&self) -> usize {
        self.freed.load(Ordering::SeqCst)
    }
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// A listener whose hook counts and then does what the test wants.
struct Recorder {
    log: Arc<Log>,
    hook: Hook,
}

impl Recorder {
    fn new(log: &Arc<Log>) -> Self {
        Self::hooked(log, || ())
    }
    fn hooked(log: &Arc<Log>, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self { log: log.clone(), hook: Box::new(hook) }
    }
}

impl Listener for Recorder {
    fn release(&self, mm: &Releasing<'_>) {
        assert_eq!(mm.id(), ID);
        (self.hook)();
        self.log.released.fetch_add(1, Ordering::SeqCst);
    }
    fn free(self: Box<Self>) {
        *self.log.free_thread.lock().unwrap() = Some(thread::current().id());
        self.log.freed.fetch_add(1, Ordering::SeqCst);
    }
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&str>().map(|text| text.to_string()).unwrap_or_default(),
    }
}

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

#[test]
fn rule_1_every_listener_registered_against_a_racing_exit_is_released_or_refused() {
    let notifier = Notifier::new("rule1race");
    for round in 0..200 {
        let mm = notifier.mm(MmId { pidfd_inode: 4711, exec_epoch: 0 });
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

/// A listener that can reach its own registration, which the type system cannot see.
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
    let (mm, other) = (notifier.mm(ID), notifier.mm(MmId { pidfd_inode: 1, exec_epoch: 1 }));
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
        let Some(gate) = gate.lock().unwrap().take() else { return };
        entered.send(()).unwrap();
        gate.recv().unwrap();
        thread::sleep(A_WHILE);
    };
    let registration = mm.register(Box::new(Recorder::hooked(&log, hook))).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| mm.exit());
        in_hook.recv().unwrap();
        let unregister = scope.spawn(|| drop(registration.unregister()));
        thread::sleep(A_WHILE);
        assert!(!unregister.is_finished(), "unregister returned while a hook was running");
        go_on.send(()).unwrap();
        unregister.join().unwrap();
        assert_eq!(log.released(), 2, "once by each");
    });
}

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

#[test]
fn rule_6_the_last_put_never_frees_inline() {
    let notifier = Notifier::new("rule6");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let first = notifier.get(&mm, || Recorder::new(&log)).unwrap();
    let second = notifier.get::<Recorder>(&mm, || unreachable!("it exists")).unwrap();
    assert!(Ref::ptr_eq(&first, &second));
    drop(first);
    notifier.barrier();
    assert_eq!(log.freed(), 0, "one reference is left");
    let section = notifier.domain().read();
    drop(second);
    thread::sleep(A_WHILE);
    assert_eq!(log.freed(), 0, "a reader is inside");
    drop(section);
    notifier.barrier();
    assert_eq!((log.released(), log.freed()), (0, 1), "put is not a release");
    assert_ne!(*log.free_thread.lock().unwrap(), Some(thread::current().id()), "not inline");
}

#[test]
fn rule_6_a_put_inside_a_release_hook_is_allowed_and_delayed() {
    let notifier = Notifier::new("rule6hook");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let own = Arc::new(Mutex::new(None::<Ref<Recorder>>));
    let hook = {
        let own = own.clone();
        move || drop(own.lock().unwrap().take())
    };
    *own.lock().unwrap() = Some(notifier.get(&mm, || Recorder::hooked(&log, hook)).unwrap());
    mm.exit();
    notifier.barrier();
    assert_eq!((log.released(), log.freed()), (1, 1));
}

#[test]
fn rule_7_after_all_puts_and_the_barrier_nothing_is_left() {
    let notifier = Notifier::new("rule7");
    let logs: Vec<Arc<Log>> = (0..64).map(|_| Arc::default()).collect();
    thread::scope(|scope| {
        for (n, log) in logs.iter().enumerate() {
            let notifier = &notifier;
            scope.spawn(move || {
                let mm = notifier.mm(MmId { pidfd_inode: n as u64 + 10, exec_epoch: 0 });
                let object = notifier.get(&mm, || Recorder::new(log)).unwrap();
                drop((object.clone(), mm));
                drop(object);
            });
        }
    });
    notifier.barrier();
    assert!(
        logs.iter().all(|log| log.freed() == 1 && Arc::strong_count(log) == 1),
        "something is still reachable"
    );
    assert_eq!(notifier.domain().pending(), 0);
}

#[test]
fn rule_8_exit_waits_for_no_reader_and_frees_nothing() {
    let notifier = Notifier::new("rule8");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let slot = Slot::empty();
    slot.publish(notifier.get(&mm, || Recorder::new(&log)).unwrap()).unwrap();
    thread::scope(|scope| {
        let (leave, stay) = mpsc::channel::<()>();
        let (inside, entered) = mpsc::channel();
        let (slot, domain) = (&slot, notifier.domain());
        let reader = scope.spawn(move || {
            let section = domain.read();
            inside.send(()).unwrap();
            stay.recv().unwrap();
            slot.load(&section).unwrap().log.released()
        });
        entered.recv().unwrap();
        // With a reader inside, this would hang if exit waited for it.
        mm.exit();
        assert_eq!((log.released(), log.freed()), (1, 0));
        leave.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), 1, "the released object is still readable");
    });
    drop(slot);
    notifier.barrier();
    assert_eq!(log.freed(), 1);
}

#[test]
fn rule_9_a_reader_comes_and_goes_while_an_updater_waits() {
    let notifier = Notifier::new("rule9");
    let domain = notifier.domain();
    let (held, hold) = mpsc::channel::<()>();
    let (inside, entered) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _section = domain.read();
            inside.send(()).unwrap();
            hold.recv().unwrap();
        });
        entered.recv().unwrap();
        let updater = scope.spawn(|| domain.synchronize());
        thread::sleep(A_WHILE);
        // The updater holds its lock and sleeps; these would hang if any of them wanted that lock.
        for _ in 0..1000 {
            let outer = domain.read();
            let inner = domain.read();
            drop(outer);
            drop(inner);
        }
        assert!(!updater.is_finished());
        held.send(()).unwrap();
    });
}

#[test]
fn rule_10_an_attach_during_delayed_destruction_gets_a_distinct_object() {
    let notifier = Notifier::new("rule10");
    let mm = notifier.mm(ID);
    let (old, new) = (Arc::<Log>::default(), Arc::<Log>::default());
    let first = notifier.get(&mm, || Recorder::new(&old)).unwrap();
    let section = notifier.domain().read();
    drop(first);
    // The old object waits for the section above; the mm is the same.
    let second = notifier.get(&mm, || Recorder::new(&new)).unwrap();
    assert!(Arc::ptr_eq(&second.log, &new));
    assert_eq!((old.freed(), new.freed()), (0, 0));
    drop(section);
    notifier.barrier();
    assert_eq!((old.freed(), new.freed()), (1, 0));
    mm.exit();
    assert_eq!((old.released(), new.released()), (0, 1), "the dying object is not released for the new one");
    assert!(notifier.get::<Recorder>(&mm, || unreachable!("dead")).is_err());
}

#[test]
fn rule_10_racing_gets_and_puts_never_mix_two_objects() {
    let notifier = Notifier::new("rule10race");
    let mm = notifier.mm(ID);
    let live = Arc::new(AtomicUsize::new(0));
    let made = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let object = notifier
                        .get(&mm, || {
                            made.fetch_add(1, Ordering::SeqCst);
                            live.fetch_add(1, Ordering::SeqCst);
                            let live = live.clone();
                            Counting { live }
                        })
                        .unwrap();
                    assert!(object.live.load(Ordering::SeqCst) >= 1);
                }
            });
        }
    });
    notifier.barrier();
    assert_eq!(live.load(Ordering::SeqCst), 0, "made {made:?}");
}

struct Counting {
    live: Arc<AtomicUsize>,
}

impl Listener for Counting {
    fn release(&self, _: &Releasing<'_>) {}
    fn free(self: Box<Self>) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_panicking_hook_counts_as_run_and_the_walk_goes_on() {
    let notifier = Notifier::new("panic");
    let mm = notifier.mm(ID);
    let logs: [Arc<Log>; 3] = Default::default();
    let registrations = logs.each_ref().map(|log| {
        let bad = Arc::ptr_eq(log, &logs[1]);
        mm.register(Box::new(Recorder::hooked(log, move || assert!(!bad, "a broken driver")))).unwrap()
    });
    let panic = catch_unwind(AssertUnwindSafe(|| mm.exit())).unwrap_err();
    assert_eq!(message(panic), "a broken driver");
    assert_eq!(logs.each_ref().map(|log| log.released()), [1, 0, 1]);
    assert!(!mm.is_alive());
    mm.exit();
    drop(registrations);
    notifier.barrier();
    assert_eq!(logs.each_ref().map(|log| log.freed()), [1, 1, 1]);
}

#[test]
fn make_runs_once_however_many_threads_attach_at_once() {
    let notifier = Notifier::new("once");
    let mm = notifier.mm(ID);
    let (log, made, start) = (Arc::<Log>::default(), AtomicUsize::new(0), Barrier::new(4));
    let kept: [OnceLock<Ref<Recorder>>; 4] = Default::default();
    thread::scope(|scope| {
        for kept in &kept {
            let (notifier, mm, log, made, start) = (&notifier, &mm, &log, &made, &start);
            scope.spawn(move || {
                start.wait();
                let object = notifier.get(mm, || {
                    made.fetch_add(1, Ordering::SeqCst);
                    Recorder::new(log)
                });
                kept.set(object.unwrap()).unwrap();
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    drop(kept);
    notifier.barrier();
    assert_eq!(log.freed(), 1);
}

#[test]
fn make_that_attaches_again_panics_instead_of_hanging() {
    let notifier = Notifier::new("again");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let make = || {
        drop(notifier.get(&mm, || Counting { live: Arc::default() }));
        Recorder::new(&log)
    };
    let panic = catch_unwind(AssertUnwindSafe(|| notifier.get(&mm, make).map(drop))).unwrap_err();
    assert!(message(panic).contains("does not call `get`"));
    assert!(notifier.get(&mm, || Recorder::new(&log)).is_ok(), "the mm is usable after it");
    notifier.barrier();
}

#[test]
fn a_slot_hands_out_references_only_while_one_is_alive() {
    let notifier = Notifier::new("slot");
    let mm = notifier.mm(ID);
    let log = Arc::<Log>::default();
    let slot = Slot::empty();
    assert!(slot.load(&notifier.domain().read()).is_none());
    let object = notifier.get(&mm, || Recorder::new(&log)).unwrap();
    slot.publish(object.clone()).unwrap();
    assert!(Ref::ptr_eq(&slot.publish(object.clone()).unwrap_err(), &object), "taken");
    let section = notifier.domain().read();
    let seen = slot.load(&section).unwrap();
    assert!(Ref::ptr_eq(&slot.get(&section).unwrap(), &object));
    drop(slot.take());
    drop(object);
    assert!(slot.load(&section).is_none());
    assert_eq!(seen.log.freed(), 0, "what was found stays for the section");
    drop(section);
    notifier.barrier();
    assert_eq!(log.freed(), 1);
}

#[test]
fn domains_do_not_mix() {
    let (here, there) = (Notifier::new("here"), Notifier::new("there"));
    let mm = here.mm(ID);
    let log = Arc::<Log>::default();
    let slot = Slot::empty();
    slot.publish(here.get(&mm, || Recorder::new(&log)).unwrap()).unwrap();
    let foreign = there.domain().read();
    assert!(catch_unwind(AssertUnwindSafe(|| slot.load(&foreign).is_some())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| slot.get(&foreign).is_some())).is_err());
    let foreign_get = || there.get(&mm, || Recorder::new(&log)).is_ok();
    assert!(catch_unwind(AssertUnwindSafe(foreign_get)).is_err());
    let cookie = there.domain().start_poll();
    assert!(catch_unwind(AssertUnwindSafe(|| here.domain().is_elapsed(cookie))).is_err());
    drop(foreign);
    drop(slot.take());
    let foreign_object = there.get(&there.mm(ID), || Recorder::new(&log)).unwrap();
    assert!(
        catch_unwind(AssertUnwindSafe(|| slot.publish(foreign_object))).is_err(),
        "a slot keeps its first domain"
    );
    here.barrier();
    there.barrier();
}

#[test]
fn the_same_name_is_the_same_mm_until_the_last_holder_is_gone() {
    let notifier = Notifier::new("names");
    let mm = notifier.mm(ID);
    assert!(Arc::ptr_eq(&mm, &notifier.mm(ID)));
    assert!(
        !Arc::ptr_eq(&mm, &notifier.mm(MmId { exec_epoch: 1, ..ID })),
        "an exec is another address space"
    );
    mm.exit();
    assert!(!notifier.mm(ID).is_alive(), "a dead mm does not revive");
}

#[test]
fn dropping_everything_without_a_barrier_is_clean_when_only_references_were_used() {
    for _ in 0..50 {
        let notifier = Notifier::new("dropall");
        let log = Arc::<Log>::default();
        let object = notifier.get(&notifier.mm(ID), || Recorder::new(&log)).unwrap();
        drop(notifier);
        // The last owner of the domain goes on the reclaimer, inside the free.
        drop(object);
        while log.freed() == 0 {
            thread::yield_now();
        }
    }
}
