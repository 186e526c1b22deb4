//! The file that a dma-buf descriptor leads to here: it means a share and holds none of its bytes.
//!
//! It has the size of the memory, so that a seek to its end tells that, and its descriptors are write-only while its
//! contents are sealed: read(2), write(2) and mmap(2) are refused, so that nobody takes its zeros for the memory. The
//! daemon keeps it open for as long as the share lives, so that its inode is nobody else's meanwhile.
//!
//! Every description that is given away holds a lock of one byte of its own (`F_OFD_SETLK`), which ends with the last
//! descriptor of it, wherever that was passed: so the daemon can ask whether any is left.

use super::sys;
use crate::call::FileIdentity;
use crate::sync::{AtomicU64, Ordering};
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::ftruncate;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The token file of one share.
#[derive(Debug)]
pub(super) struct Token {
    file: OwnedFd,
    identity: FileIdentity,
    /// The number of descriptions given away; each has the lock byte of its number.
    given: AtomicU64,
}

impl Token {
    /// A token file of `size` bytes.
    ///
    /// # Errors
    /// The errno of the failing system call.
    pub(super) fn new(size: u64) -> io::Result<Self> {
        let file = memfd_create(c"kfd-dmabuf", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        ftruncate(&file, i64::try_from(size).map_err(io::Error::other)?)?;
        let seals =
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        // Only root can open it for reading by way of /proc/PID/fd.
        fchmod(&file, Mode::S_IWUSR)?;
        let identity = sys::identity(file.as_fd())?;
        Ok(Self { file, identity, given: AtomicU64::new(0) })
    }

    /// The device and inode of the file.
    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// A new write-only descriptor for a client, with a lock byte of its own.
    ///
    /// # Errors
    /// The errno of the failing system call.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let given = open(path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let byte = self.given.fetch_add(1, Ordering::Relaxed);
        fcntl(&given, FcntlArg::F_OFD_SETLK(&lock(i64::try_from(byte).map_err(io::Error::other)?, 1)))?;
        Ok(given)
    }

    /// Whether any descriptor given away is still open.
    pub(super) fn is_open(&self) -> bool {
        let mut found = lock(0, 0);
        match fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut found)) {
            Ok(_) => i32::from(found.l_type) != libc::F_UNLCK,
            Err(error) => {
                tracing::error!(%error, "whether a dma-buf is open cannot be told");
                false
            }
        }
    }
}

/// A lock of `len` bytes from `start` on; 0 means all bytes from there on (fcntl(2)).
fn lock(start: i64, len: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: len,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, sys};
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    // Keeps: dmabuf
    #[test]
    fn a_token_tells_its_size_and_is_neither_read_nor_written_nor_mapped() {
        let token = Token::new(12_345).expect("a token");
        let mut file = File::from(token.descriptor().expect("a descriptor"));
        assert_eq!(file.seek(SeekFrom::End(0)).expect("it has an end"), 12_345);
        assert_eq!(sys::identity(file.as_fd()).expect("it has one"), token.identity());
        file.rewind().expect("it has a start");
        assert!(file.read(&mut [0; 8]).is_err());
        assert!(file.write(&[1; 8]).is_err());
        assert!(file.set_len(1).is_err());
        let map = |options: &memmap2::MmapOptions| {
            options.map_raw(&file).is_err() && options.map_raw_read_only(&file).is_err()
        };
        assert!(map(memmap2::MmapOptions::new().len(4096)));
        let (copy, second) = (file.try_clone().expect("a copy"), token.descriptor().expect("another"));
        drop(file);
        assert!(token.is_open());
        drop(copy);
        assert!(token.is_open(), "the second is another description");
        drop(second);
        assert!(!token.is_open());
        let other = Token::new(12_345).expect("a token");
        assert_ne!(other.identity(), token.identity());
    }
}
