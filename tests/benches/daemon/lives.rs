//! Whole lives beside the same lives through a bare FUSE door: the same opens, as many ioctls of the same sizes, the same
//! mappings with a store to each doorbell page, and an echo behind them. What the bare life does is what a life with a device
//! was seen to do ([`lives`]), so it stays the same whatever a client's queue comes to need.

use crate::stage::actor;
use crate::stage::kfdd::Kfdd;
use crate::stage::lanes::Held;
use crate::stage::lives::{self, Lives};
use anyhow::{Context, ensure};
use client::{Device, UserQueue};
use kfd_tests::measure::progress;
use std::time::Instant;

/// Packets on each of a life's two queues.
const PACKETS: usize = 8;

/// See [`Lives`].
pub const ROLES: [actor::Role; 3] = [LIVES.nursery, LIVES.bare_nursery, LIVES.shown];

const LIVES: Lives = Lives {
    rounds: 7,
    nursery: ("nursery", |arguments| lives::nursery(arguments, with_device)),
    bare_nursery: ("bare-nursery", |arguments| lives::bare_nursery(arguments, false, || Ok(()))),
    shown: ("shown", |arguments| lives::shown(arguments, with_device)),
    name: "a full life (2 queues, 16 packets, SIGKILL, freed)",
    floor: "as many calls and mappings, bare FUSE door",
};

/// See the module's head.
pub fn lives() -> anyhow::Result<()> {
    progress("full lives");
    LIVES.measure(Kfdd::start()?)
}

fn with_device(dev: &str) -> anyhow::Result<Held> {
    let device = Device::open(dev)?;
    let mut queues = [UserQueue::create(&device, 64)?, UserQueue::create(&device, 64)?];
    for queue in &mut queues {
        let done = queue.signal(1, None).context("a new queue has room for signals")?;
        for packet in 1..=PACKETS {
            queue.submit_barrier(&[], (packet == PACKETS).then_some(&done));
        }
        let started = Instant::now();
        while queue.value(done) != 0 {
            std::thread::yield_now();
            ensure!(started.elapsed().as_secs() < 5, "the packets were not run");
        }
    }
    Ok(Box::new((device, queues)))
}
