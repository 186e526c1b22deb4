//! Programs whose kernels go wrong: what the runtime says of it, and that their device serves the next one.

use super::{command, device, right};
use kfd_core::listing::QueueState;
use kfd_tests::hip::{self, Level};
use kfd_tests::{Kfdd, able, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// `fault` and `vadd`, and the device that they share.
fn scene() -> Option<(Kfdd, PathBuf, PathBuf)> {
    if !able::live() {
        return None;
    }
    let fault = hip::compiled("fault", Level::O3, &[], &[])?;
    let vadd = hip::compiled("vadd", Level::O3, &[], &[])?;
    Some((device()?, fault, vadd))
}

/// Runs `fault HOW`, which does not go on behind its kernel.
fn wrong(kfdd: &Kfdd, fault: &Path, how: &str) -> Output {
    let out = command(kfdd, fault).arg(how).output().expect("kfdctl can be executed");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.starts_with("launches\n") && !said.contains("goes on"), "{how}: {out:?}");
    out
}

// Keeps: hip-errors
#[test]
fn a_kernel_that_goes_wrong_ends_its_program_in_the_runtimes_words() {
    let Some((kfdd, fault, vadd)) = scene() else { return };
    for (how, words) in [
        ("write", "Memory access fault by GPU node-1"),
        ("read", "Memory access fault by GPU node-1"),
        ("trap", "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception."),
        ("abort", "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception."),
    ] {
        let out = wrong(&kfdd, &fault, how);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains(words), "{how}: {out:?}");
        assert_eq!(out.status.code(), Some(128 + Signal::SIGABRT as i32), "{how}: {out:?}");
        right(&kfdd, "vadd", &vadd);
    }
    kfdd.finish();
}

// Keeps: hip-errors
#[test]
fn the_address_of_a_memory_fault_is_told() {
    let Some((kfdd, fault, _)) = scene() else { return };
    for (how, address) in [("write", "on address 0x123456789000"), ("read", "on address 0x234567890000")] {
        let out = wrong(&kfdd, &fault, how);
        assert!(String::from_utf8_lossy(&out.stderr).contains(address), "{how}: {out:?}");
    }
    kfdd.finish();
}

// Keeps: hip-errors
#[test]
fn an_assertion_that_does_not_hold_is_told_with_its_place() {
    if !able::live() {
        return;
    }
    for level in Level::ALL {
        let Some(program) = hip::compiled("assert", level, &[], &[]) else { return };
        let Some(kfdd) = device() else { return };
        let out = command(&kfdd, &program).output().expect("kfdctl can be executed");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "the first holds\n", "{out:?}");
        let said = String::from_utf8_lossy(&out.stderr);
        for words in [
            "assert.hip:7: void check_all(const int *, int): Device-side assertion ",
            "`number >= least && \"a number is too small\"' failed.",
        ] {
            assert!(said.contains(words), "{words}: {out:?}");
        }
        assert_eq!(out.status.code(), Some(128 + Signal::SIGABRT as i32), "{out:?}");
        kfdd.finish();
    }
}

// Keeps: hip-killed
#[test]
fn a_program_killed_while_its_kernel_runs_for_ever_leaves_nothing() {
    let Some((kfdd, fault, vadd)) = scene() else { return };
    for _ in 0..3 {
        // Not through timeout, whose death would be another's.
        let mut child = kfdd
            .kfdctl(&["run", "--"])
            .arg(&fault)
            .arg("forever")
            .stdout(Stdio::piped())
            .spawn()
            .expect("kfdctl can be executed");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut said).expect("text");
        assert_eq!(said, "launches\n");
        let client = eventually(Duration::from_secs(20), || {
            let runs = kfdd.queues().into_iter().find(|queue| queue.state == QueueState::Dispatched);
            runs.map(|queue| queue.tgid.0)
        });
        let client = Pid::from_raw(client.expect("its kernel runs").try_into().expect("a process id"));
        kill(client, Signal::SIGKILL).expect("it is alive");
        let status = child.wait().expect("a child");
        assert_eq!(status.code(), Some(128 + Signal::SIGKILL as i32));
        kfdd.assert_no_residue();
        right(&kfdd, "vadd", &vadd);
    }
    kfdd.finish();
}
