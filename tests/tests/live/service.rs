//! The daemon as a service: what its manager hears, and whether the unit's rights are enough for it.

use kfd_tests::tracer::Halt;
use kfd_tests::{Actor, Kfdd, able, eventually, task};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// The watchdog's time in these tests; pings come at half of it.
const LIMIT: Duration = Duration::from_millis(400);

/// The unit, as it is packaged.
const UNIT: &str = include_str!("../../../packaging/kfdd.service");

/// A service manager: the socket that it listens on, in a folder of its own.
struct ServiceManager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl ServiceManager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { socket: UnixDatagram::bind(folder.path().join("notify")).unwrap(), folder }
    }

    /// A daemon that it starts, with the environment `more`.
    fn start(&self, more: &[(&str, &str)]) -> Option<Kfdd> {
        let name = self.folder.path().join("notify");
        Kfdd::start_as(|mut command| {
            command.env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC").env("NOTIFY_SOCKET", name);
            command.envs(more.iter().copied());
            command
        })
    }

    /// The next datagram, if one comes in time.
    fn hear(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut line = vec![0; 4096];
        let len = self.socket.recv(&mut line).ok()?;
        Some(String::from_utf8(line[..len].to_vec()).unwrap())
    }

    /// When each of the next pings came.
    fn pings(&self, count: usize) -> Vec<Instant> {
        let ping = |_| {
            assert_eq!(self.hear(PATIENCE).as_deref(), Some("WATCHDOG=1"));
            Instant::now()
        };
        (0..count).map(ping).collect()
    }
}

fn micros(limit: Duration) -> String {
    limit.as_micros().to_string()
}

// Keeps: service-ready
#[test]
fn a_service_manager_hears_ready_when_a_client_may_attach_and_stopping_before_the_drain() {
    let manager = ServiceManager::new();
    let Some(kfdd) = manager.start(&[]) else { return };
    let ready = manager.hear(PATIENCE).expect("a daemon that serves says so");
    let mut client = kfdd.client();
    let serving = format!("STATUS=serving gfx900 at {}", kfdd.dev().join("kfd").display());
    assert_eq!(ready.lines().collect::<Vec<_>>(), ["READY=1", &serving]);
    client.ok("queue 16");
    client.ok("run 0 1");
    assert_eq!(manager.hear(Duration::from_millis(200)), None, "there is nothing more to say");
    kfdd.drain(Signal::SIGTERM);
    let stopping = manager.hear(PATIENCE).expect("a daemon that drains says so");
    let lines: Vec<_> = stopping.lines().collect();
    assert!(matches!(lines[..], ["STOPPING=1", status] if status.starts_with("STATUS=")), "{stopping}");
    assert_eq!(manager.hear(Duration::from_millis(1)), None);
}

// Keeps: watchdog
#[test]
fn the_watchdog_is_pinged_at_half_its_time_while_the_event_loop_goes_round_and_no_longer() {
    let manager = ServiceManager::new();
    let Some(kfdd) = manager.start(&[("WATCHDOG_USEC", &micros(LIMIT))]) else { return };
    assert!(manager.hear(PATIENCE).is_some_and(|line| line.starts_with("READY=1")));
    let mut client = kfdd.client();
    client.ok("queue 16");
    let pings = manager.pings(9);
    let gaps = || pings.windows(2).map(|two| two[1] - two[0]);
    println!("gaps: {:?}", gaps().collect::<Vec<_>>());
    // A busy machine makes some late, not all; and none is early but for one that was heard late.
    assert!(gaps().any(|gap| gap < LIMIT * 3 / 4), "later than half of the time");
    assert!(pings[8] - pings[0] > LIMIT / 2 * 6, "earlier than half of the time");
    {
        let _stuck = Halt::of(kfdd.pid(), "kfdd-events").unwrap();
        while manager.hear(Duration::from_millis(1)).is_some() {}
        assert_eq!(manager.hear(LIMIT * 3), None, "nobody pings for a loop that hangs");
        // The other threads are well, and that is not what is asked.
        client.ok("run 0 1");
    }
    // The loop goes on, and so do the pings.
    manager.pings(2);
    client.kill();
    kfdd.finish();
}

// Keeps: watchdog-absent
#[test]
fn without_a_watchdog_of_its_own_a_daemon_neither_pings_nor_wakes() {
    let of_another = [("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")];
    for environment in [&[][..], &of_another] {
        let manager = ServiceManager::new();
        let Some(kfdd) = manager.start(environment) else { return };
        assert!(manager.hear(PATIENCE).is_some_and(|line| line.starts_with("READY=1")));
        std::thread::sleep(Duration::from_millis(500));
        let events = || task::sleeps(kfdd.pid()).into_iter().find(|(name, ..)| name == "kfdd-events");
        let before = events();
        assert!(before.is_some());
        assert_eq!(manager.hear(Duration::from_secs(1)), None);
        assert_eq!(events(), before, "the event loop woke");
        kfdd.finish();
    }
}

// Keeps: service-unreachable
#[test]
fn a_service_manager_that_cannot_be_reached_is_told_of_and_clients_are_served_all_the_same() {
    let Some(kfdd) = Kfdd::start_as(|mut command| {
        command.env("NOTIFY_SOCKET", "/nonexistent/notify");
        command
    }) else {
        return;
    };
    kfdd.client().kill();
    let log = kfdd.log();
    assert!(log.contains("NOTIFY_SOCKET") && log.contains("/nonexistent/notify"), "{log}");
    kfdd.finish();
}

/// What the unit assigns to `key`; it does so once.
fn assigned(key: &str) -> &'static str {
    let mut values = UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("the unit has {key}="));
    assert_eq!(values.next(), None, "{key}= twice");
    value
}

// Keeps: unit-capabilities
#[test]
fn the_units_capabilities_are_enough_for_clients_of_any_user() {
    if !able::live() || !able::has("setpriv") {
        return;
    }
    let kept: Vec<_> = assigned("CapabilityBoundingSet")
        .split_whitespace()
        .map(|name| name.strip_prefix("CAP_").expect("a capability").to_lowercase())
        .collect();
    let bounds = kept.iter().fold("-all".to_owned(), |all, one| format!("{all},+{one}"));
    let kfdd = Kfdd::start_as(|command| {
        let mut below = Command::new("setpriv");
        below.args(["--bounding-set", &bounds, "--inh-caps", "-all", "--no-new-privs", "--"]);
        below.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => below.env(name, value),
                None => below.env_remove(name),
            };
        }
        below
    });
    let Some(kfdd) = kfdd else { return };
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    for user in [&user[..], &["env"]] {
        let mut client = Actor::start_under(user, &kfdd.dev());
        client.ok("open");
        client.ok("queue 16");
        client.ok("run 0 3");
        // A process of its own executes it.
        client.ok("kernel stores-once");
        client.ok("dispatch 0 0 1");
        let done = eventually(PATIENCE, || (client.ok("completed 0") == [4]).then_some(()));
        assert!(done.is_some(), "{}", kfdd.log());
        // An event to wait for, which a memory worker reads from the client's memory.
        client.park();
        client.kill();
        let _ = kfdd.obituary(client.pid());
    }
    kfdd.finish();
}

/// The calls of a system call filter, with those of its groups as systemd has them.
fn allowed(filter: &str, calls: &mut BTreeSet<String>) {
    for word in filter.split_whitespace() {
        if !word.starts_with('@') {
            calls.insert(word.to_owned());
            continue;
        }
        let out = Command::new("systemd-analyze").args(["syscall-filter", word]).output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        // The group's name, comments, and a line for each call or group of it.
        let lines =
            said.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with('#')));
        lines.for_each(|line| allowed(line, calls));
    }
}

// Keeps: unit-confines
#[test]
fn the_units_calls_are_enough_to_confine_a_wave_worker() {
    if !able::has("systemd-analyze") {
        return;
    }
    let mut calls = BTreeSet::new();
    allowed(assigned("SystemCallFilter"), &mut calls);
    assert!(calls.contains("mount") && calls.contains("futex") && !calls.contains("reboot"), "{calls:?}");
    // What the zygote and the first steps of a worker call, and nobody else of the daemon.
    for call in [
        "capset",
        "close_range",
        "dup2",
        "fork",
        "pidfd_open",
        "prctl",
        "prlimit64",
        "seccomp",
        "setgroups",
        "sched_setattr",
        "setpriority",
        "setresgid",
        "setresuid",
        "signalfd4",
        "wait4",
    ] {
        assert!(calls.contains(call), "{call} is forbidden to the service");
    }
}

// Keeps: unit-mounts
#[test]
fn the_unit_is_one_that_systemd_takes_and_its_mounts_reach_the_machine() {
    assert_eq!(assigned("Type"), "notify");
    assert!(assigned("ExecStart").starts_with('/'));
    // Any of these would give the daemon a mount namespace of its own, and what it mounts would be seen by nobody else
    // (systemd.exec(5), PrivateMounts=).
    for key in [
        "PrivateTmp",
        "PrivateDevices",
        "PrivateMounts",
        "ProtectSystem",
        "ProtectHome",
        "ProtectKernelTunables",
        "ProtectKernelModules",
        "ProtectKernelLogs",
        "ProtectControlGroups",
        "ProtectProc",
        "ProcSubset",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "InaccessiblePaths",
        "BindPaths",
        "TemporaryFileSystem",
        "RootDirectory",
        "DynamicUser",
    ] {
        assert!(!UNIT.lines().any(|line| line.starts_with(&format!("{key}="))), "{key}");
    }
    if !able::has("systemd-analyze") {
        return;
    }
    // The program need not be installed here.
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("kfdd.service");
    std::fs::write(&unit, UNIT.replace(assigned("ExecStart"), "/bin/true")).unwrap();
    let out =
        Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(Path::new(&unit)).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let ours: Vec<_> = said.lines().filter(|line| line.contains("kfdd.service")).collect();
    assert!(out.status.success() && ours.is_empty(), "{said}");
}
