//! PM4, packet by packet, as libhsakmt's tests and tinygrad write them.

use crate::client::{BUFFERS, Client, DATA, FIRST_TICK, Kind, halves};
use hsa_queue::{EventId, GpuVa, QueueError, QueueProcessor, Step, Waves};

const PARKED: Step = Step::Parked { forever: false };
/// `CP_PACKET3_NOP` of the compute engine.
pub const FILLER: u32 = 0xffff_1000;

pub fn packet(opcode: u32, body: &[u32]) -> Vec<u32> {
    [&[3 << 30 | (body.len() as u32 - 1) << 16 | opcode << 8][..], body].concat()
}

pub fn release(va: u64, value: u64, data: u32, interrupt: u32, context: u32) -> Vec<u32> {
    let select = data << 29 | interrupt << 24;
    packet(0x49, &[&[0x14 | 5 << 8, select][..], &halves(va), &halves(value), &[context]].concat())
}

pub fn write_data(va: u64, data: &[u32]) -> Vec<u32> {
    packet(0x37, &[&[5 << 8 | 1 << 20][..], &halves(va), data].concat())
}

pub fn wait(va: u64, function: u32, reference: u32, mask: u32) -> Vec<u32> {
    packet(0x3c, &[&[1 << 4 | function][..], &halves(va), &[reference, mask, 4]].concat())
}

pub fn buffer(va: u64, dwords: usize, flags: u32) -> Vec<u32> {
    packet(0x3f, &[&halves(va)[..], &[dwords as u32 | 1 << 23 | flags]].concat())
}

pub fn copy_data(control: u32, src: u64, dst: u64) -> Vec<u32> {
    packet(0x40, &[&[control][..], &halves(src), &halves(dst)].concat())
}

fn client() -> Client {
    Client::new(Kind::Pm4)
}

fn run_with(client: &mut Client, processor: &mut QueueProcessor, packets: &[Vec<u32>]) -> Vec<EventId> {
    let mut raised = Vec::new();
    for packet in packets {
        client.submit(packet);
        let (more, step) = client.run(processor);
        assert_eq!(step, Step::Empty, "{packet:x?}");
        raised.extend(more);
    }
    assert!(client.consumed());
    raised
}

fn run(client: &mut Client, packets: &[Vec<u32>]) -> Vec<EventId> {
    let mut processor = client.processor(Waves::Refuse);
    run_with(client, &mut processor, packets)
}

fn stops(packets: &[u32], error: QueueError) {
    let mut client = client();
    client.submit(packets);
    let step = client.run(&mut client.processor(Waves::Refuse)).1;
    assert_eq!(step, Step::Stopped { error, raise: None }, "{packets:x?}");
}

#[test]
fn a_release_writes_its_data_then_raises_its_event() {
    let mut client = client();
    let raised = run(
        &mut client,
        &[
            release(DATA, u64::MAX, 1, 0, 0),
            release(DATA + 8, 1 << 40 | 1, 2, 3, 9),
            release(DATA + 16, 0, 3, 0, 0),
            release(DATA + 24, 5, 1, 2, 5),
            release(0, 0, 0, 1, 0),
            release(DATA + 32, 6, 1, 4, 7),
        ],
    );
    assert_eq!((client.load(DATA), client.load(DATA + 8)), (0xffff_ffff, 1 << 40 | 1));
    assert_eq!((client.load(DATA + 16), client.load(DATA + 24)), (FIRST_TICK, 5));
    assert_eq!(raised, [EventId(5), EventId::UNNAMED, EventId(7)]);
    // gfx8's form has no interrupt context.
    let mut short = release(DATA, 3, 1, 2, 0);
    short.pop();
    short[0] = 3 << 30 | 5 << 16 | 0x49 << 8;
    assert_eq!(run(&mut self::client(), &[short]), [EventId::UNNAMED]);
}

#[test]
fn data_of_any_length_is_written() {
    let mut client = client();
    let data: Vec<u32> = (1..=50).collect();
    run(&mut client, &[write_data(DATA, &[7]), write_data(DATA + 8, &[8, 9]), write_data(DATA + 20, &data)]);
    assert_eq!([0, 8, 12, 20, 216].map(|at| client.load32(DATA + at)), [7, 8, 9, 1, 50]);
}

#[test]
fn a_wait_parks_until_its_comparison_holds() {
    let mut client = client();
    let mut processor = client.processor(Waves::Refuse);
    client.submit(&[wait(DATA, 5, 3, 0xff), write_data(DATA + 8, &[1])].concat());
    assert_eq!(client.run(&mut processor).1, PARKED);
    assert_eq!(processor.waiting_on().collect::<Vec<_>>(), [GpuVa(DATA)]);
    client.store32(DATA, 0x102);
    assert_eq!((client.run(&mut processor).1, client.load32(DATA + 8)), (PARKED, 0));
    client.store32(DATA, 0x103);
    assert_eq!((client.run(&mut processor).1, client.load32(DATA + 8)), (Step::Empty, 1));
    let wide = [&[1 << 4 | 3][..], &halves(DATA), &halves(1 << 40), &halves(u64::MAX), &[4]].concat();
    client.submit(&packet(0x93, &wide));
    assert_eq!(client.run(&mut processor).1, PARKED);
    client.store(DATA, 1 << 40);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
}

#[test]
fn flushes_and_register_waits_are_always_done() {
    let mut client = client();
    let hdp = packet(0x3c, &[3 | 1 << 6, 0x106, 0x107, u32::MAX, u32::MAX, 4]);
    let acquire = packet(0x58, &[0, u32::MAX, u32::MAX, 0, 0, 10, 0]);
    run(
        &mut client,
        &[
            hdp,
            acquire,
            packet(0x46, &[7 | 4 << 8]),
            vec![FILLER; 3],
            vec![0x8000_0000],
            packet(0x10, &[0; 9]),
        ],
    );
}

#[test]
fn data_is_copied_between_memory_registers_immediates_and_the_clock() {
    let mut client = client();
    client.store(DATA, 0x1_0000_0002);
    run(
        &mut client,
        &[
            copy_data(1 | 5 << 8, DATA, DATA + 8),
            copy_data(1 | 5 << 8 | 1 << 16, DATA, DATA + 16),
            copy_data(5 | 5 << 8, 77, DATA + 24),
            copy_data(9 | 5 << 8 | 1 << 16, 0, DATA + 32),
            packet(0x76, &[0x240, 5]),
            packet(0x79, &[0x10, 6, 7]),
            copy_data(2 << 8, 0x2c00 + 0x240, DATA + 40),
            copy_data(4 | 2 << 8 | 1 << 16, 0xc010, DATA + 48),
        ],
    );
    let read = [8, 16, 24, 32, 40, 48].map(|at| client.load(DATA + at));
    assert_eq!(read, [2, 0x1_0000_0002, 77, FIRST_TICK, 5, 7 << 32 | 6]);
}

#[test]
fn a_buffer_of_a_buffer_comes_back_and_a_third_is_too_deep() {
    let mut client = client();
    let (second, third) = (BUFFERS + 0x400, BUFFERS + 0x800);
    let inner = write_data(DATA + 4, &[2]);
    client.buffer(second, &inner);
    let outer = [write_data(DATA, &[1]), buffer(second, inner.len(), 0), write_data(DATA + 8, &[3])].concat();
    client.buffer(BUFFERS, &outer);
    let ring = [buffer(BUFFERS, outer.len(), 0), write_data(DATA + 12, &[4])].concat();
    run(&mut client, &[ring]);
    assert_eq!([0, 4, 8, 12].map(|at| client.load32(DATA + at)), [1, 2, 3, 4]);
    client.buffer(second, &[buffer(third, 1, 0), inner].concat());
    client.buffer(BUFFERS, &[buffer(second, 9, 0), write_data(DATA, &[1])].concat());
    client.buffer(third, &[FILLER]);
    let mut fresh = client.processor(Waves::Refuse);
    let error = QueueError::IndirectBuffer;
    assert_eq!(client.run(&mut fresh).1, Step::Stopped { error, raise: None });
}

#[test]
fn a_chained_buffer_does_not_come_back() {
    let mut client = client();
    let next = BUFFERS + 0x400;
    client.buffer(next, &write_data(DATA + 4, &[2]));
    let chained = [buffer(next, 5, 1 << 20), write_data(DATA, &[1])].concat();
    client.buffer(BUFFERS, &chained);
    run(&mut client, &[buffer(BUFFERS, chained.len(), 0)]);
    assert_eq!((client.load32(DATA), client.load32(DATA + 4)), (0, 2));
    stops(&buffer(BUFFERS, 1, 1 << 20), QueueError::IndirectBuffer);
}

#[test]
fn a_buffer_that_leads_to_itself_uses_its_budget_and_no_more() {
    let mut client = client();
    client.buffer(BUFFERS, &buffer(BUFFERS, 4, 1 << 20));
    client.submit(&buffer(BUFFERS, 4, 0));
    let mut processor = client.processor(Waves::Refuse);
    for _ in 0..100 {
        let turn = processor.run(&mut &client.memory, &client.clock, 16);
        assert_eq!((turn.packets, turn.step), (16, Step::Progress { raise: None }));
    }
}

#[test]
fn the_read_index_passes_a_buffer_when_the_buffer_is_done() {
    let mut client = client();
    let ib = [write_data(DATA, &[1]), wait(DATA + 8, 3, 1, u32::MAX)].concat();
    client.buffer(BUFFERS, &ib);
    client.submit(&buffer(BUFFERS, ib.len(), 0));
    let mut processor = client.processor(Waves::Refuse);
    assert_eq!((client.run(&mut processor).1, client.consumed()), (PARKED, false));
    client.store32(DATA + 8, 1);
    assert_eq!((client.run(&mut processor).1, client.consumed()), (Step::Empty, true));
}

#[test]
fn predicated_packets_run_for_the_first_die_only() {
    let mut client = client();
    let predicate = |mask: u32, dwords: u32| packet(0x23, &[mask << 24 | dwords]);
    let first = [predicate(1, 5), write_data(DATA, &[1])].concat();
    let second = [predicate(2, 5), write_data(DATA + 4, &[1])].concat();
    run(&mut client, &[[first, second, write_data(DATA + 8, &[1])].concat()]);
    assert_eq!([0, 4, 8].map(|at| client.load32(DATA + at)), [1, 0, 1]);
    let condition = packet(0x22, &[&halves(DATA + 4)[..], &[0, 5]].concat());
    run(&mut self::client(), &[[condition, write_data(DATA + 4, &[1])].concat()]);
}

#[test]
fn a_dispatch_is_refused_or_completed_as_the_engine_says() {
    let direct = packet(0x15, &[1, 1, 1, 1]);
    stops(&direct, QueueError::DispatchCode);
    // It has no stage to wait in.
    let mut client = self::client();
    client.submit(&direct);
    let step = client.run(&mut client.processor(Waves::Run)).1;
    assert!(matches!(step, Step::Stopped { error: QueueError::DispatchCode, .. }), "{step:?}");
    let mut client = self::client();
    let mut processor = client.processor(Waves::Null);
    let indirect = packet(0x16, &[&halves(DATA)[..], &[1]].concat());
    run_with(&mut client, &mut processor, &[direct, indirect, release(DATA, 9, 1, 0, 0)]);
    assert_eq!(client.load32(DATA), 9);
}

#[test]
fn memory_is_modified_atomically_copied_and_filled() {
    let mut client = client();
    client.store(DATA, 5);
    let atomic = [&[47][..], &halves(DATA), &halves(u64::MAX), &halves(0), &[0]].concat();
    let dma = |control: u32, src: u64| {
        packet(0x50, &[&[control][..], &halves(src), &halves(DATA + 16), &[8]].concat())
    };
    run(&mut client, &[packet(0x1e, &atomic), dma(0, DATA)]);
    assert_eq!((client.load(DATA), client.load(DATA + 16)), (4, 4));
    run(&mut self::client(), &[dma(2 << 29, 7)]);
}

#[test]
fn what_cannot_be_executed_stops_the_queue_by_name() {
    stops(&[0, 0], QueueError::Opcode);
    stops(&packet(0xff, &[0]), QueueError::Opcode);
    stops(&packet(0x49, &[0, 0]), QueueError::Malformed);
    stops(&release(DATA, 0, 5, 0, 0), QueueError::Malformed);
    stops(&release(DATA, 0, 1, 5, 0), QueueError::Malformed);
    stops(&wait(DATA, 7, 0, 0), QueueError::Malformed);
    stops(&packet(0x3f, &[0, 0, 1]), QueueError::IndirectBuffer);
    stops(&packet(0x10, &[0; 64])[..10], QueueError::Malformed);
    let mut client = client();
    client.buffer(BUFFERS, &release(DATA, 0, 1, 0, 0)[..4]);
    client.submit(&buffer(BUFFERS, 4, 0));
    let step = client.run(&mut client.processor(Waves::Refuse)).1;
    assert_eq!(step, Step::Stopped { error: QueueError::IndirectBuffer, raise: None });
}
