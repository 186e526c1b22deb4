//! A core with nothing around it: a clock that tests turn, an outbox that keeps what it gets, and clients that speak
//! ioctls and touch their arena as a real one would.

mod client;
mod clock;
mod curtain;
mod event;
mod memory;
mod outbox;
mod queue;

pub use client::Client;
pub use clock::Turned;
pub use curtain::Curtain;
pub use memory::Buffer;
pub use outbox::{Kept, completions, obituaries, wait_result};
pub use queue::{AQL, Aql, barrier, create};

use hsa_queue::Waves;
use kfd_core::call::{Identity, Node};
use kfd_core::clock::Clock;
use kfd_core::death::Cause;
use kfd_core::ids::{ProcessId, RenderMinor, Tgid, Uid};
use kfd_core::limits::Limits;
use kfd_core::notice::{Notice, Outbox};
use kfd_core::profile::Profile;
use kfd_core::{Core, CoreConfig, Ran};
use notifier::MmId;
use std::collections::HashMap;
use std::sync::Arc;

pub struct World {
    pub core: Arc<Core>,
    pub clock: Arc<Turned>,
    pub outbox: Arc<Kept>,
}

pub fn gpu() -> (u32, RenderMinor, Profile) {
    let profile = Profile::named("gfx900").expect("compiled in");
    (profile.devices[0].gpu_id.0, profile.devices[0].render_minor, profile)
}

/// The same under a kernel of interface 1.`minor`.
pub fn older(minor: u32) -> Profile {
    gpu().2.with_interface(minor).expect("an interface")
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self::of(gpu().2, limits)
    }

    pub fn of(profile: Profile, limits: Limits) -> Self {
        Self::running(profile, limits, Waves::Refuse)
    }

    pub fn running(profile: Profile, limits: Limits, waves: Waves) -> Self {
        let clock = Arc::new(Turned::default());
        clock.by(1_000_000_000);
        let outbox = Arc::new(Kept::default());
        let limits = Limits { arena_bytes: limits.arena_bytes.min(4 << 30), ..limits };
        let clock_of_core = Arc::clone(&clock) as Arc<dyn Clock>;
        let config = CoreConfig { profile, limits, clock: clock_of_core, waves };
        let core = Core::new(config, Arc::clone(&outbox) as Arc<dyn Outbox>).expect("a valid configuration");
        Self { core, clock, outbox }
    }

    /// A process that has opened kfd and its render node and bound the device.
    pub fn client(&self, tgid: u32) -> Client<'_> {
        let mut client = self.stranger(tgid, 1000);
        client.bind();
        client
    }

    /// A process that has opened kfd only.
    pub fn stranger(&self, tgid: u32, uid: u32) -> Client<'_> {
        let identity = identity(tgid, 0, uid);
        let opened = self.core.open(identity, Node::Kfd).expect("the first open of a process");
        assert!(opened.fresh);
        Client {
            world: self,
            process: opened.process,
            identity,
            files: vec![opened.file],
            serial: 0,
            arena: None,
            save_areas: HashMap::new(),
            lane: 0,
        }
    }

    /// Runs engines until there is nothing to run; time passes so that polling ends. How many turns did something.
    pub fn run(&self) -> usize {
        let mut worked = 0;
        loop {
            match self.core.run_next(self.core.now()) {
                Ran::Nothing => return worked,
                Ran::Worked => worked += 1,
                Ran::PollUntil(_) => self.clock.by(10_000),
            }
            assert!(worked < 1_000_000, "an engine that never rests");
        }
    }

    /// Runs engines and drops every page they ask to be dropped, as the daemon does. What else was posted.
    pub fn settle(&self) -> Vec<Notice> {
        let mut others = Vec::new();
        loop {
            self.run();
            let mut rearmed = false;
            for notice in self.outbox.take() {
                match notice {
                    Notice::Rearm { process, offset, len } => {
                        self.core.rearmed(process, offset, len);
                        rearmed = true;
                    }
                    Notice::Runnable => {}
                    other => others.push(other),
                }
            }
            if !rearmed {
                return others;
            }
        }
    }

    pub fn kill(&self, process: ProcessId) {
        let doom = self.core.doom(process, Cause::Exited).expect("alive");
        doom.stop_queues(&self.core).answer_waiters(&self.core).unpublish(&self.core);
    }

    /// Kills whatever lives and holds the core to its promise.
    pub fn end(&self) {
        self.core.shutdown_begin();
        for process in self.core.live() {
            self.kill(process);
        }
        self.core.barrier();
        let report = self.core.leak_report();
        assert!(report.is_empty(), "{report:?}");
    }
}

pub fn identity(tgid: u32, exec_id: u32, uid: u32) -> Identity {
    let mm = MmId { pidfd_inode: u64::from(tgid) + 1_000_000, exec_id };
    Identity { tgid: Tgid(tgid), uid: Uid(uid), mm }
}
