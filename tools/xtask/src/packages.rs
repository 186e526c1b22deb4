//! The Debian packages that a verb uses: unmodified clients for the demo and the live tests, peers for the benches.
//!
//! As root what is missing is installed, and said; otherwise it is named and whoever needs it falls back or skips. What is
//! said goes to standard error: standard output is the verb's own.

use anyhow::bail;
use std::process::{Command, Stdio};

/// A package, and what it is for.
type Package = (&'static str, &'static str);

/// What the demo and the tests use.
pub const CLIENTS: &[Package] = &[
    ("rocminfo", "the unmodified client that lists the agents"),
    ("libhsa-runtime-dev", "the unmodified HSA runtime that the C programs link"),
    ("libdrm-dev", "the DRM headers that the ABI test reads"),
    ("linux-libc-dev", "the KFD header that the ABI test reads"),
    ("kmod", "lsmod, which rocminfo runs"),
    ("gcc", "compiles the C programs"),
    ("python3-venv", "the folder that tinygrad is installed into"),
];

/// What programs with kernels use that the HIP runtime compiles: run-time packages only.
pub const KERNELS: &[Package] = &[
    ("libamdhip64-5", "the unmodified HIP runtime that launches kernels"),
    ("libhiprtc-builtins5", "what it compiles kernels with that a program has as text"),
    ("libamd-comgr2", "the compiler that does it"),
];

/// What the tests use beside that: tools that look at devices, other runtimes, containers.
pub const TOOLS: &[Package] = &[
    ("rocm-smi", "lists devices, their memory and the processes on them"),
    ("radeontop", "watches one device"),
    ("libamdhip64-dev", "the unmodified HIP runtime that programs link"),
    ("libhiprtc-builtins5", "what that runtime compiles kernels with that a program has as text"),
    ("libamd-comgr2", "what tinygrad 0.9.2 loads before it opens a device"),
    ("runc", "runs containers"),
    ("clang-15", "compiles kernels that the wave engine runs"),
    ("lld-15", "links them"),
    ("rocm-device-libs", "the library that HIP's kernels are made of"),
    ("clang-tools-15", "puts kernels and their program into one file"),
    ("hipcc", "compiles a program as a person does who has read HIP's manual"),
    ("librocrand-dev", "a library whose kernels Debian has compiled"),
    ("librocprim-dev", "algorithms whose groups wait for each other"),
];

/// What makes roots of other releases.
pub const ROOTS: &[Package] = &[("debootstrap", "makes the root of another release")];

/// What the benches use.
pub const PEERS: &[Package] = &[
    ("liburcu-dev", "the RCU that the notifier is measured beside"),
    ("pocl-opencl-icd", "the OpenCL of CPUs that kernels are measured beside"),
    ("ocl-icd-opencl-dev", "what its program links"),
    ("gcc", "compiles the peers' sides"),
];

fn missing(used: &[Package]) -> Vec<&'static str> {
    used.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect()
}

/// Whether `name` is installed.
pub fn installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", name])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.status.success() && out.stdout == b"installed")
}

/// Whether all of them are installed.
pub fn all_installed(used: &[Package]) -> bool {
    missing(used).is_empty()
}

/// Their names, for a sentence.
pub fn names(used: &[Package]) -> String {
    used.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Installs what is missing when run as root on a Debian machine; otherwise names it.
///
/// # Errors
/// The installation failed.
pub fn set_up(used: &[Package]) -> anyhow::Result<()> {
    let missing = missing(used);
    if missing.is_empty() {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("Not installed, and installing needs root:");
        for (name, purpose) in used.iter().filter(|(name, _)| missing.contains(name)) {
            eprintln!("  {name:<20} {purpose}");
        }
        eprintln!("As root: apt-get install {}", missing.join(" "));
        return Ok(());
    }
    eprintln!("Installing Debian packages: {}", missing.join(" "));
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
            eprintln!("apt-get cannot be run ({error}); going on without the packages");
            Ok(())
        }
    }
}
