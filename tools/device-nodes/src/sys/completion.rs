//! What fdinfo of an open node of DRM says: the kernel's lines, and after them the daemon's, as the kernel's own would come
//! (`seq_show`, fs/proc/fd.c).
//!
//! The kernel's file is opened first, whoever may not gets its refusal, and a descriptor of it is then made one of a file with
//! both texts. Whatever is not as expected on the way leaves the descriptor what it is.

use super::{Stat, errno, minor_of, path_of, status};
use crate::fdinfo::{PATH, descriptor, inode, own, served};
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, O_ACCMODE, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY, SEEK_SET, c_int, c_long,
};
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// PROC_SUPER_MAGIC (linux/magic.h).
const PROC: c_long = 0x9fa0;

/// Room for both texts: the kernel's has four lines, the daemon's about forty.
const TEXT: usize = 8192;

/// Whether an open with these flags is of a file that is to be read only.
pub(super) fn is_reading(flags: c_int) -> bool {
    flags & O_ACCMODE == O_RDONLY && flags & (O_PATH | O_DIRECTORY) == 0
}

/// A call's result that is none of a signal: the daemon's file waits for the daemon.
fn whatever_signals(mut call: impl FnMut() -> c_long) -> c_long {
    loop {
        let result = call();
        if result != -1 || errno() != libc::EINTR {
            return result;
        }
    }
}

/// A descriptor that is closed at the end.
struct Own(c_int);

impl Own {
    fn open(path: &CStr, flags: c_int) -> Option<Self> {
        let open = || {
            // SAFETY: a C string.
            unsafe { libc::syscall(libc::SYS_openat, AT_FDCWD, path.as_ptr(), flags | O_CLOEXEC, 0) }
        };
        let fd = whatever_signals(open);
        c_int::try_from(fd).ok().filter(|fd| *fd >= 0).map(Self)
    }

    fn memory() -> Option<Self> {
        let (name, flags) = (c"fdinfo".as_ptr(), libc::MFD_CLOEXEC);
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::syscall(libc::SYS_memfd_create, name, flags) };
        c_int::try_from(fd).ok().filter(|fd| *fd >= 0).map(Self)
    }

    fn status(&self) -> Option<Stat> {
        status(self.0, c"".as_ptr(), AT_EMPTY_PATH)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: nobody else knows the descriptor.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}

/// Reads to the end; what was read. `None` when there is no end within the room, or no reading.
fn read_all(fd: c_int, room: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let left = room.get_mut(length..).filter(|left| !left.is_empty())?;
        // SAFETY: `left` is ours and as long as is said.
        let read = || unsafe { libc::syscall(libc::SYS_read, fd, left.as_mut_ptr(), left.len()) };
        match usize::try_from(whatever_signals(read)).ok()? {
            0 => return Some(length),
            read => length += read,
        }
    }
}

fn write_all(fd: c_int, mut text: &[u8]) -> Option<()> {
    while !text.is_empty() {
        // SAFETY: `text` is as long as is said.
        let written = unsafe { libc::syscall(libc::SYS_write, fd, text.as_ptr(), text.len()) };
        text = text.get(usize::try_from(written).ok().filter(|written| *written > 0)?..)?;
    }
    Some(())
}

fn is_of_proc(fd: c_int) -> bool {
    let mut told = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the kernel fills a `struct statfs`, which `told` is.
    let result = unsafe { libc::syscall(libc::SYS_fstatfs, fd, told.as_mut_ptr()) };
    // SAFETY: all zeros is a `struct statfs` too.
    result == 0 && unsafe { told.assume_init() }.f_type == PROC
}

/// Lets a descriptor that was opened for reading just now, and that nothing was read of, say what the daemon says, if it is
/// fdinfo of an open node.
#[inline(never)]
pub(super) fn complete(fd: c_int) {
    let (mut link, mut room) = ([0; PATH], [0; PATH]);
    let Some(path) = descriptor(path_of(fd, &mut link), &mut room) else { return };
    if !is_of_proc(fd) {
        return;
    }
    // The descriptor may have become another's since: the inode that the kernel's text tells decides.
    let Some(node) = status(AT_FDCWD, path.as_ptr(), 0).filter(|node| minor_of(node).is_some()) else {
        return;
    };
    if replace(fd, &node).is_none() {
        // SAFETY: a number.
        unsafe { libc::syscall(libc::SYS_lseek, fd, 0, SEEK_SET) };
    }
}

fn replace(fd: c_int, node: &Stat) -> Option<()> {
    let mut text = [0; TEXT];
    let kernels = read_all(fd, &mut text)?;
    if inode(&text[..kernels]) != Some(node.st_ino) {
        return None;
    }
    let mut room = [0; PATH];
    let daemons = Own::open(served(node.st_ino, &mut room)?, O_RDONLY)?;
    // Only the daemon that serves the node knows it; another's number is another's.
    if daemons.status()?.st_dev != node.st_dev {
        return None;
    }
    let length = kernels + read_all(daemons.0, &mut text[kernels..])?;
    let memory = Own::memory()?;
    write_all(memory.0, &text[..length])?;
    // Once more, so that it is for reading only, and read from its start.
    let mut link = [0; PATH];
    let readable = Own::open(own(memory.0.unsigned_abs(), &mut link)?, O_RDONLY)?;
    // SAFETY: numbers.
    let flags = unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_GETFD) };
    let cloexec = if flags & c_long::from(libc::FD_CLOEXEC) != 0 { O_CLOEXEC } else { 0 };
    // SAFETY: numbers; `fd` is the caller's, and is to be this from now on.
    (unsafe { libc::syscall(libc::SYS_dup3, readable.0, fd, cloexec) } >= 0).then_some(())
}
