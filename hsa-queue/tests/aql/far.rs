//! Rings that have to be asked for: how many accesses they cost, and that they may lie in several allocations.

use crate::adversary::{Reluctant, When};
use crate::client::{Client, barrier_and, run_on, signal};
use hsa_queue::aql::processor::MAX_FAR_LAG;
use hsa_queue::local::LocalMemory;
use hsa_queue::{Access, Fault, GpuVa, MemoryView, Step};

/// Memory in allocations of one page: no read or write crosses from one to the next.
struct Paged<'a>(&'a LocalMemory);

fn crossing(va: GpuVa, len: usize, write: bool) -> Option<Fault> {
    (va.0 / 4096 != (va.0 + len as u64 - 1) / 4096).then_some(Fault { va, len: len as u64, write })
}

impl MemoryView for Paged<'_> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.0.load_u64(va)
    }
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        self.0.load_u32(va)
    }
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.0.store_u64(va, value)
    }
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.0.store_u16(va, value)
    }
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        crossing(va, out.len(), false).map_or_else(|| self.0.read(va, out), Access::Fault)
    }
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        crossing(va, bytes.len(), true).map_or_else(|| self.0.write(va, bytes), Access::Fault)
    }
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        self.0.fetch_sub_u64(va, n)
    }
}

/// The accesses that batches of these lengths cost, to a processor that knows already that it has to ask.
fn accesses<const N: usize>(batches: [u64; N], when: When) -> [u64; N] {
    let mut client = Client::new(4096);
    let mut processor = client.processor();
    client.submit(barrier_and(&[], 0));
    let (_, step) = run_on(&mut processor, &mut Reluctant::new(&client.memory, When::Asked), &client.clock);
    assert_eq!(step, Step::Empty);
    batches.map(|count| {
        for _ in 0..count {
            client.submit(barrier_and(&[], 0));
        }
        let mut reluctant = Reluctant::new(&client.memory, when);
        let end = processor.read_id() + count;
        while processor.read_id() < end || client.read_index() < end {
            let budget = u32::try_from(MAX_FAR_LAG).unwrap();
            let step = processor.run(&mut reluctant, &client.clock, budget).step;
            assert!(matches!(step, Step::Pending(_) | Step::Progress { .. } | Step::Empty), "{step:?}");
        }
        assert!((0..end.min(4096)).all(|id| client.header(id) == 1));
        reluctant.tickets()
    })
}

#[test]
fn a_batch_costs_seven_accesses_whatever_its_length() {
    // Write index, headers, packets, giving back, write index, read index, and the last look that finds nothing.
    let costs = accesses([1, 100, 1000], When::Piecewise);
    assert!(costs.iter().all(|cost| *cost <= 7), "{costs:?}");
}

// Keeps: user-packets-batched
#[test]
fn packets_are_given_back_and_the_next_ones_read_in_one_access() {
    // Write index, a window's packets, giving them back, write index, read index, the last look. With each further
    // window one more, and with a half of the ring a read index.
    let [one, many, long] = accesses([1, 1000, 4000], When::Answered);
    assert!(one <= 6 && many <= 7 && long <= 12, "{one} {many} {long}");
}

// Keeps: user-packets
#[test]
fn a_range_that_cannot_be_exchanged_at_once_is_given_back_by_itself() {
    let mut client = Client::new(1024);
    let mut processor = client.processor();
    for _ in 0..1000 {
        client.submit(barrier_and(&[], 0));
    }
    for when in [When::Asked, When::Answered] {
        let mut view = Reluctant::new(Paged(&client.memory), when);
        assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, Step::Empty);
        assert_eq!((processor.read_id(), client.read_index()), (1000, 1000));
        assert!((0..1000).all(|id| client.header(id) == 1));
    }
}

#[test]
fn a_ring_of_many_allocations_is_read_page_by_page() {
    let mut client = Client::new(1024);
    client.create_signal(0, 300, false);
    let mut processor = client.processor();
    for i in 0..900 {
        client.submit(barrier_and(&[], if i % 3 == 0 { signal(0) } else { 0 }));
    }
    let mut view = Reluctant::new(Paged(&client.memory), When::Answered);
    assert_eq!(run_on(&mut processor, &mut view, &client.clock).1, Step::Empty);
    assert_eq!((processor.read_id(), client.read_index(), client.value(0)), (900, 900, 0));
}
