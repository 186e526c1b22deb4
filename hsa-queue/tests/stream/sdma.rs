//! SDMA, packet by packet, as ROCR, libhsakmt's tests and tinygrad write them.

use crate::client::{Client, DATA, FIRST_TICK, Kind, NOWHERE, RING_DWORDS, halves};
use hsa_queue::sdma::Generation;
use hsa_queue::{EventId, GpuVa, QueueError, Step, Waves};

const PARKED: Step = Step::Parked { forever: false };

fn client() -> Client {
    Client::new(Kind::Sdma(Generation::V4))
}

pub fn copy(dst: u64, src: u64, len: u64) -> Vec<u32> {
    [&[1, len as u32 - 1, 0][..], &halves(src), &halves(dst)].concat()
}

pub fn fence(va: u64, value: u32) -> Vec<u32> {
    [&[5][..], &halves(va), &[value]].concat()
}

pub fn poll(va: u64, function: u32, reference: u32, mask: u32) -> Vec<u32> {
    [&[8 | function << 28 | 1 << 31][..], &halves(va), &[reference, mask, 4 | 0xfff << 16]].concat()
}

pub fn write(va: u64, data: &[u32]) -> Vec<u32> {
    [&[2][..], &halves(va), &[data.len() as u32 - 1], data].concat()
}

pub fn fill(va: u64, dwords: bool, data: u32, count: u32) -> Vec<u32> {
    [&[11 | u32::from(dwords) << 31][..], &halves(va), &[data, count]].concat()
}

pub fn atomic(va: u64, opcode: u32, looped: bool, operand: u64, comparand: u64) -> Vec<u32> {
    let header = 10 | u32::from(looped) << 16 | opcode << 25;
    [&[header][..], &halves(va), &halves(operand), &halves(comparand), &[0]].concat()
}

fn trap(event: u32) -> Vec<u32> {
    vec![6, event]
}

/// Runs packets on a fresh queue until it is empty.
fn run(client: &mut Client, packets: &[Vec<u32>]) -> Vec<EventId> {
    let mut processor = client.processor(Waves::Refuse);
    let mut raised = Vec::new();
    for packet in packets {
        client.submit(packet);
        let (more, step) = client.run(&mut processor);
        assert_eq!(step, Step::Empty, "{packet:x?}");
        raised.extend(more);
    }
    assert!(client.consumed());
    raised
}

#[test]
fn a_copy_is_signalled_by_a_fence_the_mailbox_and_a_trap_in_that_order() {
    let mut client = client();
    let bytes: Vec<u8> = (0..70_001u32).map(|i| (i * 7 + i / 251) as u8).collect();
    client.write(DATA, &bytes);
    let (to, signal, mailbox) = (DATA + 80_003, DATA + 155_000, DATA + 155_008);
    let raised = run(&mut client, &[copy(to, DATA, 70_001), fence(signal, 7), fence(mailbox, 33), trap(33)]);
    assert_eq!(client.bytes(to, bytes.len()), bytes);
    assert_eq!((client.load32(signal), client.load32(mailbox)), (7, 33));
    assert_eq!(raised, [EventId(33)]);
}

#[test]
fn a_copy_moves_at_most_sixty_four_kib_in_a_turn() {
    let mut client = client();
    client.write(DATA, &[9; 70_000]);
    client.submit(&copy(DATA + 72_000, DATA, 70_000));
    let mut processor = client.processor(Waves::Refuse);
    let turn = processor.run(&mut &client.memory, &client.clock, 100);
    assert_eq!((turn.packets, turn.step), (0, Step::Progress { raise: None }));
    assert_eq!(client.bytes(DATA + 72_000 + 65_535, 2), [9, 0]);
    assert!(!client.consumed());
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!(client.bytes(DATA + 72_000 + 69_999, 2), [9, 0]);
}

#[test]
fn a_broadcast_copy_has_two_destinations() {
    let mut client = client();
    client.write(DATA, b"broadcast");
    let mut packet = copy(DATA + 64, DATA, 9);
    packet[0] |= 1 << 27;
    packet.extend(halves(DATA + 128));
    run(&mut client, &[packet]);
    assert_eq!(client.bytes(DATA + 64, 10), b"broadcast\0");
    assert_eq!(client.bytes(DATA + 128, 10), b"broadcast\0");
}

#[test]
fn a_fill_counts_as_either_runtime_counts() {
    let mut client = client();
    let (bytes, less_one, less_four) = (DATA + 1, DATA + 64, DATA + 128);
    run(
        &mut client,
        &[
            fill(bytes, false, 0x1234_56ab, 6),
            fill(less_one, true, 0x0403_0201, 11),
            fill(less_four, true, 5, 8),
        ],
    );
    assert_eq!(client.bytes(DATA, 10), [0, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0, 0]);
    assert_eq!(client.bytes(less_one, 13), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 0]);
    assert_eq!([0, 4, 8, 12].map(|at| client.load32(less_four + at)), [5, 5, 5, 0]);
}

#[test]
fn a_fill_of_halfwords_repeats_the_lower_half() {
    let mut client = client();
    let mut packet = fill(DATA + 2, false, 0xdead_0201, 5);
    packet[0] |= 1 << 30;
    run(&mut client, &[packet]);
    assert_eq!(client.bytes(DATA, 10), [0, 0, 1, 2, 1, 2, 1, 2, 0, 0]);
}

// Keeps: sdma-window
#[test]
fn a_window_of_an_image_is_copied_and_nothing_beside_it() {
    for element in 0..=4 {
        let mut client = client();
        let bytes: Vec<u8> = (0..0x8000u32).map(|i| (i * 7 + i / 253) as u8).collect();
        client.write(DATA, &bytes);
        let unit = 1u64 << element;
        // Source: rows of 13 elements, slices of 70; destination: rows of 17, slices of 100. A box of 5 x 3 x 2.
        let to = DATA + 0x1_0000;
        let (from_at, to_at) = ((2, 1, 3), (6, 2, 1));
        let image = |va: u64, (x, y, z): (u32, u32, u32), pitch: u32, slice: u32| {
            [&halves(va)[..], &[x | y << 16, z | (pitch - 1) << 13, slice - 1]].concat()
        };
        let header = 1 | 4 << 8 | (element as u32) << 29;
        let parts = [image(DATA, from_at, 13, 70), image(to, to_at, 17, 100), vec![4 | 2 << 16, 1]];
        run(&mut client, &[[vec![header], parts.concat()].concat()]);
        let mut expected = vec![0; 0x8000];
        for (z, y) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            let from = (2 + (1 + y) * 13 + (3 + z) * 70) * unit;
            let at = (6 + (2 + y) * 17 + (1 + z) * 100) * unit;
            let len = (5 * unit) as usize;
            expected[at as usize..][..len].copy_from_slice(&bytes[from as usize..][..len]);
        }
        assert!(client.bytes(to, expected.len()) == expected, "elements of {unit}");
    }
}

// Keeps: sdma-window-shares
#[test]
fn a_window_of_many_short_rows_shares_the_engine() {
    let mut client = client();
    // One byte of each of 2^14 rows that all are the same row, in 2^11 slices of the same.
    let parts = [
        &[1 | 4 << 8][..],
        &halves(DATA),
        &[0, 0, 0],
        &halves(DATA + 64),
        &[0, 0, 0],
        &[0x3fff << 16, 0x7ff],
    ];
    client.submit(&parts.concat());
    let mut processor = client.processor(Waves::Refuse);
    let turn = processor.run(&mut &client.memory, &client.clock, 100);
    assert_eq!((turn.packets, turn.step), (0, Step::Progress { raise: None }));
}

#[test]
fn a_write_that_crosses_the_end_of_the_ring_arrives_whole() {
    let mut client = client();
    let data: Vec<u32> = (1..=40).collect();
    // The second write's payload is split, the third one's header.
    run(&mut client, &[write(DATA, &data), write(DATA + 256, &data), write(DATA + 512, &data[..36])]);
    assert_eq!(client.written, 2 * RING_DWORDS);
    for (at, len) in [(0, 40), (256, 40), (512, 36)] {
        let read: Vec<u32> = (0..len).map(|i| client.load32(DATA + at + i * 4)).collect();
        assert_eq!(read, data[..len as usize], "{at}");
    }
}

#[test]
fn every_position_of_a_packet_in_the_ring_is_as_good_as_any() {
    for pad in 0..RING_DWORDS as usize {
        let mut client = client();
        let data: Vec<u32> = (1..=7).collect();
        run(
            &mut client,
            &[
                vec![0; pad],
                write(DATA, &data),
                copy(DATA + 64, DATA, 28),
                atomic(DATA + 96, 47, false, 3, 0),
            ],
        );
        assert_eq!(client.bytes(DATA + 64, 28), client.bytes(DATA, 28), "{pad}");
        assert_eq!((client.load32(DATA + 24), client.load(DATA + 96)), (7, 3), "{pad}");
    }
}

#[test]
fn a_packet_that_is_not_there_to_its_end_waits_for_it() {
    let mut client = client();
    let mut processor = client.processor(Waves::Refuse);
    let packet = [write(DATA, &[1, 2, 3]), fence(DATA + 64, 4)].concat();
    client.put(&packet);
    for dwords in 0..packet.len() as u64 {
        client.ring(dwords);
        assert_eq!(client.run(&mut processor).1, Step::Empty);
        assert_eq!(client.load32(DATA + 64), 0);
        assert_eq!(client.load32(DATA) != 0, dwords >= 7);
    }
    client.ring(packet.len() as u64);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert!(client.consumed());
    assert_eq!(client.load32(DATA + 64), 4);
}

#[test]
fn a_poll_parks_until_its_comparison_holds_and_names_its_word() {
    let mut client = client();
    let mut processor = client.processor(Waves::Refuse);
    client.store32(DATA, 0xff04);
    client.submit(&[poll(DATA, 5, 5, 0xff), fence(DATA + 8, 1)].concat());
    for value in [0xff04, 0xff00, 4] {
        client.store32(DATA, value);
        assert_eq!(client.run(&mut processor).1, PARKED);
        assert_eq!(processor.waiting_on().collect::<Vec<_>>(), [GpuVa(DATA)]);
    }
    client.store32(DATA, 6);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!((processor.waiting_on().count(), client.load32(DATA + 8)), (0, 1));
}

#[test]
fn comparisons_are_numbered_as_the_headers_number_them() {
    for (function, meets) in [
        (0, [true, true, true]),
        (1, [true, false, false]),
        (2, [true, true, false]),
        (3, [false, true, false]),
        (4, [true, false, true]),
        (5, [false, true, true]),
        (6, [false, false, true]),
    ] {
        for (value, met) in [4, 5, 6].into_iter().zip(meets) {
            let mut client = client();
            client.store32(DATA, value);
            client.submit(&poll(DATA, function, 5, u32::MAX));
            let step = client.run(&mut client.processor(Waves::Refuse)).1;
            assert_eq!(step, if met { Step::Empty } else { PARKED }, "{function} {value}");
        }
    }
}

#[test]
fn a_flush_of_the_host_data_path_is_always_done() {
    let mut client = client();
    run(&mut client, &[vec![8, 0, 0x8000_0000, 0, 0, 0], poll(DATA, 3, 0, u32::MAX)]);
}

#[test]
fn atomics_add_and_compare_and_a_looping_one_waits() {
    let mut client = client();
    client.store(DATA, 5);
    client.store(DATA + 8, u64::MAX << 32 | 5);
    let packets = [
        atomic(DATA, 47, false, u64::MAX, 0),
        atomic(DATA + 8, 15, false, 2, 0),
        atomic(DATA + 8, 8, false, 1, 6),
        atomic(DATA + 8, 8, false, 1, 7),
    ];
    run(&mut client, &packets);
    assert_eq!((client.load(DATA), client.load(DATA + 8)), (4, u64::MAX << 32 | 1));
    let mut client = self::client();
    let mut processor = client.processor(Waves::Refuse);
    client.submit(&atomic(DATA, 40, true, 9, 3));
    assert_eq!(client.run(&mut processor).1, PARKED);
    assert_eq!(processor.waiting_on().collect::<Vec<_>>(), [GpuVa(DATA)]);
    client.store(DATA, 3);
    assert_eq!((client.run(&mut processor).1, client.load(DATA)), (Step::Empty, 9));
}

#[test]
fn a_timestamp_is_the_agents_clock() {
    let mut client = client();
    run(&mut client, &[[&[13 | 2 << 8][..], &halves(DATA + 32)].concat()]);
    assert_eq!(client.load(DATA + 32), FIRST_TICK);
}

#[test]
fn a_conditional_leaves_out_what_follows_it() {
    for (value, ran) in [(1, true), (2, false)] {
        let mut client = client();
        client.store32(DATA, value);
        let condition = [&[9][..], &halves(DATA), &[1, 4]].concat();
        let packets = [condition, fence(DATA + 8, 1), fence(DATA + 12, 1)].concat();
        run(&mut client, &[packets]);
        assert_eq!((client.load32(DATA + 8) == 1, client.load32(DATA + 12)), (ran, 1));
    }
}

#[test]
fn cache_packets_are_those_of_their_generation() {
    let mut newer = Client::new(Kind::Sdma(Generation::V5));
    run(&mut newer, &[vec![17 | 1 << 8, 0, 0, 0, 0], vec![16, 0, 0, 0], fence(DATA, 1)]);
    let mut older = client();
    older.submit(&[17, 0, 0, 0, 0]);
    let mut processor = older.processor(Waves::Refuse);
    let stopped = Step::Stopped { error: QueueError::Opcode, raise: None };
    assert_eq!(older.run(&mut processor).1, stopped);
    assert_eq!(older.run(&mut processor).1, stopped);
    assert!(processor.has_stopped());
}

#[test]
fn what_cannot_be_executed_stops_the_queue_by_name_and_what_came_before_is_done() {
    for (packet, error) in [
        (vec![3], QueueError::Opcode),
        (vec![1 | 5 << 8], QueueError::Opcode),
        (poll(DATA, 7, 0, 0), QueueError::Malformed),
        (atomic(DATA, 1, false, 0, 0), QueueError::Malformed),
        (vec![11 | 3 << 30, 0, 0, 0, 0], QueueError::Malformed),
        ([&[1 | 4 << 8 | 5 << 29][..], &[0; 12]].concat(), QueueError::Malformed),
        (vec![2, DATA as u32, 0, 0xf_ffff, 0], QueueError::Malformed),
    ] {
        let mut client = client();
        client.submit(&[fence(DATA + 64, 1), packet].concat());
        let step = client.run(&mut client.processor(Waves::Refuse)).1;
        assert_eq!(step, Step::Stopped { error, raise: None });
        assert_eq!((client.load32(DATA + 64), client.load32(crate::client::READ_INDEX)), (1, 16));
    }
}

#[test]
fn a_copy_beyond_memory_faults_at_its_page_after_the_pages_before() {
    let mut client = client();
    client.write(DATA, &[3; 20_000]);
    let end = DATA + crate::client::DATA_BYTES;
    client.submit(&copy(end - 10_000, DATA, 20_000));
    match client.run(&mut client.processor(Waves::Refuse)).1 {
        Step::Faulted(fault) => assert_eq!((fault.va, fault.write), (GpuVa(end), true)),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.bytes(end - 10_000, 10_000), [3; 10_000]);
    let mut client = self::client();
    client.submit(&fence(NOWHERE, 1));
    assert!(
        matches!(client.run(&mut client.processor(Waves::Refuse)).1, Step::Faulted(f) if f.va.0 == NOWHERE)
    );
}
