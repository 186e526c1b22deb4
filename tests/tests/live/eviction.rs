//! Evictions by request: `kfdctl evict` and `restore` ask the daemon the same.

use kfd_core::eviction::Reason;
use kfd_core::ids::Tgid;
use kfd_core::listing::QueueState;
use kfd_tests::{Kfdd, eventually};
use kfdd::control::{Reply, Request};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than a packet of a queue that runs could wait for its turn.
const LONG: Duration = Duration::from_millis(300);

#[test]
fn an_evicted_clients_packets_wait_for_the_restore_and_its_neighbours_do_not() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut client, mut neighbour) = (kfdd.client(), kfdd.client());
    for actor in [&mut client, &mut neighbour] {
        actor.ok("queue 16");
        actor.ok("run 0 3");
    }
    let tgid = Tgid(client.pid());
    let ask = |request: Request| kfdd.control().ask(&request).expect("the daemon answers");
    assert!(matches!(ask(Request::Evict { tgid }), Reply::Evicted { evicted } if evicted.len() == 1));
    assert!(matches!(ask(Request::Evict { tgid }), Reply::Evicted { evicted } if evicted.is_empty()));
    client.ok("batch 0 4");
    client.ok("unstick 0");
    neighbour.ok("run 0 3");
    std::thread::sleep(LONG);
    assert_eq!(client.one("completed 0"), 3, "what ran before");
    let row = kfdd.queues().into_iter().find(|row| row.tgid == tgid).expect("its queue");
    assert_eq!(
        (row.state, row.evicted.map(|eviction| eviction.reason)),
        (QueueState::Evicted, Some(Reason::Request))
    );
    assert_eq!(kfdd.row(&client).evicted.len(), 1);
    assert!(matches!(ask(Request::Restore { tgid }), Reply::Restored { restored } if restored.len() == 1));
    let done = eventually(PATIENCE, || (client.one("completed 0") == 7).then_some(()));
    assert!(done.is_some(), "{} completed, {:?}", client.one("completed 0"), kfdd.queues());
    client.ok("run 0 3");
    assert!(kfdd.control().ask(&Request::Evict { tgid: Tgid(1) }).is_err(), "no client");
    // The end of an evicted client is like any other.
    ask(Request::Evict { tgid });
    client.kill();
    neighbour.kill();
    kfdd.finish();
}
