//! Who of a worker's threads does what, under many schedules of threads: shuttle runs the module itself.
//!
//! The socket is a queue in order; the daemon answers what is asked and wishes what a model has it wish. A schedule in which
//! everybody waits is a deadlock, which shuttle reports. Time here is a count of looks at the clock, and a nap ends without it.
//!
//! Each mutant of the module is a fault that one of the models must catch.

#![allow(clippy::disallowed_types, reason = "a model's own")]

mod models;
mod sync;
#[allow(dead_code, reason = "the worker uses all of it")]
#[path = "../../src/wave_workers/child/turns.rs"]
mod turns;

use models::{MODELS, Model};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use turns::Mutant;

/// Schedules of each kind by which a model is looked at.
const ITERATIONS: usize = 150;
/// Schedules after which a fault must have shown.
const PATIENCE: usize = 1600;
/// Priority changes of a PCT schedule.
const DEPTH: usize = 3;

/// The model that catches each fault.
const CAUGHT: &[(Mutant, &str)] = &[
    (Mutant::ListeningLapses, "long turn"),
    (Mutant::AnswerUntold, "questions"),
    (Mutant::EndUntold, "questions"),
    (Mutant::TwoListen, "overtaken"),
    (Mutant::LineUntold, "withheld"),
    (Mutant::PauseForever, "paused"),
    (Mutant::CancelSleeps, "asleep"),
    (Mutant::PauseForgotten, "paused"),
    (Mutant::PartUnwished, "split cancelled"),
    (Mutant::PartDeaf, "parts cancelled"),
];

/// The mutant is everybody's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn schedules(scheduler: impl Scheduler + 'static, model: Model) {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    config.silence_warnings = true;
    config.max_steps = MaxSteps::FailAfter(60_000);
    config.failure_persistence = FailurePersistence::None;
    Runner::new(scheduler, config).run(model);
}

fn look(model: Model, iterations: usize) {
    schedules(RandomScheduler::new_from_seed(754, iterations), model);
    schedules(PctScheduler::new_from_seed(754, DEPTH, iterations), model);
}

// Keeps: wave-worker-turns
#[test]
fn whoever_waits_is_called_whatever_the_schedule() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    sync::set_mutant(None);
    for (name, model) in MODELS {
        let start = std::time::Instant::now();
        look(*model, ITERATIONS);
        println!("{name}: {} schedules in {:?}", 2 * ITERATIONS, start.elapsed());
    }
}

// Keeps: wave-worker-turns
#[test]
fn every_fault_of_the_module_is_caught_by_a_model() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // What shuttle says of a violation is not to be read here.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (mutant, name) in CAUGHT {
        sync::set_mutant(Some(*mutant));
        let (_, model) = MODELS.iter().find(|(known, _)| known == name).expect("a model of that name");
        let (start, mut patience) = (std::time::Instant::now(), 100);
        let is_caught = loop {
            if catch_unwind(AssertUnwindSafe(|| look(*model, patience))).is_err() {
                break true;
            }
            if patience >= PATIENCE {
                break false;
            }
            patience *= 4;
        };
        sync::set_mutant(None);
        println!(
            "{mutant:?}: {} by {name} in {:?}",
            if is_caught { "caught" } else { "not caught" },
            start.elapsed()
        );
        if !is_caught {
            missed.push(*mutant);
        }
    }
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "no model catches {missed:?}");
}
