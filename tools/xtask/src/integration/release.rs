//! The releases of Debian whose clients are run, and what is installed of each.

/// A Debian release whose clients are run.
#[derive(Debug)]
pub struct Release {
    /// Its name in reports.
    pub name: &'static str,
    /// The suite that its root is made of.
    pub suite: &'static str,
    /// A suite whose packages are taken instead, where it has them.
    pub above: Option<&'static str>,
    /// What becomes of a dispatch where kernels are not executed (`kfdctl run --waves`).
    pub waves: &'static str,
    /// What programs are linked with last: libraries that others before were a part of.
    pub libraries: &'static [&'static str],
    /// What is installed.
    pub packages: &'static [&'static str],
}

/// Clients, and what compiles those of `tests/clients`.
const CLIENTS: &[&str] = &[
    "amd-smi",
    "g++",
    "gcc",
    "kmod",
    "libamdhip64-dev",
    "libc6-dev",
    "libdrm-dev",
    "libhsa-runtime-dev",
    "libhwloc15",
    "libltdl7",
    "libnuma1",
    "nvtop",
    "radeontop",
    "rocm-smi",
    "rocminfo",
];

/// The releases that can be asked for, in the order in which they run.
pub const RELEASES: &[Release] = &[
    Release {
        name: "trixie",
        suite: "trixie",
        above: None,
        // ROCR 6.1 copies code objects to the device by a kernel (RegionMemory::Freeze, amd_loader_context.cpp; GpuAgent::DmaCopy,
        // amd_gpu_agent.cpp), which does not run on every profile: to HIP that is a broken queue, unless it ends without having run.
        waves: "null",
        libraries: &[],
        packages: CLIENTS,
    },
    Release { name: "sid", suite: "sid", above: None, waves: "refuse", libraries: &[], packages: CLIENTS },
    Release {
        name: "experimental",
        suite: "sid",
        above: Some("experimental"),
        waves: "refuse",
        // HIP 7: hiprtc is a library of its own.
        libraries: &["-lhiprtc"],
        packages: CLIENTS,
    },
];
