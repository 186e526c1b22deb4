//! The guard: a thread of the keeper's process that aborts the daemon's FUSE connection when the daemon dies.
//!
//! A daemon that dies ends its connection by closing its last `/dev/fuse`. Not so when one of its threads is just dropping
//! a doorbell page (NOTIFY_INVAL_INODE): that waits, in a sleep that no signal ends, for the page's writeback, which only
//! the door threads could have answered. The thread keeps every descriptor of the process open, the lock of the run
//! directory too, and its clients and its successor would wait with it for ever. Another process has to abort the connection.
//!
//! It is told by a death signal, which comes when the thread that started this process ends (prctl(2),
//! PR_SET_PDEATHSIG): a pidfd or the end of the socket would tell of the end of the whole process, which does not come.
//!
//! Limits: whoever kills the keeper together with the daemon leaves the abort to the next daemon (`kfdd`'s `rundir`).

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// The death signal: none that a terminal or a service manager sends to every process of a group.
const DEATH: Signal = Signal::SIGUSR1;

/// From now on the daemon's death aborts the connection of `abort` and ends this process. Called by its main thread, which
/// is the one that has the death signal.
pub(super) fn stand(abort: OwnedFd) -> io::Result<()> {
    let mut deaths = SigSet::empty();
    deaths.add(DEATH);
    // Before the thread, which inherits the mask: the signal has to wait for it, whichever thread the kernel picks.
    deaths.thread_block()?;
    std::thread::Builder::new().name("kfdd-guard".to_owned()).spawn(move || {
        if deaths.wait().is_ok() {
            // An error would mean that the connection is gone.
            let _ = File::from(abort).write_all(b"1");
        }
        std::process::exit(0);
    })?;
    Ok(prctl::set_pdeathsig(DEATH)?)
}
