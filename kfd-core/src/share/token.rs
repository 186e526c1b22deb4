//! The file that a dma-buf descriptor leads to here: it means a share and holds none of its bytes.
//!
//! It has the size of the memory, so that a seek to its end tells that, and its descriptors are write-only while its
//! contents are sealed: read(2), write(2) and mmap(2) are refused, so that nobody takes its zeros for the memory. The
//! daemon keeps it open for as long as the share lives, so that its inode is nobody else's meanwhile.

use super::sys;
use crate::call::FileIdentity;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::ftruncate;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// See the module's head.
#[derive(Debug)]
pub(super) struct Token {
    file: OwnedFd,
    identity: FileIdentity,
}

impl Token {
    /// A token for so many bytes.
    ///
    /// # Errors
    /// The kernel's own refusal.
    pub(super) fn new(size: u64) -> io::Result<Self> {
        let file = memfd_create(c"kfd-dmabuf", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        ftruncate(&file, i64::try_from(size).map_err(io::Error::other)?)?;
        let seals =
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        // Nor is it opened for reading by way of /proc/PID/fd, but by root.
        fchmod(&file, Mode::S_IWUSR)?;
        let identity = sys::identity(file.as_fd())?;
        Ok(Self { file, identity })
    }

    /// Which file it is.
    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// A descriptor for a client.
    ///
    /// # Errors
    /// The kernel's own refusal.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(open(path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, sys};
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

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
        let other = Token::new(12_345).expect("a token");
        assert_ne!(other.identity(), token.identity());
    }
}
