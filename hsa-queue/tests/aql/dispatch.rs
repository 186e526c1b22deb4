//! Dispatches that an engine of waves runs: asked again until they are over.

use crate::adversary::{Reluctant, When};
use crate::client::{Client, INACTIVE, QUEUE, RING, barrier_and, event, kernel_dispatch, run_on, signal};
use hsa_queue::layout::amd_queue;
use hsa_queue::memory::Slots;
use hsa_queue::wave::AqlDispatch;
use hsa_queue::{
    Access, Fault, GpuVa, MemoryView, Processor, QueueError, Ran, Step, Ticket, WaveEngine, Waves,
};
use zerocopy::IntoBytes;

const TICKET: Ticket = Ticket(77);

type Ended = Access<Result<Ran, QueueError>>;

/// What an engine was asked: packet, slot, id and queue.
#[derive(Debug, PartialEq, Eq)]
struct Asked(Vec<u8>, u64, u64, u64);

/// Answers when the test says how.
#[derive(Default)]
struct Engine {
    asked: Vec<Asked>,
    ended: Option<Ended>,
}

impl WaveEngine for Engine {
    fn dispatch(&mut self, dispatch: &AqlDispatch<'_>) -> Ended {
        let AqlDispatch { packet, slot, id, queue } = *dispatch;
        self.asked.push(Asked(packet.as_bytes().to_vec(), slot.0, id, queue.0));
        self.ended.take().unwrap_or(Access::Pending(TICKET))
    }
}

/// Memory with an engine beside it.
struct With<V> {
    memory: V,
    engine: Engine,
}

impl<V: MemoryView> With<V> {
    fn new(memory: V) -> Self {
        Self { memory, engine: Engine::default() }
    }
}

impl<V: MemoryView> MemoryView for With<V> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.memory.load_u64(va)
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        self.memory.load_u32(va)
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.memory.store_u64(va, value)
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.memory.store_u16(va, value)
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        self.memory.read(va, out)
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        self.memory.write(va, bytes)
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        self.memory.fetch_sub_u64(va, n)
    }
    fn packets(&mut self, retired: Slots, wanted: Slots, out: &mut [[u64; 8]]) -> Option<Access<usize>> {
        self.memory.packets(retired, wanted, out)
    }
    fn waves(&mut self) -> Option<&mut dyn WaveEngine> {
        Some(&mut self.engine)
    }
}

fn running(client: &Client) -> Processor {
    client.processor().with_waves(Waves::Run)
}

fn dispatch(completion: u64) -> [u64; 8] {
    let mut words = kernel_dispatch();
    words[7] = completion;
    words
}

// Keeps: dispatch-in-order
#[test]
fn a_dispatch_keeps_its_slot_and_its_queue_until_its_waves_have_ended_and_then_completes_once() {
    let mut client = Client::new(8);
    client.create_signal(0, 2, true);
    client.create_signal(1, 1, false);
    let mut processor = running(&client);
    client.submit(barrier_and(&[], 0));
    let id = client.submit(dispatch(signal(0)));
    client.submit(barrier_and(&[], signal(1)));
    let memory = &client.memory;
    let mut view = With::new(memory);
    assert_eq!(run_on(&mut processor, &mut view, &client.clock), (vec![], Step::Dispatched(TICKET)));
    assert_eq!(client.read_index(), id, "the packet before it is told to be over");
    assert_eq!((client.header(0), client.header(id) & 0xff), (1, 2));
    let began = client.clock.asked();
    // Whatever becomes of the slot: the packet was read.
    client.store(client.slot(id) + 8, 0);
    for _ in 0..3 {
        assert_eq!(run_on(&mut processor, &mut view, &client.clock), (vec![], Step::Dispatched(TICKET)));
    }
    let asked = Asked(dispatch(signal(0)).as_bytes().to_vec(), RING + id * 64, id, QUEUE);
    assert!(view.engine.asked.len() == 4 && view.engine.asked.iter().all(|again| *again == asked));
    assert_eq!((client.value(0), client.value(1), client.read_index()), (2, 1, id));
    view.engine.ended = Some(Access::Ready(Ok(Ran::ALL_THE_TIME)));
    assert_eq!(run_on(&mut processor, &mut view, &client.clock), (vec![event(0)], Step::Empty));
    assert_eq!((client.value(0), client.value(1), client.read_index()), (1, 0, 3));
    assert_eq!(view.engine.asked.len(), 5);
    assert!(began > 0, "the time it was handed over");
}

#[test]
fn a_dispatch_that_ends_in_an_error_or_a_fault_stops_its_queue_at_it() {
    let error = QueueError::DispatchCode;
    let fault = Fault { va: GpuVa(0xbad0), len: 4, write: true };
    let told = Step::Stopped { error, raise: Some(event(INACTIVE)) };
    for (ended, expected, code) in [
        (Access::Ready(Err(error)), told, error.inactive_code()),
        (Access::Fault(fault), Step::Faulted(fault), 0),
    ] {
        let mut client = Client::new(8);
        let mut processor = running(&client);
        client.submit(barrier_and(&[], 0));
        let id = client.submit(dispatch(0));
        let mut view = With::new(&client.memory);
        assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, Step::Dispatched(TICKET));
        view.engine.ended = Some(ended);
        assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, expected);
        assert_eq!((client.read_index(), client.header(id) & 0xff), (id, 2));
        assert_eq!(client.value(INACTIVE).cast_unsigned(), code);
        assert!(processor.has_stopped());
    }
}

#[test]
fn an_engine_is_asked_for_well_formed_dispatches_only_and_a_view_without_one_refuses() {
    let mut client = Client::new(8);
    let mut processor = running(&client);
    client.submit([kernel_dispatch()[0] & !(3 << 16), 0, 0, 0, 0, 0, 0, 0]);
    let mut view = With::new(&client.memory);
    let step = run_on(&mut processor, &mut view, &client.clock).1;
    assert!(matches!(step, Step::Stopped { error: QueueError::DispatchDimensions, .. }), "{step:?}");
    assert_eq!(view.engine.asked, []);

    let mut client = Client::new(8);
    client.submit(dispatch(0));
    let step = client.run(&mut running(&client)).1;
    assert!(matches!(step, Step::Stopped { error: QueueError::DispatchCode, .. }), "{step:?}");
}

#[test]
fn over_a_ring_that_has_to_be_asked_for_what_waves_write_there_is_seen_by_the_packets_behind() {
    for when in [When::Asked, When::Answered, When::Piecewise] {
        let mut client = Client::new(16);
        client.create_signal(0, 1, false);
        client.create_signal(1, 1, false);
        let mut processor = running(&client);
        client.submit(barrier_and(&[], 0));
        client.submit(barrier_and(&[], 0));
        let id = client.submit(dispatch(signal(0)));
        let behind = client.submit(barrier_and(&[], 0));
        let mut view = With::new(Reluctant::new(&client.memory, when));
        assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, Step::Dispatched(TICKET));
        assert_eq!(client.read_index(), id, "{when:?}");
        // It was read ahead of the dispatch.
        client.store(client.slot(behind) + 56, signal(1));
        view.engine.ended = Some(Access::Ready(Ok(Ran::ALL_THE_TIME)));
        assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, Step::Empty);
        assert_eq!((client.value(0), client.value(1), client.read_index()), (0, 0, 4), "{when:?}");
        assert_eq!(client.load(QUEUE + amd_queue::READ_DISPATCH_ID), 4);
    }
}
