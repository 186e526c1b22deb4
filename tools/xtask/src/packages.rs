//! The Debian packages that the demo and the live tests use: the unmodified clients.
//!
//! As root what is missing is installed, and said; otherwise it is named and whoever needs it falls back or skips.

use anyhow::bail;
use std::process::{Command, Stdio};

/// What is used, and for what.
const USED: &[(&str, &str)] = &[
    ("rocminfo", "the unmodified client that lists the agents"),
    ("libhsa-runtime-dev", "the unmodified HSA runtime that the C programs link"),
    ("libdrm-dev", "the DRM headers that the ABI test reads"),
    ("linux-libc-dev", "the KFD header that the ABI test reads"),
    ("kmod", "lsmod, which rocminfo runs"),
    ("gcc", "compiles the C programs"),
    ("python3-venv", "the folder that tinygrad is installed into"),
];

/// The packages of [`USED`] that are not installed.
pub fn missing() -> Vec<&'static str> {
    USED.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect()
}

/// Whether `name` is installed.
pub fn installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", name])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.status.success() && out.stdout == b"installed")
}

/// Installs what is missing when run as root on a Debian machine; otherwise names it.
///
/// # Errors
/// The installation failed.
pub fn set_up() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        println!("Not installed, and installing needs root:");
        for (name, purpose) in USED.iter().filter(|(name, _)| missing.contains(name)) {
            println!("  {name:<20} {purpose}");
        }
        println!("As root: apt-get install {}", missing.join(" "));
        return Ok(());
    }
    println!("Installing Debian packages: {}", missing.join(" "));
    apt(&["update"])?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let out = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output();
    match out {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => bail!("apt-get {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&out.stderr)),
        Err(error) => {
            // Not a Debian machine: whoever needs a package falls back and says so.
            println!("apt-get cannot be run ({error}); going on without the packages");
            Ok(())
        }
    }
}
