//! What the threads that serve share: the event loop, its teardowns and the control conversations.

use crate::config::WavesOption;
use crate::deaths::Deaths;
use crate::waves::WaveLinks;
use door::fuse::FuseDoor;
use door::seccomp::SeccompDoor;
use door::workers::Workers;
use kfd_core::Core;
use kfd_core::ids::ProcessId;
use std::sync::Arc;

/// What the event loop and the control socket serve from.
#[allow(missing_docs, reason = "the names say it")]
pub struct Served {
    pub core: Arc<Core>,
    /// The record of finished lives.
    pub deaths: Arc<Deaths>,
    /// The name of the device profile.
    pub profile: String,
    /// How many devices it shows.
    pub gpus: usize,
    /// One strong count for each control conversation under way, besides this one.
    pub conversations: Arc<()>,
    /// The calls that pass descriptors, of what `kfdctl run` starts.
    pub descriptors: SeccompDoor,
    /// What becomes of a dispatch.
    pub dispatches: WavesOption,
    /// The wave workers of clients, where waves run.
    pub(crate) waves: Option<Arc<WaveLinks>>,
    pub(crate) door: Arc<FuseDoor>,
    pub(crate) workers: Arc<Workers>,
}

impl Served {
    /// A process has been unpublished: its nodes may be forgotten and its memory descriptor closed.
    pub fn unpublished(&self, process: ProcessId) {
        self.workers.detach(process);
        self.door.unpublished(process);
    }
}
