//! The topology written out as plain files, for a private view to lay over `/sys` and `/proc/modules`.
//!
//! What the files say comes from `kfd_core::topology`; this only writes, and looks which numbers the host has given. The
//! directories of the devices have figures in them and are the door's to serve: here they are an empty place for that.

use kfd_core::ids::Bytes;
use kfd_core::limits::Limits;
use kfd_core::profile::Profile;
use kfd_core::topology::{DEVICES, Entry, Host, Numbers, Tree, tree_on};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes `tree` below `root`, and beside `proc/modules` a program that shows it, for containers; what is there already is
/// replaced.
///
/// # Errors
/// The first file operation that fails.
pub fn write(tree: &Tree, root: &Path) -> io::Result<()> {
    let devices = Path::new("sys").join(DEVICES);
    let served = |path: &Path| path.starts_with(&devices) && path != devices;
    for (path, entry) in tree.entries().filter(|(path, _)| !served(path)) {
        let at = root.join(path);
        if let Some(parent) = at.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match entry {
            Entry::Directory => std::fs::create_dir_all(&at)?,
            Entry::File(text) => std::fs::write(&at, text)?,
            // There are none but below the devices.
            Entry::Live(_) => {}
            Entry::Link(target) => {
                drop(std::fs::remove_file(&at));
                std::os::unix::fs::symlink(target, &at)?;
            }
        }
    }
    if let Some(lines) = tree.text("proc/modules") {
        let lsmod = root.join("proc/lsmod");
        std::fs::write(&lsmod, door::view::lsmod_of(lines))?;
        std::fs::set_permissions(&lsmod, Permissions::from_mode(0o755))?;
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

/// What a door serves of `tree`: the directories of the devices.
#[must_use]
pub fn devices(tree: &Tree) -> Tree {
    tree.subtree(&Path::new("sys").join(DEVICES))
}

/// What the host's /proc says. A file that is missing (a kernel without modules has no /proc/modules) says nothing.
#[must_use]
pub fn host() -> Host {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    Host {
        numbers: Numbers {
            card: first_free("/sys/class/drm", "card"),
            hwmon: first_free("/sys/class/hwmon", "hwmon"),
        },
        gtt: Bytes(Limits::of_host().gtt_bytes),
        ..Host::from_proc(&text("/proc/cpuinfo"), &text("/proc/meminfo"), &text("/proc/modules"))
    }
}

/// The first number above all that the host's own devices of a class have; those that a view shows are not its own.
fn first_free(class: &str, prefix: &str) -> u32 {
    let served = Path::new("/sys").join(DEVICES);
    let number = |entry: std::fs::DirEntry| {
        let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse::<u32>().ok()?;
        let real = std::fs::canonicalize(entry.path()).ok()?;
        (!real.starts_with(&served)).then_some(number + 1)
    };
    let entries = std::fs::read_dir(class).into_iter().flatten().flatten();
    entries.filter_map(number).max().unwrap_or(0)
}
