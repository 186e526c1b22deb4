//! The files in `ras`: what is written to one is an order for an error of its device, as to `ras_ctrl` in debugfs. A
//! private view shows them there.
//!
//! Debugfs is root's; here the daemon's own user may give orders too. Not for: what an order means, which the driver says.

use super::door::Door;
use super::wire::layout::{InHeader, OpenOut, WriteIn};
use super::wire::opcode;
use kfd_core::call::Errno;

/// What an open is answered; such a file has no state.
pub(super) fn open_control(header: &InHeader) -> Result<OpenOut, Errno> {
    if header.uid != 0 && header.uid != nix::unistd::geteuid().as_raw() {
        return Err(Errno(libc::EACCES));
    }
    Ok(OpenOut { fh: 0, open_flags: opcode::FOPEN_DIRECT_IO, backing_id: 0 })
}

impl Door {
    /// write(2): one order, which is the whole of the first write to an open file; how many bytes were taken. A device's node
    /// has no write, as the real one has not: it would fill the page without a trap.
    pub(super) fn order(&self, header: &InHeader, write: &WriteIn, data: &[u8]) -> Result<u32, Errno> {
        let minor = self.tree.control(header.nodeid).ok_or(Errno::INVAL)?;
        if write.offset != 0 {
            return Err(Errno::INVAL);
        }
        self.driver.ras_control(minor, data)?;
        Ok(write.size)
    }
}
