//! Dispatches against a model of them: which packet a queue has come to, which answers count, what is wished of each.

use super::engine::{Told, dispatch, done, enable, settle, wish, world};
use crate::world::{Aql, Client, World, barrier};
use hsa_queue::layout::amd_queue;
use kfd_core::dispatch::{DispatchOrder, Wish};
use kfd_core::eviction::Reason;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

const VA: u64 = 0x7f10_0000_0000;
const LANES: usize = 3;
/// Signal 0 of each queue at first; each packet lowers it.
const FULL: i64 = 1000;

#[derive(Debug, Clone)]
enum Move {
    Submit {
        lane: usize,
        waves: bool,
    },
    /// An answer to one of all orders there ever were.
    Answer(usize),
    /// The same to the newest of a lane.
    AnswerLast(usize),
    Hold,
    Toggle(usize),
    /// Destroyed, and made again with the same id.
    Renew(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (0..LANES, any::<bool>()).prop_map(|(lane, waves)| Move::Submit { lane, waves }),
        4 => any::<usize>().prop_map(Move::Answer),
        6 => (0..LANES).prop_map(Move::AnswerLast),
        2 => Just(Move::Hold),
        2 => (0..LANES).prop_map(Move::Toggle),
        2 => (0..LANES).prop_map(Move::Renew),
    ]
}

/// A queue, and what is known of its packets.
struct Lane {
    aql: Aql,
    /// Whether each packet is a dispatch.
    packets: Vec<bool>,
    /// The orders that came for it, and how many of them were answered.
    orders: Vec<DispatchOrder>,
    answered: usize,
    enabled: bool,
    /// Packets that were complete when it was last seen to run.
    read: u64,
}

impl Lane {
    fn new(client: &mut Client<'_>, made: u64) -> Self {
        let aql = client.queue(VA + made * 0x10_0000);
        client.signal(&aql, 0, FULL, None);
        Self { aql, packets: vec![], orders: vec![], answered: 0, enabled: true, read: 0 }
    }

    /// The packet that it stands at: the first dispatch that has no answer.
    fn stands_at(&self) -> u64 {
        let waits = self.packets.iter().enumerate().filter(|(_, waves)| **waves).nth(self.answered);
        waits.map_or(self.packets.len(), |(id, _)| id) as u64
    }
}

struct Model<'w> {
    world: &'w World,
    client: Client<'w>,
    lanes: Vec<Lane>,
    made: u64,
    held: bool,
    all: Vec<DispatchOrder>,
}

impl<'w> Model<'w> {
    fn new(world: &'w World) -> Self {
        let mut client = world.client(1);
        let lanes = (0..LANES as u64).map(|made| Lane::new(&mut client, made)).collect();
        Self { world, client, lanes, made: LANES as u64, held: false, all: Vec::new() }
    }

    fn answer(&mut self, order: &DispatchOrder) {
        for lane in &mut self.lanes {
            // Only the newest of a queue can be without an answer.
            let waits = lane.orders.len() > lane.answered;
            lane.answered += usize::from(waits && lane.orders.last() == Some(order));
        }
        done(self.world, order);
    }

    fn take(&mut self, step: &Move) {
        match *step {
            Move::Submit { lane, waves } => {
                let lane = &mut self.lanes[lane];
                if lane.packets.len() < 64 {
                    let signal = lane.aql.memory.va + 4096;
                    let packet = if waves { dispatch(signal) } else { barrier(&[], signal) };
                    self.client.push(&mut lane.aql, &packet);
                    self.client.ring(&lane.aql);
                    lane.packets.push(waves);
                }
            }
            Move::Answer(n) => {
                if !self.all.is_empty() {
                    self.answer(&self.all[n % self.all.len()].clone());
                }
            }
            Move::AnswerLast(lane) => {
                if let Some(order) = self.lanes[lane].orders.last().cloned() {
                    self.answer(&order);
                }
            }
            Move::Hold => {
                let process = self.client.process;
                self.held = !self.held;
                let core = &self.world.core;
                let changed = if self.held {
                    core.evict(process, Reason::Request)
                } else {
                    core.restore(process, Reason::Request)
                };
                assert!(changed);
            }
            Move::Toggle(lane) => {
                let lane = &mut self.lanes[lane];
                lane.enabled = !lane.enabled;
                enable(&mut self.client, &lane.aql, lane.enabled);
            }
            Move::Renew(lane) => {
                let id = self.lanes[lane].aql.id;
                self.client.destroy(id).unwrap();
                self.lanes[lane] = Lane::new(&mut self.client, self.made);
                self.made += 1;
                assert_eq!(self.lanes[lane].aql.id, id);
            }
        }
    }

    fn check(&mut self) {
        let Told { orders, .. } = settle(self.world);
        for order in orders {
            let lane = self.lanes.iter_mut().find(|lane| lane.aql.id == order.queue.queue.0).unwrap();
            assert_eq!(order.id, lane.stands_at(), "for the packet that it stands at");
            assert_eq!(order.slot.0, lane.aql.memory.va + 8192 + order.id % 64 * 64, "of this queue");
            assert_eq!(lane.orders.len(), lane.answered, "one at a time");
            assert!(self.all.iter().all(|other| other.ticket != order.ticket), "no ticket twice");
            lane.orders.push(order.clone());
            self.all.push(order);
        }
        let mut current = Vec::new();
        for lane in &mut self.lanes {
            let runs = lane.enabled && !self.held;
            if runs {
                lane.read = lane.stands_at();
                let waits = lane.read < lane.packets.len() as u64;
                assert_eq!(lane.orders.len(), lane.answered + usize::from(waits));
            }
            let at = lane.aql.memory.offset + amd_queue::READ_DISPATCH_ID;
            assert_eq!(self.client.peek(at), lane.read, "runs: {runs}");
            assert_eq!(self.client.signal_value(&lane.aql, 0), FULL - lane.read.cast_signed());
            if lane.orders.len() > lane.answered {
                let wished = if runs { Wish::Run } else { Wish::Pause };
                current.extend(lane.orders.last().map(|order| (order.ticket, wished)));
            }
        }
        for order in &self.all {
            let found = current.iter().find(|(ticket, _)| *ticket == order.ticket);
            let expected = found.map_or(Wish::Cancel, |(_, wished)| *wished);
            assert_eq!(wish(self.world, order), expected, "{order:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    // Keeps: dispatch-in-order, dispatch-paused, dispatch-void
    #[test]
    fn answers_in_any_order_complete_what_they_answer_once_and_nothing_else(
        steps in proptest::collection::vec(moves(), 1..80)
    ) {
        let world = world(24);
        let mut model = Model::new(&world);
        for step in &steps {
            model.take(step);
            model.check();
        }
        world.end();
    }
}
