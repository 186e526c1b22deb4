//! A pool with clients in it, and ways to wait for what it does.

use crate::client::Client;
use door::identity::{Identified, Resolver};
use door::workers::{MARKER, MmState, Workers, WorkersConfig};
use kfd_core::ids::{ProcessId, UserVa};
use kfd_core::notice::{UserAccess, UserAnswer};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Beyond this a test has hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Pool {
    pub workers: Arc<Workers>,
    pub lost: Receiver<ProcessId>,
    pub resolver: Resolver,
}

impl Pool {
    pub fn start() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut WorkersConfig)) -> Self {
        let mut config = WorkersConfig {
            program: env!("CARGO_BIN_EXE_kfdd-memory").into(),
            args: vec![MARKER.into()],
            ..WorkersConfig::default()
        };
        change(&mut config);
        let (tell, lost) = channel();
        let tell = Mutex::new(tell);
        let on_lost = Arc::new(move |process| {
            let _ = tell.lock().unwrap().send(process);
        });
        Self { workers: Workers::start(config, on_lost).unwrap(), lost, resolver: Resolver::new() }
    }

    pub fn attach(&self, client: &Client, slot: u32) -> ProcessId {
        let process = ProcessId { slot, generation: 1 };
        let Identified { tgid, mm, mem, .. } = client.identify(&self.resolver);
        self.workers.attach(process, tgid, mm, mem);
        process
    }

    pub fn submit(&self, process: ProcessId, accesses: Vec<UserAccess>) -> Receiver<Vec<UserAnswer>> {
        let (tell, told) = channel();
        self.workers.submit(process, accesses, Box::new(move |answers| tell.send(answers).unwrap()));
        told
    }

    pub fn run(&self, process: ProcessId, accesses: Vec<UserAccess>) -> Vec<UserAnswer> {
        self.submit(process, accesses).recv_timeout(PATIENCE).unwrap()
    }

    pub fn probe(&self, process: ProcessId) -> MmState {
        let (tell, told) = channel();
        self.workers.probe(process, Box::new(move |state| tell.send(state).unwrap()));
        told.recv_timeout(PATIENCE).unwrap()
    }

    /// The worker of a pool of one; waits for it while its place is being given a new one.
    pub fn only_worker(&self) -> u32 {
        let mut pids = Vec::new();
        eventually("there is a worker", || {
            pids = self.workers.worker_pids();
            pids.len() == 1
        });
        pids[0]
    }
}

pub fn read(va: u64, len: u32) -> UserAccess {
    UserAccess::Read { va: UserVa(va), len }
}

pub fn write(va: u64, bytes: &[u8]) -> UserAccess {
    UserAccess::Write { va: UserVa(va), bytes: bytes.to_vec() }
}

pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never: {what}");
}
