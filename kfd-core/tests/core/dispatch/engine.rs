//! An engine of waves that does what a test says: it keeps what it is told, and answers when it is made to.

use crate::world::{Aql, Client, World, gpu};
use hsa_queue::Waves;
use kfd_core::abi::kfd as abi;
use kfd_core::dispatch::{DispatchOrder, WaveAnswer, Wish};
use kfd_core::ids::Nanos;
use kfd_core::limits::Limits;
use kfd_core::notice::Notice;

/// The end of waves that ran all the time.
pub const DONE: WaveAnswer = WaveAnswer::Done { began: Nanos(0), ended: Nanos(u64::MAX) };

/// A world whose dispatches are handed to an engine, on a device of so many slots.
pub fn world(slots: u32) -> World {
    let mut profile = gpu().2;
    profile.devices[0].queues.slots = slots;
    World::running(profile, Limits::default(), Waves::Run)
}

/// A well-formed KERNEL_DISPATCH of one work-group.
pub fn dispatch(completion: u64) -> [u8; 64] {
    let mut packet = [0; 64];
    packet[..4].copy_from_slice(&[2, 0, 1, 0]);
    for size in [4, 6, 8] {
        packet[size..size + 2].copy_from_slice(&1u16.to_le_bytes());
    }
    for size in [12, 16, 20] {
        packet[size..size + 4].copy_from_slice(&1u32.to_le_bytes());
    }
    packet[56..].copy_from_slice(&completion.to_le_bytes());
    packet
}

/// What an engine is told until nothing runs any more.
#[derive(Default)]
pub struct Told {
    pub orders: Vec<DispatchOrder>,
    /// The tickets of which it was told to ask what is wished.
    pub wishes: Vec<u64>,
    pub others: Vec<Notice>,
}

impl Told {
    /// The only order among them.
    pub fn order(&self) -> DispatchOrder {
        let [order] = &self.orders[..] else { panic!("{:?}", self.orders) };
        order.clone()
    }
}

pub fn settle(world: &World) -> Told {
    let mut told = Told::default();
    for notice in world.settle() {
        match notice {
            Notice::Dispatch(order) => told.orders.push(order),
            Notice::Wish { ticket, .. } => told.wishes.push(ticket),
            other => told.others.push(other),
        }
    }
    told
}

pub fn wish(world: &World, order: &DispatchOrder) -> Wish {
    world.core.wave_wish(order.queue, order.ticket)
}

pub fn answer(world: &World, order: &DispatchOrder, answer: WaveAnswer) {
    world.core.wave_answer(order.queue, order.ticket, answer);
}

pub fn done(world: &World, order: &DispatchOrder) {
    answer(world, order, DONE);
}

/// Submits a dispatch that lowers signal 0.
pub fn submit(client: &Client<'_>, queue: &mut Aql) {
    let signal = queue.memory.va + 4096;
    client.push(queue, &dispatch(signal));
    client.ring(queue);
}

/// A queue at `va` that waits for its first dispatch, and its order. Signal 0 stands at 1.
pub fn dispatched(world: &World, client: &mut Client<'_>, va: u64) -> (Aql, DispatchOrder) {
    let mut queue = client.queue(va);
    client.signal(&queue, 0, 1, None);
    submit(client, &mut queue);
    let order = settle(world).order();
    (queue, order)
}

/// UPDATE_QUEUE: takes the queue's ring, or gives it back.
pub fn enable(client: &mut Client<'_>, queue: &Aql, enabled: bool) {
    let mut update = abi::UpdateQueue {
        ring_base_address: if enabled { queue.memory.va + 8192 } else { 0 },
        queue_id: queue.id,
        ring_size: 4096,
        queue_percentage: 100,
        queue_priority: 7,
    };
    client.ok(0x07, &mut update);
}
