//! Vector instructions a second, two cores beside one while the client sleeps, and a large product.

use crate::beside::{MATRIX, flops, giga};
use crate::program::{Program, Programs};
use crate::stage::kfdd::Kfdd;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::{Goal, Samples, Turns, absolute, alternate, progress, ratio, remark};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::RefCell;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Rounds of the kernel of vector instructions: 16 million wave-instructions.
const VECTOR_ROUNDS: usize = 2000;
/// Rows of the large matrices, how long their product may take, and how long it is waited for.
const LARGE: usize = 2048;
const LARGE_SECONDS: f64 = 10.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module's head. Three daemons: one on each of two CPUs, and one on all.
pub fn speed(programs: &Programs, cpus: &Cpus) -> anyhow::Result<()> {
    let places = [Place::First, Place::Second, Place::Anywhere];
    let [first, second, all] = places.map(|place| crate::daemon_at(cpus, place));
    let daemons = [first?, second?, all?];
    let [first, second, all] = [0, 1, 2].map(|index| programs.hip(&daemons[index], cpus, Place::Anywhere));
    if let (Some(mut first), Some(second), Some(mut all)) = (first?, second?, all?) {
        vector(&mut first)?;
        cores(cpus, [first, second], &mut all)?;
        large(all)?;
    }
    daemons.into_iter().try_for_each(Kfdd::stop)
}

fn vector(program: &mut Program) -> anyhow::Result<()> {
    progress("vector instructions");
    program.ask("vector", VECTOR_ROUNDS)?;
    let rates = (0..ROUNDS).map(|_| program.ask("vector", VECTOR_ROUNDS));
    let rates: Samples = rates.collect::<anyhow::Result<Vec<_>>>()?.into_iter().collect();
    absolute("vector instructions of waves, one core", "M/s", rates.median(), Goal::AtLeast(100.0));
    if !std::arch::is_x86_feature_detected!("avx2") {
        remark("  the goal is one for machines with AVX2, which this one has not");
    }
    Ok(())
}

/// One program on both cores; one on one; and two on a core each.
fn cores(cpus: &Cpus, singles: [Program; 2], both: &mut Program) -> anyhow::Result<()> {
    if !cpus.are_two() {
        remark("  two cores beside one were left out: this machine has one");
        return Ok(());
    }
    progress("two cores beside one");
    let speed = |program: &mut Program| anyhow::Ok(giga(flops(MATRIX), program.ask("multiply", MATRIX)?));
    let singles = RefCell::new(singles);
    let mut awake = Samples::default();
    let mut both_cores = || {
        let speed = speed(both)?;
        awake.add(both.awake()?);
        Ok(speed)
    };
    let mut one_core = || speed(&mut singles.borrow_mut()[0]);
    let mut copies = || {
        let [one, two] = &mut *singles.borrow_mut();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| speed(two));
            let own: f64 = speed(one)?;
            Ok(own + other.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??)
        })
    };
    let Turns { own: [own], floors: [one_core, copies] } =
        alternate(ROUNDS, [&mut both_cores], [&mut one_core, &mut copies])?;
    let name = format!("product of {MATRIX} x {MATRIX}, two cores, client asleep");
    ratio(&name, "GFLOP/s", own.median(), "one core", &one_core, Goal::AtLeast(1.8));
    ratio(&name, "GFLOP/s", own.median(), "two copies, a core each", &copies, Goal::AtLeast(0.9));
    remark(&format!("  the client was awake for {:.0} % of the time", 100.0 * awake.median()));
    singles.into_inner().into_iter().try_for_each(Program::end)
}

/// The whole machine's. The program is killed when its product takes too long.
fn large(mut program: Program) -> anyhow::Result<()> {
    progress("a large product");
    let (started, clients) = (Instant::now(), program.clients());
    let (told, answer) = mpsc::channel();
    let asked = std::thread::spawn(move || {
        // Somebody listens for as long as this runs.
        let _ = told.send(program.ask("multiply", LARGE));
        program
    });
    let seconds = match answer.recv_timeout(PATIENCE) {
        Ok(nanos) => nanos? / 1e9,
        Err(_) => {
            for client in clients {
                kill(Pid::from_raw(client.try_into()?), Signal::SIGKILL)?;
            }
            remark(&format!(
                "  the product of {LARGE} x {LARGE} was given up after {} s",
                PATIENCE.as_secs()
            ));
            started.elapsed().as_secs_f64()
        }
    };
    drop(asked.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?);
    let name = format!("product of {LARGE} x {LARGE} f32 by tiles, all cores");
    absolute(&name, "s", seconds, Goal::AtMost(LARGE_SECONDS));
    Ok(())
}
