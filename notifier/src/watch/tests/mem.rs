use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::uio::pread;

use super::super::{MmState, mm_state};
use super::{A_WHILE, Event, Pidfd, SOON, Sleeper, Tgid, Watcher, collect, token};

/// The mem file of a process, for reading only and for both.
fn mem_files(tgid: Tgid) -> [File; 2] {
    [false, true]
        .map(|write| OpenOptions::new().read(true).write(write).open(format!("/proc/{tgid}/mem")))
        .map(|opened| opened.expect("a child's mem file opens"))
}

fn states(files: &[File; 2]) -> [MmState; 2] {
    files.each_ref().map(|file| mm_state(file.as_fd()).expect("a mem file can be probed"))
}

#[test]
fn the_mm_of_a_living_process_is_alive_and_that_of_a_dead_one_gone() {
    let mut sleeper = Sleeper::new();
    let files = mem_files(sleeper.tgid());
    assert_eq!(states(&files), [MmState::Alive; 2]);
    assert_eq!(
        pread(&files[0], &mut [0], 0),
        Err(nix::Error::EIO),
        "page 0 is not mapped in a common process"
    );
    let pidfd = sleeper.pidfd();
    sleeper.kill();
    while !pidfd.has_ended().unwrap() {}
    assert_eq!(states(&files), [MmState::Gone; 2], "a zombie has no mm");
    assert_eq!(pread(&files[0], &mut [0], 0), Ok(0));
    sleeper.reap();
    assert_eq!(states(&files), [MmState::Gone; 2]);
}

#[test]
fn after_an_exec_the_old_mm_is_gone_while_the_pidfd_is_silent() {
    let mut shell =
        Command::new("sh").args(["-c", "read x; exec sleep 1000"]).stdin(Stdio::piped()).spawn().unwrap();
    let tgid = Tgid(shell.id());
    let pidfd = Pidfd::open(tgid).unwrap();
    let mut watcher = Watcher::new().unwrap();
    watcher.watch_death(pidfd.as_fd(), token(1)).unwrap();
    // The shell itself is an exec: its own mm is the one that runs "sh".
    let name = || std::fs::read_to_string(format!("/proc/{tgid}/comm")).unwrap();
    let begun = Instant::now();
    while name() != "sh\n" {
        assert!(begun.elapsed() < SOON);
    }
    let files = mem_files(tgid);
    assert_eq!(states(&files), [MmState::Alive; 2]);
    shell.stdin.take().unwrap().write_all(b"\n").unwrap();
    while states(&files) != [MmState::Gone; 2] {
        assert!(begun.elapsed() < SOON);
    }
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    assert!(!pidfd.has_ended().unwrap());
    assert_eq!(states(&mem_files(tgid)), [MmState::Alive; 2], "the new mm is another one");
    shell.kill().unwrap();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    shell.wait().unwrap();
}

#[test]
fn what_is_no_mem_file_is_an_error() {
    let (pipe, _other) = std::io::pipe().unwrap();
    assert!(mm_state(pipe.as_fd()).is_err());
}
