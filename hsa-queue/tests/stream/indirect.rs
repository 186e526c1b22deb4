//! An AQL queue's vendor packets with PM4 buffers, as tinygrad writes them.

use crate::adversary::{Reluctant, When};
use crate::client::{Client, Counter, DATA, Kind, halves, run_on};
use crate::pm4::{buffer, release, wait, write_data};
use hsa_queue::aql::Processor;
use hsa_queue::layout::{amd_queue, amd_signal};
use hsa_queue::{EventId, GpuVa, QueueError, QueueProcessor, QueueRegs, Step, Waves};

const QUEUE: u64 = DATA + 0x1000;
const RING: u64 = DATA + 0x2000;
const SIGNAL: u64 = DATA + 0x100;
const IB: u64 = DATA + 0x4000;

fn client(buffers: &[&[u32]]) -> Client {
    let client = Client::new(Kind::Pm4);
    client.store(QUEUE + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, amd_queue::READ_DISPATCH_ID);
    client.store(SIGNAL + amd_signal::VALUE, 10);
    for (i, words) in buffers.iter().enumerate() {
        let (ib, slot) = (IB + i as u64 * 0x400, RING + i as u64 * 64);
        client.buffer(ib, words);
        let jump = buffer(ib, words.len(), 0);
        client.buffer(slot, &[&[1 << 16][..], &jump, &[10], &[0; 8], &halves(SIGNAL)].concat());
    }
    client.store(QUEUE + amd_queue::WRITE_DISPATCH_ID, buffers.len() as u64);
    client
}

fn processor(waves: Waves) -> QueueProcessor {
    let regs = QueueRegs {
        ring: GpuVa(RING),
        size_bytes: 8 * 64,
        write_index: GpuVa(QUEUE + amd_queue::WRITE_DISPATCH_ID),
        read_index: GpuVa(QUEUE + amd_queue::READ_DISPATCH_ID),
    };
    QueueProcessor::Aql(Box::new(Processor::new(regs).unwrap().with_waves(waves)))
}

#[test]
fn a_buffer_runs_and_its_packet_completes_after_it() {
    let first = [write_data(DATA, &[1]), release(DATA + 8, 2, 1, 2, 2), wait(DATA + 16, 3, 1, 1)].concat();
    let second = write_data(DATA + 24, &[3]);
    let client = client(&[&first, &second]);
    let mut processor = processor(Waves::Refuse);
    let (raised, step) = client.run(&mut processor);
    assert_eq!((raised, step), (vec![EventId(2)], Step::Parked { forever: false }));
    assert_eq!(processor.waiting_on().collect::<Vec<_>>(), [GpuVa(DATA + 16)]);
    assert_eq!((client.load(SIGNAL + amd_signal::VALUE), client.load32(DATA + 24)), (10, 0));
    client.store32(DATA + 16, 1);
    assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
    assert_eq!((client.load(SIGNAL + amd_signal::VALUE), client.load32(DATA + 24)), (8, 3));
    assert_eq!(client.load(QUEUE + amd_queue::READ_DISPATCH_ID), 2);
}

#[test]
fn pausing_at_every_access_of_a_buffer_changes_nothing() {
    let words = [write_data(DATA, &[1, 2, 3]), release(DATA + 16, 2, 3, 2, 2)].concat();
    let at_once = client(&[&words, &words]);
    let expected = at_once.run(&mut processor(Waves::Refuse));
    for when in [When::Asked, When::Answered] {
        let paused = client(&[&words, &words]);
        let mut view = Reluctant::new(&paused.memory, when);
        let clock = Counter::default();
        assert_eq!(run_on(&mut processor(Waves::Refuse), &mut view, &clock), expected);
        assert!(paused.memory.snapshot() == at_once.memory.snapshot());
    }
}

#[test]
fn a_buffer_in_error_stops_the_aql_queue_with_its_error() {
    let client = client(&[&[0, 0]]);
    let step = client.run(&mut processor(Waves::Refuse)).1;
    assert_eq!(step, Step::Stopped { error: QueueError::Opcode, raise: None });
    assert_eq!(client.load(SIGNAL + amd_signal::VALUE), 10);
}

#[test]
fn a_dispatch_completes_with_its_signal_when_the_engine_completes_it() {
    let client = client(&[&[]]);
    let words = [2 | 1 << 16 | 64 << 32 | 1 << 48, 1 | 64 << 32, 1 | 1 << 32, 0, IB, 0, 0, SIGNAL];
    for (i, word) in words.into_iter().enumerate() {
        client.store(RING + i as u64 * 8, word);
    }
    assert_eq!(client.run(&mut processor(Waves::Null)).1, Step::Empty);
    assert_eq!(client.load(SIGNAL + amd_signal::VALUE), 9);
    assert!(client.load(SIGNAL + amd_signal::START_TS) < client.load(SIGNAL + amd_signal::END_TS));
    client.store(QUEUE + amd_queue::WRITE_DISPATCH_ID, 0);
    let mut bad = processor(Waves::Null);
    client.store(RING, words[0] & !(3 << 16));
    client.store(QUEUE + amd_queue::WRITE_DISPATCH_ID, 1);
    let error = QueueError::DispatchDimensions;
    assert_eq!(client.run(&mut bad).1, Step::Stopped { error, raise: None });
}
