//! What holds for every sequence of packets, every pause and every content of memory.

use crate::adversary::{Op, Reluctant, Watching, When};
use crate::client::{
    self, BASE, Client, INACTIVE, NOWHERE, QUEUE, RING, barrier_and, barrier_or, barrier_value, signal,
};
use crate::model::{Model, Rest};
use hsa_queue::layout::{amd_queue, amd_signal};
use hsa_queue::{EventId, GpuVa, Step};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

const SIGNALS: usize = 6;

/// What a client does between turns.
#[derive(Debug, Clone)]
enum Act {
    Submit([u64; 8]),
    /// Claims ids without writing packets, as a tool with a virtual write index does.
    Claim(u64),
    SetSignal(usize, i64),
    Run,
}

fn handle() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(0), 8 => (0..SIGNALS).prop_map(signal), 1 => Just(NOWHERE)]
}

fn words() -> impl Strategy<Value = [u64; 8]> {
    prop_oneof![
        6 => (vec(handle(), 0..=5), handle()).prop_map(|(deps, done)| barrier_and(&deps, done)),
        3 => (vec(handle(), 0..=5), handle()).prop_map(|(deps, done)| barrier_or(&deps, done)),
        3 => (handle(), -2i64..3, prop_oneof![Just(-1i64), Just(1), Just(6)], 0u32..5, handle())
            .prop_map(|(on, value, mask, cond, done)| barrier_value(on, value, mask, cond, done)),
        1 => Just(client::kernel_dispatch()),
        1 => prop_oneof![Just(4u64), 6u64..256].prop_map(|kind| [kind, 0, 0, 0, 0, 0, 0, signal(0)]),
        1 => prop_oneof![0u64..2, 3u64..256].prop_map(|format| [format << 16, 0, 0, 0, 0, 0, 0, 0]),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => words().prop_map(Act::Submit),
        1 => prop_oneof![1u64..4, Just(40), Just(1 << 40)].prop_map(Act::Claim),
        4 => (0..SIGNALS, -1i64..3).prop_map(|(i, value)| Act::SetSignal(i, value)),
        4 => Just(Act::Run),
    ]
}

fn script() -> impl Strategy<Value = (Vec<(i64, bool)>, Vec<Act>)> {
    (vec((-1i64..3, any::<bool>()), SIGNALS), vec(act(), 1..60))
}

fn client_of(signals: &[(i64, bool)]) -> Client {
    let client = Client::new(8);
    for (i, &(value, with_event)) in signals.iter().enumerate() {
        client.create_signal(i, value, with_event);
    }
    client
}

/// Does one act; says whether the processor is to run now.
fn perform(client: &mut Client, claimed: &mut u64, act: &Act) -> bool {
    match *act {
        Act::Submit(words) => {
            if client.next - client.read_index() >= client.ring_packets {
                return true;
            }
            let id = client.submit(words);
            *claimed = (*claimed).max(id + 1);
            client.set_write_index(*claimed);
            false
        }
        Act::Claim(ahead) => {
            *claimed = (*claimed).max(client.next + ahead);
            client.set_write_index(*claimed);
            false
        }
        Act::SetSignal(i, value) => {
            client.set_value(i, value);
            false
        }
        Act::Run => true,
    }
}

fn rest_of(step: Step) -> Rest {
    match step {
        Step::Empty => Rest::Empty,
        Step::Parked { forever } => Rest::Parked { forever },
        Step::Stopped { error, .. } => Rest::Stopped(error),
        Step::Faulted(_) => Rest::Faulted,
        Step::Progress { .. } | Step::Pending(_) | Step::Dispatched(_) => panic!("that is no rest"),
    }
}

/// The read index in memory may lag when a fault ended the turn: left out of what is compared.
fn comparable(mut memory: Vec<u8>, rest: Rest) -> Vec<u8> {
    if rest == Rest::Faulted {
        let at = (QUEUE - BASE + amd_queue::READ_DISPATCH_ID) as usize;
        memory[at..at + 8].fill(0);
    }
    memory
}

/// Everything that can be observed of a script's run: events, where it rests, memory; at each rest.
type Trace = Vec<(Vec<EventId>, Rest, Vec<u8>)>;

fn trace(signals: &[(i64, bool)], acts: &[Act], when: Option<When>) -> Trace {
    let mut client = client_of(signals);
    let mut processor = client.processor();
    let mut claimed = 0;
    let mut trace = Vec::new();
    for act in acts.iter().chain([&Act::Run]) {
        if perform(&mut client, &mut claimed, act) {
            let (raised, step) = match when {
                None => client.run(&mut processor),
                // Between rests no access is open, so a view may be made afresh.
                Some(when) => {
                    client::run_on(&mut processor, &mut Reluctant::new(&client.memory, when), &client.clock)
                }
            };
            trace.push((raised, rest_of(step), client.memory.snapshot()));
        }
    }
    trace
}

proptest! {
    #[test]
    fn the_processor_does_what_the_model_does((signals, acts) in script()) {
        let mut client = client_of(&signals);
        let (mut processor, mut model) = (client.processor(), Model::default());
        let mut claimed = 0;
        for act in acts.iter().chain([&Act::Run]) {
            if perform(&mut client, &mut claimed, act) {
                let mut expected = client.memory.snapshot();
                let (events, rest) = model.run(&mut expected, RING, client.ring_packets);
                let (raised, step) = client.run(&mut processor);
                prop_assert_eq!(rest_of(step), rest);
                prop_assert_eq!(raised, events);
                prop_assert_eq!(processor.read_id(), model.read);
                prop_assert_eq!(client.clock.asked(), model.ticks);
                prop_assert!(comparable(client.memory.snapshot(), rest) == comparable(expected, rest));
                if rest == Rest::Faulted {
                    break;
                }
            }
        }
    }

    #[test]
    fn pausing_at_every_access_changes_nothing((signals, acts) in script()) {
        let at_once = trace(&signals, &acts, None);
        for when in [When::Asked, When::Answered, When::Piecewise] {
            prop_assert!(trace(&signals, &acts, Some(when)) == at_once);
        }
    }

    #[test]
    fn a_turn_never_retires_more_than_its_budget(count in 0u64..200, budgets in vec(0u32..40, 1..20)) {
        let mut client = Client::new(256);
        client.create_signal(0, 0, false);
        for i in 0..count {
            client.submit(barrier_and(&[], if i % 7 == 0 { signal(0) } else { 0 }));
        }
        let mut processor = client.processor();
        let mut retired = 0;
        for budget in budgets {
            let turn = processor.run(&mut &client.memory, &client.clock, budget);
            retired += u64::from(turn.packets);
            prop_assert!(turn.packets <= budget.max(1));
            prop_assert_eq!(processor.read_id(), retired);
            prop_assert_eq!(client.read_index(), retired);
            prop_assert_eq!(turn.step == Step::Empty, u64::from(turn.packets) < u64::from(budget.max(1)));
        }
    }
}

/// Memory whose every word is arbitrary, leaning to what looks like packets, handles and indices.
fn garbage(ring_packets: u64) -> impl Strategy<Value = Vec<u64>> {
    let words = (RING - BASE) / 8 + ring_packets * 8;
    let word = prop_oneof![
        2 => any::<u64>(),
        2 => Just(0u64),
        2 => 0u64..8,
        2 => (0u64..6, any::<u16>()).prop_map(|(kind, upper)| kind | u64::from(upper) << 16),
        3 => (BASE / 8..RING / 8).prop_map(|w| w * 8),
        1 => BASE..RING + 1024,
        1 => Just(u64::MAX - 7),
    ];
    vec(word, words as usize)
}

proptest! {
    #[test]
    fn whatever_memory_holds_a_turn_ends_and_only_what_the_client_named_is_touched(
        garbage in garbage(8),
        turns in vec((any::<u64>(), 0..1000usize), 1..20),
    ) {
        let client = Client::new(8);
        for (i, word) in garbage.iter().enumerate() {
            client.store(BASE + i as u64 * 8, *word);
        }
        let mut processor = client.processor();
        let mut named: HashSet<u64> = HashSet::new();
        let regs = client.regs();
        for (write_index, scribble) in turns {
            client.set_write_index(write_index);
            client.store(BASE + scribble as u64 % garbage.len() as u64 * 8, write_index);
            let mut view = Watching::new(&client.memory);
            let turn = processor.run(&mut view, &client.clock, 4);
            prop_assert!(view.ops.len() <= 4 * 16, "{} accesses for four packets", view.ops.len());
            prop_assert!(!matches!(turn.step, Step::Pending(_)));
            named.extend(&view.words);
            let of_queue = |va: GpuVa| va.0.wrapping_sub(regs.read_index.0);
            let in_ring = |va: GpuVa| va.0 >= RING && va.0 < RING + 8 * 64 && va.is_aligned(64);
            let in_signal = |va: GpuVa, field: u64| named.contains(&va.0.wrapping_sub(field));
            for op in &view.ops {
                let allowed = match *op {
                    Op::LoadU64(va) => {
                        va == regs.write_index
                            || of_queue(va) == amd_queue::QUEUE_INACTIVE_SIGNAL - amd_queue::READ_DISPATCH_ID
                            || in_signal(va, amd_signal::VALUE)
                    }
                    Op::LoadU32(va) => in_ring(va) || of_queue(va) == 8,
                    Op::StoreU16(va, value) => in_ring(va) && value == 1,
                    Op::StoreU64(va, _) => {
                        va == regs.read_index || named.contains(&va.0) || in_signal(va, amd_signal::VALUE)
                    }
                    Op::Read(va, 64) => in_ring(va),
                    Op::Read(va, len) => len == 16 && in_signal(va, amd_signal::EVENT_MAILBOX_PTR),
                    Op::Write(va, ref bytes) => bytes.len() == 16 && in_signal(va, amd_signal::START_TS),
                    Op::FetchSub(va, n) => n == 1 && in_signal(va, amd_signal::VALUE),
                    // Only of memory that has to be asked for.
                    Op::Packets(..) => false,
                };
                prop_assert!(allowed, "{op:x?}");
            }
        }
    }

    #[test]
    fn whatever_memory_holds_pausing_at_every_access_changes_nothing(garbage in garbage(8)) {
        let run = |when: Option<When>| {
            let client = Client::new(8);
            for (i, word) in garbage.iter().enumerate() {
                client.store(BASE + i as u64 * 8, *word);
            }
            let mut processor = client.processor();
            let mut at_once = &client.memory;
            let mut reluctant = Reluctant::new(&client.memory, when.unwrap_or(When::Asked));
            let mut events = Vec::new();
            // A client can lead its processor around the ring for ever (a mailbox that is a header): such a run
            // has no end to compare.
            for _ in 0..1000 {
                let turn = match when {
                    None => processor.run(&mut at_once, &client.clock, 1),
                    Some(_) => processor.run(&mut reluctant, &client.clock, 1),
                };
                match turn.step {
                    Step::Progress { raise } => events.extend(raise),
                    Step::Pending(_) => {}
                    rest => return Some((events, rest, processor.read_id(), client.memory.snapshot())),
                }
            }
            None
        };
        if let Some(at_once) = run(None) {
            for when in [When::Asked, When::Answered, When::Piecewise] {
                if let Some(paused) = run(Some(when)) {
                    prop_assert!(paused == at_once);
                }
            }
        }
    }
}

#[test]
fn the_inactive_signal_of_the_scripts_is_none_of_their_signals() {
    assert!(!(0..SIGNALS).map(signal).any(|s| s == signal(INACTIVE)));
}
