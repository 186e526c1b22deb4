//! The mount point, and what is in the way of serving it.

use crate::client::Client;
use crate::{GET_VERSION, served, start};
use door::fuse::DoorError;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

// Keeps: second-daemon
#[test]
fn a_second_daemon_on_the_mount_point_is_told_so_and_the_first_goes_on() {
    let served = served_or_skip!();
    let error = start(served.dir.path()).err().unwrap();
    assert!(matches!(error, DoorError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("already served"), "{error}");
    let mut client = Client::start();
    client.open(&served.kfd());
}

/// A daemon in a process of its own that serves `path`.
fn daemon_at(path: &Path) -> Child {
    let daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "daemon_role", "--nocapture", "--ignored"])
        .env("DOOR_TEST_MOUNT", path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while !path.join("kfd").exists() {
        assert!(Instant::now() < until, "the daemon does not serve");
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon
}

// Keeps: stale-mount
#[test]
fn a_mount_left_by_a_daemon_that_was_killed_is_removed_and_served_anew() {
    if served("a stale mount").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = daemon_at(dir.path());
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let kfd = dir.path().join("kfd");
    assert_eq!(std::fs::metadata(&kfd).unwrap_err().raw_os_error(), Some(libc::ENOTCONN));
    let (door, ..) = start(dir.path()).unwrap();
    assert!(door.recovered_stale_mount());
    assert!(Command::new("ls").arg(&kfd).status().unwrap().success());
    door.stop();
}

#[test]
fn a_daemon_that_is_stopped_keeps_its_mount_and_the_second_says_what_to_do() {
    if served("a stopped daemon").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = daemon_at(dir.path());
    let pid = nix::unistd::Pid::from_raw(daemon.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::SIGSTOP).unwrap();
    nix::sys::wait::waitpid(pid, Some(nix::sys::wait::WaitPidFlag::WUNTRACED)).unwrap();
    let refused = start(dir.path()).err().unwrap();
    nix::sys::signal::kill(pid, nix::sys::signal::SIGCONT).unwrap();
    assert!(matches!(refused, DoorError::Unresponsive { .. }), "{refused}");
    assert!(refused.to_string().contains("umount -fl"), "{refused}");
    assert!(dir.path().join("kfd").exists(), "its mount is gone");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // Takes the mount away again.
    start(dir.path()).unwrap().0.stop();
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

// Keeps: missing-said
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
    // By another process: a fork of another test's would keep a descriptor of ours, and a file that is open for writing
    // cannot be executed.
    let own = std::env::current_exe().unwrap();
    assert!(Command::new("cp").arg(own).arg(&program).status().unwrap().success());
    let mut command = Command::new(&program);
    let refused = refusal(std::os::unix::process::CommandExt::uid(&mut command, 65534));
    assert!(refused.contains("sudo"), "{refused}");
}

// Keeps: missing-said
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
