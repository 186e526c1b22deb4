//! What a dqm keeps of a process: amdkfd's `qcm_process_device`, `qpd` for short.

use crate::ids::{QueueKey, Uid};
use crate::queue::Queue;
use hsa_queue::doorbell::{DOORBELL_BYTES, SLICE_BYTES};
use std::collections::{HashSet, VecDeque};

/// Bytes of a doorbell page: what the client's store traps on, and what is dropped.
pub(crate) const PAGE: u64 = 4096;
const PAGES: usize = (SLICE_BYTES / PAGE) as usize;

#[derive(Debug)]
pub(super) struct Qpd {
    pub(super) uid: Uid,
    pub(super) queues: Vec<QueueKey>,
    /// Its queues that an engine may take, in the order of their turns: ready, and mapped if they need a slot.
    pub(super) ready: VecDeque<QueueKey>,
    /// It is in the scheduler's round.
    pub(super) in_round: bool,
    pub(super) parked: HashSet<QueueKey>,
    /// Its doorbell pages on which stores go unseen.
    pub(super) hot: [bool; PAGES],
    /// Its ready queues that wait for a slot, in the order in which they get one.
    pub(super) claims: VecDeque<QueueKey>,
    /// It is among the claimants of the run list.
    pub(super) claiming: bool,
    /// How many slots its queues are mapped to.
    pub(super) mapped: usize,
    /// Evictions that have not been restored (`qpd->evicted`).
    pub(super) evicted: u32,
}

impl Qpd {
    pub(super) fn new(uid: Uid) -> Self {
        Self {
            uid,
            queues: Vec::new(),
            ready: VecDeque::new(),
            in_round: false,
            parked: HashSet::new(),
            hot: [false; PAGES],
            claims: VecDeque::new(),
            claiming: false,
            mapped: 0,
            evicted: 0,
        }
    }
}

/// The doorbell page of a queue, counted within its process's slice.
pub(super) fn page_of(queue: &Queue) -> usize {
    (u64::from(queue.doorbell) * DOORBELL_BYTES / PAGE) as usize
}
