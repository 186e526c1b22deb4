//! What a daemon is started with.

use crate::error::StartError;
use crate::rundir;
use crate::service::Service;
use crate::waves;
use kfd_core::Waves;
use kfd_core::profile::Profile;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a dispatch, as a command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WavesOption {
    /// The queue error that an agent gives for code it cannot run
    Refuse,
    /// Complete without executing, for stress
    Null,
    /// Execute, in a process of its own for each client
    Run,
    /// Execute in the daemon's process, for debugging
    InProcess,
}

impl WavesOption {
    /// Whether waves are executed.
    #[must_use]
    pub const fn executes(self) -> bool {
        matches!(self, Self::Run | Self::InProcess)
    }
}

impl From<WavesOption> for Waves {
    fn from(option: WavesOption) -> Self {
        match option {
            WavesOption::Refuse => Self::Refuse,
            WavesOption::Null => Self::Null,
            WavesOption::Run | WavesOption::InProcess => Self::Run,
        }
    }
}

/// Settings of one daemon. [`Config::default`] is the system-wide daemon.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Config {
    /// Where it serves; see [`rundir`].
    pub run_dir: PathBuf,
    /// The name of a compiled-in device profile, or of a product that one is for, or the path of a TOML file with one: whatever has a slash in it.
    pub profile: String,
    /// How many devices to show, 1 to 8; as many as the profile has without it.
    pub gpus: Option<u32>,
    /// The minor number of the interface to report; the profile's without it.
    pub interface: Option<u32>,
    /// What becomes of a dispatch; executed on a device that can be, and refused on another, without it.
    pub waves: Option<WavesOption>,
    /// Threads of each client's wave worker; as many as there are CPUs for this process, without it.
    pub wave_threads: Option<u16>,
    /// Door threads; each reads its own clone of /dev/fuse.
    pub door_threads: usize,
    pub engine_threads: usize,
    /// Memory worker processes.
    pub memory_workers: usize,
    /// How long a memory worker may take for one job before it is abandoned and the job's client doomed.
    pub memory_deadline: Duration,
    /// The service manager whose watchdog the event loop pings, if it has one.
    pub service: Option<Arc<Service>>,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            run_dir: PathBuf::from(rundir::DEFAULT),
            profile: "gfx900".to_owned(),
            gpus: None,
            interface: None,
            waves: None,
            wave_threads: None,
            door_threads: cores.clamp(2, 8),
            // A client needs a core of its own while an engine polls for its next packet.
            engine_threads: (cores / 2).clamp(1, 16),
            memory_workers: 2,
            memory_deadline: Duration::from_secs(1),
            service: None,
        }
    }
}

impl Config {
    /// What becomes of a dispatch on this machine.
    ///
    /// # Errors
    /// [`StartError::NoEngine`]: waves are to be executed, and cannot be.
    pub fn waves(&self, machine: &Profile) -> Result<WavesOption, StartError> {
        let can = waves::limits::check(machine);
        match self.waves {
            None => Ok(if can.is_ok() { WavesOption::Run } else { WavesOption::Refuse }),
            Some(asked) if asked.executes() => can.map(|()| asked),
            Some(asked) => Ok(asked),
        }
    }

    /// The machine that clients are to see.
    ///
    /// # Errors
    /// [`StartError::Profile`] and [`StartError::ProfileFile`]: there is none of that name, or it is not one.
    pub fn machine(&self) -> Result<Profile, StartError> {
        let profile = if self.profile.contains('/') {
            let refused = |source| StartError::ProfileFile { path: self.profile.clone(), source };
            let text = std::fs::read_to_string(&self.profile)
                .map_err(|source| StartError::Part { what: "with that profile file", source })?;
            Profile::parse(&text).map_err(refused)?
        } else {
            Profile::named(&self.profile)?
        };
        let profile = match self.gpus {
            Some(gpus) => profile.with_gpus(gpus)?,
            None => profile,
        };
        Ok(match self.interface {
            Some(minor) => profile.with_interface(minor)?,
            None => profile,
        })
    }
}
