//! `kfdctl run`: a daemon (a running one or its own), a private view, a command, and the drain afterwards.
//!
//! ```text
//! signals blocked → daemon found or started → `kfdctl enter` spawned → signals forwarded until it ends
//!                 → the daemon drained, if it was ours → the command's exit code, or 70 with the leak report
//! ```

mod daemon;
pub mod descriptors;
pub mod device_nodes;
mod leak;
mod leftovers;
mod report;
pub mod signals;
pub mod waves;

use crate::cli::Run;
use anyhow::{Context, bail};
use daemon::Serving;
use door::view::{ViewError, host};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use report::Report;
use signals::{Signals, Wake};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Runs the command to its end.
///
/// # Errors
/// The command was not started: a real GPU, no daemon, no process.
pub fn run(asked: &Run) -> anyhow::Result<ExitCode> {
    // Before any thread exists, so that every one inherits the mask and none takes a signal meant for the command.
    let signals = Signals::hold().context("cannot block signals")?;
    if let Some(kfd) = host::real_kfd().filter(|_| !asked.hide_real_gpu) {
        bail!(ViewError::RealGpu(vec![kfd]));
    }
    let preload = device_nodes::library(asked.device_nodes, asked.command.first().map(AsRef::as_ref))?;
    let serving = Serving::find_or_start(asked)?;
    let report = asked.report.as_deref().map(|file| Report::begin(file, serving.run_dir())).transpose()?;
    let ended = attend(asked, preload.as_deref(), &serving, &signals);
    if let Some(report) = report {
        report.end()?;
    }
    let left = serving.end();
    let code = ended?;
    if let Some(report) = left {
        eprint!("{}", leak::describe(&report, asked.json)?);
        return Ok(ExitCode::from(kfdd::EXIT_LEAK));
    }
    Ok(code)
}

/// Starts the command and forwards signals to it until it ends.
fn attend(
    asked: &Run,
    preload: Option<&Path>,
    serving: &Serving,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let mut enter = Command::new("/proc/self/exe");
    enter.arg0("kfdctl").arg("enter").arg("--run-dir").arg(serving.run_dir());
    if asked.hide_real_gpu {
        enter.arg("--hide-real-gpu");
    }
    if let Some(library) = preload {
        enter.arg("--preload").arg(library);
    }
    if let Some(root) = &asked.root {
        enter.arg("--root").arg(root);
    }
    let child =
        enter.arg("--").args(&asked.command).spawn().context("cannot start a process for the command")?;
    let child = Pid::from_raw(i32::try_from(child.id()).context("a process id is positive")?);
    loop {
        match signals.wait().context("cannot wait for signals")? {
            Wake::Child => {
                if let Some(code) = reap(child)? {
                    return Ok(code);
                }
            }
            // It may have ended in between; its SIGCHLD is on the way.
            Wake::Forward(signal) => drop(nix::sys::signal::kill(child, signal)),
        }
    }
}

/// The exit code of `child`, if it has ended.
fn reap(child: Pid) -> anyhow::Result<Option<ExitCode>> {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    let code = match waitpid(child, Some(WaitPidFlag::WNOHANG)).context("cannot wait for the command")? {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        WaitStatus::StillAlive
        | WaitStatus::Stopped(..)
        | WaitStatus::Continued(_)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_) => return Ok(None),
    };
    Ok(Some(ExitCode::from(u8::try_from(code).context("an exit code has eight bits")?)))
}
