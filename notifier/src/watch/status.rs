//! The earliest sign of a death: SIGKILL pending, by `/proc/TGID/task/TID/status`.
//!
//! A killed process with much memory lives on for 80–100 ms per GiB before its pidfd fires, but SIGKILL is
//! set in each thread's pending set (`SigPnd`) at the kill and stays in the group's (`ShdPnd`) to the end.
//! It is also how the kernel makes the threads of a group end when one calls `exit_group`, dies of another
//! signal, dumps core, or execs: in all of them the mm that the thread shares is lost.
//!
//! Reads text with a fixed buffer and allocates nothing. Not for `/proc/TGID/mem`, which is [`super::mm_state`].

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;

use super::ids::{Tgid, Tid};

/// What a thread's status tells about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillSign {
    /// SIGKILL is pending: the thread will not return to user space.
    Pending,
    /// It is not. No proof of life: a thread on its way out has taken the signal, and unless the whole group
    /// was killed its process does not show it either.
    Absent,
    /// There is no such thread, and no such process either if only that was asked for.
    Gone,
}

/// SIGKILL's bit in the masks of proc_pid_status(5).
const SIGKILL_BIT: u64 = 1 << (libc::SIGKILL - 1);

/// Looks whether SIGKILL is pending for a thread, or for its process when the thread is gone.
///
/// `Gone` means that both are: the process has been reaped, or the number was never in use.
///
/// # Errors
/// Out of descriptors or memory; EACCES where `/proc` hides others' processes.
pub fn kill_sign(tgid: Tgid, tid: Option<Tid>) -> io::Result<KillSign> {
    let sign = match tid {
        Some(tid) => read_sign(format_args!("/proc/{tgid}/task/{tid}/status"))?,
        None => KillSign::Gone,
    };
    match sign {
        KillSign::Gone => read_sign(format_args!("/proc/{tgid}/status")),
        sign => Ok(sign),
    }
}

fn read_sign(path: std::fmt::Arguments<'_>) -> io::Result<KillSign> {
    // Two numbers of at most ten digits and the fixed parts come to 40 bytes.
    let mut buffer = [0; 64];
    let mut rest = &mut buffer[..];
    rest.write_fmt(path)?;
    let left = rest.len();
    let path = OsStr::from_bytes(&buffer[..64 - left]);
    let scanned = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .and_then(|file| sigkill_in_status(|buffer| read(&file, buffer)));
    match scanned {
        Ok(Some(true)) => Ok(KillSign::Pending),
        Ok(Some(false)) => Ok(KillSign::Absent),
        Ok(None) => Err(io::Error::new(io::ErrorKind::InvalidData, "a status without SigPnd and ShdPnd")),
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(KillSign::Gone),
        Err(e) => Err(e.into()),
    }
}

/// Finds SigPnd and ShdPnd in a status text that comes in pieces; `None` if one is missing.
///
/// A line longer than the buffer (a client can have 65,536 supplementary groups) is skipped.
fn sigkill_in_status(mut read: impl FnMut(&mut [u8]) -> nix::Result<usize>) -> nix::Result<Option<bool>> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    let mut skipping = false;
    let mut own = None;
    loop {
        let got = match read(&mut buffer[filled..]) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        if got == 0 {
            return Ok(None);
        }
        filled += got;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|&byte| byte == b'\n') {
            let line = &buffer[start..start + length];
            start += length + 1;
            if std::mem::take(&mut skipping) {
                continue;
            }
            if let Some(mask) = mask_of(line, b"SigPnd:\t") {
                own = Some(mask);
            } else if let Some(shared) = mask_of(line, b"ShdPnd:\t") {
                return Ok(own.map(|own| (own | shared) & SIGKILL_BIT != 0));
            }
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        if filled == buffer.len() {
            skipping = true;
            filled = 0;
        }
    }
}

fn mask_of(line: &[u8], field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(line.strip_prefix(field)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::sigkill_in_status;

    fn scan(text: &[u8], piece: usize) -> Option<bool> {
        let mut at = 0;
        sigkill_in_status(|buffer| {
            let length = piece.min(buffer.len()).min(text.len() - at);
            buffer[..length].copy_from_slice(&text[at..at + length]);
            at += length;
            Ok(length)
        })
        .expect("the reads do not fail")
    }

    proptest! {
        #[test]
        fn sigkill_is_found_in_either_mask_whatever_the_pieces_and_groups(own in any::<u64>(), shared in any::<u64>(), groups in 0usize..3000, piece in 1usize..5000) {
            let groups = "65534 ".repeat(groups);
            let text = format!("Name:\tShdPnd:\nGroups:\t{groups}\nSigQ:\t1/2\nSigPnd:\t{own:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t0\n");
            assert_eq!(scan(text.as_bytes(), piece), Some((own | shared) & 0x100 != 0));
        }
    }

    #[test]
    fn a_status_without_the_masks_is_no_answer() {
        assert_eq!(scan(b"Name:\tx\nSigPnd:\t0000000000000100\n", 7), None);
        assert_eq!(scan(b"", 7), None);
    }
}
