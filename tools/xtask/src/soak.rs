//! `cargo xtask soak [NAME] --minutes N`: the long modes, which no default run has the time for.

mod srcu;

use crate::cargo::{build_release, cargo, must, programs};
use crate::clients;
use anyhow::{Context, bail};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The long modes and what each does.
const SOAKS: &[Soak] = &[
    Soak {
        name: "srcu",
        what: "torture and litmus on this machine, shuttle's schedules, a storm of deaths; counting violations",
        run: |time, _| srcu::run(time),
    },
    Soak {
        name: "kills",
        what: "clients killed at random moments until the time is up; the residue must be zero",
        run: |time, _| kills(time),
    },
    Soak {
        name: "kernels",
        what: "clients killed in the middle of kernels that never end until the time is up; the residue must be zero",
        run: |time, _| kernels(time),
    },
    Soak {
        name: "runtime",
        what: "the C program against the unmodified HSA runtime, three at a time, each under a watchdog",
        run: |time, _| runtime(time),
    },
    Soak {
        name: "fuzz",
        what: "inputs made from the corpus through every parser of client bytes",
        run: |time, options| fuzz(time, options.inputs),
    },
    Soak {
        name: "decode",
        what: "words that no run has read before, through the decoder and LLVM's; both must read the same",
        run: |time, options| decode(time, options.inputs),
    },
];

/// How long one run of the C program may take; it needs a tenth of a second.
const WATCHDOG: Duration = Duration::from_secs(30);

/// Programs at a time: more than the machine has cores, so that threads are preempted in the middle of things.
const AT_ONCE: usize = 3;

struct Soak {
    name: &'static str,
    what: &'static str,
    run: fn(Duration, &Options) -> anyhow::Result<()>,
}

#[derive(Debug, clap::Args)]
pub struct Options {
    /// srcu, kills, kernels, runtime, fuzz or decode; all, with equal shares of the time, when left out
    name: Option<String>,
    /// How long, in minutes
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// fuzz: ends for a parser after so many inputs, decode: after so many words, if its share of the time allows
    #[arg(long, default_value_t = 10_000_000)]
    inputs: u64,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&Soak> = match options.name.as_deref() {
        None => SOAKS.iter().collect(),
        Some(name) => SOAKS.iter().filter(|soak| soak.name == name).collect(),
    };
    if chosen.is_empty() {
        let known: Vec<String> =
            SOAKS.iter().map(|soak| format!("  {:<8} {}", soak.name, soak.what)).collect();
        bail!(
            "no soak is called {}; there are:\n{}",
            options.name.as_deref().unwrap_or_default(),
            known.join("\n")
        );
    }
    let share = Duration::from_secs(options.minutes * 60) / u32::try_from(chosen.len()).unwrap_or(1);
    for soak in chosen {
        let started = Instant::now();
        println!("== soak {}: {} s of {}", soak.name, share.as_secs(), soak.what);
        (soak.run)(share, options).with_context(|| format!("soak {}", soak.name))?;
        println!("== soak {}: done after {:.0} s", soak.name, started.elapsed().as_secs_f64());
    }
    Ok(ExitCode::SUCCESS)
}

fn kills(time: Duration) -> anyhow::Result<()> {
    let stress = build_release()?.join("kfd-stress");
    must(Command::new(stress).args(["--clients", "200", "--seconds"]).arg(time.as_secs().to_string()))
}

fn kernels(time: Duration) -> anyhow::Result<()> {
    let stress = build_release()?.join("kfd-stress");
    let seconds = time.as_secs().to_string();
    must(Command::new(stress).args(["--kernels", "--clients", "50", "--life", "300", "--seconds", &seconds]))
}

fn fuzz(time: Duration, inputs: u64) -> anyhow::Result<()> {
    // A build that is fast and has every check of a debug build.
    must(cargo().args(["build", "--profile", "fuzz", "--package", "kfd-tests", "--bin", "kfd-fuzz"]))?;
    let mut run = Command::new(programs("fuzz")?.join("kfd-fuzz"));
    run.args(["all", "--inputs", &inputs.to_string(), "--seconds", &time.as_secs().to_string()]);
    must(&mut run)
}

fn decode(time: Duration, words: u64) -> anyhow::Result<()> {
    if !Command::new("llvm-mc-19").arg("--version").output().is_ok_and(|out| out.status.success()) {
        bail!("needs llvm-mc-19 (package llvm-19)");
    }
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    println!("words of GCN_SEED={seed}");
    let mut test = cargo();
    test.args([
        "test",
        "--release",
        "--package",
        "gcn",
        "--test",
        "llvm",
        "--",
        "--nocapture",
        "--test-threads=1",
    ]);
    test.env("GCN_CASES", words.to_string()).env("GCN_SEED", seed.to_string());
    // Half of the time for each direction.
    must(test.env("GCN_SECONDS", (time.as_secs() / 2).max(1).to_string()))
}

fn runtime(time: Duration) -> anyhow::Result<()> {
    let programs = build_release()?;
    let scratch = tempfile::tempdir()?;
    let program = clients::compile("barrier", &["-lhsa-runtime64"], scratch.path())?;
    let until = Instant::now() + time;
    let mut runs = 0u64;
    while Instant::now() < until {
        let mut running = Vec::new();
        for _ in 0..AT_ONCE {
            // `timeout` of coreutils is the watchdog: it ends kfdctl, which drains, and its own status is 124.
            let mut command = Command::new("timeout");
            command.arg(WATCHDOG.as_secs().to_string()).arg(programs.join("kfdctl"));
            command.args(["run", "--embedded", "--"]).arg(&program);
            let output = scratch.path().join(format!("run{}", running.len()));
            let file = std::fs::File::create(&output)?;
            command.stdout(file.try_clone()?).stderr(file);
            running.push((command.spawn().context("cannot start a run")?, output));
        }
        for (mut child, output) in running {
            let status = child.wait()?;
            runs += 1;
            if !status.success() {
                bail!("run {runs} ended with {status}:\n{}", std::fs::read_to_string(output)?);
            }
        }
    }
    println!("{runs} runs, none failed or hung");
    Ok(())
}
