//! Requests and replies of the control socket, as JSON.
//!
//! A request is one line; a reply is one JSON object and the end of the stream. What a caller may see: the processes
//! of its own uid; root sees all.

use crate::config::WavesOption;
use crate::waves::KernelRow;
use kfd_core::death::Obituary;
use kfd_core::ids::{Bytes, ProcessId, Tgid};
use kfd_core::leak::Totals;
use kfd_core::listing::{ProcessRow, QueueRow};
use kfd_core::share::ShareRow;
use serde::{Deserialize, Serialize};

/// The longest request line taken, bytes.
pub const REQUEST_MAX: usize = 4096;

/// A request on the control socket, one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Request {
    /// The processes, living and dying.
    Processes,
    Queues,
    /// What kernels did since the daemon's start, the user's own.
    Kernels,
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
    Version,
}

/// The answer to a request, one line of JSON.
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
    /// To [`Request::Kernels`].
    Kernels {
        /// One row a kernel of a user.
        kernels: Vec<KernelRow>,
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
        /// What all clients together hold.
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
        /// What becomes of a dispatch.
        waves: WavesOption,
    },
    /// The request was refused.
    Error {
        /// Why, for a person.
        error: String,
    },
}

/// The replies that grow with what a daemon serves, as serde reads them without looking at the whole text first.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum List {
    Processes(Vec<ProcessRow>),
    Queues(Vec<QueueRow>),
    Kernels(Vec<KernelRow>),
    Shares(Vec<ShareRow>),
}

impl Reply {
    /// Reads a reply. An untagged enum is read by way of a tree of all its text, several times as large as the rows of a
    /// list: so lists are told by their first key.
    ///
    /// # Errors
    /// The text is no reply of this protocol.
    pub fn of_text(text: &[u8]) -> serde_json::Result<Self> {
        match serde_json::from_slice(text) {
            Ok(List::Processes(processes)) => Ok(Self::Processes { processes }),
            Ok(List::Queues(queues)) => Ok(Self::Queues { queues }),
            Ok(List::Kernels(kernels)) => Ok(Self::Kernels { kernels }),
            Ok(List::Shares(shares)) => Ok(Self::Shares { shares }),
            Err(_) => serde_json::from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;
    use kfd_core::ids::ProcessId;

    #[test]
    fn every_reply_is_read_as_it_was_written() {
        let process = serde_json::to_string(&ProcessId { slot: 3, generation: 9 }).expect("plain numbers");
        let texts = [
            r#"{"processes":[]}"#.to_owned(),
            r#"{"queues":[]}"#.to_owned(),
            r#"{"kernels":[]}"#.to_owned(),
            r#"{"shares":[]}"#.to_owned(),
            r#"{"listening":true}"#.to_owned(),
            r#"{"deaths":[],"next":7}"#.to_owned(),
            format!(r#"{{"evicted":[{process}]}}"#),
            format!(r#"{{"restored":[{process}]}}"#),
            r#"{"version":"1","tgid":5,"profile":"gfx900","gpus":1,"interface":18,"waves":"in-process"}"#
                .to_owned(),
            r#"{"error":"why"}"#.to_owned(),
        ];
        for text in texts {
            let reply = Reply::of_text(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again = serde_json::to_string(&reply).expect("a reply is JSON");
            assert_eq!(again, text);
            let slow: Reply = serde_json::from_str(&text).expect("the derived way reads it too");
            assert_eq!(std::mem::discriminant(&slow), std::mem::discriminant(&reply), "{text}");
        }
        for text in ["", "{}", "[]", r#"{"processes":[{}]}"#, r#"{"queues":7}"#, r#"{"processes":[]"#] {
            assert!(Reply::of_text(text.as_bytes()).is_err(), "{text}");
        }
    }
}
