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

/// Bytes of lines that wait for their reader, about: the kernel's queue has 1024 (`MAX_KFIFO_SIZE`), a socket's bookkeeping
/// counts too.
const ROOM: usize = 16 << 10;

/// Whose an event is that happens to the device itself: everybody hears of it.
pub(crate) const NOBODY: Tgid = Tgid(0);

/// What happened, to be told on the streams of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmiEvent {
    /// On which device.
    pub gpu: GpuId,
    /// To which process; 0 for an event of the device's own.
    pub tgid: Tgid,
    /// When.
    pub at: Nanos,
    /// What.
    pub what: SmiKind,
}

/// What can happen to a process on a device here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmiKind {
    /// A queue touched memory that is not mapped.
    VmFault,
    /// The device is about to be reset after a memory error; how often it has been with this time.
    PreReset(u32),
    /// It has been.
    PostReset(u32),
    /// Its queues were taken off the device.
    QueueEviction(Reason),
    /// They are back.
    QueueRestore,
    /// A prefetch begins to move shared virtual memory.
    MigrateStart(Migration),
    /// It has ended, with this errno; 0 when it moved.
    MigrateEnd(Migration, i32),
}

/// A part of a process's memory that moves between the host and a device. 0 is the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The first page's number.
    pub page: u64,
    /// Pages.
    pub pages: u64,
    /// `gpu_id` of where it lies.
    pub from: u32,
    /// `gpu_id` of where it goes.
    pub to: u32,
    /// Where it was last sent, as the attribute has it.
    pub prefetch: u32,
    /// Where it should be, as the attribute has it.
    pub preferred: u32,
}

impl SmiEvent {
    /// Its number.
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

    /// Its line, as the `KFD_EVENT_FMT_*` of linux/kfd_ioctl.h have it; `comm` is the name of the process's leader.
    #[must_use]
    pub fn line(&self, comm: &str) -> String {
        let (number, gpu, tgid, at) = (self.number(), self.gpu.0, self.tgid.0, self.at.0);
        match self.what {
            SmiKind::VmFault => format!("{number:x} {tgid:x}:{comm}\n"),
            // The reason has a place in both lines and is told in the first (`amdgpu_reset_get_desc`).
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

/// `enum KFD_QUEUE_EVICTION_TRIGGERS`.
fn trigger(reason: Reason) -> u32 {
    match reason {
        Reason::Userptr => abi::QUEUE_EVICTION_TRIGGER_USERPTR,
        Reason::Memory | Reason::Overdrawn => abi::QUEUE_EVICTION_TRIGGER_TTM,
        Reason::Request => abi::QUEUE_EVICTION_TRIGGER_SUSPEND,
        Reason::Checkpoint => abi::QUEUE_EVICTION_CRIU_CHECKPOINT,
    }
}

/// The daemon's end of a stream.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
    gpu: GpuId,
    tgid: Tgid,
    /// May hear of all processes.
    root: bool,
    /// What it wants to hear of, as far as that was read.
    mask: AtomicU64,
}

impl Stream {
    /// A stream of that device for a process, and the client's end.
    ///
    /// # Errors
    /// The kernel's own refusal.
    pub(crate) fn new(gpu: GpuId, tgid: Tgid, root: bool) -> io::Result<(Self, OwnedFd)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        setsockopt(&socket, sockopt::SndBuf, &ROOM)?;
        Ok((Self { socket, gpu, tgid, root, mask: AtomicU64::new(0) }, theirs))
    }

    /// The daemon's end. It does not block.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The client has written this mask (`kfd_smi_ev_write`); the last one counts.
    pub fn masked(&self, mask: u64) {
        // Relaxed: a mask guards nothing.
        self.mask.store(mask, Ordering::Relaxed);
    }

    /// Whether it wants to hear of `event` (`kfd_smi_ev_enabled`).
    #[must_use]
    pub fn wants(&self, event: &SmiEvent) -> bool {
        let mask = self.mask.load(Ordering::Relaxed);
        let bit = |number: u32| mask & 1 << (number - 1) != 0;
        let its_own = event.tgid == NOBODY || self.tgid == event.tgid;
        bit(event.number()) && (its_own || self.root && bit(abi::SMI_EVENT_ALL_PROCESS))
    }

    /// Whether the client has closed its end. Asks the kernel only.
    pub(crate) fn is_over(&self) -> bool {
        let mut end = [PollFd::new(self.descriptor(), PollFlags::empty())];
        let asked = poll(&mut end, PollTimeout::ZERO);
        asked.is_ok() && end[0].revents().is_some_and(|has| has.contains(PollFlags::POLLHUP))
    }
}

/// Every stream. It holds none: their processes do.
#[derive(Debug, Default)]
pub(crate) struct Smi {
    streams: Mutex<Vec<Weak<Stream>>>,
}

impl Smi {
    /// One more.
    pub(crate) fn add(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams.lock();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Arc::downgrade(stream));
    }

    /// Whether anybody might listen.
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
