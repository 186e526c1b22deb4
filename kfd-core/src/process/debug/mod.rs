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

/// A parked RUNTIME_ENABLE or DESTROY_QUEUE call.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    pub(crate) arg: Arg,
    pub(crate) _charge: Charge,
}

impl Waiting {
    /// Ends the call with this result.
    pub(crate) fn end(self, process: ProcessId, result: Result<(), Errno>) -> Notice {
        let Self { call, arg, .. } = self;
        let outcome = match result {
            Ok(()) => Outcome::Done(Done::new(arg)),
            Err(errno) => Outcome::Refused(Refused { errno, arg, writes: Vec::new() }),
        };
        Notice::Complete { call, process, outcome }
    }
}

/// The exceptions that a queue has raised, and whether the debugger has suspended it.
#[derive(Debug, Default)]
pub(crate) struct QueueState {
    pub(crate) raised: u64,
    pub(crate) suspended: bool,
}

/// The exceptions that a device has raised for this process.
#[derive(Debug, Default)]
pub(crate) struct DeviceState {
    pub(crate) raised: u64,
    /// The first memory violation that the debugger has not queried yet.
    pub(crate) fault: Option<abi::MemoryExceptionData>,
}

/// The work that the end of a session leaves to the caller.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Queues that the debugger had suspended and that are to be resumed.
    pub(crate) suspended: Vec<QueueId>,
    /// Parked RUNTIME_ENABLE calls to be ended.
    pub(crate) runtime: Vec<Waiting>,
    /// Parked DESTROY_QUEUE calls to be done, each with its queue.
    pub(crate) destroys: Vec<(QueueId, Waiting)>,
}

/// The debugging state of a process.
#[derive(Debug, Default)]
pub(crate) struct Debug {
    /// The state that the runtime reported last.
    pub(crate) runtime: abi::RuntimeInfo,
    pub(crate) session: Option<Session>,
    /// The processes that this one is or was the debugger of.
    pub(crate) targets: Vec<ProcessId>,
    /// The exceptions that the process itself has raised.
    pub(crate) raised: u64,
    /// The state of each device, by device index.
    pub(crate) devices: BTreeMap<usize, DeviceState>,
    pub(crate) queues: BTreeMap<QueueId, QueueState>,
    /// The deliveries of exceptions to the runtime.
    pub(crate) deliveries: Deliveries,
    /// The number of SEND_RUNTIME_EVENT calls that no RUNTIME_ENABLE has consumed yet (`runtime_enable_sema`).
    permits: u32,
    /// Whether a RUNTIME_ENABLE was interrupted, so that the next one goes on where it was (`is_runtime_retry`).
    pub(crate) retries: bool,
    runtime_waits: Vec<Waiting>,
    destroys: Vec<(QueueId, Waiting)>,
    /// Whether the process is going, so that no call is parked any more.
    closed: bool,
}

impl Debug {
    /// Records exceptions that a queue raises. True when the debugger is told.
    pub(crate) fn raise_queue(&mut self, queue: QueueId, mask: u64, post: &mut Post) -> bool {
        if self.session.is_some() {
            self.queues.entry(queue).or_default().raised |= mask;
        }
        self.tell(mask, post)
    }

    /// Records exceptions that a device raises, with the data of a memory violation. True when the debugger is told.
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

    /// Records exceptions that the process raises. True when the debugger is told.
    pub(crate) fn raise_process(&mut self, mask: u64, post: &mut Post) -> bool {
        if self.session.is_some() {
            self.raised |= mask;
        }
        self.tell(mask, post)
    }

    /// The standing of an exception, given whether a debugger has subscribed to it and whether its queue has a save
    /// area, without which the runtime is not told.
    pub(crate) fn standing(&self, subscribed: bool, save_area: bool) -> Standing {
        let enabled = self.runtime.runtime_state == abi::DEBUG_RUNTIME_STATE_ENABLED;
        match (subscribed, enabled && save_area) {
            (true, _) => Standing::Subscribed,
            (false, true) => Standing::Enabled,
            (false, false) => Standing::Neither,
        }
    }

    /// Begins the delivery of a queue's exceptions to the runtime. `None` when one is under way already or the process
    /// is going.
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

    /// Sets the exceptions that the debugger subscribes to; it gets a byte at once when one of them is raised already.
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

    /// Drops the exceptions and the delivery of a queue that is gone.
    pub(crate) fn queue_gone(&mut self, queue: QueueId) {
        self.queues.remove(&queue);
        self.deliveries.cancel(queue);
    }

    /// Whether the debugger has suspended the queue, so that it must stay.
    pub(crate) fn holds_queue(&self, queue: QueueId) -> bool {
        self.session.is_some() && self.queues.get(&queue).is_some_and(|state| state.suspended)
    }

    /// Parks a RUNTIME_ENABLE until the debugger's SEND_RUNTIME_EVENT. Returned when it need not wait.
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

    /// Takes a SEND_RUNTIME_EVENT of the debugger. Returns the parked RUNTIME_ENABLE that it ends, if there is one.
    pub(crate) fn permit(&mut self) -> Option<Waiting> {
        if self.runtime_waits.is_empty() {
            self.permits = self.permits.saturating_add(1);
            return None;
        }
        self.passed();
        Some(self.runtime_waits.remove(0))
    }

    /// Parks a DESTROY_QUEUE of a suspended queue. Returned when it need not wait.
    pub(crate) fn await_resume(&mut self, queue: QueueId, waiting: Waiting) -> Option<Waiting> {
        if self.closed || !self.holds_queue(queue) {
            return Some(waiting);
        }
        self.destroys.push((queue, waiting));
        None
    }

    /// Marks the queue as resumed and returns the DESTROY_QUEUE calls that waited for that.
    pub(crate) fn resumed(&mut self, queue: QueueId) -> Vec<(QueueId, Waiting)> {
        if let Some(state) = self.queues.get_mut(&queue) {
            state.suspended = false;
        }
        self.destroys.extract_if(.., |(waits_for, _)| *waits_for == queue).collect()
    }

    /// Interrupts a parked call of this process by a signal and returns its outcome: RUNTIME_ENABLE gets EINTR and goes
    /// on when it is called again (`down_interruptible`), DESTROY_QUEUE is restarted.
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

    /// Takes back what the debugger set on the hardware, because the runtime goes; the session stays. The rest is left
    /// to the caller.
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

    /// Ends the session and drops what was raised. The rest is left to the caller.
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

    /// The number of parked RUNTIME_ENABLE and DESTROY_QUEUE calls.
    pub(crate) fn parked(&self) -> usize {
        self.runtime_waits.len() + self.destroys.len()
    }

    /// Takes out every parked call of a process that is going; none is parked afterwards.
    pub(crate) fn close(&mut self) -> Vec<Waiting> {
        self.closed = true;
        self.deliveries.clear();
        let Left { mut runtime, destroys, .. } = self.end();
        runtime.extend(destroys.into_iter().map(|(_, waiting)| waiting));
        runtime
    }
}
