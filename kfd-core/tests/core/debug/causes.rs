//! How a dispatch goes wrong, and who hears what of it: a row a cause, a column a state that its process can be in.

use super::receivers::{DEBUGGER, ENABLED, Heard, NEITHER, NOBODY, Scene, State, world};
use super::*;
use crate::dispatch::engine::{answer, dispatch, settle};
use crate::world::{Aql, Buffer};
use kfd_core::dispatch::{QueueError, WaveAnswer};
use kfd_core::ids::GpuVa;
use kfd_core::listing::QueueState;

/// A cause that is its queue's: what the inactive signal says (ROCR's `DynamicScratchHandler`), and the exception's code
/// (`enum kfd_dbg_trap_exception_code`).
const OF_THE_QUEUE: [(QueueError, i64, u32); 11] = [
    (QueueError::DispatchDimensions, 2, 16),
    (QueueError::GroupSegmentSize, 4, 17),
    (QueueError::DispatchCode, 8, 18),
    (QueueError::WorkGroupSize, 64, 21),
    (QueueError::Registers, 128, 22),
    (QueueError::IllegalInstruction, 0x4000_0000, 4),
    (QueueError::Aperture, 0x2000_0000, 6),
    (QueueError::Abort, 0x8000_0000, 1),
    (QueueError::Trap, 0x8000_0000, 2),
    (QueueError::Resources, 0x8000_0000, 30),
    (QueueError::Lost, 0x8000_0000, 30),
];

const WILD: u64 = 0xdead_0123;

/// A queue whose dispatch has ended so, and another of the same process that was at rest.
struct Ended<'w> {
    scene: Scene<'w>,
    queue: Aql,
    other: Aql,
    memory: Buffer,
}

impl<'w> Ended<'w> {
    fn of(world: &'w World, state: State, how: WaveAnswer) -> Self {
        let mut scene = Scene::of(world, state);
        let memory = scene.target.buffer(0x20_0000, 16384);
        let other = scene.target.queue_in(memory).expect("a queue");
        scene.target.signal(&other, 0, 1, None);
        let mut queue = scene.queue(abi::QUEUE_TYPE_COMPUTE_AQL, true);
        scene.target.push(&mut queue, &dispatch(0));
        scene.target.ring(&queue);
        let order = settle(world).order();
        answer(world, &order, how);
        scene.heard_before = settle(world).others;
        Self { scene, queue, other, memory }
    }

    /// Whether the process's other queue still runs packets.
    fn other_runs(&mut self) -> bool {
        let signal = self.memory.va + 4096;
        self.scene.target.push(&mut self.other, &barrier(&[], signal));
        self.scene.target.ring(&self.other);
        self.scene.world.settle();
        let runs = self.scene.target.signal_value(&self.other, 0) == 0;
        let rows = self.scene.world.core.queues();
        let row = rows.iter().find(|row| row.queue.0 == self.other.id).expect("listed");
        assert_eq!(row.state == QueueState::Stopped, !runs);
        runs
    }
}

/// What is heard in each state of a cause, and whether the process's other queue runs on.
fn hears(states: &[State], how: WaveAnswer, expected: Heard, runs_on: bool) {
    for state in states {
        let world = world();
        let mut ended = Ended::of(&world, *state, how);
        let Ended { scene, queue, .. } = &mut ended;
        assert_eq!(scene.heard(Some(queue)), expected, "{how:?} {state:?}");
        assert_eq!(ended.other_runs(), runs_on, "{how:?} {state:?}");
        let id = ended.queue.id;
        let stopped =
            |row: &kfd_core::listing::QueueRow| row.queue.0 == id && row.state == QueueState::Stopped;
        assert!(world.core.queues().iter().any(stopped), "{how:?} {state:?}");
        drop(ended);
        world.end();
    }
}

// Keeps: wave-causes
#[test]
fn what_stops_a_dispatch_is_told_by_its_signal_and_to_its_debugger() {
    for (error, inactive, _) in OF_THE_QUEUE {
        hears(&[State::Subscribed], WaveAnswer::Error(error), Heard { inactive, ..DEBUGGER }, true);
    }
}

// Keeps: wave-causes
#[test]
fn what_stops_a_dispatch_is_told_by_its_signal_and_to_a_runtime_that_has_enabled_exceptions() {
    for (error, inactive, code) in OF_THE_QUEUE {
        let expected = Heard { inactive, payload: abi::ec_mask(code), runtime: true, ..NOBODY };
        hears(&ENABLED, WaveAnswer::Error(error), expected, true);
    }
}

// Keeps: wave-causes
#[test]
fn what_stops_a_dispatch_is_told_by_its_signal_alone_where_nobody_else_listens() {
    for (error, inactive, _) in OF_THE_QUEUE {
        hears(&NEITHER, WaveAnswer::Error(error), Heard { inactive, ..NOBODY }, true);
    }
}

// Keeps: wave-causes
#[test]
fn a_debugger_reads_the_code_of_each_cause() {
    let causes = OF_THE_QUEUE.map(|(error, _, code)| (WaveAnswer::Error(error), code, true));
    let violation = WaveAnswer::Fault { va: GpuVa(WILD), write: false };
    for (how, code, of_queue) in causes.into_iter().chain([(violation, 33, false)]) {
        let world = world();
        let mut ended = Ended::of(&world, State::Subscribed, how);
        let Scene { debugger, target, .. } = &mut ended.scene;
        let mask = abi::ec_mask(code);
        // Two queues are new and the process has its runtime, which is told too, of its own sources.
        let source = if of_queue { ended.queue.id } else { 0 };
        let told = std::iter::from_fn(|| query(debugger, target, u64::MAX).ok());
        assert!(told.take(8).any(|(raised, _, queue)| raised & mask != 0 && queue == source), "{how:?}");
        drop(ended);
        world.end();
    }
}

// Keeps: wave-causes, violation-stops
#[test]
fn a_memory_violation_is_its_processs_unless_a_debugger_has_asked_for_it() {
    for write in [false, true] {
        let violation = WaveAnswer::Fault { va: GpuVa(WILD), write };
        hears(&[State::Subscribed], violation, DEBUGGER, true);
        for states in [ENABLED, NEITHER] {
            hears(&states, violation, Heard { memory: true, ..NOBODY }, false);
        }
    }
}

// Keeps: violation-stops
#[test]
fn a_violation_that_its_debugger_passes_on_is_its_processs_from_then_on() {
    let world = world();
    let violation = WaveAnswer::Fault { va: GpuVa(WILD), write: true };
    let mut ended = Ended::of(&world, State::Subscribed, violation);
    assert!(ended.other_runs());
    let Scene { debugger, target, .. } = &mut ended.scene;
    target.signal(&ended.other, 0, 1, None);
    let word = abi::DbgTrapSendRuntimeEvent { exception_mask: VIOLATION, gpu_id: gpu().0, queue_id: 0 };
    assert_eq!(trap(debugger, target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    assert!(ended.scene.heard(None).memory);
    assert!(!ended.other_runs());
    drop(ended);
    world.end();
}
