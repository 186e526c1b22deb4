//! `cargo xtask demo`: the main job, shown from the daemon's start to the empty leak report.
//!
//! Six acts, each a real program: the daemon; an unmodified `rocminfo`; a C program against the unmodified HSA
//! runtime; one whose kernels the unmodified HIP runtime compiles and the daemon's wave workers execute; clients killed at
//! random; the drain. Without the Debian packages the second is played by the built-in client, the third and fourth are left
//! out, and that is said.

use crate::cargo::{build_release, must};
use crate::clients;
use crate::packages;
use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many clients the kill storm kills
    #[arg(long, default_value_t = 500)]
    kills: u32,
}

/// How long the daemon may take to come up on a loaded machine.
const START: Duration = Duration::from_secs(10);

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    packages::set_up(&[packages::CLIENTS, packages::KERNELS].concat())?;
    act("build");
    let programs = build_release()?;
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "the FUSE door needs root (BACKING_OPEN asks for CAP_SYS_ADMIN): run `cargo xtask demo` as root"
        );
    }
    let scratch = tempfile::tempdir()?;
    let run_dir = scratch.path().join("run");

    act("the daemon");
    let mut daemon = Daemon::start(&programs, &run_dir)?;
    show(&programs, &run_dir, &["ps"])?;

    act("an unmodified rocminfo");
    if packages::installed("rocminfo") {
        rocminfo(&programs, &run_dir)?;
    } else {
        println!("rocminfo is not installed; the built-in client instead");
        must(
            Command::new(programs.join("kfd-stress"))
                .args(["--clients", "1", "--kills", "1"])
                .arg("--run-dir")
                .arg(&run_dir),
        )?;
    }

    act("a C program against the unmodified HSA runtime: a barrier packet and a bad one");
    if packages::installed("libhsa-runtime-dev") {
        c_program(&programs, &run_dir, scratch.path())?;
    } else {
        println!("libhsa-runtime-dev is not installed; left out");
    }

    act("a C program's kernels, compiled by the unmodified HIP runtime, executed without a GPU");
    if packages::all_installed(packages::KERNELS) {
        kernels(&programs, &run_dir, scratch.path())?;
    } else {
        println!("{} are not all installed; left out", packages::names(packages::KERNELS));
    }

    act(&format!("{} clients killed at random moments", options.kills));
    must(
        Command::new(programs.join("kfd-stress"))
            .args(["--clients", "50", "--kills", &options.kills.to_string()])
            .arg("--run-dir")
            .arg(&run_dir),
    )?;

    act("shutdown: the leak report");
    let status = daemon.drain()?;
    if !status.success() {
        bail!("the daemon ended with {status}");
    }
    println!("\nThe whole path works. Next: target/release/kfdctl run -- COMMAND");
    Ok(ExitCode::SUCCESS)
}

fn act(title: &str) {
    println!("\n== {title}");
}

fn show(programs: &Path, run_dir: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    must(Command::new(programs.join("kfdctl")).args(arguments).arg("--run-dir").arg(run_dir))
}

fn rocminfo(programs: &Path, run_dir: &Path) -> anyhow::Result<()> {
    let out = Command::new(programs.join("kfdctl"))
        .arg("run")
        .arg("--run-dir")
        .arg(run_dir)
        .args(["--", "rocminfo"])
        .output()
        .context("kfdctl run")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let telling =
        ["Agent ", "Name:", "Marketing Name", "Device Type", "Compute Unit", "Wavefront Size", "Size:"];
    for line in text.lines().filter(|line| telling.iter().any(|word| line.trim_start().starts_with(word))) {
        println!("{line}");
    }
    if !out.status.success() || !text.contains("gfx900") {
        bail!(
            "rocminfo ended with {} and did not list gfx900:\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(())
}

fn c_program(programs: &Path, run_dir: &Path, scratch: &Path) -> anyhow::Result<()> {
    let program = clients::compile("barrier", &["-lhsa-runtime64"], scratch)?;
    run_client(programs, run_dir, &program)
}

/// By the run-time packages alone: the program declares HIP's calls itself.
fn kernels(programs: &Path, run_dir: &Path, scratch: &Path) -> anyhow::Result<()> {
    let program = clients::compile("kernels", &["-l:libamdhip64.so.5", "-lm"], scratch)?;
    run_client(programs, run_dir, &program)
}

fn run_client(programs: &Path, run_dir: &Path, program: &Path) -> anyhow::Result<()> {
    must(
        Command::new(programs.join("kfdctl")).arg("run").arg("--run-dir").arg(run_dir).arg("--").arg(program),
    )
}

/// The daemon's process; killed when the demo fails half-way.
struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(programs: &Path, run_dir: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(programs.join("kfdd"))
            .arg("--run-dir")
            .arg(run_dir)
            .args(["--waves", "run"])
            .env("KFDD_LOG", "warn")
            .spawn()
            .context("cannot start kfdd")?;
        let started = Instant::now();
        while !run_dir.join("control").exists() {
            if let Some(status) = child.try_wait()? {
                bail!("kfdd ended at once: {status}");
            }
            if started.elapsed() > START {
                bail!("kfdd did not come up within {} s", START.as_secs());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Self { child })
    }

    fn drain(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let tgid = Pid::from_raw(i32::try_from(self.child.id()).context("a process id is positive")?);
        kill(tgid, Signal::SIGTERM).context("cannot signal kfdd")?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.drain());
        }
    }
}
