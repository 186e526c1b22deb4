//! A queue is on the lists and the slot that its state says, whatever happens in whatever order.

use super::qpd::PAGE;
use super::run::{Ended, Run};
use super::runlist::{Hqd, RunList};
use super::scheduler::Scheduler;
use super::turns::Turn;
use crate::ids::{GpuVa, Nanos, ProcessId, QueueId, QueueKey, Uid};
use crate::queue::save_area::SaveArea;
use crate::queue::{Format, Indices, Queue};
use crate::sync::Arc;
use hsa_queue::Waves;
use hsa_queue::doorbell::DOORBELL_BYTES;
use hsa_queue::sdma::Generation;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

const PROCESSES: u32 = 3;
const QUEUES: u32 = 4;
const SLOTS: usize = 2;
const WINDOW: u64 = 10;

#[derive(Debug, Clone)]
enum Event {
    Add { active: bool },
    Remove,
    Update { active: bool },
    Trap,
    Rearmed,
    WakeParked,
    LookAtParked,
    Answered,
    DispatchOver,
    Next,
    NextOf,
    Done { how: Ended, worked: bool },
    Evict,
    Restore,
    Suspend,
    Resume,
    StopAll,
    RemoveProcess,
}

fn ends() -> impl Strategy<Value = Ended> {
    prop_oneof![
        Just(Ended::Busy),
        any::<bool>().prop_map(|rests| Ended::Empty { rests }),
        Just(Ended::Parked),
        Just(Ended::Waiting),
        Just(Ended::Dispatched),
        Just(Ended::Stopped),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<bool>().prop_map(|active| Event::Add { active }),
        1 => Just(Event::Remove),
        3 => any::<bool>().prop_map(|active| Event::Update { active }),
        6 => Just(Event::Trap),
        3 => Just(Event::Rearmed),
        3 => Just(Event::WakeParked),
        3 => Just(Event::LookAtParked),
        3 => Just(Event::Answered),
        3 => Just(Event::DispatchOver),
        12 => Just(Event::Next),
        3 => Just(Event::NextOf),
        12 => (ends(), any::<bool>()).prop_map(|(how, worked)| Event::Done { how, worked }),
        1 => Just(Event::Evict),
        2 => Just(Event::Restore),
        1 => Just(Event::Suspend),
        2 => Just(Event::Resume),
        1 => prop_oneof![4 => Just(Event::StopAll), 1 => Just(Event::RemoveProcess)],
    ]
}

/// The queue with index `n` of a process: the last is an SDMA queue, the others share two doorbell pages.
fn queue(process: ProcessId, n: u32) -> Arc<Queue> {
    let key = QueueKey { process, queue: QueueId(n) };
    let format = if n + 1 == QUEUES { Format::Sdma(Generation::V4) } else { Format::Aql(Waves::default()) };
    let doorbell = (u64::from(n % 2) * PAGE / DOORBELL_BYTES) as u16 + n as u16;
    let indices = Indices { write: GpuVa(0), read: GpuVa(0) };
    Arc::new(Queue::new(key, 0, doorbell, format, indices, SaveArea::default(), Nanos(0)))
}

/// A scheduler, the turns that engines have of it, and the processes that are gone from it.
struct World {
    scheduler: Scheduler,
    turns: Vec<Turn>,
    gone: Vec<ProcessId>,
    now: Nanos,
}

impl World {
    fn happens(&mut self, event: &Event, process: ProcessId, n: u32) {
        let Self { scheduler, turns, gone, now } = self;
        let (key, page, uid) =
            (QueueKey { process, queue: QueueId(n) }, (n % 2) as usize, Uid(process.slot % 2));
        let hot_until = now.after(WINDOW);
        if gone.contains(&process) && matches!(event, Event::Add { .. } | Event::Trap | Event::Evict) {
            return;
        }
        match *event {
            Event::Add { active } => {
                if !scheduler.entries.contains_key(&key) {
                    scheduler.add(&queue(process, n), uid, n * 5, active, hot_until);
                }
            }
            Event::Remove => drop(scheduler.remove(key)),
            Event::Update { active } => drop(scheduler.update(key, n, active)),
            Event::Trap => drop(scheduler.trap(process, uid, page, hot_until)),
            Event::Rearmed => drop(scheduler.rearmed(process, page)),
            Event::WakeParked => drop(scheduler.wake_parked(process, None)),
            Event::LookAtParked => drop(scheduler.look_at_parked(*now, |_| ())),
            Event::Answered => drop(scheduler.tell(key, Run::answered)),
            Event::DispatchOver => drop(scheduler.tell(key, Run::dispatch_over)),
            Event::Next => turns.extend(scheduler.next(*now)),
            Event::NextOf => turns.extend(scheduler.next_of(process, *now)),
            Event::Done { how, worked } => {
                if !turns.is_empty() {
                    let turn = turns.remove(n as usize % turns.len());
                    scheduler.done(&turn, how, u32::from(worked), *now, hot_until);
                }
            }
            Event::Evict => drop(scheduler.evict(process, uid)),
            Event::Restore => drop(scheduler.restore(process)),
            Event::Suspend => drop(scheduler.suspend(key)),
            Event::Resume => drop(scheduler.resume(key)),
            Event::StopAll => drop(scheduler.stop_all(process)),
            Event::RemoveProcess => {
                scheduler.remove_process(process);
                gone.push(process);
            }
        }
    }

    fn check(&self) {
        let Scheduler { entries, qpds, round, fresh, list, .. } = &self.scheduler;
        assert_eq!(*fresh, entries.values().filter(|entry| entry.run.is_fresh()).count());
        assert_eq!(list.free, list.slots.iter().filter(|slot| slot.is_none()).count());
        assert!(list.free == 0 || !self.scheduler.waiting().iter().any(|key| entries.contains_key(key)));
        for (key, entry) in entries {
            let qpd = &qpds[&key.process];
            let count =
                |keys: &std::collections::VecDeque<QueueKey>| keys.iter().filter(|k| *k == key).count();
            let ready = matches!(entry.run, Run::Ready { .. });
            let waits = entry.hqd == Hqd::Unmapped;
            assert_eq!(count(&qpd.ready), usize::from(ready && !waits), "{key:?} {:?}", entry.run);
            assert_eq!(count(&qpd.claims), usize::from(ready && waits), "{key:?} {:?}", entry.run);
            assert_eq!(qpd.parked.contains(key), matches!(entry.run, Run::Parked { .. }));
            let on: Vec<_> = (0..SLOTS).filter(|slot| list.slots[*slot] == Some(*key)).collect();
            assert_eq!(on, Vec::from_iter(entry.hqd.slot()), "{key:?}");
            assert!(!entry.run.is_off() || on.is_empty(), "{key:?} is off and on a slot");
            assert_eq!(
                entry.queue.may_run(),
                !entry.run.is_off(),
                "{key:?}, also to whom had its turn before"
            );
            let running = matches!(entry.run, Run::Running { .. } | Run::Dispatched { .. });
            assert!(!running || !waits, "{key:?} runs without a slot");
            assert!(entry.run != Run::Held || self.scheduler.is_held(*key), "{key:?} is held by nothing");
            assert!(entry.run.is_off() || !self.scheduler.is_held(*key), "{key:?} runs although it is held");
        }
        for (process, qpd) in qpds {
            let mapped = list.slots.iter().flatten().filter(|key| key.process == *process).count();
            assert_eq!(qpd.mapped, mapped);
            assert_eq!(round.iter().filter(|p| *p == process).count(), usize::from(qpd.in_round));
            assert_eq!(list.claimants.iter().filter(|p| *p == process).count(), usize::from(qpd.claiming));
            assert!(qpd.in_round || qpd.ready.is_empty(), "its queues get no turn");
            assert!(qpd.claiming || qpd.claims.is_empty(), "its queues get no slot");
            assert!(qpd.queues.iter().all(|key| entries.contains_key(key)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_is_on_the_lists_and_the_slot_that_its_state_says(
        steps in vec((events(), 0..PROCESSES, 0..QUEUES, 0..20_000u64), 0..200)
    ) {
        let mut world = World {
            scheduler: Scheduler::new(RunList::new(SLOTS, Nanos(40_000))),
            turns: Vec::new(),
            gone: Vec::new(),
            now: Nanos(0),
        };
        for (event, slot, n, passed) in steps {
            // Now and then enough for a back-off or a slice, else within a poll window.
            world.now = world.now.after(if passed % 3 == 0 { passed } else { passed % WINDOW });
            world.happens(&event, ProcessId { slot, generation: 1 }, n);
            world.check();
        }
    }
}

// Keeps: late-answers
#[test]
fn the_end_of_a_turn_of_a_queue_that_is_gone_is_not_that_of_the_next_with_its_id() {
    let mut scheduler = Scheduler::new(RunList::new(SLOTS, Nanos(40_000)));
    let (process, uid) = (ProcessId { slot: 0, generation: 1 }, Uid(0));
    let key = QueueKey { process, queue: QueueId(0) };
    let begin = |scheduler: &mut Scheduler| {
        scheduler.add(&queue(process, 0), uid, 7, true, Nanos(10));
        scheduler.trap(process, uid, 0, Nanos(10));
        scheduler.next(Nanos(1)).unwrap()
    };
    let gone = begin(&mut scheduler);
    scheduler.remove(key);
    let next = begin(&mut scheduler);
    scheduler.done(&gone, Ended::Stopped, 0, Nanos(2), Nanos(12));
    assert!(matches!(scheduler.entries[&key].run, Run::Running { .. }), "another engine has it");
    scheduler.done(&next, Ended::Stopped, 0, Nanos(2), Nanos(12));
    assert_eq!(scheduler.entries[&key].run, Run::Stopped);
}
