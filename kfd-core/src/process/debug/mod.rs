//! What a debugger has of a process (DBG_TRAP), and what the process's runtime has said of itself (RUNTIME_ENABLE).
//!
//! ```text
//! no session ── ENABLE ──► session ── DISABLE, the debugger's death ──► no session
//! RUNTIME_ENABLE, session ───► parked ── SEND_RUNTIME_EVENT, end of the session ──► Done
//! DESTROY_QUEUE, suspended ──► parked ── RESUME_QUEUES, end of the session ───────► destroyed
//! ```
//! In a session an exception sets a bit of what raised it (queue, device or process), and where the debugger asked for
//! it a byte goes into its pipe; without one nothing is kept (`kfd_dbg_ev_raise`, amdkfd/kfd_debug.c). Who else hears of it
//! is in `receiver`.
//!
//! Unlike amdkfd's, the end of a session lets the calls go that waited for its debugger: nobody else could.
//!
//! Lock order: a leaf inside the process mutex and a queue's MQD; nothing is called with it held. Not for: who may
//! debug whom, which the ioctls say.

mod delivery;
mod receiver;
mod session;

pub(crate) use delivery::{Deliveries, Delivery};
pub(crate) use receiver::{Exception, Receiver, Standing};
pub(crate) use session::{Session, WaveSettings};

use crate::abi::kfd as abi;
use crate::account::Charge;
use crate::call::{Arg, Done, Errno, Outcome, Refused};
use crate::ids::{CallId, GpuVa, ProcessId, QueueId};
use crate::notice::{Notice, Post};
use std::collections::BTreeMap;

/// A parked call.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    pub(crate) arg: Arg,
    pub(crate) _charge: Charge,
}

impl Waiting {
    /// Its end.
    pub(crate) fn end(self, process: ProcessId, result: Result<(), Errno>) -> Notice {
        let Self { call, arg, .. } = self;
        let outcome = match result {
            Ok(()) => Outcome::Done(Done::new(arg)),
            Err(errno) => Outcome::Refused(Refused { errno, arg, writes: Vec::new() }),
        };
        Notice::Complete { call, process, outcome }
    }
}

/// What a queue has raised, and whether the debugger holds it.
#[derive(Debug, Default)]
pub(crate) struct QueueState {
    pub(crate) raised: u64,
    pub(crate) suspended: bool,
}

/// What a device has raised for this process.
#[derive(Debug, Default)]
pub(crate) struct DeviceState {
    pub(crate) raised: u64,
    /// The first memory violation that nobody has asked for yet.
    pub(crate) fault: Option<abi::MemoryExceptionData>,
}

/// What a session leaves to be done when it ends.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Queues to be resumed.
    pub(crate) suspended: Vec<QueueId>,
    /// RUNTIME_ENABLE calls.
    pub(crate) runtime: Vec<Waiting>,
    /// DESTROY_QUEUE calls.
    pub(crate) destroys: Vec<(QueueId, Waiting)>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Debug {
    /// What the runtime said last.
    pub(crate) runtime: abi::RuntimeInfo,
    pub(crate) session: Option<Session>,
    /// The processes whose debugger this one has become; their sessions may be over.
    pub(crate) targets: Vec<ProcessId>,
    /// What the process has raised.
    pub(crate) raised: u64,
    /// By device index.
    pub(crate) devices: BTreeMap<usize, DeviceState>,
    pub(crate) queues: BTreeMap<QueueId, QueueState>,
    /// What is on its way to the runtime.
    pub(crate) deliveries: Deliveries,
    /// Words of debuggers that no RUNTIME_ENABLE has waited for yet (`runtime_enable_sema`).
    permits: u32,
    /// A RUNTIME_ENABLE was interrupted: the next one goes on where it was (`is_runtime_retry`).
    pub(crate) retries: bool,
    runtime_waits: Vec<Waiting>,
    destroys: Vec<(QueueId, Waiting)>,
    /// The process is going: nobody waits any more.
    closed: bool,
}

impl Debug {
    /// A queue raises exceptions. Whether the debugger wants to know.
    pub(crate) fn raise_queue(&mut self, queue: QueueId, mask: u64, post: &mut Post) -> bool {
        if self.session.is_some() {
            self.queues.entry(queue).or_default().raised |= mask;
        }
        self.tell(mask, post)
    }

    /// A device raises exceptions, with what is known of a memory violation. Whether the debugger wants to know.
    pub(crate) fn raise_device(
        &mut self,
        device: usize,
        mask: u64,
        fault: Option<abi::MemoryExceptionData>,
        post: &mut Post,
    ) -> bool {
        if self.session.is_some() {
            let state = self.devices.entry(device).or_default();
            state.raised |= mask;
            state.fault = state.fault.or(fault);
        }
        self.tell(mask, post)
    }

    /// The process raises exceptions. Whether the debugger wants to know.
    pub(crate) fn raise_process(&mut self, mask: u64, post: &mut Post) -> bool {
        if self.session.is_some() {
            self.raised |= mask;
        }
        self.tell(mask, post)
    }

    /// Who could hear of an exception that the debugger wants to know of or not. The runtime does where its queue has a
    /// save area.
    pub(crate) fn standing(&self, subscribed: bool, save_area: bool) -> Standing {
        let enabled = self.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_ENABLED;
        match (subscribed, enabled && save_area) {
            (true, _) => Standing::Subscribed,
            (false, true) => Standing::Enabled,
            (false, false) => Standing::Neither,
        }
    }

    /// A queue's exceptions go to the runtime: the delivery that begins, unless one is under way or the process is going.
    pub(crate) fn deliver(
        &mut self,
        queue: QueueId,
        device: usize,
        area: GpuVa,
        mask: u64,
    ) -> Option<Delivery> {
        if self.closed { None } else { self.deliveries.begin(queue, device, area, mask) }
    }

    fn tell(&self, mask: u64, post: &mut Post) -> bool {
        let Some(session) = self.session.as_ref().filter(|session| session.wanted & mask != 0) else {
            return false;
        };
        post.add(session.event());
        true
    }

    /// The debugger wants these exceptions from now on, and a byte when one of them is raised already.
    pub(crate) fn want(&mut self, wanted: u64, post: &mut Post) {
        let raised = self.raised
            | self.queues.values().fold(0, |all, queue| all | queue.raised)
            | self.devices.values().fold(0, |all, device| all | device.raised);
        if let Some(session) = &mut self.session {
            session.wanted = wanted;
            if wanted & raised != 0 {
                post.add(session.event());
            }
        }
    }

    /// A queue is gone, and what was kept of it.
    pub(crate) fn forget_queue(&mut self, queue: QueueId) {
        self.queues.remove(&queue);
        self.deliveries.forget(queue);
    }

    /// Whether the queue must stay until the debugger lets it go.
    pub(crate) fn holds_queue(&self, queue: QueueId) -> bool {
        self.session.is_some() && self.queues.get(&queue).is_some_and(|state| state.suspended)
    }

    /// A RUNTIME_ENABLE of the process waits for the debugger's word. Done at once when that has come before.
    pub(crate) fn await_debugger(&mut self, waiting: Waiting) -> Option<Waiting> {
        if self.closed || self.session.is_none() || self.permits > 0 {
            self.permits = self.permits.saturating_sub(1);
            self.passed();
            return Some(waiting);
        }
        self.runtime_waits.push(waiting);
        None
    }

    fn passed(&mut self) {
        self.retries = false;
        if self.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_DISABLED {
            self.runtime.ttmp_setup = 0;
        }
    }

    /// The debugger's word: the call that it lets go, if one waits.
    pub(crate) fn permit(&mut self) -> Option<Waiting> {
        if self.runtime_waits.is_empty() {
            self.permits = self.permits.saturating_add(1);
            return None;
        }
        self.passed();
        Some(self.runtime_waits.remove(0))
    }

    /// A DESTROY_QUEUE waits until the queue is let go. Given back when it may go at once.
    pub(crate) fn await_resume(&mut self, queue: QueueId, waiting: Waiting) -> Option<Waiting> {
        if self.closed || !self.holds_queue(queue) {
            return Some(waiting);
        }
        self.destroys.push((queue, waiting));
        None
    }

    /// The calls that waited for this queue.
    pub(crate) fn resumed(&mut self, queue: QueueId) -> Vec<(QueueId, Waiting)> {
        if let Some(state) = self.queues.get_mut(&queue) {
            state.suspended = false;
        }
        self.destroys.extract_if(.., |(waits_for, _)| *waits_for == queue).collect()
    }

    /// A signal interrupts a parked call of this process: what it returns. RUNTIME_ENABLE is EINTR and goes on when it is
    /// called again (`down_interruptible`), DESTROY_QUEUE is restarted.
    pub(crate) fn interrupt(&mut self, call: CallId) -> Option<Outcome> {
        let refused = |waiting: Waiting, errno| {
            Outcome::Refused(Refused { errno, arg: waiting.arg, writes: Vec::new() })
        };
        if let Some(at) = self.runtime_waits.iter().position(|waiting| waiting.call == call) {
            self.retries = true;
            return Some(refused(self.runtime_waits.remove(at), Errno::INTR));
        }
        let at = self.destroys.iter().position(|(_, waiting)| waiting.call == call)?;
        Some(refused(self.destroys.remove(at).1, Errno::RESTART))
    }

    /// The runtime goes: what the debugger set on the hardware is taken back, the session stays. What is left is the
    /// caller's to do.
    pub(crate) fn deactivate(&mut self) -> Left {
        if let Some(session) = &mut self.session {
            session.waves = WaveSettings::default();
            session.watches.clear();
        }
        let mut left = Left { destroys: std::mem::take(&mut self.destroys), ..Left::default() };
        for (id, state) in &mut self.queues {
            if std::mem::take(&mut state.suspended) {
                left.suspended.push(*id);
            }
        }
        left
    }

    /// The session is over. What was raised is forgotten; what is left is the caller's to do.
    pub(crate) fn end(&mut self) -> Left {
        if self.session.take().is_none() {
            return Left::default();
        }
        if self.runtime.runtime_state != abi::DEBUG_RUNTIME_STATE_DISABLED {
            self.runtime.runtime_state = abi::DEBUG_RUNTIME_STATE_ENABLED;
        }
        let mut left = self.deactivate();
        left.runtime = std::mem::take(&mut self.runtime_waits);
        self.raised = 0;
        self.devices.clear();
        self.queues.clear();
        self.passed();
        left
    }

    /// Calls of the process that wait for its debugger.
    pub(crate) fn parked(&self) -> usize {
        self.runtime_waits.len() + self.destroys.len()
    }

    /// The process is going: every parked call of it, and no more.
    pub(crate) fn close(&mut self) -> Vec<Waiting> {
        self.closed = true;
        self.deliveries.clear();
        let Left { mut runtime, destroys, .. } = self.end();
        runtime.extend(destroys.into_iter().map(|(_, waiting)| waiting));
        runtime
    }
}
