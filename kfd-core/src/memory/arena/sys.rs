//! The system calls behind an arena, all through safe wrappers.

use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

fn signed(n: u64) -> io::Result<i64> {
    i64::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// A sparse memfd of `size` bytes that nobody can shrink, grow or seal further.
pub(super) fn sealed_memfd(size: u64) -> io::Result<OwnedFd> {
    let fd = memfd_create(c"kfd-arena", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    ftruncate(&fd, signed(size)?)?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(fd)
}

/// Drops the pages of a range; it reads zeros afterwards.
pub(super) fn punch(fd: BorrowedFd<'_>, offset: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(fd, flags, signed(offset)?, signed(len)?)?)
}

/// Bytes of memory that the file has.
pub(super) fn blocks(fd: BorrowedFd<'_>) -> io::Result<u64> {
    // st_blocks counts units of 512 bytes (inode(7)).
    Ok(u64::try_from(fstat(fd)?.st_blocks).unwrap_or(0).saturating_mul(512))
}
