//! Which address space is meant.

/// Which address space: a process by its pidfd's inode number (unique per boot, where a pid is not), and
/// which of its programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MmId {
    /// `st_ino` of the process's pidfd.
    pub pidfd_inode: u64,
    /// How many times the process is known to have called exec.
    pub exec_id: u32,
}
