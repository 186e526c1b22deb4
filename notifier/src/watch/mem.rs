//! Is the mm behind a `/proc/TGID/mem` descriptor still there?
//!
//! The descriptor is bound to the mm, not to the process: it reads nothing once the process has died or
//! has exec'ed, even while the pidfd is silent (exec; a leader that ended first) and never again after.
//!
//! Not for the event loop. The kernel holds the victim's mm for the length of the call: a probe that races
//! with the death may have to tear the mm down itself (80–100 ms per GiB), and through a descriptor opened
//! for reading only it may wait for the mm's lock, which a client can hold for ever by an mmap that its own
//! file system does not answer. So it is for a memory worker, which may be abandoned.

use std::io;
use std::os::fd::BorrowedFd;

use nix::sys::uio::pread;

use super::sys;

/// Whether an mm lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MmState {
    /// Some process still has it.
    Alive,
    /// Torn down, by death or by exec. It never comes back.
    Gone,
}

/// Above every user address and below the kernel's half, on 47-bit and 56-bit address spaces alike: no
/// process can map anything there, so a probe never touches client memory. Address 0 would do on most
/// machines; where `vm.mmap_min_addr` is 0 a client can map it.
const NOWHERE: libc::off_t = 0x7fff_ffff_ffff_f000;

/// Tells whether the mm of this `/proc/TGID/mem` descriptor is alive.
///
/// Through a descriptor open for writing the probe takes no lock of the mm: the kernel finds our own
/// source address bad (EFAULT) before it looks at the client's. Through one open for reading only, it looks
/// up an address that cannot be mapped (EIO).
///
/// Only for mem files: a file of another kind that is open for writing may grow by the probe.
///
/// # Errors
/// The descriptor is a pipe or a socket, or the kernel is out of memory.
pub fn mm_state(mem: BorrowedFd<'_>) -> io::Result<MmState> {
    let probed = match sys::write_from_nowhere(mem, NOWHERE) {
        Err(e) if e.raw_os_error() == Some(libc::EBADF) => {
            pread(mem, &mut [0], NOWHERE).map_err(io::Error::from)
        }
        other => other,
    };
    match probed {
        Ok(0) => Ok(MmState::Gone),
        Ok(_) => Ok(MmState::Alive),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EFAULT | libc::EIO)) => Ok(MmState::Alive),
        Err(e) => Err(e),
    }
}
