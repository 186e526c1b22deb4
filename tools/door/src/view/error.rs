//! Why a view cannot be had, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a view was refused or could not be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ViewError {
    /// The machine has a GPU of its own that this view would cover.
    #[error("this machine has a real GPU ({}), and a private view would hide it from the command; \
             run the command without kfdctl, or pass --hide-real-gpu", list(.0))]
    RealGpu(Vec<PathBuf>),
    /// Nobody serves in this run directory.
    #[error("nothing is served at {path} ({reason}); is the daemon of this run directory alive?")]
    NotServed {
        /// What was looked for.
        path: PathBuf,
        /// Why it was not found.
        reason: io::Error,
    },
    /// No mount namespace could be had.
    #[error(
        "cannot make a private mount namespace ({0}): run as root, or allow unprivileged user namespaces \
             (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
    )]
    Namespace(io::Error),
    /// One step of building the view failed.
    #[error("cannot build the private view: {what} {path}: {reason}")]
    Step {
        /// The step, as a verb phrase.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        reason: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Turns an error of a step into a [`ViewError::Step`].
pub(super) fn step<E: Into<io::Error>>(what: &'static str, path: &Path) -> impl FnOnce(E) -> ViewError {
    let path = path.to_owned();
    move |reason| ViewError::Step { what, path, reason: reason.into() }
}
