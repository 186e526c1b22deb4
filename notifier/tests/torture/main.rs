//! In the manner of Linux's rcutorture: elements age through a pipe, and a reader that meets one older than a
//! grace period has found a bug.
//!
//! Readers sleep, nest, yield, change CPUs, are interrupted by signals whose handlers read too, and come and go;
//! writers wait, queue and poll; callbacks flood; barriers run beside them. Each kind of reader has its turn. Two
//! seconds in all by default; `NOTIFIER_TORTURE_SECONDS` asks for more, and then tells how far it is.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

mod sys;

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use notifier::srcu::{Domain, ReaderKind};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

const TELL_EVERY: Duration = Duration::from_secs(20);

/// Enough that an element rests for many grace periods before it is used again.
const ELEMENTS: usize = 256;

struct Torture {
    domain: Arc<Domain>,
    current: AtomicUsize,
    /// 0: current; 1: removed; 2: removed and a grace period has passed.
    pipe: Vec<AtomicUsize>,
    free: Mutex<VecDeque<usize>>,
    stop: AtomicBool,
    reads: AtomicU64,
    periods: AtomicU64,
    callbacks: AtomicU64,
    too_old: AtomicU64,
    interrupted: AtomicU64,
    barriers: AtomicU64,
    /// Reading threads that signals may be sent to.
    targets: Mutex<Vec<i32>>,
}

/// xorshift64: one per thread, never zero.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

impl Torture {
    fn new(domain: Arc<Domain>) -> Arc<Self> {
        Arc::new(Self {
            domain,
            current: AtomicUsize::new(0),
            pipe: (0..ELEMENTS).map(|_| AtomicUsize::new(0)).collect(),
            free: Mutex::new((1..ELEMENTS).collect()),
            stop: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            periods: AtomicU64::new(0),
            callbacks: AtomicU64::new(0),
            too_old: AtomicU64::new(0),
            interrupted: AtomicU64::new(0),
            barriers: AtomicU64::new(0),
            targets: Mutex::default(),
        })
    }

    fn running(&self) -> bool {
        !self.stop.load(Relaxed)
    }

    fn linger(dice: &mut Dice) {
        match dice.below(2000) {
            0 => thread::sleep(Duration::from_micros(dice.below(3000))),
            1..20 => thread::yield_now(),
            spins => (0..spins % 64).for_each(|_| std::hint::spin_loop()),
        }
    }

    fn read(&self, dice: &mut Dice) {
        let section = self.domain.read();
        // Relaxed throughout: the ordering under test is the domain's own.
        let element = self.current.load(Relaxed);
        Self::linger(dice);
        let inner = (dice.below(8) == 0).then(|| self.domain.read());
        Self::linger(dice);
        // Before the end of the section that found it: an inner section that began later protects nothing
        // found earlier.
        if self.pipe[element].load(Relaxed) >= 2 {
            self.too_old.fetch_add(1, SeqCst);
        }
        // Sections may end in any order.
        if dice.below(2) == 0 {
            drop(section);
            drop(inner);
        } else {
            drop(inner);
            drop(section);
        }
        self.reads.fetch_add(1, Relaxed);
    }

    /// In a signal handler: no waiting, no allocation.
    fn read_interrupting(&self) {
        let section = self.domain.read();
        let element = self.current.load(Relaxed);
        (0..32).for_each(|_| std::hint::spin_loop());
        if self.pipe[element].load(Relaxed) >= 2 {
            self.too_old.fetch_add(1, SeqCst);
        }
        drop(section);
        self.interrupted.fetch_add(1, Relaxed);
    }

    /// Publishes a fresh element; the one before, if there was a fresh one.
    fn replace(&self) -> Option<usize> {
        let fresh = self.free.lock().unwrap().pop_front()?;
        self.pipe[fresh].store(0, Relaxed);
        let old = self.current.swap(fresh, SeqCst);
        self.pipe[old].store(1, Relaxed);
        Some(old)
    }

    fn age_by_callback(self: &Arc<Self>, old: usize) {
        let torture = self.clone();
        self.domain.defer(move || {
            torture.callbacks.fetch_add(1, Relaxed);
            torture.age(old);
        });
    }

    fn write(self: &Arc<Self>, dice: &mut Dice) {
        let Some(old) = self.replace() else { return thread::yield_now() };
        match dice.below(4) {
            0 => {
                self.domain.synchronize();
                self.age(old);
            }
            1 => {
                let cookie = self.domain.start_poll();
                while !self.domain.is_elapsed(cookie) {
                    thread::yield_now();
                }
                self.age(old);
            }
            _ => self.age_by_callback(old),
        }
    }

    fn age(&self, old: usize) {
        self.pipe[old].store(2, Relaxed);
        self.periods.fetch_add(1, Relaxed);
        self.free.lock().unwrap().push_back(old);
    }

    fn flood(self: &Arc<Self>, dice: &mut Dice) {
        // Who has read has a lane.
        self.read(dice);
        let most = if dice.below(4) == 0 { 20_000 } else { 500 };
        for _ in 0..dice.below(most) {
            self.domain.retire(Box::new([0u64; 4]));
            if dice.below(20) == 0
                && let Some(old) = self.replace()
            {
                self.age_by_callback(old);
            }
        }
        let ran = Arc::new(AtomicBool::new(false));
        let set = ran.clone();
        self.domain.defer(move || set.store(true, SeqCst));
        self.domain.barrier();
        self.barriers.fetch_add(1, Relaxed);
        assert!(ran.load(SeqCst), "barrier returned before a callback queued before it");
        thread::sleep(Duration::from_micros(dice.below(2000)));
    }
}

fn change_cpu(dice: &mut Dice) {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    let cpu = usize::try_from(dice.below(cpus as u64)).unwrap();
    // Containers may forbid some CPUs; then the thread stays where it is.
    let _ = set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
}

/// One kind of reader for so long.
fn torture(kind: ReaderKind, time: Duration) {
    let domain = match Domain::with_reader("torture", kind) {
        Ok(domain) => domain,
        Err(unavailable) => return eprintln!("{unavailable}"),
    };
    let torture = Torture::new(domain);
    let end = Instant::now() + time;
    let interrupted = torture.clone();
    sys::install(Box::new(move || interrupted.read_interrupting()));
    thread::scope(|scope| {
        let torture = &torture;
        let spawn = |seed: u64, body: fn(&Arc<Torture>, &mut Dice)| {
            scope.spawn(move || {
                let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
                while torture.running() {
                    body(torture, &mut dice);
                }
            });
        };
        for seed in 1..=3 {
            scope.spawn(move || {
                let mut dice = Dice(seed * 0x9E37_79B9);
                // A thread's first section is not one of a handler.
                torture.read(&mut dice);
                torture.targets.lock().unwrap().push(sys::own_tid());
                while torture.running() {
                    torture.read(&mut dice);
                    if dice.below(4096) == 0 {
                        change_cpu(&mut dice);
                    }
                }
            });
        }
        for seed in 11..=12 {
            spawn(seed, Torture::write);
        }
        for seed in 21..=22 {
            spawn(seed, Torture::flood);
        }
        // Churn: threads that read a little and end.
        spawn(31, |torture, dice| {
            let (torture, seed) = (torture.clone(), dice.below(u64::MAX) | 1);
            let reader = thread::spawn(move || {
                let mut dice = Dice(seed);
                (0..20).for_each(|_| torture.read(&mut dice));
            });
            reader.join().unwrap();
        });
        spawn(41, |torture, dice| {
            let targets = torture.targets.lock().unwrap().clone();
            targets.into_iter().for_each(sys::interrupt);
            thread::sleep(Duration::from_micros(50 + dice.below(200)));
        });
        let mut tell = Instant::now() + TELL_EVERY;
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
            if Instant::now() >= tell {
                tell += TELL_EVERY;
                println!(
                    "{kind:?}: {} reads, {} periods so far",
                    torture.reads.load(Relaxed),
                    torture.periods.load(Relaxed)
                );
            }
        }
        torture.stop.store(true, SeqCst);
    });
    sys::uninstall();
    torture.domain.barrier();
    assert_eq!(torture.domain.pending(), 0);
    let [reads, interrupted, periods, callbacks, barriers, violations] = [
        &torture.reads,
        &torture.interrupted,
        &torture.periods,
        &torture.callbacks,
        &torture.barriers,
        &torture.too_old,
    ]
    .map(|count| count.load(SeqCst));
    println!(
        "counts torture kind={kind:?} reads={reads} interrupting={interrupted} periods={periods} callbacks={callbacks} \
         barriers={barriers} violations={violations}"
    );
    assert_eq!(violations, 0, "a reader met an element older than a grace period");
    assert!(reads > 100 && periods > 10 && callbacks > 0 && interrupted > 0, "the torture has done nothing");
}

#[test]
fn no_reader_ever_meets_an_element_older_than_a_grace_period() {
    let seconds =
        std::env::var("NOTIFIER_TORTURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    for kind in ReaderKind::ALL {
        torture(kind, Duration::from_secs_f64(seconds / ReaderKind::ALL.len() as f64));
    }
}
