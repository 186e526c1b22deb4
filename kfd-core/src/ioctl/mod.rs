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

use crate::abi::admitted::Admitted;
use crate::abi::kfd::nr;
use crate::abi::spec::Ioctl;
use crate::abi::{drm as drm_abi, ioc, kfd, table};
use crate::call::{Arg, Caller, Done, Errno, Gathered, Node, Outcome, Refused, UserWrite};
use crate::core::Core;
use crate::ids::UserVa;
use crate::notice::Post;
use crate::process::Process;
use crate::process::stage::Stage;
use notifier::Ref;
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
    /// Serves one ioctl that nobody has admitted yet: as [`Core::serve`], by its command word and raw struct.
    pub fn call(&self, caller: &Caller, cmd: u32, arg: Arg, gathered: Gathered) -> Outcome {
        let admitted = table::lookup(cmd).and_then(|row| Admitted::new(row, arg.bytes()));
        match admitted {
            Some(admitted) => self.serve(caller, &admitted, gathered),
            None => {
                let absent = || unknown(caller.node, ioc::magic(cmd));
                let errno = self.entrant(caller, false).map_or_else(|errno| errno, |_| absent());
                Outcome::Refused(Refused { errno, arg, writes: Vec::new() })
            }
        }
    }

    /// Serves one ioctl, with `gathered` as what its pointers pointed at. Never blocks.
    pub fn serve(&self, caller: &Caller, call: &Admitted<'static>, gathered: Gathered) -> Outcome {
        let (row, arg) = (call.row(), *call.arg());
        let refuse = |errno| Outcome::Refused(Refused { errno, arg, writes: Vec::new() });
        let there = self.is_there(row, caller.node);
        // The tracer of a process may use that one's file, for what is meant for it.
        let traces = gathered.traces && there && row.privileged;
        let process = match self.entrant(caller, traces) {
            Ok(process) => process,
            Err(errno) => return refuse(errno),
        };
        if !there {
            return refuse(unknown(caller.node, row.magic()));
        }
        if row.privileged && !gathered.privileged {
            return refuse(Errno::ACCES);
        }
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
        let handled = match (row.refused.or(call.over()), row.magic()) {
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

    /// The live process object of a caller, who is its process or, where `traces`, a tracer of that.
    fn entrant(&self, caller: &Caller, traces: bool) -> Result<Ref<Process>, Errno> {
        let process = self.process(caller.process).ok_or(Errno::BADF)?;
        let its = caller.tgid == process.tgid() || traces;
        if its && process.stage() == Stage::Live { Ok(process) } else { Err(Errno::BADF) }
    }

    /// Whether that kind of node has the call. An interface older than the call does not.
    fn is_there(&self, row: &Ioctl, node: Node) -> bool {
        row.magic() == magic_of(node) && row.since <= self.profile.interface_minor
    }
}

/// The magic of the calls that a node takes.
fn magic_of(node: Node) -> u8 {
    match node {
        Node::Kfd => kfd::MAGIC,
        Node::Render(_) | Node::Card(_) => drm_abi::MAGIC,
    }
}

/// The errno for a call of `magic` that a node does not have: `kfd_ioctl` and `drm_ioctl` differ.
fn unknown(node: Node, magic: u8) -> Errno {
    if magic != magic_of(node) || node == Node::Kfd { Errno::NOTTY } else { Errno::INVAL }
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
            _ => without_handler(number),
        }
    }
}

/// A row of the table whose call nobody serves: a fault of this file, since what is always refused never comes here.
fn without_handler(number: u8) -> Handled {
    debug_assert!(false, "call {number:#x} is in the table and has no handler");
    Err(Errno::INVAL)
}
