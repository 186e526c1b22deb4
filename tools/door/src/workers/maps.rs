//! Which of a client's addresses have memory behind them and which of it may be read and written, told by the kernel without
//! a page being touched.
//!
//! `PROCMAP_QUERY` on `/proc/TGID/maps` (Linux 6.11). What it says holds for a moment only: the client can map and unmap
//! meanwhile, and is then told what was true when it asked.

use super::{child, sys};
use kfd_core::ids::{Tgid, UserVa};
use kfd_core::notice::{LACKS_MAX, Lack, Missing};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// What `len` bytes at `va` lack, as `UserAccess::Survey` is answered.
///
/// The number `tgid` was the client's when it called. That the address space behind `memory` is there afterwards says
/// that the number was still its own when the file was opened.
///
/// # Errors
/// The address space is gone, or the kernel is too old to be asked.
pub(super) fn survey(memory: &File, tgid: Tgid, va: u64, len: u64) -> io::Result<Vec<u8>> {
    let maps = File::open(format!("/proc/{}/maps", tgid.0))?;
    let end = va.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
    let mut lacks: Vec<Lack> = Vec::new();
    let mut at = va;
    while at < end && lacks.len() < LACKS_MAX {
        let nothing = sys::MappedRange { start: end, end, readable: true, writable: true };
        let found = sys::mapping_at_or_after(maps.as_fd(), at)?.unwrap_or(nothing);
        let (start, next) = (found.start.clamp(at, end), found.end.min(end).max(at));
        if at < start {
            lacks.push(Lack { va: UserVa(at), bytes: start - at, what: Missing::Memory });
        }
        let denied = match (found.readable, found.writable) {
            (true, true) => None,
            (true, false) => Some(Missing::Write),
            (false, _) => Some(Missing::Read),
        };
        if let Some(what) = denied.filter(|_| start < next && lacks.len() < LACKS_MAX) {
            lacks.push(Lack { va: UserVa(start), bytes: next - start, what });
        }
        at = next.max(start);
    }
    if child::is_there(memory)? {
        Ok(lacks.into_iter().flat_map(Lack::encode).collect())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}
