//! A debugger's session with a process: whose it is, what it wants to know, and how it wants waves to be launched.

use crate::device::watch::WatchPoint;
use crate::ids::ProcessId;
use crate::notice::Notice;
use crate::sync::Arc;
use std::os::fd::OwnedFd;

/// How waves are to be launched. Kept and told; a wave runs nowhere here.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaveSettings {
    /// `DBG_TRAP_FLAG_*`.
    pub(crate) flags: u32,
    /// `DBG_TRAP_WAVE_LAUNCH_MODE_*`.
    pub(crate) launch_mode: u32,
    /// `DBG_TRAP_OVERRIDE_*`.
    pub(crate) override_mode: u32,
    /// `DBG_TRAP_MASK_*`: the traps that are on besides the wave's own.
    pub(crate) traps: u32,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Session {
    /// The debugger's process object; `None` for a process that debugs itself.
    pub(crate) debugger: Option<ProcessId>,
    /// The exceptions it wants to know of.
    pub(crate) wanted: u64,
    /// What it said of waves.
    pub(crate) waves: WaveSettings,
    /// Its watch points, by device index.
    pub(crate) watches: Vec<(usize, WatchPoint)>,
    /// Where a byte goes for each exception.
    pipe: Arc<OwnedFd>,
}

impl Session {
    /// A session that has set nothing yet.
    pub(crate) fn new(debugger: Option<ProcessId>, wanted: u64, pipe: Arc<OwnedFd>) -> Self {
        Self { debugger, wanted, waves: WaveSettings::default(), watches: Vec::new(), pipe }
    }

    /// The word that something was raised.
    pub(super) fn event(&self) -> Notice {
        Notice::DebugEvent { pipe: Arc::clone(&self.pipe) }
    }
}
