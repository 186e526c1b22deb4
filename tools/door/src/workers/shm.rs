//! The claim word: one `u64` in memory shared with one worker, by which a job belongs to exactly one process.
//!
//! The worker stores a job's id with a compare-exchange before it touches client memory; the daemon retires the worker by
//! swapping in [`RETIRED`]. Whatever order the two take, either the worker has claimed a job and the swap answers its id,
//! or the compare-exchange fails and the worker ends without having begun it. So jobs above that id were never begun
//! and can be given to another worker: none is done twice.
//!
//! Ordering: the swap and the compare-exchange are both AcqRel on one word, whose modification order alone decides.

#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)]

use memmap2::MmapRaw;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// The value that no id has.
const RETIRED: u64 = u64::MAX;

/// Bytes of the shared file.
pub(super) const SIZE: u64 = 4096;

/// One mapping of the word; daemon and worker have one each.
pub(super) struct Claim {
    map: MmapRaw,
}

impl Claim {
    /// Maps the word in `file`, which has [`SIZE`] bytes, zero at first, and is never made shorter.
    pub(super) fn map(file: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { map: memmap2::MmapOptions::new().len(SIZE as usize).map_raw(&file)? })
    }

    /// For the worker: claims job `id`, which is above all it claimed before. `false`: retired, end.
    pub(super) fn claim(&self, id: u64) -> bool {
        let word = self.word();
        let last = word.load(Ordering::Relaxed);
        last != RETIRED && word.compare_exchange(last, id, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// For the daemon: lets the worker claim nothing more, and answers the last id it claimed (0: none).
    /// A second call answers [`u64::MAX`].
    pub(super) fn retire(&self) -> u64 {
        self.word().swap(RETIRED, Ordering::AcqRel)
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: the mapping is page aligned, at least eight bytes, lives as long as `self`, and is only ever used
        // as this atomic, by both processes.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, SIZE};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::os::fd::AsFd;

    #[test]
    fn a_retired_worker_claims_nothing_and_its_last_claim_is_known() {
        let file = memfd_create("claim", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&file, SIZE as i64).unwrap();
        let (daemon, worker) = (Claim::map(file.as_fd()).unwrap(), Claim::map(file.as_fd()).unwrap());
        assert!(worker.claim(1) && worker.claim(2));
        assert_eq!(daemon.retire(), 2);
        assert!(!worker.claim(3));
        assert_eq!(daemon.retire(), u64::MAX);
    }

    #[test]
    fn of_a_claim_and_a_retirement_that_race_exactly_one_wins() {
        for _ in 0..2000 {
            let file = memfd_create("claim", MFdFlags::MFD_CLOEXEC).unwrap();
            nix::unistd::ftruncate(&file, SIZE as i64).unwrap();
            let (daemon, worker) = (Claim::map(file.as_fd()).unwrap(), Claim::map(file.as_fd()).unwrap());
            let racer = std::thread::spawn(move || {
                (1..=50u64).take_while(|&id| worker.claim(id)).last().unwrap_or(0)
            });
            let last = daemon.retire();
            assert_eq!(racer.join().unwrap(), last);
        }
    }
}
