//! Teardown with many threads: random schedules of the same model that loom explores with few.
//!
//! `RUSTFLAGS="--cfg loom --cfg shuttle" cargo test -p notifier --release --test shuttle`
//!
//! Shuttle runs one thread at a time and changes threads at atomic operations and locks, uniformly at random or by few
//! priority changes (PCT, which finds a bug that needs that many). Every operation is SeqCst to it and every fence is
//! nothing, so what is looked for here are faults of the protocols; the orderings are loom's (`tests/loom`).
//!
//! `NOTIFIER_SHUTTLE_SECONDS` asks for more than a few hundred schedules of each kind and model, so long in all and each
//! time others; `NOTIFIER_SHUTTLE_SEED` begins elsewhere.
#![cfg(shuttle)]
#![allow(clippy::unwrap_used, reason = "a test")]

mod callbacks;
mod chain;
mod handle;
mod mutants;

use notifier::{
    Listener, MmId, Notifier, Releasing,
    model::{Mutant, Probe, with_mutant},
    srcu::{Domain, Shape},
};
use shuttle::{
    Config, FailurePersistence, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const ID: MmId = MmId { pidfd_inode: 1, exec_id: 0 };

/// Priority changes of a PCT schedule.
const DEPTH: usize = 3;
/// Schedules of each kind by which a model is looked at at once.
const ITERATIONS: usize = 400;
/// Models that share the time, two of which run at once.
const MODELS: u32 = 12 / 2;
/// Schedules after which a fault must have shown.
const PATIENCE: usize = 20_000;

struct Model {
    body: fn(),
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(scheduler: impl Scheduler + 'static, body: fn(), quiet: bool) -> usize {
    let mut config = Config::new();
    // The hooks, the chain and a panic on top of each other.
    config.stack_size = 0x4_0000;
    config.silence_warnings = true;
    if quiet {
        config.failure_persistence = FailurePersistence::None;
    }
    Runner::new(scheduler, config).run(body)
}

impl Model {
    fn schedules(&self, seed: u64, iterations: usize, quiet: bool) -> usize {
        run(RandomScheduler::new_from_seed(seed, iterations), self.body, quiet)
            + run(PctScheduler::new_from_seed(seed, DEPTH, iterations), self.body, quiet)
    }

    fn check(&self) {
        let first = number("NOTIFIER_SHUTTLE_SEED").unwrap_or(0x5EED);
        let time = Duration::from_secs(number("NOTIFIER_SHUTTLE_SECONDS").unwrap_or(0)) / MODELS;
        let (start, mut done) = (Instant::now(), 0);
        for seed in first.. {
            done += with_mutant(None, || self.schedules(seed, ITERATIONS, false));
            if start.elapsed() >= time {
                break;
            }
        }
        // A violation is a panic.
        println!("counts shuttle schedules={done} violations=0");
    }

    /// The fault makes some schedule fail; returns how.
    fn catches(&self, mutant: Mutant) -> String {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            with_mutant(Some(mutant), || self.schedules(0x5EED, PATIENCE, true))
        }))
        .expect_err("the model passes although the code is broken");
        let said = match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast::<&str>().map(|text| text.to_string()).unwrap_or_default(),
        };
        assert!(!said.contains("exceeded max_steps"), "the model gave up instead of failing: {said}");
        said
    }
}

/// A listener whose memory the model watches from outside; using it takes several steps.
#[derive(Clone, Default)]
struct Watched {
    memory: Arc<Probe>,
    released: Arc<Mutex<usize>>,
}

impl Watched {
    fn released(&self) -> usize {
        *self.released.lock().unwrap()
    }

    fn use_for_a_while(&self) {
        self.memory.touch();
        shuttle::thread::yield_now();
        self.memory.touch();
    }
}

impl Listener for Watched {
    fn release(&self, _: &Releasing<'_>) {
        self.use_for_a_while();
        *self.released.lock().unwrap() += 1;
    }
    fn free(self: Box<Self>) {
        self.memory.end();
    }
}

/// Words for a few threads, lanes for a few more, counters of two CPUs and two shared ones: every kind of section and of
/// queueing in one run.
fn domain() -> Arc<Domain> {
    domain_with(6)
}

fn domain_with(lanes: usize) -> Arc<Domain> {
    Domain::shaped(Shape { own: 4, cpus: 2, shared: 2, lanes, reclaimer: true })
}

fn notifier() -> Notifier {
    Notifier::on(domain())
}

fn spawn_all(
    count: usize,
    body: impl Fn(usize) + Clone + Send + 'static,
) -> Vec<shuttle::thread::JoinHandle<()>> {
    (0..count)
        .map(|number| {
            let body = body.clone();
            shuttle::thread::spawn(move || body(number))
        })
        .collect()
}

fn join(threads: Vec<shuttle::thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
