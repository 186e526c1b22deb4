//! What the daemon says at one moment, and what was done between two of them.
//!
//! A queue is known by its process object, its id and when it was made, so that one that took the place of another does
//! not look as if it had gone backwards. What a queue did that was made and destroyed between two samples is not seen.

use anyhow::anyhow;
use kfd_core::ids::{Nanos, ProcessId, QueueId};
use kfd_core::listing::{ProcessRow, QueueRow};
use kfdd::control::{Control, Reply, Request};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Instant;

/// What the daemon said.
#[derive(Debug)]
pub struct Sample {
    at: Instant,
    processes: Vec<ProcessRow>,
    queues: Vec<QueueRow>,
}

type Key = (ProcessId, QueueId, Nanos);

fn key(row: &QueueRow) -> Key {
    (row.process, row.queue, row.made_at)
}

impl Sample {
    /// Asks the daemon.
    ///
    /// # Errors
    /// It does not answer, or with something else.
    pub fn take(control: &Control) -> anyhow::Result<Self> {
        // Queues first: a process that came in between has none yet, and none is without its process.
        let Reply::Queues { queues } = control.ask(&Request::Queues)? else {
            return Err(other_than("queues"));
        };
        let at = Instant::now();
        let Reply::Processes { processes } = control.ask(&Request::Processes)? else {
            return Err(other_than("processes"));
        };
        Ok(Self { at, processes, queues })
    }
}

fn other_than(what: &str) -> anyhow::Error {
    anyhow!("the daemon answered something else than its {what}; is it of another version than kfdctl?")
}

/// What one refresh shows.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// Since the refresh before; `None` at the first.
    pub seconds: Option<f64>,
    /// Packets of all processes together.
    pub packets_per_second: Option<f64>,
    /// The busiest first.
    pub processes: Vec<Process>,
}

/// A row of a process, with its rates since the last refresh.
#[derive(Debug, Serialize)]
pub struct Process {
    /// As `ps` lists it.
    #[serde(flatten)]
    pub row: ProcessRow,
    /// Taken from the rings of the queues that it has.
    pub packets: u64,
    /// Packets of these queues together.
    pub packets_per_second: Option<f64>,
    /// Instructions of its waves.
    pub instructions_per_second: Option<f64>,
    /// The busiest first.
    pub queues: Vec<Queue>,
}

/// A row of a queue, with its rates since the last refresh.
#[derive(Debug, Serialize)]
pub struct Queue {
    /// As `queues` lists it.
    #[serde(flatten)]
    pub row: QueueRow,
    /// Packets that were taken from its ring.
    pub packets_per_second: Option<f64>,
}

impl Frame {
    /// What `now` shows, and what was done since `before`.
    pub fn new(before: Option<&Sample>, now: &Sample) -> Self {
        let seconds = before.map(|before| now.at.duration_since(before.at).as_secs_f64());
        let old: HashMap<Key, u64> = before
            .map(|before| before.queues.iter().map(|row| (key(row), row.packets)).collect())
            .unwrap_or_default();
        let rate = |row: &QueueRow| {
            let done = row.packets.saturating_sub(old.get(&key(row)).copied().unwrap_or_default());
            per_second(done, seconds)
        };
        let waves: HashMap<ProcessId, u64> = before
            .map(|before| before.processes.iter().map(|row| (row.process, row.instructions)).collect())
            .unwrap_or_default();
        let mut by_process: HashMap<ProcessId, Vec<Queue>> = HashMap::new();
        for row in &now.queues {
            let queue = Queue { row: row.clone(), packets_per_second: rate(row) };
            by_process.entry(row.process).or_default().push(queue);
        }
        let mut processes: Vec<Process> = now
            .processes
            .iter()
            .map(|row| {
                let mut queues = by_process.remove(&row.process).unwrap_or_default();
                queues.sort_by(|one, other| busier(one.packets_per_second, other.packets_per_second));
                let done = waves.get(&row.process).map_or(0, |old| row.instructions.saturating_sub(*old));
                Process {
                    row: row.clone(),
                    instructions_per_second: per_second(done, seconds),
                    packets: queues.iter().map(|queue| queue.row.packets).sum(),
                    packets_per_second: total(queues.iter().map(|queue| queue.packets_per_second), seconds),
                    queues,
                }
            })
            .collect();
        // Stable: those who do nothing keep the order of their coming.
        processes.sort_by(|one, other| busier(one.packets_per_second, other.packets_per_second));
        let rates = processes.iter().map(|process| process.packets_per_second);
        let packets_per_second = total(rates, seconds);
        Self { seconds, packets_per_second, processes }
    }
}

/// So many in that time, where there is one.
fn per_second(done: u64, seconds: Option<f64>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    seconds.filter(|seconds| *seconds > 0.0).map(|seconds| done as f64 / seconds)
}

/// Rates together, where there are any. Not `sum`, whose nothing is -0.0.
fn total(rates: impl Iterator<Item = Option<f64>>, seconds: Option<f64>) -> Option<f64> {
    seconds.map(|_| rates.flatten().fold(0.0, |all, one| all + one))
}

/// The order in which the faster of two comes first.
fn busier(one: Option<f64>, other: Option<f64>) -> std::cmp::Ordering {
    other.unwrap_or_default().total_cmp(&one.unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;

    /// A moment `seconds` after a first one: processes by slot, queues by slot, id, birth and packets.
    pub(in crate::top) fn sample(
        first: Instant,
        seconds: u64,
        processes: &[u32],
        queues: &[(u32, u32, u64, u64)],
    ) -> Sample {
        let process = |slot: u32| -> ProcessRow {
            serde_json::from_value(serde_json::json!({
                "tgid": 100 + slot, "uid": 0, "process": format!("{slot}.1"), "state": "live", "cause": null,
                "evicted": [], "files": 1, "attached_at": 0, "resident_bytes": 0,
                "holds": kfd_core::account::Holdings::default(),
            }))
            .expect("a row")
        };
        let queue = |&(slot, id, made_at, packets): &(u32, u32, u64, u64)| -> QueueRow {
            serde_json::from_value(serde_json::json!({
                "tgid": 100 + slot, "uid": 0, "process": format!("{slot}.1"), "queue": id, "gpu": 1, "kind": "aql",
                "state": "active", "packets": packets, "ring": 0, "ring_bytes": 4096, "doorbell": 0, "priority": 7,
                "slot": null, "engine": null, "waiting": null, "quantum_us": 1000, "gws": false, "evicted": null,
                "made_at": made_at,
            }))
            .expect("a row")
        };
        Sample {
            at: first + Duration::from_secs(seconds),
            processes: processes.iter().map(|slot| process(*slot)).collect(),
            queues: queues.iter().map(queue).collect(),
        }
    }

    #[test]
    fn the_first_refresh_knows_no_rates_and_the_next_one_those_of_its_time() {
        let start = Instant::now();
        let one = sample(start, 0, &[1, 2], &[(1, 0, 5, 10), (2, 0, 6, 100)]);
        let first = Frame::new(None, &one);
        assert_eq!((first.seconds, first.packets_per_second), (None, None));
        assert_eq!(first.processes[0].packets, 10);
        let two = sample(start, 2, &[1, 2], &[(1, 0, 5, 10), (2, 0, 6, 300), (2, 1, 7, 50)]);
        let second = Frame::new(Some(&one), &two);
        assert_eq!((second.seconds, second.packets_per_second), (Some(2.0), Some(125.0)));
        let [busy, idle] = &second.processes[..] else { panic!("{second:?}") };
        assert_eq!((busy.row.tgid.0, busy.packets, busy.packets_per_second), (102, 350, Some(125.0)));
        assert_eq!((idle.row.tgid.0, idle.packets_per_second), (101, Some(0.0)));
        let rates: Vec<_> = busy.queues.iter().map(|queue| queue.packets_per_second).collect();
        assert_eq!(rates, [Some(100.0), Some(25.0)]);
    }

    // Keeps: top-rates
    #[test]
    fn a_queue_in_the_place_of_another_begins_at_nothing() {
        let start = Instant::now();
        let one = sample(start, 0, &[1], &[(1, 0, 5, 1000)]);
        let two = sample(start, 1, &[1], &[(1, 0, 9, 30)]);
        assert_eq!(Frame::new(Some(&one), &two).packets_per_second, Some(30.0));
    }
}
