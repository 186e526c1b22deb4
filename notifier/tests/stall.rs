//! Waits that last too long, floods and back-pressure, and every kind of reader seen from outside.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::srcu::{Domain, Guard, ReaderKind, Reclaimer, Stall, Waiter};
use std::{
    cell::RefCell,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

fn impatient(name: &'static str) -> (notifier::srcu::Builder, mpsc::Receiver<Stall>) {
    let (tell, told) = mpsc::channel();
    let builder = Domain::builder(name)
        .stall_after(Duration::from_millis(20))
        .on_stall(move |stall| drop(tell.send(stall.clone())));
    (builder, told)
}

/// Opens a section on a thread of that name; it stays until the sender is dropped.
fn reader(domain: &Arc<Domain>, name: &str) -> (thread::JoinHandle<()>, mpsc::Sender<()>, u32) {
    let ((leave, stay), (inside, entered)) = (mpsc::channel::<()>(), mpsc::channel());
    let domain = domain.clone();
    let body = move || {
        let section = domain.read();
        inside.send(line!() - 1).unwrap();
        let _ = stay.recv();
        drop(section);
    };
    let handle = thread::Builder::new().name(name.to_owned()).spawn(body).unwrap();
    (handle, leave, entered.recv().unwrap())
}

// Keeps: stall-named
#[test]
fn a_stalled_grace_period_names_the_thread_and_the_place_that_opened_the_section() {
    let (builder, told) = impatient("named");
    let domain = builder.record_places().build().unwrap();
    let (handle, leave, line) = reader(&domain, "sleepy");
    thread::scope(|scope| {
        scope.spawn(|| domain.synchronize());
        let stall = told.recv().unwrap();
        assert_eq!((stall.domain, stall.waiter, stall.open), ("named", Waiter::GracePeriod, 1));
        assert!(stall.waited >= Duration::from_millis(20));
        let [section] = &stall.sections[..] else { panic!("{stall}") };
        assert_eq!(
            (section.thread.as_str(), section.place.file(), section.place.line()),
            ("sleepy", file!(), line)
        );
        assert!(section.tid > 0 && section.age >= stall.waited);
        // Again, when it has doubled.
        assert!(told.recv().unwrap().waited >= Duration::from_millis(40));
        drop(leave);
    });
    handle.join().unwrap();
}

#[test]
fn a_stalled_barrier_says_what_the_reclaimer_waits_for() {
    let (builder, told) = impatient("waits");
    let domain = builder.build().unwrap();
    let (handle, leave, _) = reader(&domain, "unnamed");
    domain.defer(|| ());
    thread::scope(|scope| {
        scope.spawn(|| domain.barrier());
        let stall = told.iter().find(|stall| stall.waiter == Waiter::Barrier).unwrap();
        assert_eq!((stall.pending, stall.reclaimer, stall.open), (1, Reclaimer::InGracePeriod, 1));
        assert!(stall.sections.is_empty(), "places are not recorded");
        drop(leave);
    });
    handle.join().unwrap();
}

#[test]
fn a_stalled_drop_is_told_of() {
    let (builder, told) = impatient("dropped");
    let domain = builder.build().unwrap();
    let (begun, running) = mpsc::channel();
    domain.defer(move || {
        begun.send(()).unwrap();
        thread::sleep(Duration::from_millis(100));
    });
    running.recv().unwrap();
    drop(domain);
    let stall = told.iter().find(|stall| stall.waiter == Waiter::Drop).unwrap();
    assert_eq!((stall.pending, stall.reclaimer), (1, Reclaimer::RunningCallbacks));
}

// Keeps: flood-bounded
#[test]
fn a_flood_is_counted_and_a_throttled_producer_keeps_the_backlog_bounded() {
    const LIMIT: usize = 100;
    let domain = Domain::builder("flood").flood_at(LIMIT / 2).build().unwrap();
    let (handle, leave, _) = reader(&domain, "holds them up");
    let (ran, worst) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1000 {
                domain.throttle(LIMIT);
                let ran = ran.clone();
                domain.defer(move || _ = ran.fetch_add(1, Ordering::Relaxed));
                worst.fetch_max(domain.pending(), Ordering::Relaxed);
            }
        });
        thread::sleep(Duration::from_millis(50));
        assert_eq!((domain.pending(), ran.load(Ordering::Relaxed)), (LIMIT + 1, 0), "the producer waits");
        drop(leave);
    });
    domain.barrier();
    handle.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1000);
    assert_eq!(worst.load(Ordering::Relaxed), LIMIT + 1);
    assert!(domain.floods() > 0);
}

/// More threads than have counters of their own, each inside a section.
#[test]
fn every_kind_of_reader_waits_for_any_number_of_threads() {
    const THREADS: usize = 40;
    for kind in ReaderKind::ALL {
        let domain = match Domain::with_reader("crowd", kind) {
            Ok(domain) => domain,
            Err(unavailable) => {
                assert_ne!(kind, ReaderKind::Fenced, "needs nothing");
                eprintln!("{unavailable}");
                continue;
            }
        };
        assert_eq!(domain.reader_kind(), kind);
        let (entered, left) = (Barrier::new(THREADS + 1), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (domain, entered, left) = (&domain, &entered, &left);
                scope.spawn(move || {
                    let section = domain.read();
                    entered.wait();
                    thread::sleep(Duration::from_micros(100 * number as u64));
                    left.fetch_add(1, Ordering::Relaxed);
                    drop(section);
                });
            }
            entered.wait();
            domain.synchronize();
            assert_eq!(left.load(Ordering::Relaxed), THREADS, "{kind:?}");
        });
    }
}

thread_local! {
    static KEPT: RefCell<Vec<Guard<'static>>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_section_that_ends_in_its_threads_teardown_is_waited_for_and_ended() {
    for kind in ReaderKind::ALL {
        let Ok(domain) = Domain::with_reader("teardown", kind) else { continue };
        let domain: &'static Domain = Box::leak(Box::new(domain));
        for early in [true, false] {
            thread::spawn(move || {
                if early {
                    // The thread's number is asked for before: then it goes after what is kept.
                    drop(domain.read());
                }
                KEPT.with_borrow_mut(|kept| kept.push(domain.read()));
            })
            .join()
            .unwrap();
            domain.synchronize();
        }
    }
}
