//! A bare seccomp-notify echo: a process whose calls stop, and a thread here that lets each end with 0.

use crate::launcher;
use crate::stage::actor;
use crate::stage::asked::Asked;
use crate::stage::sys;
use anyhow::{Context, ensure};
use kfd_tests::measure::cpus::{Cpus, Place};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

/// The process whose calls stop; its argument is the path of the socket that its listener goes over.
pub const ROLE: actor::Role = ("stopped", stopped);

fn stopped(arguments: &[String]) -> anyhow::Result<()> {
    let [path] = arguments else { anyhow::bail!("a socket's path") };
    let listener = door::seccomp::filter::install().context("a filter (root is needed)")?;
    let socket = UnixStream::connect(path)?;
    door::seccomp::handover::send(&socket, b"listener\n", &listener)?;
    drop((listener, socket));
    let file = std::fs::File::open("/dev/null")?;
    launcher::answer_lines(|| launcher::calls(file.as_fd(), 0))
}

/// Starts the process and its echo on one CPU; `what` is done with the process.
pub fn with_echo<T>(cpus: &Cpus, what: impl FnOnce(&mut Asked) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("listener");
    let listening = std::os::unix::net::UnixListener::bind(&path)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([actor::MARKER, ROLE.0]).arg(&path);
    let mut asked = Asked::start(&mut command)?;
    let (socket, _) = listening.accept()?;
    let (_, listener) = door::seccomp::handover::receive(&socket, 64, true)?;
    let listener = listener.context("the listener came along")?;
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || -> anyhow::Result<()> {
            cpus.stay(Place::First)?;
            loop {
                let mut wait = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
                poll(&mut wait, PollTimeout::NONE)?;
                let seen = wait[0].revents().unwrap_or(PollFlags::POLLERR);
                if !seen.contains(PollFlags::POLLIN) {
                    // POLLHUP: the process has ended.
                    return Ok(());
                }
                if let Some(call) = sys::stopped(listener.as_fd())? {
                    sys::answer(listener.as_fd(), &call, sys::Answer::Zero)?;
                }
            }
        });
        let done = what(&mut asked);
        drop(asked);
        let ended = echo.join();
        ensure!(matches!(ended, Ok(Ok(()))), "the echo: {ended:?}");
        done
    })
}
