//! What goes wrong with a queue reaches a runtime that has enabled exceptions, in memory of its own.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::process::{Command, Output};

/// Runs `tests/clients/exceptions.c` in a private view of that profile.
fn run(profile: &str, state: &str) -> Option<Output> {
    if !able::live() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let client = compile::client("exceptions", folder.path(), &[])?;
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--profile", profile, "--"]).arg(client).arg(state);
    Some(command.env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed"))
}

// Keeps: stopped-queue-told
#[test]
fn a_runtime_is_told_of_a_stopped_queue_in_its_own_memory() {
    for profile in ["gfx942", "gfx1100"] {
        let Some(out) = run(profile, "enabled") else { return };
        assert!(out.status.success(), "{profile}: {out:?}");
        assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 3, "{out:?}");
    }
}

// Keeps: inactive-signal
#[test]
fn a_runtime_that_has_enabled_nothing_has_the_inactive_signal_alone() {
    for profile in ["gfx900", "gfx942", "gfx1100"] {
        let Some(out) = run(profile, "silent") else { return };
        assert!(out.status.success(), "{profile}: {out:?}");
        assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 2, "{out:?}");
    }
}
