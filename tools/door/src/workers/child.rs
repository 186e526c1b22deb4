//! The body of a memory worker: one thread that takes messages in order and does what they say to client memory.
//!
//! It may at any time fall into an uninterruptible sleep on a page that never arrives; so it has no descriptor but its
//! socket and the mem fds, nothing of value in its memory, and dies with the daemon (end of file, and a death signal).
//! The keeper is the same program, which is simply never given a job; it alone has a second thread, with a
//! descriptor of its own (`guard`).
//!
//! Client memory is reached by pread and pwrite on `/proc/TID/mem`. That goes through page protections of the client
//! (`FOLL_FORCE`): a write to a private page that the client has made read-only makes a copy and succeeds where
//! amdkfd's `copy_to_user` is EFAULT. Shared read-only mappings fail.

use super::guard;
use super::maps;
use super::packets::Kept;
use super::shm::Claim;
use super::sys;
use super::wire::{self, Access, Header, Kind, MESSAGE_MAX, Malformed, OPS_MAX, PAYLOAD_MAX};
use crate::descriptors;
use kfd_core::ids::ProcessId;
use kfd_core::notice::UserSlots;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// An address no process can map: above every architecture's user space, still positive as a file offset.
const NOWHERE: u64 = 1 << 62;

/// Runs the worker; returns its exit status when the daemon has gone (0), or on a message it cannot read (70).
pub(super) fn run() -> i32 {
    let (socket, claim) = sys::inherited();
    // Errors leave things as they are: the worker still works, and the end of its socket still ends it.
    let _ = sys::close_from(3);
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = prctl::set_name(c"kfdd-memory");
    let _ = prctl::set_no_new_privs();
    sys::settle_signals();
    let _ = descriptors::take_all();
    let Ok(word) = Claim::map(claim.as_fd()) else { return 71 };
    drop(claim);
    match (Worker { socket, claim: word, memories: HashMap::new(), kept: Kept::default() }).serve() {
        Ok(()) => 0,
        Err(Malformed) => 70,
    }
}

struct Worker {
    socket: OwnedFd,
    claim: Claim,
    /// By slot; a message of another generation finds nothing.
    memories: HashMap<u32, (u32, File)>,
    kept: Kept,
}

impl Worker {
    fn serve(&mut self) -> Result<(), Malformed> {
        let mut buffer = vec![0; MESSAGE_MAX + 1];
        let mut control = crate::sys::control_buffer();
        let mut out = Vec::with_capacity(MESSAGE_MAX);
        loop {
            let (len, mut descriptors) =
                match sys::receive_descriptors(self.socket.as_fd(), &mut buffer, &mut control) {
                    // The daemon is gone, or does not want this worker any more.
                    Ok((0, _)) | Err(_) => return Ok(()),
                    Ok(received) => received,
                };
            if len > MESSAGE_MAX {
                return Err(Malformed);
            }
            let (header, rest) = wire::header(&buffer[..len])?;
            let ProcessId { slot, generation } = header.process;
            let mut reply = None;
            match header.kind {
                Kind::Attach => {
                    self.memories.insert(slot, (generation, File::from(descriptors.pop().ok_or(Malformed)?)));
                    continue;
                }
                Kind::Detach => {
                    if self.memories.get(&slot).is_some_and(|&(current, _)| current == generation) {
                        self.memories.remove(&slot);
                    }
                    continue;
                }
                Kind::Guard => {
                    // Where there can be no guard, the next daemon does what it would have done.
                    let _ = guard::stand(descriptors.pop().ok_or(Malformed)?);
                    continue;
                }
                Kind::Job | Kind::Probe if !self.claim.claim(header.id) => return Ok(()),
                Kind::Job => self.job(header, rest, &mut out)?,
                Kind::Probe => {
                    let count = self.probe(header.process);
                    wire::begin(&mut out, Header { kind: Kind::Probed, count, ..header });
                }
                Kind::Fetch => {
                    reply = self.memory(header.process);
                    let count = u32::from(reply.is_some());
                    wire::begin(&mut out, Header { kind: Kind::Fetched, count, ..header });
                }
                Kind::Answer | Kind::Probed | Kind::Fetched => return Err(Malformed),
            }
            if sys::send_message(self.socket.as_fd(), &out, reply.map(AsFd::as_fd).as_slice(), true).is_err()
            {
                return Ok(());
            }
        }
    }

    fn memory(&self, process: ProcessId) -> Option<&File> {
        let (generation, memory) = self.memories.get(&process.slot)?;
        (*generation == process.generation).then_some(memory)
    }

    fn job(&mut self, header: Header, mut rest: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        if header.count as usize > OPS_MAX {
            return Err(Malformed);
        }
        let mut kept = std::mem::take(&mut self.kept);
        let done = self.accesses(header, &mut rest, &mut kept, out);
        self.kept = kept;
        done?;
        if rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn accesses(
        &self,
        header: Header,
        rest: &mut &[u8],
        kept: &mut Kept,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let memory = self.memory(header.process);
        wire::begin(out, Header { kind: Kind::Answer, ..header });
        let mut read = 0;
        for _ in 0..header.count {
            match wire::take_access(rest)? {
                Access::Read(va, len) => {
                    read += len;
                    if read > PAYLOAD_MAX {
                        return Err(Malformed);
                    }
                    wire::push_reply(out, len, |to| {
                        memory.is_some_and(|memory| read_whole(memory, to, va).is_ok())
                    });
                }
                Access::Write(va, bytes) => wire::push_reply(out, 0, |_| {
                    memory.is_some_and(|memory| write_whole(memory, bytes, va).is_ok())
                }),
                Access::Packets([retired, (va, count)]) => {
                    let len = count * UserSlots::BYTES;
                    read += len;
                    if read > PAYLOAD_MAX {
                        return Err(Malformed);
                    }
                    wire::push_reply_within(out, len, |to| {
                        let memory = memory?;
                        kept.retire(header.process, memory, retired).ok()?;
                        kept.read(header.process, memory, va, to).ok()
                    });
                }
                Access::Survey(tgid, va, len) => {
                    let told = memory.and_then(|memory| maps::survey(memory, tgid, va, len).ok());
                    wire::push_reply(out, told.as_ref().map_or(0, Vec::len), |to| {
                        told.is_some_and(|told| {
                            to.copy_from_slice(&told);
                            true
                        })
                    });
                }
                Access::FetchSub(va, by) => wire::push_reply(out, 8, |to| {
                    memory.is_some_and(|memory| {
                        fetch_sub(memory, va, by).is_ok_and(|old| {
                            to.copy_from_slice(&old.to_le_bytes());
                            true
                        })
                    })
                }),
            }
        }
        Ok(())
    }

    /// 0 bytes is how `/proc/TID/mem` says that the address space is gone (`mem_rw`, fs/proc/base.c); an address that
    /// cannot be mapped is EIO while it is there.
    fn probe(&self, process: ProcessId) -> u32 {
        match self.memory(process).map(is_there) {
            Some(Ok(false)) => 0,
            Some(Ok(true)) => 1,
            Some(Err(_)) | None => 2,
        }
    }
}

/// Whether the address space behind a mem fd is there.
pub(super) fn is_there(memory: &File) -> io::Result<bool> {
    match memory.read_at(&mut [0], NOWHERE) {
        Ok(0) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Reads all of `to` or fails. One call is the rule: the kernel returns short only at a page it cannot read.
fn read_whole(memory: &File, to: &mut [u8], va: u64) -> io::Result<()> {
    memory.read_exact_at(to, va)
}

fn write_whole(memory: &File, bytes: &[u8], va: u64) -> io::Result<()> {
    memory.write_all_at(bytes, va)
}

fn fetch_sub(memory: &File, va: u64, by: u64) -> io::Result<u64> {
    if !va.is_multiple_of(8) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut old = [0; 8];
    read_whole(memory, &mut old, va)?;
    let old = u64::from_le_bytes(old);
    write_whole(memory, &old.wrapping_sub(by).to_le_bytes(), va)?;
    Ok(old)
}
