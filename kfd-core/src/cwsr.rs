//! Compute wave save and restore: what a queue that is taken off the hardware leaves in the area that its client gave.
//!
//! The area has a header, a control stack below `ctl_stack_size` and the waves' state above it, once for each compute
//! die, `ctx_save_restore_size` bytes apart (`get_wave_state`, amdkfd/kfd_mqd_manager_v9.c). No wave runs here, so both
//! are empty and only the header is written, which says so. The rest of the area, the debugger's part included, is the
//! client's.
//!
//! An area in an arena is written at once, one in client memory by a worker whose answer nobody waits for; one that is
//! mapped nowhere is left alone, as by a device whose write hits nothing.
//!
//! Not for: GET_QUEUE_WAVE_STATE, whose header travels with the call's answer.

use crate::abi::kfd::SavedWaves;
use crate::device::Device;
use crate::ids::GpuVa;
use crate::notice::{Notice, Post};
use crate::process::{Inner, Process};
use crate::queue::Queue;
use crate::view::{OpenAccess, View};
use hsa_queue::memory::MemoryView;
use zerocopy::IntoBytes;

/// The ticket of a write that no queue waits for. Queues count theirs from 1.
const NOBODYS: u64 = 0;

/// The area of one queue, as CREATE_QUEUE said it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SaveArea {
    /// Where, GPU address; 0 when there is none.
    pub(crate) base: GpuVa,
    /// Bytes of one die's part.
    pub(crate) bytes: u32,
    /// Bytes of its control stack.
    pub(crate) control_stack: u32,
}

impl SaveArea {
    /// The header of a queue without waves.
    pub(crate) fn header(&self) -> SavedWaves {
        SavedWaves {
            control_stack_offset: self.control_stack,
            control_stack_size: 0,
            wave_state_offset: self.control_stack,
            wave_state_size: 0,
        }
    }

    /// Where the headers of `dies` dies lie in an area that begins at `base`.
    pub(crate) fn headers(&self, base: u64, dies: u32) -> impl Iterator<Item = u64> {
        let bytes = u64::from(self.bytes);
        (0..u64::from(dies)).map(move |die| base.wrapping_add(die * bytes))
    }
}

/// Saves what a queue had on the hardware. It is off the run list and no engine is inside. The process mutex is held, so
/// that the area's memory cannot become another's meanwhile.
pub(crate) fn save(_: &Inner, process: &Process, device: &Device, queue: &Queue, post: &mut Post) {
    let area = queue.save_area;
    if area.base.0 == 0 || !queue.is_compute() {
        return;
    }
    let mut open = OpenAccess::default();
    let mut view = View::new(&process.pdds[device.index].map, queue.key, &mut open);
    let header = area.header();
    for at in area.headers(area.base.0, device.profile.compute.xccs) {
        let written = view.write(GpuVa(at), header.as_bytes());
        tracing::trace!(queue = queue.key.queue.0, process = %queue.key.process, ?written, "context saved");
        if let Some(mut request) = view.request.take() {
            request.ticket = NOBODYS;
            post.add(Notice::Memory(request));
        }
    }
}
