//! Rules 6 to 10: counted references, the barrier, and what readers and exit may rely on.

use crate::{A_WHILE, ID, Log, Recorder};
use notifier::{Listener, MmId, Notifier, Ref, Releasing, Slot};
use std::{
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// A listener that can reach its own registration, which the type system cannot see.

// Keeps: rule-6
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

// Keeps: shutdown-closed, rule-7
#[test]
fn rule_7_after_all_puts_and_the_barrier_nothing_is_left() {
    let notifier = Notifier::new("rule7");
    let logs: Vec<Arc<Log>> = (0..64).map(|_| Arc::default()).collect();
    thread::scope(|scope| {
        for (n, log) in logs.iter().enumerate() {
            let notifier = &notifier;
            scope.spawn(move || {
                let mm = notifier.mm(MmId { pidfd_inode: n as u64 + 10, exec_id: 0 });
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

// Keeps: rule-8
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

// Keeps: rule-9
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

// Keeps: rule-10
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

// Keeps: rule-10
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

pub struct Counting {
    pub live: Arc<AtomicUsize>,
}

impl Listener for Counting {
    fn release(&self, _: &Releasing<'_>) {}
    fn free(self: Box<Self>) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
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
fn the_same_name_is_the_same_mm_until_the_last_holder_is_gone() {
    let notifier = Notifier::new("names");
    let mm = notifier.mm(ID);
    assert!(Arc::ptr_eq(&mm, &notifier.mm(ID)));
    assert!(!Arc::ptr_eq(&mm, &notifier.mm(MmId { exec_id: 1, ..ID })), "an exec is another address space");
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
