//! A debugger's session with a process: whose it is, what it wants to know, and how it wants waves to be launched.

use crate::device::watch::WatchPoint;
use crate::ids::ProcessId;
use crate::notice::Notice;
use crate::sync::Arc;
use std::os::fd::OwnedFd;

/// The settings by which waves are to be launched. They are kept and told, since no wave runs yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaveSettings {
    /// The flags set by SET_FLAGS, `DBG_TRAP_FLAG_*`.
    pub(crate) flags: u32,
    /// The mode set by SET_WAVE_LAUNCH_MODE, `DBG_TRAP_WAVE_LAUNCH_MODE_*`.
    pub(crate) launch_mode: u32,
    /// The mode set by SET_WAVE_LAUNCH_OVERRIDE, `DBG_TRAP_OVERRIDE_*`.
    pub(crate) override_mode: u32,
    /// The traps that are on besides the wave's own, `DBG_TRAP_MASK_*`.
    pub(crate) traps: u32,
}

/// A debugger's session with a process.
#[derive(Debug)]
pub(crate) struct Session {
    /// The debugger's process object; `None` for a process that debugs itself.
    pub(crate) debugger: Option<ProcessId>,
    /// The mask of exceptions that the debugger subscribes to.
    pub(crate) wanted: u64,
    /// The wave launch settings.
    pub(crate) waves: WaveSettings,
    /// The debugger's watch points, each with its device's index.
    pub(crate) watches: Vec<(usize, WatchPoint)>,
    /// The pipe's writing end, which gets a byte for each exception.
    pipe: Arc<OwnedFd>,
}

impl Session {
    /// A session without settings and watch points.
    pub(crate) fn new(debugger: Option<ProcessId>, wanted: u64, pipe: Arc<OwnedFd>) -> Self {
        Self { debugger, wanted, waves: WaveSettings::default(), watches: Vec::new(), pipe }
    }

    /// The notice that sends a byte through the pipe.
    pub(super) fn event(&self) -> Notice {
        Notice::DebugEvent { pipe: Arc::clone(&self.pipe) }
    }
}
