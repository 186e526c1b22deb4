//! A zygote of the tests' own program, and workers with a player each.

use crate::player::{self, Player};
use door::wave_workers::{Limits, Told, WaveWorkers, WaveWorkersConfig};
use kfd_core::ids::ProcessId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::unistd::Pid;
use notifier::watch::Pidfd;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn process(slot: u32) -> ProcessId {
    ProcessId { slot, generation: 1 }
}

pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether there is a process of that number, a zombie too.
pub fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// How many descriptors a process has.
pub fn descriptors(pid: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it is there").count()
}

/// The children of a process with one thread.
pub fn children(pid: Pid) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it is there");
    text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
}

pub struct Born {
    pub process: ProcessId,
    pub pid: u32,
    pub pidfd: Pidfd,
}

pub struct Pool {
    pub workers: WaveWorkers,
}

pub struct Worker {
    pub player: Player,
    pub born: Option<Born>,
}

impl Pool {
    pub fn start() -> Self {
        Self::with(player::limits(2), 128 << 20)
    }

    pub fn with(limits: Limits, data: u64) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kfdd-memory"));
        let config = WaveWorkersConfig { program, data, ..WaveWorkersConfig::new(limits) };
        Self { workers: WaveWorkers::start(config).expect("a zygote") }
    }

    pub fn zygote(&self) -> Pid {
        let pid = self.workers.zygote_pid().expect("there is one");
        Pid::from_raw(pid.cast_signed())
    }

    /// What the zygote tells next.
    pub fn told(&self) -> Told {
        let start = Instant::now();
        loop {
            if let Some(told) = self.workers.told() {
                return told;
            }
            assert!(start.elapsed() < PATIENCE, "the zygote is silent");
            self.workers.with_descriptor(|socket| {
                let mut set = [PollFd::new(socket, PollFlags::POLLIN)];
                poll(&mut set, PollTimeout::from(1000_u16)).expect("a poll");
            });
        }
    }

    pub fn born(&self) -> Born {
        match self.told() {
            Told::Born { process, pid, pidfd } => Born { process, pid, pidfd },
            told => panic!("{told:?}"),
        }
    }

    /// A worker that is being born.
    pub fn make(&self, slot: u32) -> Worker {
        let player = Player::with(|arena, epochs| {
            (self.workers.make(process(slot), arena, epochs).expect("it is ordered"), None)
        });
        Worker { player, born: None }
    }

    /// A worker that is there.
    pub fn live(&self, slot: u32) -> Worker {
        let worker = self.make(slot);
        let born = self.born();
        assert_eq!(born.process, process(slot));
        Worker { born: Some(born), ..worker }
    }
}

impl Worker {
    pub fn born(&self) -> &Born {
        self.born.as_ref().expect("it was born")
    }

    pub fn says_nonsense(&self) {
        send(self.player.link.as_fd().as_raw_fd(), &[0xff; 40], MsgFlags::empty()).expect("it is sent");
    }

    /// Its process and its socket end.
    pub fn awaits_its_end(&self) {
        eventually("the worker ends", || self.born().pidfd.has_ended().expect("a poll"));
        self.player.is_hung_up();
    }
}
