//! What waits for one worker and what it has been sent: the bookkeeping of a lane, without any I/O.
//!
//! ```text
//! submit → client.pending → (a turn) → inflight → answered → finish
//!              ↑                          │
//!              └── requeue (never begun) ─┤ the worker was retired
//!                                         └ what it had begun: held apart, its client `stuck`
//! ```
//! Clients take turns, one part each, so a client with much to do delays another by one part. At most [`WINDOW`] parts
//! are in flight; the rest waits here, charged to its client up to [`CLIENT_MAX`] bytes, beyond which a job fails at
//! once. The parts of one client are answered in the order in which they were submitted, also across a change of
//! workers: a stuck client has no turn until its stuck part is answered or lost.

use super::job::Part;
use kfd_core::ids::ProcessId;
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Parts in flight to one worker: enough that it need not sleep between two, few enough for the turns to be fair.
pub(super) const WINDOW: usize = 32;
/// Bytes (and 64 per access) that one client's waiting jobs may hold in the daemon.
pub(super) const CLIENT_MAX: usize = 8 << 20;

/// Where a client's mem fd is.
pub(super) enum Memory {
    /// Here, on its way to the worker.
    Here(OwnedFd),
    /// With the worker of this incarnation; with the keeper only, if that is no longer the current one.
    With(u64),
    /// Being fetched from the keeper.
    Fetching,
}

/// One attached client.
pub(super) struct Client {
    pub process: ProcessId,
    pub memory: Memory,
    pub pending: VecDeque<Part>,
    charged: usize,
    queued: bool,
    /// Parts of it that a retired worker holds.
    stuck: usize,
}

pub(super) struct Queue {
    clients: HashMap<u32, Client>,
    turns: VecDeque<u32>,
    /// Clients that left, to be told to the worker.
    pub leaving: VecDeque<ProcessId>,
    inflight: VecDeque<Part>,
    /// When the first in flight came to the front.
    pub head_since: Instant,
    last_id: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            clients: HashMap::new(),
            turns: VecDeque::new(),
            leaving: VecDeque::new(),
            inflight: VecDeque::new(),
            head_since: Instant::now(),
            last_id: 0,
        }
    }

    /// Takes a client in; answers the unsent parts of an earlier tenant of the slot, to be failed.
    pub(super) fn attach(&mut self, process: ProcessId, memory: OwnedFd) -> VecDeque<Part> {
        let client = Client {
            process,
            memory: Memory::Here(memory),
            pending: VecDeque::new(),
            charged: 0,
            queued: false,
            stuck: 0,
        };
        let earlier = self.clients.insert(process.slot, client);
        self.give_turn(process.slot);
        earlier.map(|client| client.pending).unwrap_or_default()
    }

    /// Lets a client go; answers its unsent parts, to be failed. `None`: it is not here.
    pub(super) fn detach(&mut self, process: ProcessId) -> Option<VecDeque<Part>> {
        self.client(process)?;
        let client = self.clients.remove(&process.slot)?;
        if let Memory::With(_) = client.memory {
            self.leaving.push_back(process);
        }
        Some(client.pending)
    }

    /// Queues parts of one job. They come back when there is no such client or it has too much waiting already.
    pub(super) fn submit(&mut self, process: ProcessId, parts: Vec<Part>) -> Result<(), Vec<Part>> {
        let charge: usize = parts.iter().map(Part::charge).sum();
        match self.client(process) {
            Some(client) if client.charged + charge <= CLIENT_MAX => {
                client.charged += charge;
                client.pending.extend(parts);
                self.give_turn(process.slot);
                Ok(())
            }
            _ => Err(parts),
        }
    }

    /// Whose turn it is, if the window has room. The caller takes the part, or says [`Queue::skip`].
    pub(super) fn turn(&mut self) -> Option<&mut Client> {
        if self.inflight.len() >= WINDOW {
            return None;
        }
        while let Some(&slot) = self.turns.front() {
            match self.clients.get_mut(&slot) {
                Some(client) if client.queued && client.stuck == 0 => break,
                Some(client) => client.queued = false,
                None => {}
            }
            self.turns.pop_front();
        }
        self.clients.get_mut(self.turns.front()?)
    }

    /// Ends the turn at the front; the client is in again when it has more to send.
    pub(super) fn end_turn(&mut self) {
        if let Some(slot) = self.turns.pop_front()
            && let Some(client) = self.clients.get_mut(&slot)
        {
            client.queued = false;
            if !client.pending.is_empty() {
                self.give_turn(slot);
            }
        }
    }

    /// Ends the turn at the front without another, until [`Queue::fetched`].
    pub(super) fn skip(&mut self) {
        if let Some(slot) = self.turns.pop_front()
            && let Some(client) = self.clients.get_mut(&slot)
        {
            client.queued = false;
        }
    }

    /// The number of the next message.
    pub(super) fn next_id(&self) -> u64 {
        self.last_id + 1
    }

    /// Counts a part as sent under [`Queue::next_id`].
    pub(super) fn sent(&mut self, mut part: Part, now: Instant) {
        self.last_id += 1;
        part.id = self.last_id;
        if self.inflight.is_empty() {
            self.head_since = now;
        }
        self.inflight.push_back(part);
    }

    /// Takes the part whose answer came. `None`: not the one that is due, the worker is out of step.
    pub(super) fn answered(&mut self, id: u64, now: Instant) -> Option<Part> {
        if self.inflight.front()?.id != id {
            return None;
        }
        self.head_since = now;
        let part = self.inflight.pop_front()?;
        self.discharge(&part);
        Some(part)
    }

    /// Whether somebody may have something to send.
    pub(super) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whether anything is in flight.
    pub(super) fn is_busy(&self) -> bool {
        !self.inflight.is_empty()
    }

    /// After a retirement whose last claim was `id`: takes what was begun (the last of them perhaps not yet answered, the
    /// others answered for sure). Their clients have no turn until [`Queue::unstick`] of each.
    pub(super) fn take_begun(&mut self, id: u64) -> VecDeque<Part> {
        let split = self.inflight.partition_point(|part| part.id <= id);
        let begun: VecDeque<Part> = self.inflight.drain(..split).collect();
        for part in &begun {
            if let Some(client) = self.client(part.process) {
                client.stuck += 1;
            }
        }
        begun
    }

    /// Puts all parts in flight, none of them begun, back to their clients, and answers those whose client has left.
    pub(super) fn requeue(&mut self) -> Vec<Part> {
        let mut orphans = Vec::new();
        while let Some(part) = self.inflight.pop_back() {
            match self.client(part.process) {
                Some(client) => {
                    let slot = part.process.slot;
                    client.pending.push_front(part);
                    self.give_turn(slot);
                }
                None => orphans.push(part),
            }
        }
        orphans.reverse();
        orphans
    }

    /// A part held apart was answered or lost: when it was the last of its client, that has turns again.
    pub(super) fn unstick(&mut self, part: &Part) {
        self.discharge(part);
        if let Some(client) = self.client(part.process) {
            client.stuck = client.stuck.saturating_sub(1);
            if client.stuck == 0 && !client.pending.is_empty() {
                self.give_turn(part.process.slot);
            }
        }
    }

    /// A mem fd came from the keeper, or (`None`) cannot be had; then the client's parts come back, to be failed, and it
    /// is gone from here.
    pub(super) fn fetched(&mut self, process: ProcessId, memory: Option<OwnedFd>) -> Option<VecDeque<Part>> {
        let client = self.client(process)?;
        if let Some(memory) = memory {
            client.memory = Memory::Here(memory);
            self.give_turn(process.slot);
            return None;
        }
        self.detach(process)
    }

    /// Everything that waits unsent, to be failed; the clients stay.
    pub(super) fn drain_pending(&mut self) -> Vec<Part> {
        let parts: Vec<Part> =
            self.clients.values_mut().flat_map(|client| client.pending.drain(..)).collect();
        for part in &parts {
            self.discharge(part);
        }
        parts
    }

    /// Everything that waits or is in flight, to be failed; nobody is attached any more.
    pub(super) fn clear(&mut self) -> Vec<Part> {
        let mut parts: Vec<Part> = self.inflight.drain(..).collect();
        parts.extend(self.clients.drain().flat_map(|(_, client)| client.pending));
        parts
    }

    /// How many clients are attached.
    pub(super) fn clients(&self) -> usize {
        self.clients.len()
    }

    fn client(&mut self, process: ProcessId) -> Option<&mut Client> {
        self.clients.get_mut(&process.slot).filter(|client| client.process == process)
    }

    fn discharge(&mut self, part: &Part) {
        let charge = part.charge();
        if let Some(client) = self.client(part.process) {
            client.charged = client.charged.saturating_sub(charge);
        }
    }

    fn give_turn(&mut self, slot: u32) {
        if let Some(client) = self.clients.get_mut(&slot)
            && !client.queued
        {
            client.queued = true;
            self.turns.push_back(slot);
        }
    }
}
