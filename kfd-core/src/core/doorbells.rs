//! Doorbell pages of clients: a store on an absent page, and a page that was dropped.
//!
//! Not for: which pages are absent and what their queues do then, which `queue::dqm` says.

use super::turn::AQL_CHUNK;
use crate::core::Core;
use crate::device::{Device, place};
use crate::ids::{Nanos, ProcessId};
use crate::notice::{Notice, Post};
use crate::process::Process;
use crate::process::stage::Stage;
use crate::queue::dqm::PAGE;
use hsa_queue::doorbell::SLICE_BYTES;

/// What a trap has decided; see [`Core::trap`].
#[derive(Debug, Default)]
pub struct Trapped(Post);

impl Core {
    /// A store hit an absent page of a process's kfd node. Leads nowhere unless that is a doorbell page of a live
    /// process. The client is still held in its store: what it submitted before is looked at now, and
    /// [`Core::trapped`] is called when it goes on.
    #[must_use = "what was decided goes out by `Core::trapped`"]
    pub fn trap(&self, process: ProcessId, offset: u64) -> Trapped {
        let mut post = Post::default();
        if let Some((device, page)) = self.doorbell_page(offset)
            && let Some(process) = self.process(process)
        {
            let now = self.now();
            let ready = {
                // Under the process mutex, so that no trap comes to the dqm after the release hook has emptied it.
                let inner = process.inner.lock();
                let live = process.stage() == Stage::Live && !inner.revoked;
                live && device.dqm.trap(process.id(), process.uid(), page, now)
            };
            if ready {
                self.first_look(device, &process, now, &mut post);
                post.runnable();
            }
        }
        Trapped(post)
    }

    /// What was decided about a trap goes out, once the client goes on.
    pub fn trapped(&self, trapped: Trapped) {
        self.post(trapped.0);
    }

    /// The first packets after a doorbell, on the thread that took the trap: an engine would have to be woken first. The
    /// budget is that of the lowest priority; the engines go on with what is left.
    fn first_look(&self, device: &Device, process: &Process, now: Nanos, post: &mut Post) {
        let _section = self.domain().read();
        if let Some(mut turn) = device.dqm.next_of(process.id(), now) {
            turn.budget = AQL_CHUNK;
            self.take_turn(device, process, &turn, now, post);
        }
    }

    /// A queue stored to doorbells of its process, one bit of `pages` for each page: as if its client had.
    #[cold]
    pub(super) fn rings(&self, device: &Device, process: &Process, pages: u64, post: &mut Post) {
        // As in `trap`.
        let inner = process.inner.lock();
        if process.stage() != Stage::Live || inner.revoked {
            return;
        }
        for page in (0..SLICE_BYTES / PAGE).filter(|page| pages >> page & 1 != 0) {
            if device.dqm.trap(process.id(), process.uid(), page as usize, self.now()) {
                post.runnable();
            }
        }
    }

    /// Doorbell pages were dropped from the client's mapping: their queues get one more look, which finds what was
    /// submitted while the page was still there.
    pub fn rearmed(&self, process: ProcessId, offset: u64, len: u64) {
        let mut post = Post::default();
        let end = if len == 0 { u64::MAX } else { offset.saturating_add(len) };
        for device in self.devices.iter() {
            for page in 0..SLICE_BYTES / PAGE {
                let start = device.doorbells() + page * PAGE;
                if start < end && offset < start + PAGE && device.dqm.rearmed(process, page as usize) {
                    post.runnable();
                }
            }
        }
        self.post(post);
    }

    fn doorbell_page(&self, offset: u64) -> Option<(&Device, usize)> {
        let (index, within) = place(offset)?;
        let device = self.devices.get(index)?;
        (within < SLICE_BYTES).then_some((device, (within / PAGE) as usize))
    }
}

/// Asks for a doorbell page to be dropped.
pub(crate) fn rearm(device: &Device, process: ProcessId, page: usize) -> Notice {
    Notice::Rearm { process, offset: device.doorbells() + page as u64 * PAGE, len: PAGE }
}
