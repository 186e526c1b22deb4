//! The calls that take or answer descriptors, which the FUSE door cannot carry: the command stops at them, and the daemon
//! answers through the listener that it is handed here.

use door::seccomp::filter;
use kfdd::control::{Control, Reply, Request};
use std::path::Path;

/// Installs the filter for this process, which becomes the command, and hands the listener to the daemon. Where that is not
/// to be had, a command does without: those calls then have the errno that they have outside of a run.
pub fn pass_through(run_dir: &Path) {
    let control = Control::of(run_dir);
    // Asked first: a filter that nobody listens to makes these calls ENOSYS.
    if !matches!(control.ask(&Request::Listener), Ok(Reply::Listening { listening: true })) {
        tracing::debug!("the daemon takes no listener of this user: calls that pass descriptors are refused");
        return;
    }
    let listener = match filter::install() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::debug!(%error, "no filter: calls that pass descriptors are refused");
            return;
        }
    };
    if let Err(error) = control.hand_over(&listener) {
        tracing::warn!(%error, "the daemon does not listen to this command: calls that pass descriptors are ENOSYS");
    }
}
