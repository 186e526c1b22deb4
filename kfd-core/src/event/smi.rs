//! Streams of a device's events (`kfd_smi_events.c`): a client writes a mask of what it wants to hear of and reads lines.
//!
//! A stream is a pair of sockets. The client's end never blocks: a read of nothing is EAGAIN, as the kernel's is. Whoever
//! embeds the core has the daemon's end with each [`Notice::Smi`](crate::notice::Notice) and does the reading and writing:
//! it takes in the masks ([`Stream::masked`]), so that an idle stream costs nothing, asks what [`Stream::wants`], and sends
//! [`SmiEvent::line`]; what does not fit into the stream is lost. A stream ends with the process object that opened it, and
//! when every descriptor of the client's end is closed; the daemon's end of such a one goes when its process opens another.
//!
//! A process hears of itself. Root hears of all processes when it asks for that
//! ([`SMI_EVENT_ALL_PROCESS`](abi::SMI_EVENT_ALL_PROCESS)).
//!
//! Lock order: `Smi` is a leaf. Not for: which events there are, which the authors of happenings say.

use crate::abi::kfd as abi;
use crate::ids::{GpuId, Nanos, Tgid};
use crate::process::evictions::Reason;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Weak;

/// The socket buffer of a stream, in bytes. The kernel's queue holds 1024 bytes of lines (`MAX_KFIFO_SIZE`); a socket
/// counts its bookkeeping too.
const ROOM: usize = 16 << 10;

/// The thread group of an event of the device itself, which every stream of the device gets.
pub(crate) const NOBODY: Tgid = Tgid(0);

/// An SMI event, to be sent on the streams of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmiEvent {
    /// The device that the event happened on.
    pub gpu: GpuId,
    /// The process that the event happened to; 0 for an event of the device itself.
    pub tgid: Tgid,
    /// The time of the event.
    pub at: Nanos,
    /// The kind of the event, with its data.
    pub what: SmiKind,
}

/// The kinds of SMI events that this driver sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmiKind {
    /// A queue accessed memory that is not mapped.
    VmFault,
    /// The device is about to be reset after a memory error; the number of this reset, from 1.
    PreReset(u32),
    /// The device has been reset; the number of this reset.
    PostReset(u32),
    /// The queues of the process were evicted.
    QueueEviction(Reason),
    /// The queues of the process were restored.
    QueueRestore,
    /// A prefetch begins to move shared virtual memory.
    MigrateStart(Migration),
    /// The prefetch has ended, with this errno; 0 when the memory was moved.
    MigrateEnd(Migration, i32),
}

/// Memory of a process that moves between the host and a device, or between devices. A `gpu_id` of 0 is the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The number of the first page.
    pub page: u64,
    /// The number of pages.
    pub pages: u64,
    /// The `gpu_id` of the device that the memory leaves.
    pub from: u32,
    /// The `gpu_id` of the device that the memory goes to.
    pub to: u32,
    /// The value of the range's prefetch location attribute.
    pub prefetch: u32,
    /// The value of the range's preferred location attribute.
    pub preferred: u32,
}

impl SmiEvent {
    /// The event's number, `KFD_SMI_EVENT_*`.
    fn number(&self) -> u32 {
        match self.what {
            SmiKind::VmFault => abi::SMI_EVENT_VMFAULT,
            SmiKind::PreReset(_) => abi::SMI_EVENT_GPU_PRE_RESET,
            SmiKind::PostReset(_) => abi::SMI_EVENT_GPU_POST_RESET,
            SmiKind::QueueEviction(_) => abi::SMI_EVENT_QUEUE_EVICTION,
            SmiKind::QueueRestore => abi::SMI_EVENT_QUEUE_RESTORE,
            SmiKind::MigrateStart(_) => abi::SMI_EVENT_MIGRATE_START,
            SmiKind::MigrateEnd(..) => abi::SMI_EVENT_MIGRATE_END,
        }
    }

    /// The event's line in the format `KFD_EVENT_FMT_*` of linux/kfd_ioctl.h; `comm` is the name of the process's
    /// leader.
    #[must_use]
    pub fn line(&self, comm: &str) -> String {
        let (number, gpu, tgid, at) = (self.number(), self.gpu.0, self.tgid.0, self.at.0);
        match self.what {
            SmiKind::VmFault => format!("{number:x} {tgid:x}:{comm}\n"),
            // Both formats have a field for the reason; amdgpu fills it in before the reset only
            // (`amdgpu_reset_get_desc`).
            SmiKind::PreReset(count) => format!("{number:x} {count:x} RAS error\n"),
            SmiKind::PostReset(count) => format!("{number:x} {count:x} \n"),
            SmiKind::QueueEviction(reason) => {
                format!("{number:x} {at} -{tgid} {gpu:x} {}\n", trigger(reason))
            }
            SmiKind::QueueRestore => format!("{number:x} {at} -{tgid} {gpu:x} 0\n"),
            SmiKind::MigrateStart(Migration { page, pages, from, to, prefetch, preferred }) => format!(
                "{number:x} {at} -{tgid} @{page:x}({pages:x}) {from:x}->{to:x} {prefetch:x}:{preferred:x} {}\n",
                abi::MIGRATE_TRIGGER_PREFETCH
            ),
            SmiKind::MigrateEnd(Migration { page, pages, from, to, .. }, errno) => format!(
                "{number:x} {at} -{tgid} @{page:x}({pages:x}) {from:x}->{to:x} {} {}\n",
                abi::MIGRATE_TRIGGER_PREFETCH,
                -errno
            ),
        }
    }
}

/// The trigger of a queue eviction, `enum KFD_QUEUE_EVICTION_TRIGGERS`.
fn trigger(reason: Reason) -> u32 {
    match reason {
        Reason::Userptr => abi::QUEUE_EVICTION_TRIGGER_USERPTR,
        Reason::Memory | Reason::Overdrawn => abi::QUEUE_EVICTION_TRIGGER_TTM,
        Reason::Request => abi::QUEUE_EVICTION_TRIGGER_SUSPEND,
        Reason::Checkpoint => abi::QUEUE_EVICTION_CRIU_CHECKPOINT,
    }
}

/// The daemon's end of a stream of SMI events.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
    gpu: GpuId,
    tgid: Tgid,
    /// Whether the client is root, who may get the events of all processes.
    root: bool,
    /// The mask of events that the client wants, as last read from its end.
    mask: AtomicU64,
}

impl Stream {
    /// A stream of that device's events for a process, and the client's end of it.
    ///
    /// # Errors
    /// The errno of socketpair(2) or setsockopt(2).
    pub(crate) fn new(gpu: GpuId, tgid: Tgid, root: bool) -> io::Result<(Self, OwnedFd)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        setsockopt(&socket, sockopt::SndBuf, &ROOM)?;
        Ok((Self { socket, gpu, tgid, root, mask: AtomicU64::new(0) }, theirs))
    }

    /// The daemon's end of the socket pair, which does not block.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Sets the mask that the client has written (`kfd_smi_ev_write`); the last one counts.
    pub fn masked(&self, mask: u64) {
        // Relaxed, because no other data is published by the mask.
        self.mask.store(mask, Ordering::Relaxed);
    }

    /// Whether the client wants `event` (`kfd_smi_ev_enabled`).
    #[must_use]
    pub fn wants(&self, event: &SmiEvent) -> bool {
        let mask = self.mask.load(Ordering::Relaxed);
        let bit = |number: u32| mask & 1 << (number - 1) != 0;
        let its_own = event.tgid == NOBODY || self.tgid == event.tgid;
        bit(event.number()) && (its_own || self.root && bit(abi::SMI_EVENT_ALL_PROCESS))
    }

    /// Whether the client has closed its end. Only the kernel is asked.
    pub(crate) fn is_over(&self) -> bool {
        let mut end = [PollFd::new(self.descriptor(), PollFlags::empty())];
        let asked = poll(&mut end, PollTimeout::ZERO);
        asked.is_ok() && end[0].revents().is_some_and(|has| has.contains(PollFlags::POLLHUP))
    }
}

/// Every stream of a core. The streams are held by their processes, not here.
#[derive(Debug, Default)]
pub(crate) struct Smi {
    streams: Mutex<Vec<Weak<Stream>>>,
}

impl Smi {
    /// Adds a stream.
    pub(crate) fn add(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams.lock();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Arc::downgrade(stream));
    }

    /// Whether there may be any stream.
    pub(crate) fn has_listeners(&self) -> bool {
        !self.streams.lock().is_empty()
    }

    /// The streams of a device's events.
    pub(crate) fn of(&self, gpu: GpuId) -> Vec<Arc<Stream>> {
        let mut streams = self.streams.lock();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.iter().filter_map(Weak::upgrade).filter(|stream| stream.gpu == gpu).collect()
    }
}
