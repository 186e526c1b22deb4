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

use crate::abi::kfd::nr;
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

/// One ioctl while it is served: what came with it, and the answer as it grows.
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

    /// Has bytes written to the client's memory when the call is answered.
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
            nr::GET_VERSION => self.get_version(),
            nr::CREATE_QUEUE => self.create_queue(),
            nr::DESTROY_QUEUE => self.destroy_queue(),
            nr::SET_MEMORY_POLICY => self.set_memory_policy(),
            nr::GET_CLOCK_COUNTERS => self.get_clock_counters(),
            nr::GET_PROCESS_APERTURES => self.get_process_apertures(),
            nr::UPDATE_QUEUE => self.update_queue(),
            nr::CREATE_EVENT => self.create_event(),
            nr::DESTROY_EVENT => self.destroy_event(),
            nr::SET_EVENT => self.set_event(),
            nr::RESET_EVENT => self.reset_event(),
            nr::WAIT_EVENTS => self.wait_events(),
            nr::SET_SCRATCH_BACKING_VA => self.set_scratch_backing_va(),
            nr::GET_TILE_CONFIG => self.get_tile_config(),
            nr::SET_TRAP_HANDLER => self.set_trap_handler(),
            nr::GET_PROCESS_APERTURES_NEW => self.get_process_apertures_new(),
            nr::ACQUIRE_VM => self.acquire_vm(),
            nr::ALLOC_MEMORY_OF_GPU => self.alloc_memory(),
            nr::FREE_MEMORY_OF_GPU => self.free_memory(),
            nr::MAP_MEMORY_TO_GPU => self.map_memory(),
            nr::UNMAP_MEMORY_FROM_GPU => self.unmap_memory(),
            nr::SET_CU_MASK => self.set_cu_mask(),
            nr::GET_QUEUE_WAVE_STATE => self.get_queue_wave_state(),
            nr::GET_DMABUF_INFO => self.get_dmabuf_info(),
            nr::IMPORT_DMABUF => self.import_dmabuf(),
            nr::ALLOC_QUEUE_GWS => self.alloc_queue_gws(),
            nr::SMI_EVENTS => self.smi_events(),
            nr::SVM => self.svm(),
            nr::SET_XNACK_MODE => self.set_xnack_mode(),
            nr::CRIU_OP => self.criu(),
            nr::AVAILABLE_MEMORY => self.available_memory(),
            nr::EXPORT_DMABUF => self.export_dmabuf(),
            nr::RUNTIME_ENABLE => self.runtime_enable(),
            nr::DBG_TRAP => self.dbg_trap(),
            nr::IPC_IMPORT_HANDLE => self.ipc_import(),
            nr::IPC_EXPORT_HANDLE => self.ipc_export(),
            nr::CROSS_MEMORY_COPY => self.cross_memory_copy(),
            _ => Err(Errno::INVAL),
        }
    }
}
