//! What holds for every sequence of packets, every pause and every content of memory.

use crate::adversary::{Reluctant, When};
use crate::client::{
    BASE, BUFFERS, Client, Counter, DATA, DATA_BYTES, Kind, READ_INDEX, RING, RING_DWORDS, halves, run_on,
};
use crate::model::Act;
use crate::pm4;
use hsa_queue::sdma::Generation;
use hsa_queue::{EventId, Step, Waves};
use proptest::collection::vec;
use proptest::prelude::*;

const SDMA: Kind = Kind::Sdma(Generation::V4);

/// Two ranges of one length that do not overlap.
fn apart(max: u64) -> impl Strategy<Value = (u64, u64, u64)> {
    let half = DATA_BYTES / 2;
    (1..max, any::<bool>(), 0..half, 0..half).prop_map(move |(len, swap, a, b)| {
        let len = len.min(half);
        let (low, high) = (a.min(half - len), half + b.min(half - len));
        if swap { (high, low, len) } else { (low, high, len) }
    })
}

fn act() -> impl Strategy<Value = Act> {
    let word = 0..64u64;
    let value = prop_oneof![Just(0u32), Just(1), any::<u32>()];
    prop_oneof![
        4 => apart(300).prop_map(|(dst, src, len)| Act::Copy { dst, src, len }),
        1 => apart(DATA_BYTES).prop_map(|(dst, src, len)| Act::Copy { dst, src, len }),
        2 => (0..500u64, any::<u8>(), 1..200u64).prop_map(|(dst, value, len)| Act::FillBytes { dst, value, len }),
        1 => (0..500u64, any::<u32>(), 1..17_000u64).prop_map(|(dst, value, words)| Act::FillWords { dst, value, words }),
        4 => (0..500u64, vec(any::<u32>(), 1..50)).prop_map(|(dst, data)| Act::Write { dst, data }),
        2 => (word.clone(), value.clone()).prop_map(|(word, value)| Act::Fence { word, value }),
        2 => (word.clone(), any::<u64>()).prop_map(|(word, value)| Act::Add { word, value }),
        2 => (word, value.clone(), value).prop_map(|(word, value, comparand)| Act::CompareSwap { word, value, comparand }),
        2 => (1..20usize).prop_map(Act::Pad),
    ]
}

/// PM4 packets that look like ones, about a few places, in the ring or in a buffer.
fn pm4_packet() -> impl Strategy<Value = Vec<u32>> {
    let va = || (0..16u64).prop_map(|word| DATA + word * 4);
    prop_oneof![
        (va(), any::<u64>(), 0..5u32, 0..4u32, 0..4u32)
            .prop_map(|(va, value, data, interrupt, event)| pm4::release(va, value, data, interrupt, event)),
        (va(), vec(any::<u32>(), 1..30)).prop_map(|(va, data)| pm4::write_data(va, &data)),
        (va(), 0..7u32, 0..3u32).prop_map(|(va, function, reference)| pm4::wait(va, function, reference, 3)),
        (0..10u32, 0..7u32, any::<bool>(), va(), va()).prop_map(|(from, to, wide, src, dst)| {
            pm4::copy_data(from | to << 8 | u32::from(wide) << 16, src, dst)
        }),
        (0..0x400u32, vec(any::<u32>(), 1..50))
            .prop_map(|(at, values)| { pm4::packet(0x76, &[&[at][..], &values].concat()) }),
        (0..128u32, va(), 0..3u64, 0..3u64, 0..2u32).prop_map(|(op, va, operand, comparand, command)| {
            let body = [&[op | command << 8][..], &halves(va), &halves(operand), &halves(comparand), &[0]];
            pm4::packet(0x1e, &body.concat())
        }),
        (0..3u64, 0..40usize, any::<bool>()).prop_map(|(which, dwords, chain)| {
            pm4::buffer(BUFFERS + which * 0x100, dwords, u32::from(chain) << 20)
        }),
        (0..4u32, 0..8u32).prop_map(|(mask, dwords)| pm4::packet(0x23, &[mask << 24 | dwords])),
        Just(pm4::packet(0x15, &[1, 1, 1, 1])),
        vec(any::<u32>(), 1..4),
    ]
}

type Seen = Option<(Vec<EventId>, Step, Vec<u8>)>;

/// Everything observable of a queue that is run until it rests, if it does within a bound.
fn observe(client: &Client, when: Option<When>, waves: Waves) -> Seen {
    let mut processor = client.processor(waves);
    let mut at_once = &client.memory;
    let mut reluctant = Reluctant::new(&client.memory, when.unwrap_or(When::Asked));
    let mut events = Vec::new();
    for _ in 0..2000 {
        let turn = match when {
            None => processor.run(&mut at_once, &client.clock, 3),
            Some(_) => processor.run(&mut reluctant, &client.clock, 3),
        };
        assert!(turn.packets <= 3);
        match turn.step {
            Step::Progress { raise } => events.extend(raise),
            Step::Pending(_) => {}
            rest => {
                let mut memory = client.memory.snapshot();
                // A pause ends a turn, so turns end elsewhere, and a fault ends one without publishing: only then the read
                // index in memory may lag by different amounts.
                if matches!(rest, Step::Faulted(_)) {
                    memory[(READ_INDEX - BASE) as usize..][..8].fill(0);
                }
                return Some((events, rest, memory));
            }
        }
    }
    None
}

fn same_when_paused(client: impl Fn() -> Client, waves: Waves) -> Result<(), TestCaseError> {
    let Some(at_once) = observe(&client(), None, waves) else { return Ok(()) };
    for when in [When::Asked, When::Answered] {
        if let Some(paused) = observe(&client(), Some(when), waves) {
            prop_assert_eq!(&paused.0, &at_once.0);
            prop_assert_eq!(paused.1, at_once.1);
            prop_assert!(paused.2 == at_once.2);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn sdma_does_what_the_model_does_paused_or_not(acts in vec(act(), 1..12)) {
        for when in [None, Some(When::Asked), Some(When::Answered)] {
            let mut client = Client::new(SDMA);
            let mut data: Vec<u8> = (0..DATA_BYTES).map(|i| (i * 31 + i / 257) as u8).collect();
            client.write(DATA, &data);
            let mut processor = client.processor(Waves::Refuse);
            for act in &acts {
                client.submit(&act.words());
                let (_, step) = match when {
                    None => client.run(&mut processor),
                    Some(when) => {
                        let mut view = Reluctant::new(&client.memory, when);
                        run_on(&mut processor, &mut view, &Counter::default())
                    }
                };
                act.apply(&mut data);
                prop_assert_eq!(step, Step::Empty);
                prop_assert!(client.consumed());
            }
            prop_assert!(client.bytes(DATA, data.len()) == data);
        }
    }

    #[test]
    fn pm4_paused_at_every_access_does_the_same(
        ring in vec(pm4_packet(), 1..6),
        buffers in vec(vec(pm4_packet(), 1..6), 3),
        null in any::<bool>(),
    ) {
        let client = || {
            let mut client = Client::new(Kind::Pm4);
            for (i, packets) in buffers.iter().enumerate() {
                let words = packets.concat();
                client.buffer(BUFFERS + i as u64 * 0x100, &words[..words.len().min(64)]);
            }
            let words = ring.concat();
            client.submit(&words[..words.len().min(RING_DWORDS as usize)]);
            client
        };
        same_when_paused(client, if null { Waves::Null } else { Waves::Refuse })?;
    }

    #[test]
    fn whatever_memory_holds_a_turn_ends_and_pausing_changes_nothing(
        words in vec(prop_oneof![
            2 => any::<u32>(),
            3 => (0..40u32, 0..4u32, any::<u16>()).prop_map(|(op, sub, upper)| op | sub << 8 | u32::from(upper) << 16),
            3 => (0..=255u32, 0..12u32).prop_map(|(op, count)| 3 << 30 | count << 16 | op << 8),
            3 => Just(0u32),
            2 => (BASE as u32..(DATA + 256) as u32).prop_map(|va| va & !3),
        ], RING_DWORDS as usize),
        index in prop_oneof![0..200u64, any::<u64>()],
        kind in prop_oneof![Just(Kind::Pm4), Just(SDMA), Just(Kind::Sdma(Generation::V5))],
    ) {
        let client = || {
            let client = Client::new(kind);
            client.buffer(RING, &words);
            client.buffer(BUFFERS, &words);
            client.ring(index);
            client
        };
        // A client may write into its own ring, and what was fetched ahead is then what counts: compare what does not.
        let untouched = |client: &Client| {
            (0..RING_DWORDS).all(|i| client.load32(RING + i * 4) == words[i as usize])
                && client.load(BASE) == index.wrapping_mul(client.unit())
        };
        let once = client();
        let seen = observe(&once, None, Waves::Null);
        if seen.is_some() && untouched(&once) && once.load(READ_INDEX) < 1 << 20 {
            same_when_paused(client, Waves::Null)?;
        }
    }
}
