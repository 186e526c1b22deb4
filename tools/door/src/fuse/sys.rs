//! The ioctls of /dev/fuse, which have no safe wrapper anywhere.
#![allow(unsafe_code)]

use super::wire::layout::BackingMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `FUSE_DEV_IOC_MAGIC` (linux/fuse.h).
const MAGIC: u8 = 229;

mod raw {
    use super::{BackingMap, MAGIC};
    // FUSE_DEV_IOC_CLONE, FUSE_DEV_IOC_BACKING_OPEN and FUSE_DEV_IOC_BACKING_CLOSE of linux/fuse.h.
    nix::ioctl_read!(clone, MAGIC, 0, u32);
    nix::ioctl_write_ptr!(backing_open, MAGIC, 1, BackingMap);
    nix::ioctl_write_ptr!(backing_close, MAGIC, 2, u32);
}

/// Makes `fresh`, a newly opened /dev/fuse, a further channel of the connection that `master` belongs to.
pub(super) fn clone_channel(fresh: BorrowedFd<'_>, master: BorrowedFd<'_>) -> io::Result<()> {
    let mut number = u32::try_from(master.as_raw_fd()).expect("invariant: a descriptor is not negative");
    // SAFETY: the ioctl reads one u32 through the pointer, which is that of a live local.
    unsafe { raw::clone(fresh.as_raw_fd(), &raw mut number) }?;
    Ok(())
}

/// Registers `file` as a backing file of the connection; its id is positive.
pub(super) fn backing_open(channel: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<i32> {
    let map = BackingMap { fd: file.as_raw_fd(), ..BackingMap::default() };
    // SAFETY: the ioctl reads one fuse_backing_map through the pointer, which is that of a live local of that layout.
    Ok(unsafe { raw::backing_open(channel.as_raw_fd(), &raw const map) }?)
}

/// Gives a backing id back; open files and mappings that use it go on.
pub(super) fn backing_close(channel: BorrowedFd<'_>, id: i32) -> io::Result<()> {
    let id = u32::try_from(id).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the ioctl reads one u32 through the pointer, which is that of a live local.
    unsafe { raw::backing_close(channel.as_raw_fd(), &raw const id) }?;
    Ok(())
}
