//! Who makes a request: from the thread id of a FUSE header to a process that cannot be confused with another.
//!
//! A number is not an identity: it is reused. While the request is pending its thread cannot go away (it sleeps in
//! the kernel until the answer, killed or not) and its process cannot finish an `exec` (which first ends all other
//! threads). Everything here therefore has to be called **while the request is unanswered**, and checks that all the
//! same: see [`Resolver::resolve`].
//!
//! # Address spaces
//!
//! [`MmId`] is (inode of the pidfd on pidfs, exec epoch). The kernel numbers the first (unique per boot), but has
//! no number for the second, so the epoch is made here, without a table of processes:
//!
//! 1. The epoch is a keyed hash of the auxiliary vector of `/proc/TID/auxv` (`auxv`). `exec` draws it anew and
//!    nothing else changes it (a client can, by PR_SET_MM_MAP, and then merely counts as having executed something). Under
//!    address randomisation two vectors of one process hash alike with a probability of about 2⁻³². So an `exec` is noticed at the
//!    next LOOKUP or OPEN, with no probe. A set-uid `exec` cannot run without randomisation.
//! 2. Without randomisation the same program executed again looks the same. Whoever sees a mem fd
//!    [`Gone`](crate::workers::MmState::Gone) while the pidfd lives calls [`Resolver::retire`]: that id is then never
//!    issued again until [`Resolver::exited`], which the embedder calls when the process object of that id is freed.
//!    Until somebody looks, such a process is taken for its former self and its calls reach the old object; an
//!    OPEN by a known process should therefore probe first (10 µs) where this matters.
//!
//! The order of epochs means nothing. The set of retired ids holds only ids of objects that still exist.
//!
//! # Pid namespaces
//!
//! The header's pid is in the namespace of whoever mounted, the daemon's; so are all numbers here, whatever the client
//! believes its own pid to be. A caller outside that namespace has pid 0 and is refused by [`IdentityError::Invisible`].
//!
//! Lock order: the retired set's lock is a leaf.

mod auxv;
pub mod claim;
mod sys;
mod task;

use kfd_core::ids::{Tgid, Tid, Uid};
use kfd_core::sync::Mutex;
use notifier::MmId;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, OwnedFd};

use auxv::Auxv;
use task::{Status, Task};

/// A caller, identified.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Identified {
    pub tgid: Tgid,
    /// The calling thread.
    pub tid: Tid,
    /// Its real uid, in the daemon's user namespace.
    pub uid: Uid,
    /// The process, as a descriptor.
    pub pidfd: OwnedFd,
    /// Its address space.
    pub mm: MmId,
    /// `/proc/TID/mem` of it, read and write: reads 0 bytes once that address space is gone (death or `exec`).
    pub mem: OwnedFd,
}

/// Why a caller cannot be identified.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum IdentityError {
    /// The header had no pid: the caller is outside the daemon's pid namespace, or the kernel itself wrote.
    #[error("the caller has no pid in the daemon's pid namespace")]
    Invisible,
    /// The thread is gone, or has no address space any more.
    #[error("thread {0} is gone")]
    Gone(Tid),
    /// A system call failed for another reason: descriptors used up, or (EACCES, EPERM) the daemon lacks the ptrace
    /// capability that opening another user's `/proc/TID/mem` needs.
    #[error("cannot {what} of thread {tid}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        tid: Tid,
        /// The kernel's answer.
        reason: std::io::Error,
    },
}

/// Makes identities. One per daemon: exec epochs of two resolvers cannot be compared.
#[derive(Debug, Default)]
pub struct Resolver {
    key: RandomState,
    retired: Mutex<HashSet<(u64, u32)>>,
}

impl Resolver {
    /// A resolver with a key of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Identifies the process of thread `tid`, whose request is pending.
    ///
    /// The argument: the directory `/proc/TID` is opened once and stands for one thread, not for a number. Its status
    /// names the tgid, a pidfd is opened for that number, the mem fd is opened through the directory, and then the thread
    /// is found alive through the directory and the process through the pidfd. So the thread lived throughout, was in that
    /// tgid throughout (a thread never moves), and the number stood for the pidfd's process throughout.
    ///
    /// # Errors
    /// [`IdentityError`]; the door answers ESTALE or the errno of `reason`.
    pub fn resolve(&self, tid: Tid) -> Result<Identified, IdentityError> {
        let task = Task::open(tid)?;
        let Status { tgid, uid, .. } = task.status()?;
        let pidfd = sys::pidfd_open(tgid.0).map_err(|source| task.error("open the pidfd", source))?;
        let mem = task.mem()?;
        let auxv = task.auxv()?;
        task.alive()?;
        sys::pidfd_alive(pidfd.as_fd()).map_err(|source| task.error("find the process alive", source))?;
        let inode = sys::inode(pidfd.as_fd()).map_err(|source| task.error("stat the pidfd", source))?;
        Ok(Identified { tgid, tid, uid, pidfd, mm: self.mm(inode, &auxv), mem })
    }

    /// The address space of thread `tid`, as [`Resolver::resolve`] would tell it.
    fn address_space(&self, tid: Tid) -> Result<MmId, IdentityError> {
        let task = Task::open(tid)?;
        let Status { tgid, .. } = task.status()?;
        let pidfd = sys::pidfd_open(tgid.0).map_err(|source| task.error("open the pidfd", source))?;
        let auxv = task.auxv()?;
        task.alive()?;
        let inode = sys::inode(pidfd.as_fd()).map_err(|source| task.error("stat the pidfd", source))?;
        Ok(self.mm(inode, &auxv))
    }

    /// Says that this address space was seen gone while its process lives: its id is not issued again. Idempotent.
    pub fn retire(&self, mm: MmId) {
        self.locked().insert((mm.pidfd_inode, mm.exec_id));
    }

    /// Says that nothing keyed by this id exists any more. For ids never retired it does nothing.
    pub fn exited(&self, mm: MmId) {
        self.locked().remove(&(mm.pidfd_inode, mm.exec_id));
    }

    /// How many ids are retired and not yet forgotten; zero after a clean shutdown.
    #[must_use]
    pub fn retired(&self) -> usize {
        self.locked().len()
    }

    fn mm(&self, pidfd_inode: u64, auxv: &Auxv) -> MmId {
        let retired = self.locked();
        let mut nth = 0u32;
        loop {
            let hash = self.key.hash_one((auxv, nth));
            let exec_id = (hash ^ (hash >> 32)) as u32;
            if !retired.contains(&(pidfd_inode, exec_id)) {
                return MmId { pidfd_inode, exec_id };
            }
            nth += 1;
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashSet<(u64, u32)>> {
        self.retired.lock()
    }
}

/// Whether `tid` is, now, a thread of `tgid`: one system call, for every ioctl. Holds as long as the request is pending.
#[must_use]
pub fn belongs(tgid: Tgid, tid: Tid) -> bool {
    sys::tgkill_probe(tgid.0, tid.0)
}

#[cfg(test)]
mod tests {
    use super::{Auxv, Resolver};

    fn auxv(seed: u8) -> Auxv {
        Auxv::new(vec![seed; 320]).expect("it is not empty")
    }

    #[test]
    fn one_auxiliary_vector_of_one_process_is_one_address_space() {
        let resolver = Resolver::new();
        assert_eq!(resolver.mm(7, &auxv(1)), resolver.mm(7, &auxv(1)));
        assert_ne!(resolver.mm(7, &auxv(1)), resolver.mm(7, &auxv(2)));
        assert_ne!(resolver.mm(7, &auxv(1)), resolver.mm(8, &auxv(1)));
    }

    #[test]
    fn a_retired_id_is_not_issued_until_it_is_forgotten() {
        let resolver = Resolver::new();
        let old = resolver.mm(7, &auxv(1));
        resolver.retire(old);
        resolver.retire(old);
        let new = resolver.mm(7, &auxv(1));
        assert_ne!(new, old);
        assert_eq!(resolver.mm(7, &auxv(1)), new, "and the one after it is stable");
        resolver.retire(new);
        assert_ne!(resolver.mm(7, &auxv(1)), old);
        assert_ne!(resolver.mm(7, &auxv(1)), new);
        resolver.exited(old);
        resolver.exited(new);
        assert_eq!(resolver.retired(), 0);
    }
}
