//! What a worker gives up before it reads anything of its client's: rights, a name, and all but a little of the machine.
//!
//! What the worker is confined by has to succeed; what only orders it behind others (its priority, who is killed when memory is
//! short) may fail.

use super::sys;
use crate::scheduling;
use crate::wave_workers::child::TURN;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, getppid, setgroups, setresgid, setresuid};
use std::io;

/// Nobody: `DEFAULT_OVERFLOWUID` and `DEFAULT_OVERFLOWGID` (linux/highuid.h).
const OVERFLOW: u32 = 65534;
/// Descriptors, of which the socket is one; the kernel counts them against a poll too.
const DESCRIPTORS: u64 = 3;
/// proc_pid_oom_score_adj(5): before nearly everybody else.
const OOM_SCORE: &str = "900";

/// Confines this process, whose parent is `zygote`.
pub(super) fn confine(zygote: Pid, data: u64) -> io::Result<()> {
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    scheduling::stand_behind(TURN);
    let _ = prctl::set_name(c"kfdd-waves");
    setrlimit(Resource::RLIMIT_DATA, data, data)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS)?;
    prctl::set_no_new_privs()?;
    if Uid::effective().is_root() {
        become_nobody()?;
    }
    sys::drop_capabilities()?;
    prctl::set_dumpable(false)?;
    // Last: a change of user undoes it (prctl(2)). If the zygote has ended before, nobody tells.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != zygote {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(())
}

fn become_nobody() -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(OVERFLOW), Gid::from_raw(OVERFLOW));
    let done = setgroups(&[]).and_then(|()| setresgid(gid, gid, gid)).and_then(|()| setresuid(uid, uid, uid));
    match done {
        // Root without the right to, or of a user namespace that has no such user (user_namespaces(7)): it keeps its name, and
        // has no capability soon.
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::EPERM) => Ok(()),
        done => Ok(done?),
    }
}
