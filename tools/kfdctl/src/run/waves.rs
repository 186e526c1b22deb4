//! Whether a daemon executes waves: its commands' runtimes may copy by kernels then.

use kfdd::control::{Control, Reply, Request};
use std::path::Path;

/// What the daemon that serves in a run directory says; not, if it says nothing.
pub fn executed(run_dir: &Path) -> bool {
    match Control::of(run_dir).ask(&Request::Version) {
        Ok(Reply::Version { waves, .. }) => waves.executes(),
        Ok(other) => {
            tracing::debug!(?other, "the daemon does not say what becomes of a dispatch");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "the daemon does not say what becomes of a dispatch");
            false
        }
    }
}
