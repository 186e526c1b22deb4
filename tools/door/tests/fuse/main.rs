//! The FUSE door on a real mount, with real client processes and a scripted driver behind it.
//!
//! Needs root and /dev/fuse; elsewhere each test says that it was skipped.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod script;
mod sys;

use client::Client;
use door::fuse::{DoorError, FuseConfig, FuseDoor};
use kfd_core::call::{Done, Node, Outcome};
use kfd_core::death::Cause;
use kfd_core::ids::{CallId, ProcessId, RenderMinor};
use script::{ARENA, KFD_BYTES, Memory, Reach, Script, Seen};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
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
    FuseConfig { mount_point: path.to_owned(), minors: vec![RenderMinor(128)], threads: 2 }
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

#[test]
fn ls_shows_the_tree_with_modes_everyone_can_use() {
    let served = served_or_skip!();
    let out = Command::new("ls").arg("-lnR").arg(served.dir.path()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}");
    for needle in ["kfd", "dri", "renderD128", "-rw-rw-rw-", "drwxr-xr-x"] {
        assert!(text.contains(needle), "{needle} is missing in {text}");
    }
    for command in ["stat -f", "touch -c", "rm -f"] {
        let line = format!("{command} {}", served.kfd().display());
        let status = Command::new("sh").arg("-c").arg(line).status().unwrap();
        assert_eq!(status.success(), command != "rm -f", "{command}");
    }
}

#[test]
fn a_call_comes_back_with_its_struct() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    assert_eq!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")), "ret 0 0100000012000000");
}

#[test]
fn a_refused_call_brings_its_struct_back_too() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let answer = client.tell(&format!("ioctl {fd} {CREATE_EVENT} {}", "00".repeat(32)));
    assert_eq!(answer, format!("err {} ab{}", libc::EINVAL, "00".repeat(31)));
}

#[test]
fn unknown_calls_are_enotty_and_touch_nothing() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    // K 0x7f, TCGETS, and a directory-less magic with a struct of 16,383 bytes.
    for (cmd, bytes) in [("c0084b7f", 8), ("00005401", 0), ("ffff0001", 0x3fff)] {
        let answer = client.tell(&format!("ioctl {fd} {cmd} {}", "11".repeat(bytes)));
        assert_eq!(answer, format!("err {} {}", libc::ENOTTY, "11".repeat(bytes)).trim_end());
    }
}

#[test]
fn a_smaller_or_larger_struct_is_cut_or_filled_as_the_kernel_does() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    // GET_VERSION with 4 and with 16 bytes.
    assert_eq!(client.tell(&format!("ioctl {fd} 80044b01 00000000")), "ret 0 01000000");
    let answer = client.tell(&format!("ioctl {fd} 80104b01 {}", "00".repeat(16)));
    assert_eq!(answer, format!("ret 0 0100000012000000{}", "00".repeat(8)));
}

#[test]
fn what_pointers_point_at_is_gathered_and_scattered() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let at: u64 = client.tell(&format!("address {}", "0f".repeat(48))).parse().unwrap();
    let wait = |at: u64| {
        let address: String = at.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("ioctl {fd} {WAIT_EVENTS} {address}01000000000000000000000000000000")
    };
    let answer = client.tell(&wait(at));
    assert!(answer.starts_with("ret 0"), "{answer}");
    assert_eq!(client.tell(&format!("peek {at}")), "f0".repeat(48));
    assert!(client.tell(&wait(0xdead_0000)).starts_with(&format!("err {}", libc::EFAULT)));
    assert_eq!(served.door.census().calls, 0);
}

#[test]
fn a_parked_call_is_completed_from_another_thread() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
    let call = served.parked();
    let (caller, arg) = served.script.take_parked(call).unwrap();
    assert_ne!(caller.tid.0, caller.tgid.0);
    served.door.complete(call, caller.process, Outcome::Done(Done { arg, writes: vec![], fds: vec![] }));
    assert_eq!(client.hear(), format!("ret 0 {WAIT}"));
    assert_eq!(served.door.census().calls, 0);
}

#[test]
fn a_client_killed_inside_a_parked_call_is_gone_at_once_and_doomed_by_the_interrupt() {
    let served = served_or_skip!();
    let mut times = Vec::new();
    for _ in 0..20 {
        let mut client = Client::start();
        let fd = client.open(&served.kfd());
        let process = served.opened();
        client.tell(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
        let call = served.parked();
        let start = Instant::now();
        client.kill();
        times.push(client.reaped_within(Duration::from_secs(2)).expect("a killed client stays"));
        let mut seen = vec![];
        served.expect("the doom", |one| {
            seen.push(one.clone());
            (*one == Seen::Doomed(process, Cause::Killed)).then_some(())
        });
        if !seen.contains(&Seen::Interrupted(call)) {
            served.expect("the interrupt", |one| (*one == Seen::Interrupted(call)).then_some(()));
        }
        assert!(start.elapsed() < Duration::from_millis(500));
    }
    times.sort();
    println!("SIGKILL to reaped: best {:?}, median {:?}, worst {:?}", times[0], times[10], times[19]);
    // What the door adds shows in the best; the rest is the machine's load.
    assert!(times[2] < Duration::from_millis(5), "{times:?}");
}

#[test]
fn a_client_killed_while_its_call_gathers_is_gone_at_once() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let at: u64 = client.tell(&format!("address {}", "0f".repeat(48))).parse().unwrap();
    let address: String = at.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    served.memory.hold(true);
    client.tell(&format!("park {fd} {WAIT_EVENTS} {address}01000000000000000010000000000000"));
    while served.door.census().calls == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    client.kill();
    let reaped = client.reaped_within(Duration::from_secs(2));
    served.memory.hold(false);
    assert!(reaped.is_some(), "a killed client waits for its gather");
    assert!(
        !served.drain().iter().any(|seen| matches!(seen, Seen::Parked(_))),
        "the late gather entered the driver"
    );
    assert_eq!(served.door.census().calls, 0);
}

#[test]
fn a_signal_restarts_the_call_with_its_remaining_time_or_ends_it_with_eintr() {
    let served = served_or_skip!();
    for restart in [true, false] {
        let mut client = Client::start();
        let fd = client.open(&served.kfd());
        client.tell(if restart { "handle restart" } else { "handle no" });
        let tid = client.tell(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
        let tid = tid.strip_prefix("tid ").unwrap().parse().unwrap();
        let first = served.parked();
        sys::tgkill(client.tgid() as i32, tid, libc::SIGUSR1);
        // 0x1000 was halved by the interrupt and copied out in both cases.
        let halved = WAIT.replace("00100000", "00080000");
        if restart {
            let second = served.parked();
            assert_ne!(first, second);
            let (caller, arg) = served.script.take_parked(second).unwrap();
            assert_eq!(arg.bytes(), client::unhex(&halved));
            served.door.complete(
                second,
                caller.process,
                Outcome::Done(Done { arg, writes: vec![], fds: vec![] }),
            );
            assert_eq!(client.hear(), format!("ret 0 {halved}"));
        } else {
            assert_eq!(client.hear(), format!("err {} {halved}", libc::EINTR));
        }
        assert!(
            !served.drain().iter().any(|seen| matches!(seen, Seen::Doomed(..))),
            "a signal doomed its process"
        );
    }
}

#[test]
fn the_first_store_to_a_doorbell_page_traps_and_again_after_each_rearm() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    // Offsets are handed out at multiples of 4 GiB.
    let base = 3u64 << 32;
    assert_eq!(client.tell(&format!("map {fd} {base} 8192")), "map 0");
    client.tell("store 0 8 1");
    let (trapped, offset, _) = served.trapped();
    assert_eq!((trapped, offset), (process, base));
    client.tell("store 0 16 2");
    assert_eq!(client.tell("load 0 8"), "1");
    assert!(served.drain().is_empty(), "a present page trapped");
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, base + 4096);
    for round in 0..50 {
        served.door.rearm(process, base, 4096);
        client.tell(&format!("store 0 8 {round}"));
        assert_eq!(served.trapped().1, base, "round {round}");
    }
    assert!(served.drain().is_empty(), "the second page trapped without having been dropped");
    served.door.rearm(process, base, 0);
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, base + 4096);
}

#[test]
fn a_touch_beyond_the_kfd_node_is_a_sigbus_and_never_a_page_nobody_reads() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("map {fd} {KFD_BYTES} 4096"));
    assert_eq!(client.tell("store 0 0 1"), "");
    assert_eq!(client.wait(), Some(libc::SIGBUS));
}

#[test]
fn truncating_or_writing_the_kfd_node_spoils_neither_its_pages_nor_the_trap() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("map {fd} 0 8192"));
    client.tell("store 0 8 7");
    served.trapped();
    assert_eq!(client.tell(&format!("truncate {fd} 0")), "0");
    assert_eq!(client.tell("load 0 8"), "7");
    assert_eq!(client.tell(&format!("write {fd} 4096")), libc::EINVAL.to_string());
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, 4096);
}

#[test]
fn clients_killed_at_any_moment_of_a_call_never_hang() {
    let served = served_or_skip!();
    for round in 0..60u64 {
        let mut client = Client::start();
        let fd = client.open(&served.kfd());
        for _ in 0..3 {
            client.say(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
        }
        std::thread::sleep(Duration::from_micros(round * 10));
        client.kill();
        assert!(client.reaped_within(Duration::from_secs(5)).is_some(), "round {round} hangs");
    }
    assert_eq!(served.door.census().calls, 0);
}

#[test]
fn two_processes_never_share_doorbell_pages() {
    let served = served_or_skip!();
    let mut clients: Vec<_> = (0..4).map(|_| Client::start()).collect();
    let mut processes = Vec::new();
    for (index, client) in clients.iter_mut().enumerate() {
        let fd = client.open(&served.kfd());
        processes.push(served.opened());
        client.tell(&format!("map {fd} 0 4096"));
        client.tell(&format!("store 0 0 {}", index + 100));
        assert_eq!(served.trapped().0, processes[index]);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.tell("load 0 0"), (index + 100).to_string());
        // The same process finds its pages again under a second open.
        let fd = client.open(&served.kfd());
        client.tell(&format!("map {fd} 0 4096"));
        assert_eq!(client.tell("load 1 0"), (index + 100).to_string());
    }
}

#[test]
fn the_render_node_shows_the_arena_and_ends_where_it_ends() {
    let served = served_or_skip!();
    let (mut one, mut other) = (Client::start(), Client::start());
    let fd = one.open(&served.render());
    let process = served.opened();
    one.tell(&format!("map {fd} 8192 4096"));
    one.tell("store 0 16 4711");
    let arena = served.script.arena_file(process);
    let mut word = [0; 8];
    arena.read_exact_at(&mut word, 8192 + 16).unwrap();
    assert_eq!(u64::from_le_bytes(word), 4711);
    arena.write_all_at(&99u64.to_le_bytes(), 8192 + 24).unwrap();
    assert_eq!(one.tell("load 0 24"), "99");
    // A second open of the same node, and another process's own arena.
    let again = one.open(&served.render());
    one.tell(&format!("map {again} 8192 4096"));
    assert_eq!(one.tell("load 1 16"), "4711");
    let fd = other.open(&served.render());
    other.tell(&format!("map {fd} 8192 4096"));
    assert_eq!(other.tell("load 0 16"), "0");
    assert_eq!(other.tell(&format!("map {fd} {ARENA} 4096")), "map 1");
    assert_eq!(other.tell("load 1 0"), "");
    assert_eq!(other.wait(), Some(libc::SIGBUS));
}

#[test]
fn a_forked_childs_call_is_ebadf_and_its_reopen_is_estale() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let answer = client.tell(&format!("fork_ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert_eq!(answer, format!("exit {}", libc::EBADF));
    // The node is its parent's: both of the kernel's attempts are refused.
    assert_eq!(client.tell(&format!("fork_reopen {fd}")), format!("exit {}", libc::ESTALE));
    assert_eq!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")), "ret 0 0100000012000000");
}

#[test]
fn closing_a_duplicate_running_a_command_and_reopening_tear_nothing_down() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.tell(&format!("dup_close {fd}"));
    client.tell("system");
    let seen = served.drain();
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Doomed(..) | Seen::Released(_))), "{seen:?}");
    client.tell(&format!("close {fd}"));
    served.expect("the release", |seen| matches!(seen, Seen::Released(_)).then_some(()));
    client.open(&served.kfd());
    assert_eq!(served.opened(), process);
    assert!(!served.drain().iter().any(|seen| matches!(seen, Seen::Doomed(..))));
}

#[test]
fn an_exec_that_closes_the_file_dooms_the_process() {
    let served = served_or_skip!();
    let mut client = Client::start();
    client.open(&served.kfd());
    let process = served.opened();
    client.say("exec");
    served.expect("the doom", |seen| (*seen == Seen::Doomed(process, Cause::MmGone)).then_some(()));
    assert_eq!(client.hear(), "ready");
    client.open(&served.kfd());
    assert_ne!(served.opened(), process);
}

#[test]
fn an_exec_that_keeps_the_file_is_seen_at_the_next_open() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.say(&format!("exec {fd}"));
    assert_eq!(client.hear(), "ready");
    assert_eq!(client.tell(&format!("inherited {fd}")), "1");
    client.open(&served.kfd());
    served.expect("the doom", |seen| (*seen == Seen::Doomed(process, Cause::Exec)).then_some(()));
    assert_ne!(served.opened(), process);
    let answer = client.tell(&format!("adopt_ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with(&format!("err {}", libc::EBADF)), "{answer}");
}

#[test]
fn forget_comes_with_the_last_foreign_mapping_after_the_process_was_unpublished() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    client.tell(&format!("map {fd} 0 4096"));
    client.tell("store 0 0 1");
    let sleeper: i32 = client.tell("fork_sleeper").strip_prefix("pid ").unwrap().parse().unwrap();
    client.kill();
    client.wait();
    served.door.unpublished(process);
    let seen = served.drain();
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Forgotten(..))), "{seen:?}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::SIGKILL).unwrap();
    served.expect("the FORGET", |seen| (*seen == Seen::Forgotten(process, Node::Kfd)).then_some(()));
}

#[test]
fn clients_that_come_and_go_leave_nothing_in_the_door() {
    let served = served_or_skip!();
    for _ in 0..10 {
        let mut client = Client::start();
        let fd = client.open(&served.kfd());
        let process = served.opened();
        client.open(&served.render());
        assert_eq!(served.opened(), process);
        client.tell(&format!("map {fd} 0 4096"));
        client.tell("store 0 0 1");
        client.kill();
        client.wait();
        served.door.unpublished(process);
    }
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let census = served.door.census();
        if census.files == 0 && census.calls == 0 && census.nodes == 0 {
            break;
        }
        assert!(Instant::now() < until, "{census:?} is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_daemon_on_the_mount_point_is_told_so_and_the_first_goes_on() {
    let served = served_or_skip!();
    let error = start(served.dir.path()).err().unwrap();
    assert!(matches!(error, DoorError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("already served"), "{error}");
    let mut client = Client::start();
    client.open(&served.kfd());
}

#[test]
fn a_mount_left_by_a_daemon_that_was_killed_is_removed_and_served_anew() {
    if served("a stale mount").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "daemon_role", "--nocapture", "--ignored"])
        .env("DOOR_TEST_MOUNT", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let kfd = dir.path().join("kfd");
    let until = Instant::now() + Duration::from_secs(5);
    while !kfd.exists() {
        assert!(Instant::now() < until, "the first daemon does not serve");
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(std::fs::metadata(&kfd).unwrap_err().raw_os_error(), Some(libc::ENOTCONN));
    let (door, ..) = start(dir.path()).unwrap();
    assert!(door.recovered_stale_mount());
    assert!(Command::new("ls").arg(&kfd).status().unwrap().success());
    door.stop();
}

#[test]
#[ignore = "the daemon's side of the stale mount test"]
fn daemon_role() {
    let Some(path) = std::env::var_os("DOOR_TEST_MOUNT") else { return };
    match start(Path::new(&path)) {
        Ok(_served) => std::thread::sleep(Duration::from_secs(60)),
        Err(error) => println!("\n>> {error}"),
    }
}

#[test]
fn a_mount_point_that_is_no_directory_is_refused_in_one_line() {
    if served("a bad mount point").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [&file, &dir.path().join("absent"), Path::new("/proc")] {
        let error = start(path).err().unwrap().to_string();
        assert!(!error.contains('\n') && error.contains("director"), "{error}");
    }
}

#[test]
fn a_door_whose_mount_somebody_took_away_still_ends() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    assert!(Command::new("umount").arg("-l").arg(served.dir.path()).status().unwrap().success());
    assert_eq!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")), "ret 0 0100000012000000");
    served.door.stop();
    let answer = client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with("err"), "{answer}");
}

/// What a daemon says that is started like this and cannot serve.
fn refusal(command: &mut Command) -> String {
    let dir = tempfile::tempdir().unwrap();
    let out = command
        .args(["--exact", "daemon_role", "--nocapture", "--ignored"])
        .env("DOOR_TEST_MOUNT", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix(">> ")).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn without_privileges_the_door_says_what_to_do() {
    if served("missing privileges").is_none() {
        return;
    }
    // Nobody may read the build directory, so the program goes where it can be executed.
    let dir =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let dir = dir.unwrap();
    let program = dir.path().join("daemon");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    let refused = refusal(std::os::unix::process::CommandExt::uid(&mut command, 65534));
    assert!(refused.contains("sudo"), "{refused}");
}

#[test]
fn without_the_device_the_door_says_what_to_do() {
    if served("a missing device").is_none() {
        return;
    }
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none /dev && exec \"$0\" \"$@\"";
    command.args(["--mount", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let refused = refusal(&mut command);
    assert!(refused.contains("modprobe fuse"), "{refused}");
}

#[test]
fn a_client_with_an_open_file_outlives_the_door() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let render = client.open(&served.render());
    client.tell(&format!("map {render} 0 4096"));
    client.tell("store 0 0 5");
    client.say(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
    client.hear();
    served.parked();
    served.door.stop();
    assert!(client.hear().starts_with("err"), "the parked call hangs");
    assert_eq!(client.tell("load 0 0"), "5");
    let answer = client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000"));
    assert!(answer.starts_with(&format!("err {}", libc::ENOTCONN)), "{answer}");
    assert!(!served.kfd().exists());
}

#[test]
#[ignore = "prints figures; run with --release --nocapture"]
fn figures() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let at: u64 = client.tell(&format!("address {}", "0f".repeat(48))).parse().unwrap();
    let address: String = at.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let counters = "00".repeat(40);
    let wait = format!("{address}01000000000000000000000000000000");
    for (what, cmd, bytes, rounds) in [
        ("refused by the door (bare echo)", "c0084b7f", "00".repeat(8).as_str(), 100_000),
        ("GET_CLOCK_COUNTERS", "c0284b05", &counters, 100_000),
        ("WAIT_EVENTS, gathered and scattered by threads made for it", WAIT_EVENTS, &wait, 5_000),
    ] {
        client.tell(&format!("bench {fd} {cmd} {bytes} 2000"));
        let nanos = client.tell(&format!("bench {fd} {cmd} {bytes} {rounds}"));
        println!("{what}: {nanos} ns a call");
    }
    for path in [served.kfd(), served.render()] {
        let nanos = client.tell(&format!("bench_open {} 2000", path.display()));
        println!("open and close of {path:?}: {nanos} ns");
    }
    client.tell(&format!("map {fd} 0 4096"));
    let process = served.opened();
    let (mut seen, mut whole, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2000 {
        let answer = client.tell("timed_store 0 0 1");
        let (before, after) = answer.split_once(' ').unwrap();
        let (before, after): (i64, i64) = (before.parse().unwrap(), after.parse().unwrap());
        seen.push(served.trapped().2 - before);
        whole.push(after - before);
        let start = Instant::now();
        served.door.rearm(process, 0, 4096);
        dropped.push(start.elapsed().as_nanos() as i64);
    }
    for (what, mut times) in [("store to trap", seen), ("whole trap", whole), ("re-arming", dropped)] {
        times.sort_unstable();
        println!("{what}: median {} ns, p99 {} ns", times[1000], times[1980]);
    }
}
