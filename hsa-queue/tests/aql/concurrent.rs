//! The processor beside producers that do not wait for it.

use crate::client::{Client, barrier_and, signal};
use hsa_queue::layout::amd_queue;
use hsa_queue::sync::{AtomicU64, Ordering};
use hsa_queue::{GpuVa, MemoryView, Step};

#[test]
fn each_packet_of_several_producers_completes_exactly_once() {
    const PRODUCERS: u64 = 3;
    const PACKETS: u64 = 10_000;
    let client = Client::new(16);
    client.create_signal(0, (PRODUCERS * PACKETS) as i64, false);
    let mut processor = client.processor();
    let ids = AtomicU64::new(0);
    let memory = &client.memory;
    std::thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                for _ in 0..PACKETS {
                    // hsa_queue_add_write_index: claim first (the memory has no fetch_add: add by subtracting).
                    let write_index = GpuVa(crate::client::QUEUE + amd_queue::WRITE_DISPATCH_ID);
                    let id = crate::client::ready((&mut &*memory).fetch_sub_u64(write_index, u64::MAX));
                    while id - client.read_index() >= client.ring_packets {
                        std::thread::yield_now();
                    }
                    assert_eq!(
                        client.header(id),
                        1,
                        "a slot below the read index is a producer's, and INVALID"
                    );
                    client.write_packet(id, barrier_and(&[], signal(0)));
                    ids.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while processor.read_id() < PRODUCERS * PACKETS {
            match processor.run(&mut &client.memory, &crate::client::Counter::default(), 32).step {
                Step::Progress { .. } => {}
                Step::Empty => std::thread::yield_now(),
                other => panic!("unexpected {other:?}"),
            }
        }
    });
    assert_eq!(client.value(0), 0);
    assert_eq!(ids.load(Ordering::Relaxed), PRODUCERS * PACKETS);
    assert_eq!(client.read_index(), PRODUCERS * PACKETS);
}
