//! The owner graph: every kind of object that a process has, as data.
//!
//! A death walks it. The release hook stops what [`Stop::Release`] says, in the graph's order; the answering of waiters leaves
//! nothing running of [`Stop::AnswerWaiters`]; the free takes kind after kind apart, in order again. Debug builds hold each
//! step to it, and a leak report counts by it.
//!
//! A process ends with its address space. Where KFD binds one to a file instead (interface 1.19), it ends with that file: the
//! rows are the same, because [`Owner::Process`] names the process and not what it is bound to. What an engine of
//! waves has belongs to the queue of its dispatch, so it is a row above the queues that the release hook stops.
//!
//! Not for: objects that are held by a guard inside one of these (a queue's SDMA place, a session's watch points, charges).

use super::Process;
use serde::{Deserialize, Serialize};

/// A kind of object that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A dispatch that an engine of waves has.
    Dispatch,
    /// A user-mode queue.
    Queue,
    /// An open file of a render node: contexts, lists, an address space, and the submissions that run over it.
    GraphicsFile,
    /// An interval of a device's address map.
    Mapping,
    /// A parked call: one that has not been answered.
    ParkedCall,
    /// A debug session whose target is this process.
    DebugSession,
    /// A KFD buffer object.
    BufferObject,
    /// A range of shared virtual memory.
    SvmRange,
    /// A stream of a device's SMI events.
    EventStream,
    /// A KFD event.
    Event,
    /// The memfd behind the process's buffers.
    Arena,
}

/// The owner of an object: with its end the object ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The KFD process.
    Process,
    /// The queue that came to the dispatch; the dispatch ends with the process at the latest.
    Queue,
    /// An open file of a render node; its objects end with the process at the latest.
    RenderFile,
    /// The debugger; the session ends with its target at the latest.
    Debugger,
}

/// The number of objects of one kind that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// The kind counted.
    pub kind: ObjectKind,
    /// The owner of objects of this kind.
    pub owner: Owner,
    /// The number of objects.
    pub count: u64,
}

/// The step of a death after which nothing of a kind is running.
pub(crate) enum Stop {
    /// The release hook, which calls `stop`; `running` counts what still runs.
    Release { stop: fn(&Process), running: fn(&Process) -> u64 },
    /// The answering of waiters; `running` counts what still waits.
    AnswerWaiters { running: fn(&Process) -> u64 },
    /// No step: an object of this kind does nothing by itself.
    Passive,
}

/// One kind of object, its owner, and how it is stopped and freed.
pub(crate) struct Row {
    pub(crate) kind: ObjectKind,
    pub(crate) owner: Owner,
    pub(crate) stop: Stop,
    /// Counts the process's objects of this kind.
    pub(crate) count: fn(&Process) -> u64,
    /// Frees all of the process's objects of this kind, when no reader is left.
    pub(crate) free: fn(&Process),
}

/// The graph, in the order of stopping and of freeing: what uses comes before what is used.
pub(crate) const GRAPH: [Row; 11] = [
    Row {
        kind: ObjectKind::Dispatch,
        owner: Owner::Queue,
        // Before the queues: an engine in one of them begins none after it.
        stop: Stop::Release {
            stop: |process| process.dispatches.close(),
            running: |process| process.dispatches.count(),
        },
        count: |process| process.dispatches.count(),
        free: |_| (),
    },
    Row {
        kind: ObjectKind::Queue,
        owner: Owner::Process,
        stop: Stop::Release { stop: stop_queues, running: running_queues },
        count: |process| process.inner.lock().pqm.iter().count() as u64,
        free: |process| drop(std::mem::take(&mut process.inner.lock().pqm)),
    },
    Row {
        kind: ObjectKind::GraphicsFile,
        owner: Owner::RenderFile,
        stop: Stop::Release {
            stop: |process| process.render.revoke(),
            running: |process| process.render.unrevoked(),
        },
        count: |process| process.render.count(),
        free: |process| process.render.clear(),
    },
    Row {
        kind: ObjectKind::Mapping,
        owner: Owner::Process,
        // Revoked after the engines have left the queues, so that no engine takes it for a fault of its client.
        stop: Stop::Release {
            stop: |process| process.pdds.iter().for_each(|pdd| pdd.map.revoke()),
            running: |process| process.pdds.iter().filter(|pdd| !pdd.map.is_revoked()).count() as u64,
        },
        count: |process| process.pdds.iter().map(|pdd| pdd.map.count()).sum(),
        // The revoking has emptied the maps.
        free: |_| (),
    },
    Row {
        kind: ObjectKind::ParkedCall,
        owner: Owner::Process,
        stop: Stop::AnswerWaiters { running: parked_calls },
        count: parked_calls,
        // Each has been answered.
        free: |_| (),
    },
    Row {
        kind: ObjectKind::DebugSession,
        owner: Owner::Debugger,
        stop: Stop::AnswerWaiters { running: debug_sessions },
        count: debug_sessions,
        free: |process| drop(std::mem::take(&mut *process.debug.lock())),
    },
    Row {
        kind: ObjectKind::BufferObject,
        owner: Owner::Process,
        stop: Stop::Passive,
        count: |process| process.inner.lock().bindings.iter().map(|has| has.bos.iter().count() as u64).sum(),
        free: |process| process.inner.lock().bindings.clear(),
    },
    Row {
        kind: ObjectKind::SvmRange,
        owner: Owner::Process,
        stop: Stop::Passive,
        count: |process| process.inner.lock().svm.all().count() as u64,
        free: |process| drop(std::mem::take(&mut process.inner.lock().svm)),
    },
    Row {
        kind: ObjectKind::EventStream,
        owner: Owner::Process,
        stop: Stop::Passive,
        count: |process| process.inner.lock().streams.len() as u64,
        free: |process| process.inner.lock().streams.clear(),
    },
    Row {
        kind: ObjectKind::Event,
        owner: Owner::Process,
        stop: Stop::Passive,
        count: |process| process.events.lock().events.len() as u64,
        free: |process| drop(std::mem::take(&mut *process.events.lock())),
    },
    Row {
        kind: ObjectKind::Arena,
        owner: Owner::Process,
        stop: Stop::Passive,
        count: |process| u64::from(process.arena.is_there()),
        free: free_arena,
    },
];

/// The number of objects of each kind that a process has, without kinds of which it has none.
pub(crate) fn counts(process: &Process) -> Vec<Owned> {
    let counted = |row: &Row| Owned { kind: row.kind, owner: row.owner, count: (row.count)(process) };
    GRAPH.iter().map(counted).filter(|owned| owned.count > 0).collect()
}

/// Stops what the release hook stops, in the graph's order.
pub(super) fn stop_all(process: &Process) {
    for row in &GRAPH {
        if let Stop::Release { stop, .. } = row.stop {
            stop(process);
        }
    }
}

/// Frees every kind, in the graph's order.
pub(super) fn free_all(process: &Process) {
    for row in &GRAPH {
        (row.free)(process);
    }
}

/// The kinds that still run although the release hook must have stopped them; with `answered` also those that the
/// answering of waiters must have.
pub(super) fn still_running(process: &Process, answered: bool) -> Vec<(ObjectKind, u64)> {
    let running = |row: &Row| match row.stop {
        Stop::Release { running, .. } => running(process),
        Stop::AnswerWaiters { running } if answered => running(process),
        Stop::AnswerWaiters { .. } | Stop::Passive => 0,
    };
    GRAPH.iter().map(|row| (row.kind, running(row))).filter(|(_, running)| *running > 0).collect()
}

/// Takes the queues off every device; when it returns, no engine is at one of them.
fn stop_queues(process: &Process) {
    let queues: Vec<_> = process.inner.lock().pqm.iter().map(|entry| entry.queue.clone()).collect();
    for queue in &queues {
        queue.stop();
    }
    for device in process.devices.iter() {
        device.dqm.remove_process(process.id);
    }
    for queue in &queues {
        queue.quiesce();
    }
}

fn running_queues(process: &Process) -> u64 {
    process.inner.lock().pqm.iter().filter(|entry| !entry.queue.is_stopped()).count() as u64
}

fn parked_calls(process: &Process) -> u64 {
    let debug = process.debug.lock().parked();
    let events = process.events.lock().waits.len();
    (debug + events + process.copies.waiting()) as u64
}

fn debug_sessions(process: &Process) -> u64 {
    u64::from(process.debug.lock().session.is_some())
}

/// Drops the arena; what others hold of it stays, without the process.
fn free_arena(process: &Process) {
    if let Some(arena) = process.arena.orphan() {
        process.vitals.orphans.outlives(process.id, &arena);
    }
    drop(process.arena.take());
}

#[cfg(test)]
mod tests {
    use super::{GRAPH, ObjectKind, Owner, Stop};

    #[test]
    fn each_kind_stands_once_and_what_a_file_or_a_debugger_owns_is_stopped_by_a_death_too() {
        let mut kinds: Vec<ObjectKind> = GRAPH.iter().map(|row| row.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), GRAPH.len());
        for row in &GRAPH {
            let stopped = !matches!(row.stop, Stop::Passive);
            assert!(row.owner == Owner::Process || stopped, "{:?} outlives its process", row.kind);
        }
    }

    #[test]
    fn queues_stop_before_what_they_use_and_everything_is_freed_before_its_memory() {
        let at = |kind| GRAPH.iter().position(|row| row.kind == kind).expect("in the graph");
        assert!(at(ObjectKind::Queue) < at(ObjectKind::Mapping));
        assert!(at(ObjectKind::Queue) < at(ObjectKind::BufferObject));
        assert_eq!(at(ObjectKind::Arena), GRAPH.len() - 1);
    }
}
