//! What happens on a device, on its way to the streams that may want to hear of it.

use crate::core::Core;
use crate::event::smi::{SmiEvent, SmiKind};
use crate::ids::{GpuId, Tgid};
use crate::notice::{Notice, Post};

impl Core {
    /// Something happened that a stream may want to hear of.
    pub(crate) fn smi(&self, gpu: GpuId, tgid: Tgid, what: SmiKind, post: &mut Post) {
        let streams = self.vitals.smi.of(gpu);
        if !streams.is_empty() {
            post.add(Notice::Smi { event: SmiEvent { gpu, tgid, at: self.now(), what }, streams });
        }
    }
}
