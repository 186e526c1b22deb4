//! Misuse is named: panicking hooks, mixed domains, and calls that would wait for themselves.

use crate::{ID, Log, Recorder, message, references::Counting};
use notifier::{Notifier, Slot};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

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
