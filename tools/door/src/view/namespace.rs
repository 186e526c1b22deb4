//! A mount namespace of its own for the calling process; a user namespace first where the first is not allowed.
//!
//! In the user namespace the caller keeps its uid and gid (mapped onto themselves), so files, `ps` and the daemon's
//! accounting see the same user; the capabilities over the new namespaces end at the exec.

use super::error::{ViewError, step};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use std::path::Path;

/// Leaves the machine's mount namespace for a copy from which nothing propagates back.
///
/// # Errors
/// [`ViewError::Namespace`] when neither way is allowed, or the caller has threads; [`ViewError::Step`] otherwise.
pub(super) fn enter() -> Result<(), ViewError> {
    match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => {}
        Err(Errno::EPERM) => as_user()?,
        Err(other) => return Err(ViewError::Namespace(other.into())),
    }
    let root = Path::new("/");
    mount(None::<&str>, root, None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(step("stop propagation from", root))
}

fn as_user() -> Result<(), ViewError> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|errno| ViewError::Namespace(errno.into()))?;
    // user_namespaces(7): an unprivileged gid_map is taken only after setgroups is denied.
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ] {
        std::fs::write(file, text).map_err(step("write", Path::new(file)))?;
    }
    Ok(())
}
