//! `kfdctl enter`: the process that becomes the command of a `run`.
//!
//! It is a fresh process without threads because making a namespace and its mounts is not allowed between fork and
//! exec of a program that has some (a daemon may be embedded in the parent).

use crate::cli::Enter;
use crate::run::device_nodes::{self, PRELOAD, SANITIZER};
use crate::run::{descriptors, signals, waves};
use anyhow::Context;
use door::view::{PrivateView, root};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Found but not executable, as a shell reports it (POSIX sh 2.8.2).
const EXIT_NOT_EXECUTABLE: u8 = 126;
const EXIT_NOT_FOUND: u8 = 127;

/// Enters the view and becomes the command; returns only when that failed.
///
/// # Errors
/// The view's.
pub fn enter(asked: &Enter) -> anyhow::Result<ExitCode> {
    let view = PrivateView::of(&asked.run_dir).hide_real_gpu(asked.hide_real_gpu);
    let environment = view.waves_run(waves::executed(&asked.run_dir)).enter()?;
    signals::release().context("cannot unblock signals")?;
    descriptors::pass_through(&asked.run_dir);
    let (program, arguments) = asked.command.split_first().context("no command")?;
    let mut command = Command::new(program);
    // The PATH searched is the one the command will have.
    command.args(arguments).envs(environment.0).env(kfdd::rundir::ENV, &asked.run_dir);
    let mut preload = asked.preload.clone();
    if let Some(folder) = &asked.root {
        preload = preload.as_deref().map(root::lend).transpose()?;
        root::enter(folder)?;
    }
    if let Some(library) = &preload {
        for name in [PRELOAD, SANITIZER] {
            command.env(name, device_nodes::environment(library, name, std::env::var_os(name).as_deref()));
        }
    }
    let error = command.exec();
    eprintln!("kfdctl: cannot execute {}: {error}", program.display());
    Ok(ExitCode::from(match error.kind() {
        io::ErrorKind::NotFound => EXIT_NOT_FOUND,
        _ => EXIT_NOT_EXECUTABLE,
    }))
}
