//! One thread's `/proc/TID`, opened once: what is read through it is about that thread, whatever becomes of the number.

use super::auxv::Auxv;
use super::{IdentityError, Tgid, Tid, Uid};
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fstatat};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

/// More than any of these files has.
const FILE_MAX: u64 = 1 << 16;

/// As much of a list of mounts as is looked at.
const MOUNTS_MAX: u64 = 1 << 20;

pub(super) struct Task {
    tid: Tid,
    directory: OwnedFd,
}

/// What `/proc/TID/status` says of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub tgid: Tgid,
    /// The real uid, first of the four (proc(5)).
    pub uid: Uid,
    /// The thread that traces it (ptrace(2)); 0 when none does.
    pub tracer: Tid,
    /// `CapEff`, a bit for each capability that counts.
    pub capabilities: u64,
    /// `CapPrm`, a bit for each capability that it could make count.
    pub permitted: u64,
    /// Real, effective and saved uid.
    pub uids: [u32; 3],
    /// Real, effective and saved gid.
    pub gids: [u32; 3],
}

impl Task {
    pub(super) fn open(tid: Tid) -> Result<Self, IdentityError> {
        if tid.0 == 0 {
            return Err(IdentityError::Invisible);
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match open(format!("/proc/{tid}").as_str(), flags, Mode::empty()) {
            Ok(directory) => Ok(Self { tid, directory }),
            Err(errno) => Err(error(tid, "open the directory", errno.into())),
        }
    }

    pub(super) fn status(&self) -> Result<Status, IdentityError> {
        let text = self.read("status")?;
        parse_status(&String::from_utf8_lossy(&text)).ok_or(IdentityError::Gone(self.tid))
    }

    pub(super) fn auxv(&self) -> Result<Auxv, IdentityError> {
        Auxv::new(self.read("auxv")?).ok_or(IdentityError::Gone(self.tid))
    }

    /// Fails when the thread is gone: a lookup in the directory of a dead thread finds nothing
    /// (`proc_pident_lookup`, `pid_revalidate`; fs/proc/base.c).
    pub(super) fn alive(&self) -> Result<(), IdentityError> {
        fstatat(&self.directory, "auxv", AtFlags::empty())
            .map(drop)
            .map_err(|errno| self.error("look again", errno.into()))
    }

    pub(super) fn mem(&self) -> Result<OwnedFd, IdentityError> {
        self.descriptor("mem", OFlag::O_RDWR)
    }

    pub(super) fn error(&self, what: &'static str, source: std::io::Error) -> IdentityError {
        error(self.tid, what, source)
    }

    /// What a name in the directory leads to, opened without a call of its own.
    pub(super) fn path(&self, name: &str) -> Option<OwnedFd> {
        openat(&self.directory, name, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()
    }

    /// The inode behind a name in the directory, which the kernel numbers.
    pub(super) fn inode(&self, name: &str) -> Option<u64> {
        fstatat(&self.directory, name, AtFlags::empty()).ok().map(|stat| stat.st_ino)
    }

    /// The uid that owns a name in the directory: the thread's effective one, unless nobody of that uid may look into it
    /// (proc(5), `PR_SET_DUMPABLE`).
    pub(super) fn owner(&self, name: &str) -> Option<u32> {
        fstatat(&self.directory, name, AtFlags::empty()).ok().map(|stat| stat.st_uid)
    }

    /// What is mounted where the thread is, as proc(5) writes it.
    pub(super) fn mounts(&self) -> Result<String, IdentityError> {
        let mut text = String::new();
        let file = File::from(self.descriptor("mountinfo", OFlag::O_RDONLY)?);
        file.take(MOUNTS_MAX).read_to_string(&mut text).map_err(|source| self.error("mountinfo", source))?;
        Ok(text)
    }

    /// A namespace of the thread.
    pub(super) fn namespace(&self, name: &'static str) -> Option<OwnedFd> {
        self.descriptor(name, OFlag::O_RDONLY).ok()
    }

    fn descriptor(&self, name: &'static str, access: OFlag) -> Result<OwnedFd, IdentityError> {
        openat(&self.directory, name, access | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| self.error(name, errno.into()))
    }

    fn read(&self, name: &'static str) -> Result<Vec<u8>, IdentityError> {
        let mut bytes = Vec::with_capacity(4096);
        let file = File::from(self.descriptor(name, OFlag::O_RDONLY)?);
        file.take(FILE_MAX).read_to_end(&mut bytes).map_err(|source| self.error(name, source))?;
        Ok(bytes)
    }
}

fn error(tid: Tid, what: &'static str, reason: std::io::Error) -> IdentityError {
    match reason.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => IdentityError::Gone(tid),
        _ => IdentityError::System { what, tid, reason },
    }
}

fn parse_status(text: &str) -> Option<Status> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    let set = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let three = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let mut words = line.split_ascii_whitespace().map(str::parse);
        Some([words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?])
    };
    let (uids, gids) = (three("Uid:")?, three("Gid:")?);
    Some(Status {
        tgid: Tgid(field("Tgid:")?),
        uid: Uid(uids[0]),
        tracer: Tid(field("TracerPid:")?),
        capabilities: set("CapEff:")?,
        permitted: set("CapPrm:")?,
        uids,
        gids,
    })
}

#[cfg(test)]
mod tests {
    use super::{Status, Tgid, Tid, Uid, parse_status};

    #[test]
    fn the_real_uid_is_the_first_of_four() {
        let text = "Name:\tTgid: 9\nTgid:\t12\nPid:\t13\nTracerPid:\t7\nUid:\t1000\t0\t0\t0\nGid:\t5\t6\t7\t7\nCapPrm:\t0000010000000001\nCapEff:\t0000010000000000\n";
        let should = Status {
            tgid: Tgid(12),
            uid: Uid(1000),
            tracer: Tid(7),
            capabilities: 1 << 40,
            permitted: 1 << 40 | 1,
            uids: [1000, 0, 0],
            gids: [5, 6, 7],
        };
        assert_eq!(parse_status(text), Some(should));
        assert_eq!(parse_status("Tgid:\tx\nUid:\t1\n"), None);
    }
}
