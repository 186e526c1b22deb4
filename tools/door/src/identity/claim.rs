//! What a call claims in passing, looked up: a task by its number, a descriptor by its number, and the caller's own rights.
//!
//! The ABI table says which calls claim what (`task`, `descriptor`, `privileged`). To be called while the request is
//! pending, for its thread cannot go away then; the task that it names can, and is then merely not found or found dead
//! later, since it is told by its address space.
//!
//! A pipe is opened anew, through the descriptor of a path: so nothing that a client could put in its place is ever opened,
//! stat'ed or closed here, which on a file of the client's own FUSE mount would hang.

use super::task::{Status, Task as Directory};
use super::{Resolver, Tid, sys};
use crate::mountinfo::mounts;
use kfd_core::abi::spec::{DescriptorKind, Ioctl};
use kfd_core::call::{FileIdentity, Gathered, Task};
use kfd_core::ids::Tgid;
use nix::fcntl::{OFlag, open, readlink};
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// CAP_SYS_ADMIN and CAP_CHECKPOINT_RESTORE (linux/capability.h).
const PRIVILEGES: u64 = 1 << 21 | 1 << 40;

/// CAP_SYS_PTRACE (linux/capability.h).
const PTRACE: u64 = 1 << 19;

/// `PROC_USER_INIT_INO` (linux/proc_ns.h): the inode of the initial user namespace, in which alone they count (`capable`).
const INITIAL_USER_NAMESPACE: u64 = 0xefff_fffd;

/// File systems that ask nobody when one of their FIFOs is opened. Not `overlay`, whose layers may be anything.
const LOCAL: [&str; 8] = ["tmpfs", "ramfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"];

/// What thread `caller` claims by a struct `arg` of this call.
#[must_use]
pub fn look(resolver: &Resolver, ioctl: &Ioctl, arg: &[u8], caller: Tid) -> Gathered {
    let task = ioctl.task_of(arg).and_then(|number| task(resolver, caller, number));
    let attaches = task.is_some_and(|task| attaches(caller, task.tgid));
    let (descriptor, file) = match ioctl.descriptor_of(arg) {
        Some((DescriptorKind::Pipe, number)) => (pipe(caller, number), None),
        Some((DescriptorKind::DmaBuf, number)) => (None, file(caller, number)),
        None => (None, None),
    };
    Gathered { task, attaches, descriptor: descriptor.map(Arc::new), file, ..Gathered::default() }
}

/// Which file a descriptor of a thread leads to. Neither the file nor whoever serves it is asked.
#[must_use]
pub fn file(caller: Tid, number: u32) -> Option<FileIdentity> {
    let number = i32::try_from(number).ok()?;
    let path = Directory::open(caller).ok()?.path(&format!("fd/{number}"))?;
    FileIdentity::of(path.as_fd()).ok()
}

/// Whether thread `caller` has the privileges of CRIU_OP.
#[must_use]
pub fn is_privileged(caller: Tid) -> bool {
    let Ok(directory) = Directory::open(caller) else { return false };
    let able = directory.status().is_ok_and(|status| status.capabilities & PRIVILEGES != 0);
    able && directory.inode("ns/user") == Some(INITIAL_USER_NAMESPACE)
}

/// Whether thread `caller` traces the leader of a thread group.
#[must_use]
pub fn traces(caller: Tid, tgid: Tgid) -> bool {
    status(Tid(tgid.0)).is_some_and(|leader| leader.tracer == caller)
}

/// Whether thread `caller` could attach to the leader of a thread group, by its real credentials (ptrace(2), "access mode
/// checking", `PTRACE_MODE_ATTACH_REALCREDS`). Security modules are not asked.
#[must_use]
pub fn attaches(caller: Tid, tgid: Tgid) -> bool {
    let (Ok(from), Ok(to)) = (Directory::open(caller), Directory::open(Tid(tgid.0))) else { return false };
    let (Ok(own), Ok(other)) = (from.status(), to.status()) else { return false };
    if own.tgid == tgid {
        return true;
    }
    let namespaces = (from.inode("ns/user"), to.inode("ns/user"));
    if own.permitted & PTRACE != 0 && namespaces.0 == Some(INITIAL_USER_NAMESPACE) {
        return true;
    }
    let same = other.uids == [own.uids[0]; 3] && other.gids == [own.gids[0]; 3];
    let dumpable = to.owner("mem") == Some(other.uids[1]);
    let related = namespaces.0.is_some() && namespaces.0 == namespaces.1;
    same && dumpable && related && other.permitted & !own.permitted == 0
}

/// The thread group of a thread.
#[must_use]
pub fn thread_group(tid: Tid) -> Option<Tgid> {
    status(tid).map(|status| status.tgid)
}

fn status(tid: Tid) -> Option<Status> {
    Directory::open(tid).and_then(|directory| directory.status()).ok()
}

/// A number of the caller's pid namespace as one of ours.
fn translate(caller: Tid, number: u32) -> Option<Tid> {
    let directory = Directory::open(caller).ok()?;
    let ours = Directory::open(Tid(std::process::id())).ok()?.inode("ns/pid")?;
    if directory.inode("ns/pid")? == ours {
        return Some(Tid(number));
    }
    let namespace = directory.namespace("ns/pid")?;
    sys::pid_from_namespace(namespace.as_fd(), number).ok().map(Tid)
}

/// The task that the caller means by `number`: one with an address space, since a vector is read of it.
fn task(resolver: &Resolver, caller: Tid, number: u32) -> Option<Task> {
    if number == 0 {
        return None;
    }
    let tid = translate(caller, number)?;
    let tgid = status(tid)?.tgid;
    let mm = resolver.address_space(tid).ok()?;
    Some(Task { tgid, mm, traced: traces(caller, tgid) })
}

/// A description of its own of the pipe behind a descriptor of the caller, to be written without blocking.
fn pipe(caller: Tid, number: u32) -> Option<OwnedFd> {
    let number = i32::try_from(number).ok()?;
    let path = Directory::open(caller).ok()?.path(&format!("fd/{number}"))?;
    let here = format!("/proc/self/fd/{}", path.as_raw_fd());
    let target = readlink(here.as_str()).ok()?;
    if !target.to_str()?.starts_with("pipe:[") && !is_local_fifo(caller, path.as_fd()) {
        return None;
    }
    open(here.as_str(), OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Whether a path leads to a FIFO on a file system that answers by itself.
fn is_local_fifo(caller: Tid, path: BorrowedFd<'_>) -> bool {
    let Ok(kind) = sys::kind_and_device(path) else { return false };
    let (libc::S_IFIFO, major, minor) = kind else { return false };
    let Some(table) = Directory::open(caller).ok().and_then(|directory| directory.mounts().ok()) else {
        return false;
    };
    mounts(table.as_bytes())
        .find(|mounted| mounted.device == Some((major, minor)))
        .is_some_and(|mounted| LOCAL.contains(&mounted.kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{attaches, is_privileged, pipe, task, traces};
    use crate::identity::Resolver;
    use kfd_core::ids::{Tgid, Tid};
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    fn myself() -> Tid {
        Tid(nix::unistd::gettid().as_raw().cast_unsigned())
    }

    #[test]
    fn a_task_is_found_by_its_number_and_nobody_traces_this_one() {
        let resolver = Resolver::new();
        let found = task(&resolver, myself(), std::process::id()).expect("this process");
        assert_eq!((found.tgid, found.traced), (Tgid(std::process::id()), false));
        let mine = resolver.resolve(myself()).expect("identified");
        assert_eq!(found.mm, mine.mm);
        assert_eq!(task(&resolver, myself(), 0), None);
        assert_eq!(task(&resolver, myself(), u32::MAX), None);
        assert_eq!(
            task(&resolver, myself(), 2),
            None,
            "a kernel thread has no address space, nobody neither"
        );
        assert!(!traces(myself(), Tgid(std::process::id())));
    }

    // Keeps: cross-attach
    #[test]
    fn a_caller_attaches_to_itself_and_to_nobody_that_there_is_not() {
        let own = Tgid(std::process::id());
        assert!(attaches(myself(), own));
        assert!(!attaches(myself(), Tgid(0)) && !attaches(Tid(0), own));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let to_child = attaches(myself(), Tgid(child.id()));
        child.kill().expect("a child");
        child.wait().expect("a child");
        assert!(to_child, "a child of the same user");
        assert!(!attaches(myself(), Tgid(child.id())), "it is gone");
        // The first process is root's: only with the privilege.
        if !nix::unistd::getuid().is_root() {
            assert!(!attaches(myself(), Tgid(1)));
        }
    }

    // Keeps: debug-pipe
    #[test]
    fn a_pipe_is_opened_anew_and_nothing_else_is() {
        let (mut read, write) = std::io::pipe().expect("a pipe");
        let again = pipe(myself(), write.as_raw_fd().cast_unsigned()).expect("the pipe");
        drop(write);
        let mut again = std::fs::File::from(again);
        again.write_all(b".").expect("room");
        let mut byte = [0];
        read.read_exact(&mut byte).expect("the byte");
        let full = std::iter::repeat_with(|| again.write(&[b'.'; 4096])).find_map(Result::err);
        let full = full.map(|error| error.kind());
        assert_eq!(full, Some(std::io::ErrorKind::WouldBlock), "a pipe that nobody reads holds up nobody");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = folder.path().join("fifo");
        nix::unistd::mkfifo(&name, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        let fifo = std::fs::File::options().read(true).write(true).open(&name).expect("both ends");
        let found = pipe(myself(), fifo.as_raw_fd().cast_unsigned());
        assert_eq!(found.is_some(), super::is_local_fifo(myself(), std::os::fd::AsFd::as_fd(&fifo)));
        let file = std::fs::File::open("/proc/self/status").expect("a file");
        assert!(pipe(myself(), file.as_raw_fd().cast_unsigned()).is_none());
        assert!(pipe(myself(), u32::MAX).is_none() && pipe(myself(), 9999).is_none());
    }

    #[test]
    fn root_of_the_initial_user_namespace_is_privileged() {
        if !nix::unistd::geteuid().is_root() {
            return println!("skipped: root_of_the_initial_user_namespace_is_privileged: not root");
        }
        assert!(is_privileged(myself()));
        assert!(!is_privileged(Tid(0)));
    }
}
