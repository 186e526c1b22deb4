//! Compute wave save: what a queue that is taken off the hardware leaves in its save area.
//!
//! Its dispatch, if it waits for one, is told to pause and stays with its engine, where it goes on when the queue does. Nobody
//! waits until it stands still: the area says that no waves are saved in it, and those who want to read saved waves
//! (GET_QUEUE_WAVE_STATE, a checkpoint) are refused while there is such a dispatch.
//!
//! An area in an arena is written at once, one in client memory by a worker whose answer nobody waits for; one that is
//! mapped nowhere is left alone, as by a device whose write hits nothing.
//!
//! Not for: GET_QUEUE_WAVE_STATE, whose header travels with the call's answer.

use crate::core::waves::pause_dispatch;
use crate::device::Device;
use crate::ids::GpuVa;
use crate::notice::{Notice, Post};
use crate::process::{Inner, Process};
use crate::queue::Queue;
use crate::queue::view::{OpenAccess, View};
use hsa_queue::memory::MemoryView;
use zerocopy::IntoBytes;

/// The ticket of a write that no queue waits for. Queues count theirs from 1.
const NOBODYS: u64 = 0;

/// Saves what a queue had on the hardware, and pauses the dispatch that it waits for. It is off the run list and no engine is inside. The process mutex is held, so
/// that the area's memory cannot become another's meanwhile.
pub(crate) fn save(_: &Inner, process: &Process, device: &Device, queue: &Queue, post: &mut Post) {
    pause_dispatch(process, device, queue, post);
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
