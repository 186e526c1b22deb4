//! What readers do where something is missing or in the way: no membarrier, no rseq, neither; another CPU in the middle
//! of a section; signals in the middle of an increment; a thread that ends with a section open.
//!
//! What this process may do is asked once, so whoever takes something away runs in a process of its own. Forks are in
//! `tests/fork`.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

mod sys;

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use notifier::srcu::{Domain, ReaderKind};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

const A_WHILE: Duration = Duration::from_millis(30);

/// Runs the calling test, given by its name, alone in a process with these variables. True in that process.
fn alone(test: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "NOTIFIER_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the test must have run: {text}");
    false
}

/// A section on another thread holds up a grace period and a callback, and its end lets both go on.
fn works(domain: &Arc<Domain>) {
    let freed = Arc::new(AtomicUsize::new(0));
    let (leave, stay) = mpsc::channel::<()>();
    let (inside, entered) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let section = domain.read();
            inside.send(()).unwrap();
            stay.recv().unwrap();
            drop(section);
        });
        entered.recv().unwrap();
        let count = freed.clone();
        domain.defer(move || _ = count.fetch_add(1, SeqCst));
        let updater = scope.spawn(|| domain.synchronize());
        thread::sleep(A_WHILE);
        assert!(!updater.is_finished() && freed.load(SeqCst) == 0, "the section is open");
        leave.send(()).unwrap();
    });
    domain.barrier();
    assert_eq!((freed.load(SeqCst), domain.pending()), (1, 0));
}

/// The domains that can be had, each of which works; what a domain is by default.
fn kinds() -> (Vec<ReaderKind>, ReaderKind) {
    let available = ReaderKind::ALL.into_iter().filter(|&kind| match Domain::with_reader("kind", kind) {
        Ok(domain) => {
            works(&domain);
            true
        }
        Err(unavailable) => {
            assert_eq!(unavailable.0, kind);
            false
        }
    });
    let by_default = Domain::new("default");
    works(&by_default);
    (available.collect(), by_default.reader_kind())
}

// Keeps: readers-fall-back
#[test]
fn under_a_filter_without_membarrier_readers_are_fenced() {
    if alone("under_a_filter_without_membarrier_readers_are_fenced", &[]) {
        sys::refuse(&[libc::SYS_membarrier]);
        assert_eq!(kinds(), (vec![ReaderKind::Fenced], ReaderKind::Fenced));
    }
}

// Keeps: readers-fall-back
#[test]
fn without_an_rseq_registration_readers_are_counted_per_thread() {
    let tunable = [("GLIBC_TUNABLES", "glibc.pthread.rseq=0")];
    if alone("without_an_rseq_registration_readers_are_counted_per_thread", &tunable) {
        let expected = vec![ReaderKind::PerThread, ReaderKind::Fenced];
        assert_eq!(kinds(), (expected, ReaderKind::PerThread));
    }
}

// Keeps: readers-fall-back
#[test]
fn without_membarrier_and_rseq_readers_are_fenced() {
    let tunable = [("GLIBC_TUNABLES", "glibc.pthread.rseq=0")];
    if alone("without_membarrier_and_rseq_readers_are_fenced", &tunable) {
        sys::refuse(&[libc::SYS_membarrier]);
        assert_eq!(kinds(), (vec![ReaderKind::Fenced], ReaderKind::Fenced));
    }
}

/// As after a checkpoint is restored, or with another C library's threads.
// Keeps: readers-fall-back
#[test]
fn threads_without_a_registration_are_counted_beside_those_with_one() {
    const NAME: &str = "threads_without_a_registration_are_counted_beside_those_with_one";
    let Ok(domain) = Domain::with_reader("mixed", ReaderKind::PerCpu) else {
        return println!("skipped: {NAME}: no rseq");
    };
    works(&domain);
    thread::scope(|scope| {
        for number in 0..4 {
            let domain = &domain;
            scope.spawn(move || {
                // Half lose it in the middle of a section, which then ends as it can.
                let section = (number % 2 == 0).then(|| domain.read());
                if !sys::unregister_rseq() {
                    println!("skipped: {NAME}: {}", std::io::Error::last_os_error());
                }
                drop(section);
                (0..10_000).for_each(|_| drop(domain.read()));
                if number == 0 {
                    works(domain);
                }
            });
        }
        (0..10_000).for_each(|_| drop(domain.read()));
    });
    domain.synchronize();
}

fn move_to(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).unwrap();
    sched_setaffinity(Pid::from_raw(0), &set).unwrap();
}

// Keeps: readers-disturbed
#[test]
fn a_section_that_is_moved_to_another_cpu_is_waited_for_and_ended() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cpus: Vec<usize> = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap()).collect();
    let [one, other, ..] = cpus[..] else {
        return println!("skipped: a_section_that_is_moved_to_another_cpu_is_waited_for_and_ended: one CPU");
    };
    for kind in ReaderKind::ALL {
        let Ok(domain) = Domain::with_reader("moving", kind) else { continue };
        let (moved, gone_on) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                for round in 0..200 {
                    move_to(one);
                    let outer = domain.read();
                    let inner = domain.read();
                    move_to(other);
                    drop(outer);
                    if round == 0 {
                        moved.store(true, SeqCst);
                        thread::sleep(A_WHILE);
                        assert!(!gone_on.load(SeqCst), "{kind:?}: the inner section is open");
                    }
                    drop(inner);
                }
            });
            while !moved.load(SeqCst) {
                thread::yield_now();
            }
            domain.synchronize();
            gone_on.store(true, SeqCst);
            reader.join().unwrap();
        });
        // Every count has found its way: nobody is thought to be inside.
        domain.synchronize();
        domain.barrier();
    }
}

// Keeps: readers-disturbed
#[test]
fn signals_in_the_middle_of_increments_lose_no_count() {
    if !alone("signals_in_the_middle_of_increments_lose_no_count", &[]) {
        return;
    }
    static DOMAINS: std::sync::OnceLock<Vec<Arc<Domain>>> = std::sync::OnceLock::new();
    static IN_HANDLERS: AtomicUsize = AtomicUsize::new(0);
    let domains = DOMAINS.get_or_init(|| {
        ReaderKind::ALL.into_iter().filter_map(|kind| Domain::with_reader("signals", kind).ok()).collect()
    });
    // Nested twice, so that handlers need no room for more (debug builds note open sections).
    for domain in domains {
        let (_outer, _inner, _third) = (domain.read(), domain.read(), domain.read());
    }
    fn handler() {
        for domain in DOMAINS.get().unwrap() {
            drop(domain.read());
        }
        IN_HANDLERS.fetch_add(1, SeqCst);
    }
    // The interval timer's signal goes to this thread: it is the only one that has not blocked it.
    let storm = sys::storm(handler, Duration::from_micros(50));
    while IN_HANDLERS.load(SeqCst) < 2_000 {
        for domain in domains {
            for _ in 0..100 {
                let outer = domain.read();
                drop(domain.read());
                drop(outer);
            }
        }
    }
    storm.end();
    // With a count lost, or one too many, this would wait for ever.
    for domain in domains {
        domain.synchronize();
        domain.barrier();
    }
}

// Keeps: callbacks-in-handlers
#[test]
fn callbacks_queued_by_handlers_in_the_midst_of_queueing_all_run() {
    if !alone("callbacks_queued_by_handlers_in_the_midst_of_queueing_all_run", &[]) {
        return;
    }
    static DOMAIN: std::sync::OnceLock<Arc<Domain>> = std::sync::OnceLock::new();
    static HEADS: std::sync::OnceLock<sys::Heads> = std::sync::OnceLock::new();
    let domain = DOMAIN.get_or_init(|| Domain::new("signals"));
    let heads = HEADS.get_or_init(|| sys::Heads::new(4_000));
    drop(domain.read());
    let storm =
        sys::storm(|| HEADS.get().unwrap().queue_one(DOMAIN.get().unwrap()), Duration::from_micros(20));
    let (mut queued, ran) = (0, Arc::new(AtomicUsize::new(0)));
    while heads.left() > 0 {
        for _ in 0..5_000 {
            let ran = ran.clone();
            domain.defer(move || _ = ran.fetch_add(1, SeqCst));
            queued += 1;
        }
        domain.throttle(100_000);
    }
    storm.end();
    domain.barrier();
    assert_eq!((ran.load(SeqCst), heads.ran()), (queued, 4_000));
    assert_eq!(domain.pending(), 0);
}

// Keeps: readers-abandoned
#[test]
fn a_thread_that_ends_inside_a_section_leaves_it_open_and_hurts_nobody_else() {
    for kind in ReaderKind::ALL {
        let Ok(domain) = Domain::with_reader("left open", kind) else { continue };
        thread::scope(|scope| _ = scope.spawn(|| std::mem::forget(domain.read())).join());
        let cookie = domain.start_poll();
        // Others come and go, also one that gets the ended thread's number.
        for _ in 0..20 {
            thread::scope(|scope| {
                scope.spawn(|| (0..100).for_each(|_| drop((domain.read(), domain.read()))));
            });
        }
        thread::sleep(A_WHILE);
        assert!(!domain.is_elapsed(cookie), "{kind:?}: the section was never ended");
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(domain)));
        assert_eq!(dropped.is_err(), cfg!(debug_assertions), "told of in debug builds, drained in both");
    }
}

#[test]
fn threads_that_end_outside_their_sections_leave_nothing_behind() {
    for kind in ReaderKind::ALL {
        let Ok(domain) = Domain::with_reader("come and go", kind) else { continue };
        for _ in 0..50 {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| drop((domain.read(), domain.read())));
                }
            });
            domain.synchronize();
        }
    }
}
