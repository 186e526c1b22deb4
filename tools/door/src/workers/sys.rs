//! The system calls of workers that the libraries do not wrap, or wrap without ownership of descriptors.

#![allow(unsafe_code)]

pub(super) use crate::sys::{
    close_from, pair, pidfd_open, receive, receive_descriptors, send_message, settle_signals,
};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Standard input and output of a freshly executed worker, as the descriptors that they are.
///
/// To be called once, first thing in `main`, while nothing else uses them.
pub(super) fn inherited() -> (OwnedFd, OwnedFd) {
    // SAFETY: the caller is the only user of descriptor 0, which the daemon set before exec.
    let socket = unsafe { OwnedFd::from_raw_fd(0) };
    // SAFETY: likewise descriptor 1.
    let claim = unsafe { OwnedFd::from_raw_fd(1) };
    (socket, claim)
}

/// `struct procmap_query` (linux/fs.h), without a name or a build id to be told.
#[repr(C)]
#[derive(Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

/// `PROCMAP_QUERY` (linux/fs.h): `_IOWR('f', 17, struct procmap_query)`.
const PROCMAP_QUERY: libc::Ioctl =
    nix::request_code_readwrite!(b'f', 17, size_of::<ProcmapQuery>()) as libc::Ioctl;
/// `PROCMAP_QUERY_COVERING_OR_NEXT_VMA`.
const COVERING_OR_NEXT: u64 = 0x10;

/// `PROCMAP_QUERY_VMA_READABLE`, a flag of the mapping that is told.
const VMA_READABLE: u64 = 1;
/// `PROCMAP_QUERY_VMA_WRITABLE`.
const VMA_WRITABLE: u64 = 2;

/// A mapping of a process.
pub(super) struct MappedRange {
    pub start: u64,
    /// End of the mapping, exclusive.
    pub end: u64,
    /// Whether its process may read.
    pub readable: bool,
    /// Whether its process may write.
    pub writable: bool,
}

/// The mapping that holds `address`, or the next above. `maps` is a `/proc/PID/maps`.
pub(super) fn mapping_at_or_after(maps: BorrowedFd<'_>, address: u64) -> io::Result<Option<MappedRange>> {
    let mut query = ProcmapQuery {
        size: size_of::<ProcmapQuery>() as u64,
        query_flags: COVERING_OR_NEXT,
        query_addr: address,
        ..ProcmapQuery::default()
    };
    // SAFETY: the kernel reads and writes `size` bytes of the struct, which is that long; its pointers are null.
    let answer = unsafe { libc::ioctl(maps.as_raw_fd(), PROCMAP_QUERY, &raw mut query) };
    match answer {
        0 => Ok(Some(MappedRange {
            start: query.vma_start,
            end: query.vma_end,
            readable: query.vma_flags & VMA_READABLE != 0,
            writable: query.vma_flags & VMA_WRITABLE != 0,
        })),
        _ => match io::Error::last_os_error() {
            none if none.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            error => Err(error),
        },
    }
}
