//! One client's worker: its socket, the dispatches that it has, and what its claims come to.

use super::changes::Changes;
use super::ends;
use super::kernels::Kernels;
use super::maker::Made;
use super::out::{Out, TooMany};
use door::wave_workers::Link;
use door::wave_workers::wire::{Claim, Order, Run};
use door::workers::Workers;
use kfd_core::Core;
use kfd_core::dispatch::{DispatchOrder, QueueError, WaveAnswer, Wish};
use kfd_core::ids::{GpuVa, ProcessId, QueueKey};
use kfd_core::listing::QueueRow;
use kfd_core::notice::UserAnswer;
use kfd_core::sync::{Arc, Mutex};
use kfd_core::waves::{ClientAccess, Reached, WaveHold};
use nix::sys::signal::Signal;
use notifier::watch::Pidfd;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};

/// See the module's head.
pub(super) struct Linked {
    link: Link,
    hold: WaveHold,
    body: Mutex<Body>,
    /// The dispatches that it has, by ticket.
    out: Mutex<HashMap<u64, Out>>,
    kernels: Arc<Kernels>,
    changes: Changes,
}

/// The worker's process.
enum Body {
    /// It runs on threads of this one.
    None,
    /// It is being made; `killed` once it is made if that is so.
    Coming {
        killed: bool,
    },
    There {
        pid: u32,
        pidfd: Pidfd,
    },
}

/// What a look at its claims came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// There is more to be read.
    More,
    /// All was read, or what else there is will be told of at once, and it may say more.
    All,
    /// It says nothing any more.
    End,
}

impl Linked {
    pub(super) fn new(made: Made, hold: WaveHold, kernels: Arc<Kernels>) -> Self {
        let Made { link, is_process } = made;
        let body = if is_process { Body::Coming { killed: false } } else { Body::None };
        Self {
            link,
            kernels,
            hold,
            body: Mutex::new(body),
            out: Mutex::default(),
            changes: Changes::default(),
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Its process object.
    pub(super) fn process(&self) -> ProcessId {
        self.hold.process()
    }

    /// Whether the end of its socket is its end.
    pub(super) fn has_no_process(&self) -> bool {
        matches!(*self.body.lock(), Body::None)
    }

    /// Its process is there. False when it was to be killed meanwhile, and is.
    pub(super) fn born(&self, pid: u32, pidfd: Pidfd) {
        let mut body = self.body.lock();
        if matches!(*body, Body::Coming { killed: true }) {
            kill(&pidfd);
        }
        *body = Body::There { pid, pidfd };
    }

    /// Ends it, without waiting.
    pub(super) fn kill(&self) {
        match &mut *self.body.lock() {
            Body::None => {}
            Body::Coming { killed } => *killed = true,
            Body::There { pidfd, .. } => kill(pidfd),
        }
        // One that runs on threads, or has not come to its filter yet, ends with its socket.
        self.link.hang_up();
    }

    /// Gives it a dispatch, unless nobody wants that any more.
    pub(super) fn begin(&self, core: &Core, order: &DispatchOrder) {
        let DispatchOrder { queue, ticket, packet, slot, id, amd_queue, device, cooperative } = *order;
        self.out.lock().insert(ticket, Out::new(queue.queue, &packet));
        let wish = core.wave_wish(queue, ticket);
        if wish == Wish::Cancel {
            self.out.lock().remove(&ticket);
            return;
        }
        let run = Run {
            kernel_object: packet.kernel_object,
            kernarg: packet.kernarg_address,
            packet: slot.0,
            queue: amd_queue.0,
            id,
            group: packet.workgroup_size.map(u32::from),
            grid: packet.grid_size,
            group_segment: packet.group_segment_size,
            private_segment: packet.private_segment_size,
            device: device as u32,
            cooperative: cooperative.into(),
        };
        self.tell(&Order::Run(ticket, run));
        if wish == Wish::Pause {
            self.tell(&Order::Wish(ticket, wish));
        }
    }

    /// Tells it what is wished of a dispatch.
    pub(super) fn wish(&self, core: &Core, queue: QueueKey, ticket: u64) {
        if self.out.lock().contains_key(&ticket) {
            self.tell(&Order::Wish(ticket, core.wave_wish(queue, ticket)));
        }
    }

    fn tell(&self, order: &Order<'_>) {
        if let Err(error) = self.link.send(order) {
            // It has gone, or does not take its orders: nobody waits for it.
            tracing::debug!(process = %self.process(), %error, "a wave worker takes no orders");
            self.kill();
        }
    }

    /// Takes in at most `most` claims.
    pub(super) fn serve(
        self: &Arc<Self>,
        core: &Core,
        workers: &Arc<Workers>,
        buffer: &mut [u8],
        most: usize,
    ) -> Served {
        for _ in 0..most {
            match self.link.receive(buffer) {
                Ok(Some(claim)) => {
                    let ends = matches!(claim, Claim::Over(..));
                    self.claim(core, workers, claim);
                    // With nothing in hand it says nothing more, as a rule: a look would be a system call for nothing.
                    if ends && self.out.lock().is_empty() {
                        return Served::All;
                    }
                }
                Ok(None) => return Served::All,
                Err(error) => {
                    if error.kind() != ErrorKind::UnexpectedEof {
                        tracing::warn!(process = %self.process(), %error, "a wave worker is killed");
                    }
                    self.kill();
                    return Served::End;
                }
            }
        }
        Served::More
    }

    fn claim(self: &Arc<Self>, core: &Core, workers: &Arc<Workers>, claim: Claim<'_>) {
        let process = self.process();
        match claim {
            Claim::Over(ticket, end, spent) => {
                let Some(Out { queue, kernel, .. }) = self.out.lock().remove(&ticket) else { return };
                let queue = QueueKey { process, queue };
                let name = self.kernels.over(kernel, &spent);
                if let Some(answer) = ends::answer(queue, &name, end, spent, || self.kernels.bad()) {
                    core.wave_answer(queue, ticket, answer);
                }
            }
            Claim::Kernel(object, name) => self.kernels.called(object, name),
            Claim::Progress { ticket, instructions, waves } => {
                let told = self.out.lock().get_mut(&ticket).map(|out| out.progress(instructions, waves));
                if let Some(Err(TooMany)) = told {
                    tracing::warn!(%process, waves, "a wave worker tells of more waves than a dispatch has, and is killed");
                    self.kill();
                }
            }
            Claim::Translate { request, device, va } => {
                let (epoch, span) = core.wave_span(process, device as usize, GpuVa(va));
                self.tell(&Order::Span(request, epoch, span));
            }
            Claim::Far { request, device, va, access } => {
                let reached = core.wave_reach(process, device as usize, GpuVa(va), access);
                self.answer(workers, request, reached);
            }
            Claim::Stores { request, device, stores } => {
                let stores = stores.iter().map(|(va, bytes)| (GpuVa(va), bytes));
                let reached = core.wave_stores(process, device as usize, stores);
                self.answer(workers, request, reached);
            }
            Claim::Rang { device, pages } => core.wave_rang(process, device as usize, pages),
            Claim::Interrupt(event) => core.wave_interrupt(process, event),
        }
    }

    /// Answers a question of memory, if it has to be by a memory worker.
    fn answer(self: &Arc<Self>, workers: &Arc<Workers>, request: u64, reached: Reached) {
        match reached {
            Reached::Done(bytes) => self.tell(&Order::Reached(request, Some(&bytes))),
            Reached::Fault => self.tell(&Order::Reached(request, None)),
            Reached::Client(ClientAccess::Each(accesses)) => {
                let worker = Arc::clone(self);
                let done = move |answers: Vec<UserAnswer>| worker.reached(request, answers);
                workers.submit(self.process(), accesses, Box::new(done));
            }
            Reached::Client(ClientAccess::Change(change)) => {
                let worker = Arc::clone(self);
                let done = move |old: Option<Vec<u8>>| {
                    worker.tell(&Order::Reached(request, old.as_deref()));
                };
                self.changes.make(workers, self.process(), change, Box::new(done));
            }
        }
    }

    fn reached(&self, request: u64, answers: Vec<UserAnswer>) {
        let each = answers.into_iter().map(|answer| match answer {
            UserAnswer::Done(bytes) => Some(bytes),
            UserAnswer::Failed => None,
        });
        let all: Option<Vec<_>> = each.collect();
        let last = all.and_then(|mut all| all.pop());
        self.tell(&Order::Reached(request, last.as_deref()));
    }

    /// Tells what it runs for a queue.
    pub(super) fn tell_queue(&self, row: &mut QueueRow) {
        let out = self.out.lock();
        if let Some(out) = out.values().find(|out| out.queue == row.queue) {
            row.kernel = self.kernels.name(out.kernel);
            (row.instructions, row.waves) = (out.instructions, out.waves);
        }
    }

    /// Of the dispatches that it has: instructions so far, and waves that have begun and not ended.
    pub(super) fn running(&self) -> (u64, u64) {
        let out = self.out.lock();
        let sum = |of: fn(&Out) -> u64| out.values().map(of).fold(0, u64::saturating_add);
        (sum(|out| out.instructions), sum(|out| out.waves.unwrap_or_default()))
    }

    /// Its process, once that is there.
    pub(super) fn pid(&self) -> Option<u32> {
        match &*self.body.lock() {
            Body::There { pid, .. } => Some(*pid),
            Body::None | Body::Coming { .. } => None,
        }
    }

    /// It is gone: its dispatches end in an error of their queues. With its client, which is `doomed`, that is as it should be.
    pub(super) fn lost(&self, core: &Core, doomed: bool) {
        let process = self.process();
        let out = std::mem::take(&mut *self.out.lock());
        if !out.is_empty() && !doomed {
            tracing::warn!(%process, dispatches = out.len(), "a wave worker is gone with dispatches in hand");
        }
        for (ticket, Out { queue, .. }) in out {
            core.wave_answer(QueueKey { process, queue }, ticket, WaveAnswer::Error(QueueError::Lost));
        }
    }
}

fn kill(pidfd: &Pidfd) {
    // An error means that it has ended already.
    let _ = pidfd.send_signal(Signal::SIGKILL);
}
