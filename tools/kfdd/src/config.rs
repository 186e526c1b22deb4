//! What a daemon is started with.

use crate::rundir;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one daemon. [`Config::default`] is the system-wide daemon.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it serves; see [`rundir`].
    pub run_dir: PathBuf,
    /// The name of a compiled-in device profile.
    pub profile: String,
    /// Door threads; each reads its own clone of /dev/fuse.
    pub door_threads: usize,
    /// Engine threads.
    pub engine_threads: usize,
    /// Memory worker processes.
    pub memory_workers: usize,
    /// How long a memory worker may take for one job before it is abandoned and the job's client doomed.
    pub memory_deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            run_dir: PathBuf::from(rundir::DEFAULT),
            profile: "gfx900".to_owned(),
            door_threads: cores.clamp(2, 8),
            // A client needs a core of its own while an engine polls for its next packet.
            engine_threads: (cores / 2).clamp(1, 16),
            memory_workers: 2,
            memory_deadline: Duration::from_secs(1),
        }
    }
}
