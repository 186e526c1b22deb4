//! The FUSE door with the real core and real memory workers behind it: whole lives of client processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuse/client.rs"]
#[allow(dead_code, reason = "shared with the other tests of the door")]
mod client;
#[path = "fuse/sys.rs"]
#[allow(dead_code, reason = "shared with the other tests of the door")]
mod sys;

use client::Client;
use door::fuse::{FuseConfig, FuseDoor, Host, Shown};
use door::workers::{MARKER, Workers, WorkersConfig};
use kfd_core::death::{Cause, Doom, Doomed, Obituary};
use kfd_core::ids::{ProcessId, Tgid};
use kfd_core::notice::{Notice, Outbox};
use kfd_core::profile::Profile;
use kfd_core::{Core, CoreConfig};
use notifier::watch::Pidfd;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the first device's doorbells lie in the kfd node.
const DOORBELLS: u64 = 1 << 32;
const GET_VERSION: &str = "80084b01";
const CREATE_EVENT: &str = "c0204b08";
const WAIT_EVENTS: &str = "c0184b0c";

#[test]
#[ignore = "the client's side of the other tests"]
fn client_role() {
    client::run();
}

enum Letter {
    Doomed(Doom<Doomed>),
    Freed(Obituary),
    Stop,
}

/// Core's outbox and door's host: completions go to the door, deaths to the teardown thread.
struct Post {
    door: OnceLock<Weak<FuseDoor>>,
    letters: Mutex<Sender<Letter>>,
    pidfds: Mutex<Vec<(ProcessId, Pidfd)>>,
}

impl Post {
    fn put(&self, letter: Letter) {
        let _ = self.letters.lock().unwrap().send(letter);
    }
}

impl Outbox for Post {
    fn post(&self, notice: Notice) {
        match notice {
            Notice::Complete { call, process, outcome } => {
                self.door.get().and_then(Weak::upgrade).unwrap().complete(call, process, outcome);
            }
            Notice::Freed(obituary) => self.put(Letter::Freed(obituary)),
            _ => {}
        }
    }
}

impl Host for Post {
    fn attached(&self, process: ProcessId, _: Tgid, pidfd: Pidfd) {
        self.pidfds.lock().unwrap().push((process, pidfd));
    }

    fn doomed(&self, doom: Doom<Doomed>) {
        self.put(Letter::Doomed(doom));
    }
}

struct Daemon {
    core: Arc<Core>,
    door: Arc<FuseDoor>,
    workers: Arc<Workers>,
    post: Arc<Post>,
    obituaries: Receiver<Obituary>,
    teardown: Option<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Daemon {
    fn start(test: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() || !Path::new("/dev/fuse").exists() {
            println!("skipped: {test} needs root and /dev/fuse");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (letters, mailbox) = channel();
        let post =
            Arc::new(Post { door: OnceLock::new(), letters: Mutex::new(letters), pidfds: Mutex::default() });
        let profile = Profile::named("gfx900").unwrap();
        let minors = profile.render_minors();
        let core = Core::new(CoreConfig::new(profile), Arc::clone(&post) as _).unwrap();
        let config = WorkersConfig {
            program: env!("CARGO_BIN_EXE_kfdd-memory").into(),
            args: vec![MARKER.into()],
            ..WorkersConfig::default()
        };
        let workers = Workers::start(config, Arc::new(|_| {})).unwrap();
        let shown = Shown { minors, ..Shown::default() };
        let config = FuseConfig { mount_point: dir.path().into(), shown, threads: 2 };
        let door = FuseDoor::start(config, Arc::clone(&core), Arc::clone(&workers), Arc::clone(&post) as _);
        let door = Arc::new(door.unwrap());
        post.door.set(Arc::downgrade(&door)).unwrap();
        let (tell, obituaries) = channel();
        let parts = (Arc::clone(&core), Arc::clone(&door), Arc::clone(&workers));
        let teardown = std::thread::spawn(move || {
            let (core, door, workers) = parts;
            for letter in mailbox {
                match letter {
                    Letter::Doomed(doom) => {
                        let process = doom.process();
                        doom.stop_queues(&core).answer_waiters(&core).unpublish(&core);
                        workers.detach(process);
                        door.unpublished(process);
                    }
                    Letter::Freed(obituary) => {
                        let _ = tell.send(obituary);
                    }
                    Letter::Stop => return,
                }
            }
        });
        Some(Self { core, door, workers, post, obituaries, teardown: Some(teardown), dir })
    }

    fn kfd(&self) -> std::path::PathBuf {
        self.dir.path().join("kfd")
    }

    fn obituary(&self) -> Obituary {
        self.obituaries.recv_timeout(Duration::from_secs(10)).expect("nobody died")
    }

    /// Ends everything and expects that nothing is left.
    fn end(mut self) {
        self.core.shutdown_begin();
        for process in self.core.live() {
            if let Some(doom) = self.core.doom(process, Cause::Shutdown) {
                self.post.put(Letter::Doomed(doom));
            }
        }
        self.post.put(Letter::Stop);
        self.teardown.take().unwrap().join().unwrap();
        self.core.barrier();
        let report = self.core.leak_report();
        assert!(report.is_empty(), "{report:?}");
        self.door.stop();
        let census = self.door.census();
        assert_eq!((census.files, census.calls, census.nodes), (0, 0, 0));
        assert_eq!(self.workers.attached(), 0);
    }
}

fn hex(value: u64) -> String {
    value.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates a signal event; its id.
fn create_event(client: &mut Client, fd: i32) -> u32 {
    let answer = client.tell(&format!("ioctl {fd} {CREATE_EVENT} {}", "00".repeat(32)));
    let bytes = answer.strip_prefix("ret 0 ").unwrap_or_else(|| panic!("{answer}"));
    u32::from_le_bytes(client::unhex(bytes)[24..28].try_into().unwrap())
}

/// WAIT_EVENTS on one event, as `cmd struct`.
fn wait_on(client: &mut Client, event: u32, timeout: u32) -> String {
    let data = format!("{}{}", "00".repeat(40), hex(u64::from(event)));
    let at: u64 = client.tell(&format!("address {data}")).parse().unwrap();
    let words = [1u32, 0, timeout, 0].map(|word| hex(u64::from(word))[..8].to_owned()).concat();
    format!("{WAIT_EVENTS} {}{words}", hex(at))
}

// Keeps: death-frees-all
#[test]
fn a_life_from_its_first_open_to_the_empty_leak_report() {
    let Some(daemon) = Daemon::start("a life") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.kfd());
    assert!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")).starts_with("ret 0 01000000"));
    let event = create_event(&mut client, fd);
    // A wait that gathers its event, finds it unset and does not want to wait: wait_result is 1, a time-out.
    let wait = wait_on(&mut client, event, 0);
    let answer = client.tell(&format!("ioctl {fd} {wait}"));
    assert!(answer.starts_with("ret 0") && answer.ends_with("01000000"), "{answer}");
    client.open(&daemon.dir.path().join("dri/renderD128"));
    // Parked, killed: the INTERRUPT is the first sign.
    let wait = wait_on(&mut client, event, 0xffff_fffe);
    client.tell(&format!("park {fd} {wait}"));
    while daemon.door.census().calls == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(20));
    client.kill();
    assert!(client.reaped_within(Duration::from_secs(2)).is_some());
    let obituary = daemon.obituary();
    assert_eq!((obituary.tgid.0, obituary.cause), (client.tgid(), Cause::Killed));
    daemon.end();
}

// Keeps: doom-first-sign
#[test]
fn a_client_with_a_gigabyte_is_doomed_long_before_its_pidfd_fires() {
    let Some(daemon) = Daemon::start("a big client") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.kfd());
    let event = create_event(&mut client, fd);
    client.tell(&format!("touch {}", 1 << 30));
    let wait = wait_on(&mut client, event, 0xffff_fffe);
    client.tell(&format!("park {fd} {wait}"));
    while daemon.door.census().calls == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(20));
    let (_, pidfd) = daemon.post.pidfds.lock().unwrap().pop().unwrap();
    let start = client::now();
    client.kill();
    while !pidfd.has_ended().unwrap() {
        std::thread::sleep(Duration::from_micros(100));
    }
    let pidfd_after = client::now() - start;
    let obituary = daemon.obituary();
    let doomed_after = obituary.doomed_at.0 as i64 - start;
    let freed_after = obituary.freed_at.0 as i64 - start;
    println!("SIGKILL to doomed {doomed_after} ns, freed {freed_after} ns, pidfd {pidfd_after} ns");
    assert_eq!(obituary.cause, Cause::Killed);
    // How many milliseconds is the live tests' to bound, which take the median of several.
    assert!(doomed_after * 4 < pidfd_after, "doomed after {doomed_after} ns, long before");
    daemon.end();
}

// Keeps: reopen-finds-all
#[test]
fn a_closed_and_reopened_kfd_finds_its_events_and_an_exec_does_not() {
    let Some(daemon) = Daemon::start("a reopen") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.kfd());
    let first = create_event(&mut client, fd);
    client.tell("system");
    client.tell(&format!("close {fd}"));
    let fd = client.open(&daemon.kfd());
    let wait = wait_on(&mut client, first, 0);
    let answer = client.tell(&format!("ioctl {fd} {wait}"));
    assert!(answer.starts_with("ret 0"), "the event is there, to be waited for: {answer}");
    assert_ne!(create_event(&mut client, fd), first, "nobody else gets its number");
    client.say("exec");
    assert_eq!(client.hear(), "ready");
    let obituary = daemon.obituary();
    assert!(matches!(obituary.cause, Cause::MmGone | Cause::Exec), "{obituary:?}");
    let fd = client.open(&daemon.kfd());
    assert_eq!(create_event(&mut client, fd), first, "a new process object begins anew");
    daemon.end();
}

// Keeps: doomed-alive
#[test]
fn a_doomed_client_that_lives_gets_ebadf_and_its_doorbell_stores_lead_nowhere() {
    let Some(daemon) = Daemon::start("an eviction") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.kfd());
    client.tell(&format!("map {fd} {DOORBELLS} 8192"));
    client.tell("store 0 0 1");
    let process = daemon.core.live()[0];
    let doom = daemon.core.doom(process, Cause::Evicted).unwrap();
    daemon.post.put(Letter::Doomed(doom));
    assert_eq!(daemon.obituary().cause, Cause::Evicted);
    let answer = client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with(&format!("err {}", libc::EBADF)), "{answer}");
    assert_eq!(client.tell("store 0 4096 1"), "ok");
    assert_eq!(client.tell("load 0 4104"), "0");
    daemon.end();
}

// Keeps: orphans-listed
#[test]
fn an_arena_that_a_forked_child_still_maps_lingers_by_name_until_the_child_ends() {
    let Some(daemon) = Daemon::start("a lingering arena") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.dir.path().join("dri/renderD128"));
    assert_eq!(client.tell(&format!("map {fd} 0 4096")), "map 0");
    client.tell("store 0 0 5");
    let sleeper: i32 = client.tell("fork_sleeper").strip_prefix("pid ").unwrap().parse().unwrap();
    client.kill();
    client.wait();
    daemon.obituary();
    let rows = daemon.core.lingering();
    assert_eq!(rows.iter().map(|row| row.tgid.0).collect::<Vec<_>>(), [client.tgid()]);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::SIGKILL).unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while !daemon.core.lingering().is_empty() {
        assert!(Instant::now() < until, "it lingers for ever");
        std::thread::sleep(Duration::from_millis(1));
    }
    daemon.end();
}

// Keeps: death-frees-all
#[test]
fn fifty_clients_killed_at_once_leave_nothing() {
    let Some(daemon) = Daemon::start("fifty clients") else { return };
    let mut clients: Vec<_> = (0..50).map(|_| Client::start()).collect();
    for client in &mut clients {
        let fd = client.open(&daemon.kfd());
        client.open(&daemon.dir.path().join("dri/renderD128"));
        let event = create_event(client, fd);
        let wait = wait_on(client, event, 0xffff_fffe);
        client.tell(&format!("park {fd} {wait}"));
    }
    clients.iter().for_each(Client::kill);
    for client in &mut clients {
        assert!(client.reaped_within(Duration::from_secs(10)).is_some());
    }
    for _ in 0..50 {
        daemon.obituary();
    }
    daemon.end();
}

#[test]
#[ignore = "prints figures; run with --release --nocapture"]
fn figures() {
    let Some(daemon) = Daemon::start("figures") else { return };
    let mut client = Client::start();
    let fd = client.open(&daemon.kfd());
    let event = create_event(&mut client, fd);
    let wait = wait_on(&mut client, event, 0);
    for (what, call) in [
        ("GET_VERSION", format!("{GET_VERSION} 0000000000000000")),
        ("WAIT_EVENTS, gathered and scattered by a worker", wait),
    ] {
        client.tell(&format!("bench {fd} {call} 1000"));
        println!("{what}: {} ns a call", client.tell(&format!("bench {fd} {call} 20000")));
    }
    for path in [daemon.kfd(), daemon.dir.path().join("dri/renderD128")] {
        println!(
            "open and close of {path:?}: {} ns",
            client.tell(&format!("bench_open {} 2000", path.display()))
        );
    }
    client.kill();
    daemon.obituary();
    daemon.end();
}
