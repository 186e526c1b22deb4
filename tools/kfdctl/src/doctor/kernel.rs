//! The kernel: its version and the facilities the daemon is built on.

use super::check::Check;
use std::fs::{self, OpenOptions};
use std::io;

/// FUSE passthrough (`FUSE_PASSTHROUGH`, `BACKING_OPEN`) came with Linux 6.9.
const PASSTHROUGH: (u32, u32) = (6, 9);

pub(super) fn version() -> Check {
    const NAME: &str = "kernel";
    let release = match nix::sys::utsname::uname() {
        Ok(name) => name.release().to_string_lossy().into_owned(),
        Err(error) => {
            return Check::note(NAME, format!("uname failed: {error}"), "nothing known about the kernel");
        }
    };
    match parsed(&release) {
        Some(version) if version >= PASSTHROUGH => Check::ok(NAME, format!("Linux {release}")),
        Some(_) => Check::missing(
            NAME,
            format!("Linux {release} has no FUSE passthrough"),
            "boot Linux 6.9 or later (Debian 12: the kernel of bookworm-backports)",
        ),
        None => Check::note(
            NAME,
            format!("Linux {release}"),
            "the version is not understood; 6.9 or later is needed",
        ),
    }
}

/// Major and minor of a release such as `6.12.3-1-amd64`.
fn parsed(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn fuse() -> Check {
    const NAME: &str = "/dev/fuse";
    match OpenOptions::new().read(true).write(true).open(NAME) {
        Ok(_) => Check::ok(NAME, "can be opened"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Check::missing(NAME, error.to_string(), "run kfdd as root")
        }
        Err(error) => Check::missing(
            NAME,
            error.to_string(),
            "load the module (modprobe fuse); in a container, pass it in (--device /dev/fuse)",
        ),
    }
}

pub(super) fn io_uring() -> Check {
    const NAME: &str = "io_uring";
    match io_uring::IoUring::new(2) {
        Ok(_) => Check::ok(NAME, "a ring can be made"),
        Err(error) => Check::missing(
            NAME,
            error.to_string(),
            "allow it: sysctl kernel.io_uring_disabled=0, and a container's seccomp profile must not refuse \
             io_uring_setup",
        ),
    }
}

pub(super) fn overlay() -> Check {
    const NAME: &str = "overlay";
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if known.lines().any(|line| line.split_whitespace().last() == Some(NAME)) {
        Check::ok(NAME, "the kernel has it")
    } else {
        Check::note(
            NAME,
            "not loaded",
            "private views are put together from bind mounts instead; modprobe overlay for views that follow sysfs",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_understood() {
        assert_eq!(parsed("6.12.3-1-amd64"), Some((6, 12)));
        assert_eq!(parsed("6.9-rc1"), Some((6, 9)));
        assert_eq!(parsed("5.15.0"), Some((5, 15)));
        assert_eq!(parsed("weird"), None);
    }
}
