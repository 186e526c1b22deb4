//! One sentence each.

use crate::adversary::{Op, Watching};
use crate::client::{
    Client, INACTIVE, NOWHERE, QUEUE, barrier_and, barrier_or, barrier_value, event, kernel_dispatch,
    mailbox, run_on, signal,
};
use hsa_queue::layout::{amd_queue, amd_signal};
use hsa_queue::ring::Ring;
use hsa_queue::{Access, Fault, GpuVa, MemoryView, QueueError, Step};

#[test]
fn a_barrier_without_signals_completes_and_frees_its_slot_and_reads_no_clock() {
    let mut client = Client::new(8);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
    assert_eq!((client.header(0), client.read_index()), (1, 1));
    assert_eq!(client.clock.asked(), 0);
}

#[test]
fn a_completion_writes_the_times_lowers_the_value_and_posts_the_mailbox() {
    let mut client = Client::new(8);
    client.create_signal(0, 5, true);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], signal(0)));
    assert_eq!(client.run(&mut processor), (vec![event(0)], Step::Empty));
    assert_eq!(client.value(0), 4);
    assert_eq!(client.load(signal(0) + amd_signal::START_TS), 1);
    assert_eq!(client.load(signal(0) + amd_signal::END_TS), 2);
    assert_eq!(client.load(mailbox(0)), u64::from(event(0).0));
}

#[test]
fn a_signal_without_a_mailbox_raises_nothing() {
    let mut client = Client::new(8);
    client.create_signal(0, 1, false);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], signal(0)));
    assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
    assert_eq!((client.value(0), client.load(mailbox(0))), (0, 0));
}

#[test]
fn the_slot_is_free_before_the_signal_tells_and_the_signal_is_not_touched_after_its_value() {
    let mut client = Client::new(8);
    client.create_signal(0, 1, true);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    let id = client.submit(barrier_and(&[], signal(0)));
    let mut view = Watching::new(&client.memory);
    let _ = run_on(&mut processor, &mut view, &client.clock);
    let at = |wanted: &dyn Fn(&Op) -> bool| view.ops.iter().position(wanted).expect("this access was made");
    let field = |offset| GpuVa(signal(0) + offset);
    let freed = at(&|op| *op == Op::StoreU16(GpuVa(client.slot(id)), 1));
    let published = at(&|op| *op == Op::StoreU64(GpuVa(QUEUE + amd_queue::READ_DISPATCH_ID), id + 1));
    let timed = at(&|op| matches!(op, Op::Write(va, _) if *va == field(amd_signal::START_TS)));
    let lowered = at(&|op| *op == Op::FetchSub(field(amd_signal::VALUE), 1));
    let posted = at(&|op| *op == Op::StoreU64(GpuVa(mailbox(0)), u64::from(event(0).0)));
    assert!(freed < published && published < timed && timed < lowered && lowered < posted);
    let touches_signal = |op: &Op| match *op {
        Op::LoadU64(va) | Op::LoadU32(va) | Op::Read(va, _) | Op::Write(va, _) | Op::StoreU64(va, _) => {
            (signal(0)..signal(1)).contains(&va.0)
        }
        Op::StoreU16(..) | Op::FetchSub(..) | Op::Packets(..) => false,
    };
    assert!(!view.ops[lowered..].iter().any(touches_signal));
}

/// FAILURES.md, 7796.
#[test]
fn an_invalid_header_stops_the_processor_however_far_the_write_index_ran_ahead() {
    let mut client = Client::new(8);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    for ahead in [2, 8, 9, 1000, 1 << 62] {
        client.set_write_index(ahead);
        assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
        assert_eq!((processor.read_id(), client.read_index()), (1, 1));
    }
    client.write_packet(1, barrier_and(&[], 0));
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!(client.read_index(), 2);
}

/// FAILURES.md, 3203: nothing here reads a doorbell; one look serves whatever the write index covers.
#[test]
fn a_batch_that_rang_for_its_first_packet_only_is_served_whole() {
    let mut client = Client::new(64);
    let mut processor = client.processor();
    for _ in 0..50 {
        client.submit(barrier_and(&[], 0));
    }
    let turn = processor.run(&mut &client.memory, &client.clock, 1000);
    assert_eq!((turn.packets, turn.step), (50, Step::Empty));
    assert_eq!(client.read_index(), 50);
}

/// FAILURES.md, 8818: the memory of one queue, its stale indices included, serves the next.
#[test]
fn one_packet_on_each_of_many_queues_in_the_same_memory_completes_exactly_once() {
    let mut client = Client::new(8);
    client.create_signal(0, 0, false);
    for round in 1..=10_000 {
        let mut processor = client.processor();
        client.create_queue();
        client.next = 0;
        assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
        assert_eq!(client.value(0), 1 - round);
        client.submit(barrier_and(&[], signal(0)));
        assert_eq!(client.run(&mut processor), (vec![], Step::Empty));
        assert_eq!(client.value(0), -round);
    }
}

#[test]
fn a_valid_header_beyond_the_write_index_is_not_acted_on() {
    let client = Client::new(8);
    let mut processor = client.processor();
    client.write_packet(0, barrier_and(&[], 0));
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!((client.header(0) & 0xff, client.read_index()), (3, 0));
    client.set_write_index(u64::MAX);
    assert_eq!(
        client.run(&mut processor).1,
        Step::Empty,
        "a write index behind the read index submits nothing"
    );
    client.set_write_index(1);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!(client.read_index(), 1);
}

#[test]
fn a_client_that_scribbles_on_its_read_index_deceives_only_itself() {
    let mut client = Client::new(8);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    client.store(QUEUE + amd_queue::READ_DISPATCH_ID, 77);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!((processor.read_id(), client.read_index()), (1, 1));
}

#[test]
fn barrier_and_waits_until_each_signal_has_been_seen_at_zero_once() {
    let mut client = Client::new(8);
    client.create_signal(0, 0, false);
    client.create_signal(1, 1, false);
    let mut processor = client.processor();
    client.submit(barrier_and(&[0, signal(0), 0, signal(1)], 0));
    assert_eq!(client.run(&mut processor).1, Step::Parked { forever: false });
    assert_eq!(processor.waiting_on().collect::<Vec<_>>(), [GpuVa(signal(1))]);
    client.set_value(0, 9);
    assert_eq!(client.run(&mut processor).1, Step::Parked { forever: false });
    assert_eq!((client.header(0) & 0xff, client.read_index()), (3, 0));
    client.set_value(1, 0);
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!(client.read_index(), 1);
    assert_eq!(processor.waiting_on().count(), 0);
}

#[test]
fn packets_before_a_parked_one_are_given_back() {
    let mut client = Client::new(8);
    client.create_signal(0, 1, false);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    client.submit(barrier_and(&[signal(0)], 0));
    assert_eq!(client.run(&mut processor).1, Step::Parked { forever: false });
    assert_eq!(client.read_index(), 1);
}

#[test]
fn barrier_or_waits_for_any_signal_and_one_without_signals_waits_for_ever() {
    let mut client = Client::new(8);
    client.create_signal(0, 1, false);
    client.create_signal(1, 1, false);
    let mut processor = client.processor();
    client.submit(barrier_or(&[signal(0), 0, signal(1)], 0));
    client.submit(barrier_or(&[], 0));
    assert_eq!(client.run(&mut processor).1, Step::Parked { forever: false });
    client.set_value(1, 0);
    assert_eq!(client.run(&mut processor).1, Step::Parked { forever: true });
    assert_eq!(client.read_index(), 1);
    assert_eq!(processor.waiting_on().count(), 0);
}

#[test]
fn a_barrier_value_packet_compares_the_masked_value_as_signed() {
    for (value, operand, mask, cond, met) in [
        (5, 5, -1, 0, true),
        (5, 4, -1, 0, false),
        (5, 1, 1, 0, true),
        (5, 5, -1, 1, false),
        (-1, 0, -1, 2, true),
        (0, 0, -1, 2, false),
        (0, 0, -1, 3, true),
        (-1, 0, -1, 3, false),
        (-1, 0, i64::MAX, 3, true),
    ] {
        let mut client = Client::new(8);
        client.create_signal(0, value, false);
        let mut processor = client.processor();
        client.submit(barrier_value(signal(0), operand, mask, cond, 0));
        let expected = if met { Step::Empty } else { Step::Parked { forever: false } };
        assert_eq!(client.run(&mut processor).1, expected, "({value} & {mask}) {cond} {operand}");
    }
    let mut client = Client::new(8);
    let mut processor = client.processor();
    client.submit(barrier_value(0, 7, -1, 0, 0));
    assert_eq!(client.run(&mut processor).1, Step::Empty, "a null signal is met");
}

#[test]
fn a_packet_that_cannot_run_stops_the_queue_and_reaches_the_inactive_signal() {
    for (words, error) in [
        (kernel_dispatch(), QueueError::DispatchCode),
        ([2, 0, 0, 0, 0, 0, 0, 0], QueueError::DispatchDimensions),
        ([4, 0, 0, 0, 0, 0, 0, 0], QueueError::PacketType),
        ([6, 0, 0, 0, 0, 0, 0, 0], QueueError::PacketType),
        ([255, 0, 0, 0, 0, 0, 0, 0], QueueError::PacketType),
        ([0, 0, 0, 0, 0, 0, 0, 0], QueueError::VendorPacket),
        ([1 << 16, 0, 0, 0, 0, 0, 0, 0], QueueError::VendorPacket),
        (barrier_value(0, 0, 0, 4, 0), QueueError::VendorPacket),
    ] {
        let mut client = Client::new(8);
        let mut processor = client.processor();
        client.submit(barrier_and(&[], 0));
        client.submit(words);
        client.submit(barrier_and(&[], 0));
        let stopped = |raise| Step::Stopped { error, raise };
        assert_eq!(client.run(&mut processor), (vec![event(INACTIVE)], stopped(Some(event(INACTIVE)))));
        assert_eq!(client.value(INACTIVE), error.inactive_code() as i64);
        assert_eq!(client.load(mailbox(INACTIVE)), u64::from(event(INACTIVE).0));
        assert_eq!(client.read_index(), 1, "the read index names the packet in error");
        assert_eq!(u64::from(client.header(1)), words[0] & 0xffff);
        client.set_value(INACTIVE, 0);
        assert!(processor.has_stopped());
        assert_eq!(client.run(&mut processor), (vec![], stopped(None)), "told once");
        assert_eq!((client.value(INACTIVE), client.read_index()), (0, 1));
    }
}

#[test]
fn a_queue_that_lies_in_no_amd_queue_t_or_has_no_inactive_signal_stops_in_silence() {
    for (field, value) in
        [(amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, 0), (amd_queue::QUEUE_INACTIVE_SIGNAL, 0)]
    {
        let mut client = Client::new(8);
        client.store(QUEUE + field, value);
        let mut processor = client.processor();
        client.submit(kernel_dispatch());
        let before = client.memory.snapshot();
        let stopped = Step::Stopped { error: QueueError::DispatchCode, raise: None };
        assert_eq!(client.run(&mut processor), (vec![], stopped));
        assert_eq!(client.memory.snapshot(), before);
    }
}

#[test]
fn an_access_without_memory_stops_the_queue_with_the_fault() {
    let fault = |va, len, write| Step::Faulted(Fault { va: GpuVa(va), len, write });
    for (words, expected) in [
        (barrier_and(&[NOWHERE], 0), fault(NOWHERE + amd_signal::VALUE, 8, false)),
        (barrier_and(&[], NOWHERE), fault(NOWHERE + amd_signal::EVENT_MAILBOX_PTR, 16, false)),
        (barrier_value(u64::MAX, 0, -1, 0, 0), fault(7, 8, false)),
    ] {
        let mut client = Client::new(8);
        let mut processor = client.processor();
        client.submit(words);
        client.submit(barrier_and(&[], 0));
        assert_eq!(client.run(&mut processor), (vec![], expected));
        assert!(processor.has_stopped());
        assert_eq!(client.run(&mut processor), (vec![], expected));
    }
    let mut client = Client::new(8);
    client.store(signal(INACTIVE) + amd_signal::EVENT_MAILBOX_PTR, NOWHERE);
    let mut processor = client.processor();
    client.submit(kernel_dispatch());
    assert_eq!(client.run(&mut processor).1, fault(NOWHERE, 8, true));
}

#[test]
fn a_ring_given_to_a_running_queue_is_read_at_the_same_index() {
    let mut client = Client::new(16);
    let mut processor = client.processor();
    processor.set_ring(Ring::new(client.regs().ring, 8 * 64).unwrap());
    for _ in 0..3 {
        client.submit(barrier_and(&[], 0));
    }
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    let upper = Ring::new(client.regs().ring.offset(8 * 64), 8 * 64).unwrap();
    processor.set_ring(upper);
    client.set_write_index(4);
    client.write_packet(8 + 3, barrier_and(&[], 0));
    assert_eq!(client.run(&mut processor).1, Step::Empty);
    assert_eq!((client.header(11), client.read_index()), (1, 4));
}

/// A client that is at work between two looks of the processor: `before` each of them, told where it is and of how many
/// bytes.
struct Meddling<'a, F> {
    client: &'a Client,
    before: F,
}

impl<F: FnMut(&Client, GpuVa, usize)> MemoryView for Meddling<'_, F> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        (self.before)(self.client, va, 8);
        (&self.client.memory).load_u64(va)
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        (self.before)(self.client, va, 4);
        (&self.client.memory).load_u32(va)
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        (&self.client.memory).store_u64(va, value)
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        (&self.client.memory).store_u16(va, value)
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        (self.before)(self.client, va, out.len());
        (&self.client.memory).read(va, out)
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        (&self.client.memory).write(va, bytes)
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        (&self.client.memory).fetch_sub_u64(va, n)
    }
}

#[test]
fn a_packet_rewritten_while_it_is_read_is_judged_by_the_header_that_was_acquired() {
    let mut client = Client::new(8);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    let before = |client: &Client, va: GpuVa, len| {
        if len == 64 {
            client.store(va.0, 2);
        }
    };
    let (_, step) = run_on(&mut processor, &mut Meddling { client: &client, before }, &client.clock);
    assert_eq!(step, Step::Empty);
    assert_eq!(client.read_index(), 1);
}

// Keeps: packet-own-header
#[test]
fn a_packet_that_comes_between_two_looks_at_an_unwritten_slot_is_judged_by_its_own_header() {
    let client = Client::new(8);
    let mut processor = client.processor();
    // A fresh ring that no runtime has filled with INVALID headers: a packet's header is 0 until it is there.
    client.store(client.slot(0), 0);
    let before = |client: &Client, va: GpuVa, _| {
        if va == client.regs().write_index && client.load(va.0) == 0 {
            client.write_packet(0, barrier_and(&[], 0));
            client.set_write_index(1);
        }
    };
    let (_, step) = run_on(&mut processor, &mut Meddling { client: &client, before }, &client.clock);
    assert_eq!(step, Step::Empty);
    assert_eq!((client.read_index(), client.header(0)), (1, 1));
}
