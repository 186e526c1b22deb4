//! Why the door did not open, as one line that says what to do about it.

use std::io;
use std::path::PathBuf;

/// Why [`FuseDoor::start`](super::FuseDoor::start) failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DoorError {
    /// There is no /dev/fuse.
    #[error(
        "/dev/fuse is missing: load the module (`modprobe fuse`), or give the container `--device /dev/fuse`"
    )]
    NoDevice,
    /// /dev/fuse is there but may not be opened, or the mount was refused.
    #[error(
        "not allowed to {what}: the FUSE door needs root (CAP_SYS_ADMIN in the initial user namespace); run it with sudo"
    )]
    NotPermitted {
        /// What was refused.
        what: &'static str,
    },
    /// The mount point does not exist or is not a directory.
    #[error("the mount point {path} must be an existing directory")]
    MountPoint {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody serves this mount point.
    #[error("{path} is already served by a running daemon: stop that one, or choose another run directory")]
    InUse {
        /// The mount point.
        path: PathBuf,
    },
    /// There is a FUSE mount whose server neither answers nor is gone.
    #[error(
        "{path} is mounted by a daemon that does not answer: end it (`kill -9`), or `umount -fl {path}`, and start again"
    )]
    Unresponsive {
        /// The mount point.
        path: PathBuf,
    },
    /// Something other than FUSE is mounted there.
    #[error("{path} is a mount point of type {kind}: choose another run directory, or unmount it")]
    Occupied {
        /// The mount point.
        path: PathBuf,
        /// The file system's type.
        kind: String,
    },
    /// The kernel has no FUSE passthrough.
    #[error(
        "this kernel has no FUSE passthrough (protocol {major}.{minor}): Linux 6.9 with CONFIG_FUSE_PASSTHROUGH is needed; `kfdctl run` can use the launcher's door instead"
    )]
    NoPassthrough {
        /// The kernel's protocol.
        major: u32,
        /// The kernel's protocol.
        minor: u32,
    },
    #[error("cannot {what}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl DoorError {
    /// For `map_err`: an io error in the middle of `what`.
    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied => Self::NotPermitted { what },
            _ => Self::System { what, source },
        }
    }
}
