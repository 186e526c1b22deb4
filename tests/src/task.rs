//! What /proc says of a process: the state of its threads, how often they slept, its children.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

fn field(pid: u32, tid: u32) -> Option<(String, char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((head.split_once('(')?.1.to_owned(), state, parent))
}

/// The thread ids of a process; none when it is gone.
#[must_use]
pub fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The name of a thread.
#[must_use]
pub fn name(pid: u32, tid: u32) -> Option<String> {
    field(pid, tid).map(|(name, _, _)| name)
}

/// The state letter of a thread (proc(5), field 3 of `stat`).
#[must_use]
pub fn state(pid: u32, tid: u32) -> Option<char> {
    field(pid, tid).map(|(_, state, _)| state)
}

/// Whether a thread of the process sleeps uninterruptibly now.
#[must_use]
pub fn is_stuck(pid: u32) -> bool {
    threads(pid).into_iter().any(|tid| state(pid, tid) == Some('D'))
}

/// How often the threads of a process went to sleep of their own will, each thread by name and id.
#[must_use]
pub fn sleeps(pid: u32) -> Vec<(String, u32, u64)> {
    let count = |tid| {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        Some((field(pid, tid)?.0, tid, line.trim().parse().ok()?))
    };
    threads(pid).into_iter().filter_map(count).collect()
}

/// The direct children of a process, zombies too.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| field(*child, *child).is_some_and(|(_, _, parent)| parent == pid)).collect()
}

/// A pidfd of a process, parent or not.
#[must_use]
pub fn pidfd(pid: u32) -> Option<OwnedFd> {
    crate::sys::pidfd_open(pid).ok()
}

/// Waits until the process of a pidfd has ended; false when `patience` passed first.
#[must_use]
pub fn has_ended(pidfd: &OwnedFd, patience: Duration) -> bool {
    let millis = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
    let mut set = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut set, PollTimeout::from(millis)).is_ok_and(|ready| ready > 0)
}

/// The lines of this process's mount table that contain `text`.
#[must_use]
pub fn mounts(text: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}
