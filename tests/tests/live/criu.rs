//! Checkpoint and restore by a real tracer, in C, as CRIU's plugin does it.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::process::Command;

// Keeps: criu-restores, CRIU_OP
#[test]
fn a_traced_process_is_checkpointed_killed_and_goes_on_as_another() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(client) = compile::client("checkpoint", folder.path(), &[]) else { return };
    for profile in ["gfx900", "gfx942"] {
        let mut command = Command::new(program("kfdctl"));
        command.args(["run", "--embedded", "--profile", profile, "--"]).arg(&client);
        let out = command.env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed");
        assert!(out.status.success(), "{profile}: {out:?}");
        assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 2, "{out:?}");
    }
}
