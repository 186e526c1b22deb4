//! Shared ranges: what only descriptors hold is taken back, and a listing.
//!
//! Not for: who may import, which the calls say; what a share is (`memory::share`).

use crate::core::Core;
use crate::device::Device;
use crate::ids::{Bytes, ProcessId, RenderMinor, Tgid, Uid};
use crate::memory::share::{Hold, Look, Share};
use crate::sync::{Arc, Ordering};
use serde::{Deserialize, Serialize};

/// One shared range, for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRow {
    /// Whose memory it is or was.
    pub tgid: Tgid,
    /// User who pays for it.
    pub uid: Uid,
    /// Whose memory it is or was.
    pub process: ProcessId,
    /// The render node of its device.
    pub minor: RenderMinor,
    /// Size in bytes, whole pages.
    pub bytes: Bytes,
    /// Buffer objects that hold it, the owner's own among them; 0 when a descriptor alone does.
    pub holders: u64,
    /// Its owner has been freed: importers alone hold it.
    pub orphaned: bool,
}

impl Core {
    /// Takes back what descriptors held that are closed by now, as far as `look` goes.
    pub(crate) fn sweep_descriptors(&self, look: Look) {
        self.let_go(self.vitals.shares.closed(look));
    }

    /// Takes back what nobody has any more and nobody has told of: what descriptors held that are closed by now, and VRAM of
    /// shared virtual memory that has been given to others. Listings and totals only look: to be called before them.
    pub fn reclaim_all(&self) {
        self.sweep_descriptors(Look::All);
        self.devices.iter().for_each(|device| self.trim_residency(device));
    }

    /// Takes back what only descriptors held that are closed by now: whoever tells how much memory is in use, or finds too
    /// little of it, does so first.
    pub(crate) fn reclaim(&self) {
        self.sweep_descriptors(Look::Alone);
    }

    /// Lets shared virtual memory lie only on as much of a device as nobody is charged for.
    pub(crate) fn trim_residency(&self, device: &Device) {
        device.residency.trim(self.account.vram_free(device.index));
    }

    /// Lets everything go that descriptors alone hold: the core ends before they do.
    pub(crate) fn end_descriptors(&self) {
        self.let_go(self.vitals.shares.all_held());
    }

    fn let_go(&self, gone: Vec<Hold>) {
        if !gone.is_empty() {
            let gone: Vec<_> = gone.into_iter().map(Hold::part).collect();
            self.domain().retire(Box::new(gone));
        }
    }

    /// A descriptor that a call of this process was answered with did not reach it, and is closed: what was made for it is
    /// taken back.
    pub fn undelivered(&self, process: ProcessId) {
        self.sweep_descriptors(Look::All);
        if let Some(process) = self.process(process) {
            process.inner.lock().close_streams();
        }
    }

    /// Bytes of VRAM in use on the device behind this render node, by everybody.
    #[must_use]
    pub fn vram_used(&self, minor: RenderMinor) -> Option<Bytes> {
        let device = self.device_behind(minor)?;
        self.reclaim();
        Some(Bytes(self.vram_in_use(device)))
    }

    /// Bytes of VRAM of the device with this index that nobody has any more or yet.
    pub(crate) fn vram_free(&self, device: usize) -> u64 {
        self.reclaim();
        self.account.vram_free(device)
    }

    /// Every range that a process has exported and somebody still holds, by owner.
    #[must_use]
    pub fn shares(&self) -> Vec<ShareRow> {
        let row = |share: &Arc<Share>| ShareRow {
            tgid: share.owner.tgid,
            uid: share.owner.uid,
            process: share.owner.process,
            minor: share.owner.minor,
            bytes: Bytes(share.range.len),
            // Without that of a descriptor.
            holders: (share.holds.load(Ordering::Acquire))
                .saturating_sub(u64::from(self.vitals.shares.is_held(share))),
            orphaned: share.range.arena.is_orphaned(share.range.offset),
        };
        let shares = self.vitals.shares.all();
        let mut rows: Vec<_> = shares.iter().map(row).collect();
        rows.sort_by_key(|row| (row.process, row.minor, row.bytes));
        rows
    }
}
