//! Which of a client's addresses have memory behind them, told by the kernel without a page being touched.
//!
//! `PROCMAP_QUERY` on `/proc/TGID/maps` (Linux 6.11). What it says holds for a moment only: the client can map and unmap
//! meanwhile, and is then told what was true when it asked. Not for: permissions.

use super::{child, sys};
use kfd_core::ids::Tgid;
use kfd_core::notice::HOLES_MAX;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// The first holes in `len` bytes at `va`, as `UserAccess::Holes` is answered.
///
/// The number `tgid` was the client's when it called. That the address space behind `memory` is there afterwards says
/// that the number was still its own when the file was opened.
///
/// # Errors
/// The address space is gone, or the kernel is too old to be asked.
pub(super) fn holes(memory: &File, tgid: Tgid, va: u64, len: u64) -> io::Result<Vec<u8>> {
    let maps = File::open(format!("/proc/{}/maps", tgid.0))?;
    let end = va.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
    let mut holes = Vec::new();
    let mut at = va;
    while at < end && holes.len() < HOLES_MAX * 16 {
        let (start, next) = sys::mapping_at_or_after(maps.as_fd(), at)?.unwrap_or((end, end));
        if at < start {
            holes.extend_from_slice(&at.to_le_bytes());
            holes.extend_from_slice(&start.min(end).to_le_bytes());
        }
        at = next;
    }
    if child::is_there(memory)? { Ok(holes) } else { Err(io::ErrorKind::NotFound.into()) }
}
