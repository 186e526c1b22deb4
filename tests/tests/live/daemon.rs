//! The daemon itself: starts that must fail in one line, crashes, drains.

use kfd_tests::daemon::{PATIENCE, command, refused};
use kfd_tests::program::program;
use kfd_tests::tracer::Halt;
use kfd_tests::{Actor, Kfdd, able, eventually, task};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A refused start: exit code 1, nothing on standard output, one line on standard error with all of `words`.
fn assert_one_line(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{}", said.trim_end());
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(said.lines().count(), 1, "{said}");
    let clauses: Vec<&str> = said.trim_end().split(": ").collect();
    let distinct: std::collections::BTreeSet<&str> = clauses.iter().copied().collect();
    assert_eq!(clauses.len(), distinct.len(), "something is said twice: {said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

fn quiet(run_dir: &Path) -> Command {
    let mut command = command(run_dir);
    command.env("KFDD_LOG", "error");
    command
}

#[test]
fn a_second_daemon_on_the_same_run_directory_is_refused_in_one_line_and_the_first_goes_on() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let path = kfdd.run_dir().to_str().unwrap().to_owned();
    assert_one_line(&refused(&mut quiet(kfdd.run_dir())), &["another kfdd", &path, "--run-dir"]);
    let other_name = kfdd.folder().join("same");
    std::os::unix::fs::symlink(kfdd.run_dir(), &other_name).unwrap();
    assert_one_line(&refused(&mut quiet(&other_name)), &["another kfdd", "--run-dir"]);
    client.ok("queue 16");
    client.ok("run 0 1");
    client.kill();
    kfdd.finish();
}

// Keeps: elsewhere-profile
#[test]
fn a_profile_that_does_not_exist_is_refused_by_name_and_the_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = refused(quiet(folder.path()).args(["--profile", "gfx9999"]));
    assert_one_line(&output, &["gfx9999", "gfx900"]);
}

#[test]
fn without_privileges_a_daemon_says_in_one_line_what_it_needs() {
    use std::os::unix::process::CommandExt;
    if !able::live() {
        return;
    }
    // A place and a copy of the program that nobody can reach.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (copy, run_dir) = (folder.path().join("kfdd"), folder.path().join("run"));
    // By another process: a fork of a test beside this one would inherit the file, open for writing, and the copy could
    // not be executed meanwhile (ETXTBSY).
    let copied = Command::new("cp").arg(program("kfdd")).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::create_dir(&run_dir).unwrap();
    std::os::unix::fs::chown(&run_dir, Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(copy);
    command.arg("--run-dir").arg(&run_dir).env("KFDD_LOG", "error").env_remove(kfdd::rundir::ENV);
    command.uid(65534).gid(65534);
    assert_one_line(&refused(&mut command), &["root", "sudo"]);
    // Where even the run directory cannot be made.
    let elsewhere = folder.path().join("elsewhere");
    let mut command = Command::new(folder.path().join("kfdd"));
    command.arg("--run-dir").arg(elsewhere).env("KFDD_LOG", "error").env_remove(kfdd::rundir::ENV);
    command.uid(65534).gid(65534);
    assert_one_line(&refused(&mut command), &["elsewhere", "--run-dir"]);
}

#[test]
fn without_dev_fuse_a_daemon_says_in_one_line_what_to_load() {
    if !able::live() || !able::has("unshare") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script, "sh"]).arg(program("kfdd"));
    command.arg("--run-dir").arg(folder.path().join("run")).env("KFDD_LOG", "error");
    assert_one_line(&refused(&mut command), &["/dev/fuse is missing", "modprobe fuse"]);
    assert_eq!(task::mounts(folder.path().to_str().unwrap()), Vec::<String>::new());
}

#[test]
fn a_mount_point_that_cannot_be_is_refused_in_one_line() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_one_line(&refused(&mut quiet(&file.join("run"))), &["--run-dir"]);
    std::fs::create_dir(folder.path().join("run")).unwrap();
    std::fs::write(folder.path().join("run/dev"), "").unwrap();
    assert_one_line(&refused(&mut quiet(&folder.path().join("run"))), &["run/dev", "directory"]);
}

// Keeps: stale-mount
#[test]
fn after_a_crash_clients_get_an_errno_and_the_next_daemon_takes_the_stale_mount_away() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut parked = kfdd.client();
    let (tid, _) = parked.park();
    let mut idle = kfdd.client();
    idle.ok("queue 16");
    let folder = kfdd.crash();
    assert_eq!(parked.errno("woken"), libc::ECONNABORTED, "the parked call is ended by the kernel");
    assert_eq!(task::state(parked.pid(), tid), None);
    assert_eq!(idle.errno("version"), libc::ENOTCONN);
    for client in [&parked, &idle] {
        assert!(!task::is_stuck(client.pid()));
    }

    let next = Kfdd::start_in(folder);
    assert!(next.log().contains("removing the mount of a daemon that is gone"), "{}", next.log());
    // Clients of the dead daemon stay on their dead mount, and can come back by opening anew.
    assert_eq!(idle.errno("version"), libc::ENOTCONN);
    let mut fresh = next.client();
    fresh.ok("queue 16");
    fresh.ok("run 0 3");
    parked.ok("close");
    parked.ok("open");
    parked.ok("queue 16");
    parked.ok("run 0 1");
    for client in [&mut parked, &mut idle, &mut fresh] {
        client.kill();
    }
    next.finish();
}

#[test]
fn a_daemon_that_crashes_again_and_again_is_replaced_each_time() {
    let Some(mut kfdd) = Kfdd::start() else { return };
    for _ in 0..3 {
        let mut client = kfdd.client();
        client.ok("queue 16");
        client.ok("run 0 1");
        kfdd = Kfdd::start_in(kfdd.crash());
        client.kill();
    }
    kfdd.finish();
}

/// A daemon with a client, and an engine of it that is dropping a doorbell page of the client's and waits for a door thread
/// to take what is written there. Stopped, so that none ever does. `None`: nobody may trace here, which is said.
fn in_the_middle_of_a_rearm() -> Option<(Kfdd, Actor)> {
    let kfdd = Kfdd::start()?;
    let mut client = kfdd.client();
    client.ok("queue 64");
    client.ok("flood 0");
    let caught = eventually(PATIENCE, || {
        let halt = match Halt::of(kfdd.pid(), "kfdd-door") {
            Ok(halt) => halt,
            Err(error) => return Some(Err(error)),
        };
        // Its queue runs dry, and the page is to be a trap again; or it is one already, and there is nothing to drop.
        client.signal(Signal::SIGSTOP);
        let waits = || eventually(Duration::from_millis(200), || task::is_stuck(kfdd.pid()).then_some(()));
        let caught = waits().is_some_and(|()| {
            std::thread::sleep(Duration::from_millis(20));
            kfdd.signal(Signal::SIGSTOP);
            task::is_stuck(kfdd.pid())
        });
        client.signal(Signal::SIGCONT);
        drop(halt);
        if !caught {
            kfdd.signal(Signal::SIGCONT);
        }
        caught.then_some(Ok(()))
    });
    match caught.expect("an engine waits for a page") {
        Ok(()) => Some((kfdd, client)),
        Err(error) => {
            able::skip(&format!("needs PTRACE_SEIZE: {error}"));
            client.kill();
            kfdd.finish();
            None
        }
    }
}

// Keeps: crash-ends
#[test]
fn a_daemon_that_is_killed_while_it_drops_a_page_ends_and_so_can_its_clients() {
    let Some((kfdd, mut client)) = in_the_middle_of_a_rearm() else { return };
    let folder = kfdd.crash();
    client.kill();
    Kfdd::start_in(folder).finish();
}

// Keeps: crash-ends
#[test]
fn a_daemon_that_is_killed_with_its_workers_while_it_drops_a_page_is_replaced() {
    let Some((kfdd, mut client)) = in_the_middle_of_a_rearm() else { return };
    let next = Kfdd::start_in(kfdd.crash_with_workers());
    client.kill();
    next.finish();
}

#[test]
fn a_memory_worker_that_is_killed_is_replaced_and_no_client_notices() {
    let Some(kfdd) = Kfdd::start() else { return };
    // Several, so that every worker has clients of its own.
    let mut clients: Vec<_> = (0..4).map(|_| kfdd.client()).collect();
    let events: Vec<u64> = clients.iter_mut().map(|client| client.one("event 0")).collect();
    // The keeper of the memory descriptors has one of every client and goes last: what it alone had is lost with it.
    let mut workers = kfdd.memory_workers();
    workers.sort_by_key(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count());
    for worker in workers {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(worker).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
        for _ in 0..5 {
            for (client, event) in clients.iter_mut().zip(&events) {
                // The wait's array is read through a worker.
                assert_eq!(client.one(&format!("wait {event} 0")), 1);
            }
        }
        let mut fresh = kfdd.client();
        fresh.ok("queue 16");
        fresh.ok("run 0 1");
        fresh.kill();
        let _ = kfdd.obituary(fresh.pid());
        let reaped = eventually(PATIENCE, || task::state(worker, worker).is_none().then_some(()));
        assert!(reaped.is_some(), "{worker} is a zombie");
    }
    assert!(kfdd.processes().iter().all(|row| row.cause.is_none()), "{:?}", kfdd.processes());
    for client in &mut clients {
        client.kill();
    }
    kfdd.finish();
}

fn drains_by(signal: Signal) {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut parked = kfdd.client();
    parked.park();
    let mut stuck = kfdd.client();
    stuck.ok("queue 16");
    stuck.ok("stick 0");
    let mut busy = kfdd.client();
    busy.ok("queue 16");
    busy.ok("flood 0");
    let mut idle = kfdd.client();
    idle.ok("alloc vram 1048576");
    idle.ok("fill 0");
    kfdd.drain(signal);
    // The parked call has an answer, and nobody hangs.
    assert_eq!(parked.errno("woken"), libc::EIO, "as amdkfd ends a wait whose events go away");
    assert!(idle.errno("version") > 0);
    assert!(stuck.errno("version") > 0);
    for client in [&mut parked, &mut stuck, &mut busy, &mut idle] {
        let pid = client.pid();
        assert!(eventually(PATIENCE, || (!task::is_stuck(pid)).then_some(())).is_some());
    }
    for client in [&mut parked, &mut stuck, &mut idle] {
        client.kill();
    }
}

// Keeps: drain
#[test]
fn sigterm_with_live_clients_drains_and_exits_0() {
    drains_by(Signal::SIGTERM);
}

// Keeps: drain
#[test]
fn sigint_with_live_clients_drains_and_exits_0() {
    drains_by(Signal::SIGINT);
}

// Keeps: drain
#[test]
fn sighup_with_live_clients_drains_and_exits_0() {
    drains_by(Signal::SIGHUP);
}

// Keeps: descriptors-raised
#[test]
fn a_shells_soft_limit_on_descriptors_is_not_the_daemons() {
    if !able::has("prlimit") {
        return;
    }
    let below = |command: Command| {
        let mut limited = Command::new("prlimit");
        limited.arg("--nofile=256:3000").arg(command.get_program()).args(command.get_args());
        limited
    };
    let Some(kfdd) = Kfdd::start_as(below) else { return };
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", kfdd.pid())).expect("it runs");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("proc_pid_limits(5)");
    let values: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(values, ["3000", "3000"]);
    kfdd.finish();
}

// Keeps: death-frees-all
#[test]
fn a_kill_storm_of_real_clients_leaves_nothing_in_a_running_daemon() {
    let Some(kfdd) = Kfdd::start() else { return };
    let kills = kfd_tests::times("KILLS", 300);
    let out = Command::new(program("kfd-stress"))
        .args(["--clients", "20", "--json", "--kills", &kills.to_string(), "--run-dir"])
        .arg(kfdd.run_dir())
        .output()
        .expect("kfd-stress can be executed");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{out:?}");
    let report: serde_json::Value = serde_json::from_str(&said).expect("one JSON object");
    println!("{report}");
    assert!(report["kills"].as_u64().unwrap() >= kills);
    for figure in ["clients", "seconds", "lives_per_s"] {
        assert!(report[figure].as_f64().is_some_and(|value| value > 0.0), "{figure}");
    }
    for spread in ["sigkill_to_revoked_us", "sigkill_to_freed_us"] {
        assert!(report[spread]["p50"].as_f64().is_some_and(|value| value > 0.0), "{spread}");
        assert!(report[spread]["p99"].is_f64());
    }
    let residue = report["residue"].as_object().unwrap();
    for kind in ["processes", "queues", "events", "bos", "bytes", "fds", "charges", "callbacks"] {
        assert_eq!(residue[kind], 0, "{kind}");
    }
    kfdd.finish();
}

/// A daemon that is stopped for as long as this lives.
struct StoppedDaemon<'a>(&'a Kfdd);

impl<'a> StoppedDaemon<'a> {
    fn of(kfdd: &'a Kfdd) -> Self {
        kfdd.signal(Signal::SIGSTOP);
        Self(kfdd)
    }
}

impl Drop for StoppedDaemon<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

// Keeps: silent-daemon
#[test]
fn a_daemon_that_does_not_answer_is_told_of_with_what_to_do() {
    let Some(kfdd) = Kfdd::start() else { return };
    let stopped = StoppedDaemon::of(&kfdd);
    let tgid = std::process::id().to_string();
    let verbs: [&[&str]; 9] = [
        &["ps"],
        &["queues"],
        &["shares"],
        &["top", "--once"],
        &["topology"],
        &["evict", &tgid],
        &["restore", &tgid],
        &["run", "--", "true"],
        &["doctor"],
    ];
    // All at once: each waits for its ten seconds.
    let asked: Vec<_> = verbs
        .iter()
        .map(|verb| {
            let mut command = kfdd.kfdctl(verb);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("kfdctl can be executed")
        })
        .collect();
    for (verb, child) in verbs.iter().zip(asked) {
        let output = child.wait_with_output().expect("it is our child");
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        let let_go = format!("kill -CONT {}", kfdd.pid());
        assert!(said.contains("has not answered for 10 s") && said.contains(&let_go), "{verb:?}: {said}");
        assert!(!said.contains("Resource temporarily unavailable"), "{verb:?}: {said}");
        if verb[0] != "doctor" {
            assert!(!output.status.success(), "{verb:?}: {output:?}");
            assert_eq!(output.stderr.iter().filter(|byte| **byte == b'\n').count(), 1, "{verb:?}: {said}");
        }
    }
    drop(stopped);
    assert!(kfdd.kfdctl(&["ps"]).output().expect("kfdctl can be executed").status.success());
    kfdd.finish();
}

// Keeps: stress-daemon-gone
#[test]
fn a_daemon_that_goes_under_stress_is_told_of_once() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut stress = Command::new(program("kfd-stress"));
    stress.args(["--clients", "20", "--seconds", "60", "--life", "400"]).arg("--run-dir").arg(kfdd.run_dir());
    stress.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let stress = stress.spawn().expect("kfd-stress can be executed");
    assert!(eventually(PATIENCE, || (kfdd.processes().len() >= 10).then_some(())).is_some(), "a storm");
    let folder = kfdd.crash();
    let output = stress.wait_with_output().expect("it is our child");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let told: Vec<_> = said.lines().filter(|line| line.starts_with("kfd-stress: the daemon went")).collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(!said.contains("ended by itself") && !said.contains("kfd-stress client"), "{said}");
    Kfdd::start_in(folder).finish();
}
