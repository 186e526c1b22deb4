//! The one entry point of every ioctl: who may call, which call it is, what came of it.
//!
//! A call takes a reference to its process object and leaves the read section; no lock is held between a handler and its
//! answer. Refusals come in the kernel's order: EBADF for a caller that is not the process, then ENOTTY, then what the
//! handler says. Not for: how a struct or a pointer's target gets here, which doors do by `abi::table`.

mod criu;
mod cross;
mod debug;
mod device;
mod dmabuf;
mod drm;
mod event;
mod gws;
mod info;
mod ipc;
mod memory;
mod queue;
mod queue_buffers;
mod runtime;
mod smi;
mod svm;

use crate::abi::{drm as drm_abi, ioc, kfd, table};
use crate::call::{Arg, Caller, Done, Errno, Gathered, Node, Outcome, Refused, UserWrite};
use crate::core::Core;
use crate::ids::UserVa;
use crate::notice::Post;
use crate::process::Process;
use crate::process::stage::Stage;
use std::os::fd::OwnedFd;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// How a handler ended, when not with an errno.
enum Flow {
    Done,
    Parked,
}

type Handled = Result<Flow, Errno>;

/// A call under way.
struct Ctx<'a> {
    core: &'a Core,
    process: &'a Process,
    caller: &'a Caller,
    arg: Arg,
    gathered: Gathered,
    writes: Vec<UserWrite>,
    /// What the ioctl returns when it succeeds.
    value: i32,
    /// Descriptors for the caller's table.
    fds: Vec<OwnedFd>,
    post: Post,
}

impl Ctx<'_> {
    /// The struct. Shorter ones were filled up with zeros before the call.
    fn read<T: FromBytes>(&self) -> Result<T, Errno> {
        T::read_from_prefix(self.arg.bytes()).map(|(value, _)| value).map_err(|_| Errno::INVAL)
    }

    /// The struct as it is to be copied out.
    fn answer<T: IntoBytes + Immutable>(&mut self, value: &T) {
        let to = self.arg.bytes_mut();
        let bytes = value.as_bytes();
        let len = bytes.len().min(to.len());
        to[..len].copy_from_slice(&bytes[..len]);
    }

    /// What the struct's pointer number `index` pointed at.
    fn input(&self, index: usize) -> &[u8] {
        self.gathered.pointers.get(index).map_or(&[], Vec::as_slice)
    }

    /// Bytes for the client.
    fn put(&mut self, va: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.writes.push(UserWrite { va: UserVa(va), bytes: bytes.to_vec() });
        }
    }
}

impl Core {
    /// Serves one ioctl. `arg` is the struct as [`admit`](crate::abi::spec::Ioctl::admit) gives it (a raw one is admitted
    /// here), `gathered` what its pointers pointed at. Never blocks.
    pub fn call(&self, caller: &Caller, cmd: u32, arg: Arg, gathered: Gathered) -> Outcome {
        let refuse = |errno, arg| Outcome::Refused(Refused { errno, arg, writes: Vec::new() });
        let Some(process) = self.process(caller.process) else { return refuse(Errno::BADF, arg) };
        let row = self.admitted(caller.node, cmd);
        // The tracer of a process may use that one's file, for what is meant for it.
        let traces = gathered.traces && row.is_ok_and(|row| row.privileged);
        if caller.tgid != process.tgid() && !traces || process.stage() != Stage::Live {
            return refuse(Errno::BADF, arg);
        }
        let row = match row {
            Ok(row) if row.privileged && !gathered.privileged => return refuse(Errno::ACCES, arg),
            Ok(row) => row,
            Err(errno) => return refuse(errno, arg),
        };
        let Some(arg) = row.admit(arg.bytes()) else { return refuse(Errno::INVAL, arg) };
        // A count above what the kernel allocates for, also of a pointer that only the answer is written through.
        let over = row.pointers_of(arg.bytes()).iter().find_map(|pointer| pointer.extent(arg.bytes()).err());
        let mut ctx = Ctx {
            core: self,
            process: &process,
            caller,
            arg,
            gathered,
            writes: Vec::new(),
            value: 0,
            fds: Vec::new(),
            post: Post::default(),
        };
        let handled = match (row.refused.or(over), row.magic()) {
            (Some(errno), _) => Err(Errno(errno)),
            (None, _) if row.primary && !matches!(caller.node, Node::Card(_)) => Err(Errno::ACCES),
            (None, kfd::MAGIC) => ctx.kfd(row.number()),
            (None, _) => ctx.drm(row.number()),
        };
        let Ctx { arg, writes, value, fds, post, .. } = ctx;
        tracing::trace!(call = row.name, tgid = %caller.tgid, tid = %caller.tid, ok = handled.is_ok(), "ioctl");
        let outcome = match handled {
            Ok(Flow::Done) => Outcome::Done(Done { writes, value, fds, ..Done::new(arg) }),
            Ok(Flow::Parked) => Outcome::Parked,
            Err(errno) => Outcome::Refused(Refused { errno, arg, writes }),
        };
        drop(process);
        self.post(post);
        outcome
    }

    /// The row of a command on that kind of node. An interface older than the call does not have it.
    fn admitted(&self, node: Node, cmd: u32) -> Result<&'static crate::abi::spec::Ioctl, Errno> {
        let (magic, absent) = match node {
            Node::Kfd => (kfd::MAGIC, Errno::NOTTY),
            Node::Render(_) | Node::Card(_) => (drm_abi::MAGIC, Errno::INVAL),
        };
        if ioc::magic(cmd) != magic {
            return Err(Errno::NOTTY);
        }
        table::lookup(cmd).filter(|row| row.since <= self.profile.interface_minor).ok_or(absent)
    }
}

impl Ctx<'_> {
    fn kfd(&mut self, number: u8) -> Handled {
        match number {
            0x01 => self.get_version(),
            0x02 => self.create_queue(),
            0x03 => self.destroy_queue(),
            0x04 => self.set_memory_policy(),
            0x05 => self.get_clock_counters(),
            0x06 => self.get_process_apertures(),
            0x07 => self.update_queue(),
            0x08 => self.create_event(),
            0x09 => self.destroy_event(),
            0x0a => self.set_event(),
            0x0b => self.reset_event(),
            0x0c => self.wait_events(),
            0x11 => self.set_scratch_backing_va(),
            0x12 => self.get_tile_config(),
            0x13 => self.set_trap_handler(),
            0x14 => self.get_process_apertures_new(),
            0x15 => self.acquire_vm(),
            0x16 => self.alloc_memory(),
            0x17 => self.free_memory(),
            0x18 => self.map_memory(),
            0x19 => self.unmap_memory(),
            0x1a => self.set_cu_mask(),
            0x1b => self.get_queue_wave_state(),
            0x1c => self.get_dmabuf_info(),
            0x1d => self.import_dmabuf(),
            0x1e => self.alloc_queue_gws(),
            0x1f => self.smi_events(),
            0x20 => self.svm(),
            0x21 => self.set_xnack_mode(),
            0x22 => self.criu(),
            0x23 => self.available_memory(),
            0x24 => self.export_dmabuf(),
            0x25 => self.runtime_enable(),
            0x26 => self.dbg_trap(),
            0x80 => self.ipc_import(),
            0x81 => self.ipc_export(),
            0x83 => self.cross_memory_copy(),
            _ => Err(Errno::INVAL),
        }
    }
}
