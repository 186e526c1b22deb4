//! The private view: one command and its descendants see a GPU, the machine does not.
//!
//! ```text
//!   outside                      inside (a mount namespace of its own, nothing propagates out)
//!   /sys/devices/virtual         overlay: <run>/sys/devices/virtual above the real one   ([`sysfs`])
//!   /sys/class, /sys/module,     the same; links in them lead into /sys/devices/virtual
//!   /sys/bus/pci, /sys/dev/char
//!   /sys/devices/virtual/amdgpu  <run>/dev/amdgpu of the FUSE directory: the devices, with figures
//!   /sys/kernel/debug            the same where a device has RAS and the command may see debugfs at all, with the door's
//!                                control files on their places
//!   /dev                         a small tmpfs with every real entry bound into it, and  ([`dev`])
//!                                kfd, dri/ out of the FUSE directory <run>/dev
//!   /proc/modules                the real lines below an amdgpu line                     ([`modules`])
//! ```
//! [`PrivateView::enter`] changes the calling process and so must run in a fresh single-threaded one that is about to
//! exec the command; `kfdctl run` re-executes itself for that, because between fork and exec of a program with threads
//! only async-signal-safe calls are allowed and this is hundreds of others. Nothing has to be undone: the namespace ends with
//! its last process. Not for: serving the files (the FUSE door) or writing the topology (kfdd).

mod compose;
pub mod container;
mod dev;
mod error;
pub mod host;
mod modules;
mod namespace;
mod places;
pub mod root;
mod sysfs;

pub use error::ViewError;
pub use modules::lsmod_of;
pub use places::Bind;

use error::step;
use std::ffi::OsString;
use std::path::PathBuf;

/// libhsakmt's switch for system memory: 0 makes it GTT, which the daemon shares with the client, instead of
/// anonymous user memory, which has no atomics from the daemon's side.
pub const PAGED_MEM_ENV: &str = "HSA_USERPTR_FOR_PAGED_MEM";

/// ROCR's bound, in bytes and an `int`, from which on it copies within a device by a kernel instead of an SDMA packet. Where
/// no wave runs, the bound is the highest.
pub const FORCE_SDMA_ENV: &str = "HSA_FORCE_SDMA_SIZE";

const CHOICES: [(&str, &str); 2] = [(PAGED_MEM_ENV, "0"), (FORCE_SDMA_ENV, "2147483647")];

/// What a client's environment should say, unless it says otherwise, of a daemon that executes waves or not.
const fn choices(waves_run: bool) -> &'static [(&'static str, &'static str)] {
    if waves_run { CHOICES.split_at(1).0 } else { &CHOICES }
}

/// The view of what one run directory serves.
#[derive(Debug, Clone)]
pub struct PrivateView {
    run_dir: PathBuf,
    hide_real_gpu: bool,
    waves_run: bool,
}

/// What the command's environment must have in addition, once inside.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Environment(pub Vec<(OsString, OsString)>);

impl PrivateView {
    /// A view of the run directory `run_dir`; nothing happens yet.
    #[must_use]
    pub fn of(run_dir: impl Into<PathBuf>) -> Self {
        Self { run_dir: run_dir.into(), hide_real_gpu: false, waves_run: false }
    }

    /// Says whether the daemon executes waves. Without a word it does not.
    #[must_use]
    pub fn waves_run(mut self, run: bool) -> Self {
        self.waves_run = run;
        self
    }

    /// Allows the view to cover a real GPU, which [`PrivateView::check`] otherwise refuses.
    #[must_use]
    pub fn hide_real_gpu(mut self, hide: bool) -> Self {
        self.hide_real_gpu = hide;
        self
    }

    /// Whether the view may be entered; changes nothing, so a launcher can ask before it starts anything.
    ///
    /// # Errors
    /// [`ViewError::RealGpu`], [`ViewError::NotServed`].
    pub fn check(&self) -> Result<(), ViewError> {
        let served = dev::Served::look(&self.run_dir)?;
        let mut covered = host::real_kfd().into_iter().collect::<Vec<_>>();
        covered.extend(host::real_dri_nodes().into_iter().filter(|node| {
            node.file_name().is_some_and(|name| served.dri_nodes().iter().any(|ours| ours == name))
        }));
        covered.extend(host::real_devices_at(&served.addresses(&self.run_dir)));
        if covered.is_empty() || self.hide_real_gpu { Ok(()) } else { Err(ViewError::RealGpu(covered)) }
    }

    /// Moves the calling process into the view. The caller then sets the environment and execs.
    ///
    /// # Errors
    /// Those of [`PrivateView::check`]; [`ViewError::Namespace`] (also when the caller has threads and is not
    /// privileged); [`ViewError::Step`] with the step that failed. After an error the process is in a namespace that
    /// is half built and should exit.
    pub fn enter(&self) -> Result<Environment, ViewError> {
        self.check()?;
        namespace::enter()?;
        let run_dir = std::fs::canonicalize(&self.run_dir).map_err(step("find", &self.run_dir))?;
        let clash = if self.hide_real_gpu { compose::Clash::Replace } else { compose::Clash::Merge };
        // Covered while something is built in it, and seen again as soon as that has moved to its place.
        let scratch = run_dir.join("proc");
        sysfs::cover(&run_dir, &scratch, clash)?;
        sysfs::cover_debugfs(&run_dir, &scratch, clash)?;
        let private = dev::cover(&run_dir, &scratch, clash)?;
        let shim = modules::cover(&scratch.join("modules"), &private)?;

        let mut environment = Environment::default();
        for (name, value) in choices(self.waves_run) {
            if std::env::var_os(name).is_none() {
                environment.0.push((name.into(), value.into()));
            }
        }
        if let Some(folder) = shim {
            let mut path = folder.into_os_string();
            if let Some(rest) = std::env::var_os("PATH") {
                path.push(":");
                path.push(rest);
            }
            environment.0.push(("PATH".into(), path));
        }
        Ok(environment)
    }
}
