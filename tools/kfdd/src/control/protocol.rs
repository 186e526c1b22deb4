//! Requests and replies of the control socket, as JSON.
//!
//! A request is one line; a reply is one JSON object and the end of the stream. What a caller may see: the processes
//! of its own uid; root sees all.

use kfd_core::death::Obituary;
use kfd_core::ids::{Bytes, ProcessId, Tgid};
use kfd_core::leak::Totals;
use kfd_core::listing::{ProcessRow, QueueRow};
use kfd_core::share::ShareRow;
use serde::{Deserialize, Serialize};

/// The longest request line taken, bytes.
pub const REQUEST_MAX: usize = 4096;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The processes, living and dying.
    Processes,
    /// The queues.
    Queues,
    /// Serve the seccomp listener that comes with this line; without one, say whether it would be. Of root and of the
    /// daemon's own user only, since whoever takes a descriptor can be made to wait by its sender.
    Listener,
    /// Memory that a process has exported and somebody still holds.
    Shares,
    /// The lives that have ended, from this serial on.
    Deaths {
        /// The first serial wanted; 0 is the first death of the daemon's life.
        since: u64,
    },
    /// What is held in all, for residue checks. Root only.
    Totals,
    /// Take the queues of these processes off their devices until [`Request::Restore`].
    Evict {
        /// A thread group.
        tgid: Tgid,
    },
    /// Let the queues of evicted processes run again, if nothing else keeps them.
    Restore {
        /// A thread group.
        tgid: Tgid,
    },
    /// Evict whoever holds more memory than it was charged for, for as long as it does. Root only.
    EvictOverdrawn {
        /// By at least so many bytes.
        from: Bytes,
    },
    /// Who answers.
    Version,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// To [`Request::Processes`].
    Processes {
        /// One row a process.
        processes: Vec<ProcessRow>,
    },
    /// To [`Request::Queues`].
    Queues {
        /// One row a queue.
        queues: Vec<QueueRow>,
    },
    /// To [`Request::Listener`].
    Listening {
        /// It is served from now on, or would be.
        listening: bool,
    },
    /// To [`Request::Shares`].
    Shares {
        /// One row a shared range, living and dead owners alike.
        shares: Vec<ShareRow>,
    },
    /// To [`Request::Deaths`].
    Deaths {
        /// In the order in which the objects were freed.
        deaths: Vec<Obituary>,
        /// The serial that the next death will have.
        next: u64,
    },
    /// To [`Request::Totals`].
    Totals {
        /// What is held.
        totals: Totals,
        /// Open descriptors of the daemon.
        fds: u64,
    },
    /// To [`Request::Evict`] and [`Request::EvictOverdrawn`].
    Evicted {
        /// The process objects that were not evicted for that reason before.
        evicted: Vec<ProcessId>,
    },
    /// To [`Request::Restore`].
    Restored {
        /// The process objects that were evicted by request and are not any more.
        restored: Vec<ProcessId>,
    },
    /// To [`Request::Version`].
    Version {
        /// The daemon's version.
        version: String,
        /// Its process id.
        tgid: u32,
        /// The device profile it serves.
        profile: String,
        /// How many devices it shows.
        gpus: usize,
        /// The minor number of the interface it reports.
        interface: u32,
    },
    /// The request was refused.
    Error {
        /// Why, for a person.
        error: String,
    },
}
