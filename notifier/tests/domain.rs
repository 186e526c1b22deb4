//! One SRCU domain, seen from outside.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::srcu::{Domain, Retirable};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

const A_WHILE: Duration = Duration::from_millis(30);

struct Bell(Arc<AtomicUsize>);
impl Drop for Bell {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn synchronize_waits_for_earlier_sections_and_not_for_later_ones() {
    let domain = Domain::new("earlier");
    domain.synchronize();
    let (leave, stay) = mpsc::channel::<()>();
    let (inside, entered) = mpsc::channel();
    thread::scope(|scope| {
        let (domain, enter_later) = (&domain, inside.clone());
        scope.spawn(move || {
            let section = domain.read();
            inside.send(()).unwrap();
            stay.recv().unwrap();
            drop(section);
        });
        entered.recv().unwrap();
        let updater = scope.spawn(|| domain.synchronize());
        thread::sleep(A_WHILE);
        let (leave_later, stay_later) = mpsc::channel::<()>();
        scope.spawn(move || {
            let _section = domain.read();
            enter_later.send(()).unwrap();
            stay_later.recv().unwrap();
        });
        entered.recv().unwrap();
        assert!(!updater.is_finished(), "an earlier section is open");
        leave.send(()).unwrap();
        // The later section is still open here.
        updater.join().unwrap();
        leave_later.send(()).unwrap();
    });
}

#[test]
fn sections_nest_and_end_in_any_order() {
    let domain = Domain::new("nest");
    let outer = domain.read();
    let inner = domain.read();
    drop(outer);
    let cookie = domain.start_poll();
    thread::sleep(A_WHILE);
    assert!(!domain.is_elapsed(cookie), "the inner section is open");
    drop(inner);
    domain.barrier();
    assert!(domain.is_elapsed(cookie));
}

#[test]
fn readers_of_one_domain_do_not_delay_another() {
    let (one, other) = (Domain::new("one"), Domain::new("other"));
    let _section = one.read();
    other.synchronize();
    other.barrier();
}

#[test]
fn callbacks_run_on_the_reclaimer_in_order_and_barrier_waits_for_all_of_them() {
    let domain = Domain::new("order");
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for n in 0..1000 {
        let order = order.clone();
        domain.defer(move || order.lock().unwrap().push((n, thread::current().id())));
    }
    domain.barrier();
    let order = order.lock().unwrap();
    assert!(order.iter().map(|(n, _)| *n).eq(0..1000));
    assert!(order.iter().all(|(_, thread)| *thread != thread::current().id()));
    assert_eq!(domain.pending(), 0);
}

// Keeps: callbacks-ordered
#[test]
fn callbacks_of_one_thread_run_in_order_whatever_the_rush() {
    const EACH: usize = 60_000;
    let domain = Domain::new("order");
    // What each thread's last callback was, looked at by callbacks alone.
    let last: Arc<Vec<AtomicUsize>> = Arc::new((0..3).map(|_| AtomicUsize::new(0)).collect());
    thread::scope(|scope| {
        for number in 0..3 {
            let (domain, last) = (&domain, last.clone());
            scope.spawn(move || {
                // From here on it has a number, and a lane.
                drop(domain.read());
                for turn in 1..=EACH {
                    let last = last.clone();
                    domain.defer(move || {
                        let before = last[number].load(Ordering::Relaxed);
                        // Stays behind for ever when one came out of turn.
                        if before + 1 == turn {
                            last[number].store(turn, Ordering::Relaxed);
                        }
                    });
                    // Floods of all lengths, and rests in which the reclaimer goes to sleep.
                    if turn.is_multiple_of(1 + turn / 40) {
                        thread::sleep(Duration::from_micros(number as u64 * 40));
                    }
                    if turn.is_multiple_of(10_000) {
                        domain.barrier();
                    }
                }
            });
        }
    });
    domain.barrier();
    let last: Vec<_> = last.iter().map(|last| last.load(Ordering::Relaxed)).collect();
    assert_eq!(last, [EACH; 3]);
}

#[test]
fn a_retired_value_is_dropped_after_the_section_and_not_before() {
    let domain = Domain::new("retire");
    let rung = Arc::new(AtomicUsize::new(0));
    let section = domain.read();
    domain.retire(Box::new(Bell(rung.clone())));
    Retirable::new(Bell(rung.clone())).retire(&domain);
    thread::sleep(A_WHILE);
    assert_eq!((rung.load(Ordering::SeqCst), domain.pending()), (0, 2));
    drop(section);
    domain.barrier();
    assert_eq!((rung.load(Ordering::SeqCst), domain.pending()), (2, 0));
}

#[test]
fn a_callback_may_queue_another_and_a_panicking_one_does_not_stop_the_rest() {
    let domain = Domain::new("again");
    let rung = Arc::new(AtomicUsize::new(0));
    let (inner, bell) = (Arc::downgrade(&domain), Bell(rung.clone()));
    domain.defer(move || inner.upgrade().expect("the test holds it").retire(Box::new(bell)));
    domain.defer(|| panic!("expected in the test's output"));
    domain.barrier();
    domain.barrier();
    assert_eq!((rung.load(Ordering::SeqCst), domain.pending()), (1, 0));
}

#[test]
fn concurrent_barriers_and_updaters_all_return() {
    let domain = Domain::new("many");
    let rung = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let before = Arc::new(AtomicUsize::new(0));
                    domain.retire(Box::new(Bell(before.clone())));
                    domain.retire(Box::new(Bell(rung.clone())));
                    drop(domain.read());
                    domain.synchronize();
                    domain.barrier();
                    assert_eq!(before.load(Ordering::SeqCst), 1);
                }
            });
        }
    });
    assert_eq!((rung.load(Ordering::SeqCst), domain.pending()), (1200, 0));
}

#[test]
fn an_updater_that_sleeps_is_woken_by_the_last_reader() {
    let domain = Domain::new("woken");
    for _ in 0..20 {
        let (inside, entered) = mpsc::channel();
        thread::scope(|scope| {
            let domain = &domain;
            scope.spawn(move || {
                let _section = domain.read();
                inside.send(()).unwrap();
                thread::sleep(Duration::from_millis(2));
            });
            entered.recv().unwrap();
            domain.synchronize();
        });
    }
}

/// Voluntary context switches of every thread of this process whose name starts with `prefix`.
fn wakeups(prefix: &str) -> u64 {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default())
        .filter(|status| {
            status.lines().next().is_some_and(|name| name.trim_start_matches("Name:\t").starts_with(prefix))
        })
        .map(|status| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn nothing_wakes_up_while_nothing_is_pending() {
    let domain = Domain::new("sleeper");
    domain.retire(Box::new(0));
    domain.barrier();
    thread::sleep(A_WHILE);
    let before = wakeups("sleeper");
    assert!(before > 0, "the reclaimer has slept at least once");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(wakeups("sleeper"), before);
}

#[test]
fn a_grace_period_that_waits_for_a_sleeping_reader_makes_no_wakeups() {
    let domain = Domain::new("patient");
    let section = domain.read();
    domain.retire(Box::new(0));
    thread::sleep(A_WHILE);
    let before = wakeups("patient");
    thread::sleep(Duration::from_millis(300));
    assert_eq!((wakeups("patient"), domain.pending()), (before, 1));
    drop(section);
    domain.barrier();
}

#[test]
#[cfg(debug_assertions)]
fn waiting_for_oneself_is_named_instead_of_hanging() {
    let domain = Domain::new("self");
    let section = domain.read();
    assert!(catch_unwind(AssertUnwindSafe(|| domain.synchronize())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| domain.barrier())).is_err());
    drop(section);
    domain.synchronize();
    let (inner, caught) = (Arc::downgrade(&domain), Arc::new(AtomicUsize::new(0)));
    let seen = caught.clone();
    domain.defer(move || {
        let inner = inner.upgrade().expect("the test holds it");
        seen.fetch_add(
            usize::from(catch_unwind(AssertUnwindSafe(|| inner.barrier())).is_err()),
            Ordering::SeqCst,
        );
    });
    domain.barrier();
    assert_eq!(caught.load(Ordering::SeqCst), 1);
}

#[test]
fn a_domain_dropped_with_work_left_drains_it_and_panics_in_debug() {
    let rung = Arc::new(AtomicUsize::new(0));
    let domain = Domain::new("left");
    std::mem::forget(domain.read());
    domain.retire(Box::new(Bell(rung.clone())));
    // The forgotten guard would hold the callback up for ever.
    thread::sleep(A_WHILE);
    assert_eq!(rung.load(Ordering::SeqCst), 0);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(domain)));
    assert_eq!(dropped.is_err(), cfg!(debug_assertions));
    assert_eq!(rung.load(Ordering::SeqCst), 1, "drained in both builds");
}
