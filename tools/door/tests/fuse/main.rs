//! The FUSE door on a real mount, with real client processes and a scripted driver behind it.
//!
//! Needs root and /dev/fuse; elsewhere each test says that it was skipped.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod script;
mod sys;

use door::fuse::{DoorError, FuseConfig, FuseDoor, Shown};
use kfd_core::ids::{CallId, ProcessId, RenderMinor};
use script::{Memory, Reach, Script, Seen};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const GET_VERSION: &str = "80084b01";
const CREATE_EVENT: &str = "c0204b08";
const WAIT_EVENTS: &str = "c0184b0c";
/// WAIT_EVENTS on no event, with a timeout of 0x1000 ms.
const WAIT: &str = "000000000000000000000000000000000010000000000000";

#[test]
#[ignore = "the client's side of the other tests"]
fn client_role() {
    client::run();
}

struct Served {
    // Field order is drop order: the mount goes before its directory.
    door: FuseDoor,
    script: Arc<Script>,
    seen: Receiver<Seen>,
    memory: Arc<Memory>,
    dir: tempfile::TempDir,
}

fn config(path: &Path) -> FuseConfig {
    FuseConfig {
        mount_point: path.to_owned(),
        shown: Shown {
            minors: vec![RenderMinor(128)],
            ras: vec![RenderMinor(128)],
            first_card: 0,
            sysfs: sysfs::devices(),
        },
        threads: 2,
    }
}

type Started = (FuseDoor, Arc<Script>, Receiver<Seen>, Arc<Memory>);

fn start(path: &Path) -> Result<Started, DoorError> {
    let (script, seen) = Script::new();
    let memory = Arc::new(Memory::default());
    let reach = Arc::new(Reach(Arc::clone(&memory)));
    let door = FuseDoor::start(config(path), Arc::clone(&script), reach, Arc::clone(&script) as _)?;
    Ok((door, script, seen, memory))
}

/// A served mount, or `None` where that cannot be.
fn served(test: &str) -> Option<Served> {
    if !nix::unistd::geteuid().is_root() || !Path::new("/dev/fuse").exists() {
        println!("skipped: {test} needs root and /dev/fuse");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let (door, script, seen, memory) = start(dir.path()).unwrap();
    Some(Served { door, script, seen, memory, dir })
}

impl Served {
    fn kfd(&self) -> PathBuf {
        self.dir.path().join("kfd")
    }

    fn render(&self) -> PathBuf {
        self.dir.path().join("dri/renderD128")
    }

    /// Waits for what `wanted` picks, passing over everything else.
    fn expect<T>(&self, what: &str, mut wanted: impl FnMut(&Seen) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(5);
        let mut passed = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let seen = self.seen.recv_timeout(left);
            let seen = seen.unwrap_or_else(|_| panic!("{what} did not come, but {passed:?}"));
            if let Some(found) = wanted(&seen) {
                return found;
            }
            passed.push(seen);
        }
    }

    fn opened(&self) -> ProcessId {
        self.expect("an open", |seen| match seen {
            Seen::Opened(_, process, _) => Some(*process),
            _ => None,
        })
    }

    fn trapped(&self) -> (ProcessId, u64, i64) {
        self.expect("a trap", |seen| match seen {
            Seen::Trap(process, offset, at) => Some((*process, *offset, *at)),
            _ => None,
        })
    }

    fn parked(&self) -> CallId {
        self.expect("a parked call", |seen| match seen {
            Seen::Parked(call) => Some(*call),
            _ => None,
        })
    }

    /// Everything seen until it has been quiet for a while.
    /// Waits for what comes soon after something else.
    fn wait_until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while !done(self) {
            assert!(Instant::now() < until, "{what}: it did not come");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn drain(&self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.recv_timeout(Duration::from_millis(30)).ok()).collect()
    }
}

macro_rules! served_or_skip {
    () => {{
        fn here() {}
        let name = std::any::type_name_of_val(&here);
        match served(name.trim_end_matches("::here")) {
            Some(served) => served,
            None => return,
        }
    }};
}

mod calls;
mod interrupts;
mod lives;
mod mounts;
mod pages;
mod sysfs;

#[test]
#[ignore = "the daemon's side of other tests"]
fn daemon_role() {
    let Some(path) = std::env::var_os("DOOR_TEST_MOUNT") else { return };
    match start(Path::new(&path)) {
        Ok(_served) => std::thread::sleep(Duration::from_secs(60)),
        Err(error) => println!("\n>> {error}"),
    }
}
