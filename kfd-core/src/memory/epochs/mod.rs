//! The epochs of a process's address maps, where its wave worker reads them: a sealed page, a word for each device.
//!
//! The worker remembers what addresses mean. Before each access it looks at its device's epoch, and forgets when that has
//! moved; nobody waits for it. The page is mapped for writing once, here, and sealed against all later ones.
//!
//! Not for: what is remembered (the worker), when an epoch moves (`address`).

mod shm;

use crate::sync::Ordering;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use shm::Words;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes between the words of two devices: a cache line, so that a device's own changes alone disturb its readers.
pub const STRIDE: usize = 64;
/// Bytes of the page.
pub const BYTES: usize = 4096;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct EpochPage {
    memfd: OwnedFd,
    words: Words,
}

impl EpochPage {
    /// A page of zeros.
    pub(crate) fn new() -> io::Result<Self> {
        let memfd = memfd_create(c"kfd-epochs", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        ftruncate(&memfd, BYTES as i64)?;
        let words = Words::map(memfd.as_fd())?;
        let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        let seals = size | SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_SEAL;
        fcntl(&memfd, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(Self { memfd, words })
    }

    /// Another descriptor of the page, for the worker.
    pub(crate) fn dup(&self) -> io::Result<OwnedFd> {
        self.memfd.as_fd().try_clone_to_owned()
    }

    /// What was changed before is seen by whoever sees this epoch.
    pub(crate) fn publish(&self, device: usize, epoch: u64) {
        if let Some(word) = self.words.at(device * STRIDE) {
            word.store(epoch, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, EpochPage, STRIDE};
    use std::os::unix::fs::FileExt;

    // Keeps: wave-epochs
    #[test]
    fn a_worker_reads_each_devices_epoch_and_can_write_none() {
        let page = EpochPage::new().unwrap();
        page.publish(0, 7);
        page.publish(3, 8);
        page.publish(BYTES / STRIDE, 9);
        let theirs = std::fs::File::from(page.dup().unwrap());
        let read = |device: usize| {
            let mut word = [0; 8];
            theirs.read_exact_at(&mut word, (device * STRIDE) as u64).unwrap();
            u64::from_ne_bytes(word)
        };
        assert_eq!([0, 1, 3].map(read), [7, 0, 8]);
        assert!(theirs.write_at(&[1], 0).is_err() && theirs.set_len(0).is_err());
        let mut map = memmap2::MmapOptions::new();
        map.len(BYTES);
        assert!(map.map_raw(&theirs).is_err(), "a mapping for writing");
        assert!(map.map_raw_read_only(&theirs).is_ok());
    }
}
