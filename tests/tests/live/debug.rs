//! A real debugger: a C program that traces another and asks the driver about it.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::process::{Command, Output};

/// Runs `tests/clients/debugger.c`, by way of `before`, in a private view of that machine.
fn debug(machine: &[&str], before: &[&str]) -> Option<Output> {
    if !able::live() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let client = compile::client("debugger", folder.path(), &[])?;
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded"]).args(machine).arg("--").args(before).arg(client);
    Some(command.env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed"))
}

// Keeps: debug-attach, DBG_TRAP
#[test]
fn a_debugger_attaches_before_its_target_opens_anything_and_lists_its_queues() {
    for profile in ["gfx900", "gfx942", "gfx1100"] {
        let Some(out) = debug(&["--profile", profile], &[]) else { return };
        assert!(out.status.success(), "{profile}: {out:?}");
        assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 5, "{out:?}");
    }
}

// Keeps: debug-attach
#[test]
fn a_debugger_in_another_pid_namespace_names_its_target_by_its_own_numbers() {
    if !able::has("unshare") {
        return;
    }
    let Some(out) = debug(&["--profile", "gfx942"], &["unshare", "--pid", "--fork", "--kill-child"]) else {
        return;
    };
    assert!(out.status.success(), "{out:?}");
}

// Keeps: interface-kept
#[test]
fn a_device_of_interface_1_11_has_no_debugger() {
    for profile in ["gfx900", "gfx1100"] {
        let Some(out) = debug(&["--profile", profile, "--interface", "1.11"], &[]) else { return };
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains("Inappropriate ioctl"), "{out:?}");
    }
}
