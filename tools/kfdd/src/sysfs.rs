//! The topology written out as plain files, for a private view to lay over `/sys` and `/proc/modules`.
//!
//! What the files say comes from `kfd_core::topology`; this only writes.

use kfd_core::profile::Profile;
use kfd_core::topology::{Entry, Host, Tree, tree_on};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes the topology of `profile` on this machine below `root`; what is there already is replaced.
///
/// # Errors
/// The first file operation that fails.
pub fn write(profile: &Profile, root: &Path) -> io::Result<()> {
    let tree = tree(profile);
    for (path, entry) in tree.entries() {
        let at = root.join(path);
        if let Some(parent) = at.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match entry {
            Entry::Directory => std::fs::create_dir_all(&at)?,
            Entry::File(text) => std::fs::write(&at, text)?,
            Entry::Link(target) => {
                drop(std::fs::remove_file(&at));
                std::os::unix::fs::symlink(target, &at)?;
            }
        }
    }
    let debugfs = root.join("sys/kernel/debug");
    if debugfs.is_dir() {
        // As the kernel has it: what is in the machine's own may rely on nobody getting there.
        std::fs::set_permissions(&debugfs, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The topology of `profile` on this machine.
#[must_use]
pub fn tree(profile: &Profile) -> Tree {
    tree_on(profile, &host())
}

/// What the host's /proc says. A file that is missing (a kernel without modules has no /proc/modules) says nothing.
fn host() -> Host {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    Host::from_proc(&text("/proc/cpuinfo"), &text("/proc/meminfo"), &text("/proc/modules"))
}
