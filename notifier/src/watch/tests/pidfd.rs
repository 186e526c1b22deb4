use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;

use super::{Pidfd, SOON, Sleeper, Tgid};

#[test]
fn the_inode_is_the_processs_own_and_stays_after_its_end() {
    let (mut one, other) = (Sleeper::new(), Sleeper::new());
    let pidfd = one.pidfd();
    let inode = pidfd.inode().unwrap();
    assert_eq!(one.pidfd().inode().unwrap(), inode);
    assert_ne!(other.pidfd().inode().unwrap(), inode);
    one.reap();
    assert_eq!(pidfd.inode().unwrap(), inode);
}

#[test]
fn the_exit_status_is_there_once_the_process_is_reaped() {
    let mut sleeper = Sleeper::new();
    let pidfd = sleeper.pidfd();
    assert_eq!(pidfd.exit_status().unwrap(), None);
    assert!(!pidfd.has_ended().unwrap());
    pidfd.send_signal(Signal::SIGTERM).unwrap();
    while !pidfd.has_ended().unwrap() {}
    assert_eq!(pidfd.exit_status().unwrap(), None, "a zombie's exit is its parent's to fetch first");
    sleeper.0.wait().unwrap();
    assert_eq!(pidfd.exit_status().unwrap().and_then(|status| status.signal()), Some(libc::SIGTERM));
    assert_eq!(pidfd.info().unwrap_err().raw_os_error(), Some(libc::ESRCH));
    assert_eq!(pidfd.send_signal(Signal::SIGTERM).unwrap_err().raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn the_exit_status_of_a_process_that_is_not_our_child_is_told_too() {
    let mut shell = Command::new("sh")
        .args(["-c", "exec 3<&0; sh -c 'read x <&3; exit 42' & echo $!; wait"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let grandchild = Pidfd::open(Tgid(line.trim().parse().unwrap())).unwrap();
    shell.stdin.take().unwrap().write_all(b"\n").unwrap();
    shell.wait().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = grandchild.exit_status().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < SOON);
    };
    assert_eq!(status.code(), Some(42));
}

#[test]
fn the_kernel_tells_who_a_pidfd_is() {
    let sleeper = Sleeper::new();
    let info = sleeper.pidfd().info().unwrap();
    assert_eq!(info.tgid, sleeper.tgid());
    assert_eq!(info.parent, Tgid(std::process::id()));
    assert_eq!(info.real_uid, nix::unistd::getuid().as_raw());
    assert_eq!(info.effective_uid, nix::unistd::geteuid().as_raw());
}

#[test]
fn a_number_that_is_free_has_no_pidfd() {
    // Above every kernel's pid_max (2^22).
    assert!(Pidfd::open(Tgid(1 << 23)).is_err());
}
