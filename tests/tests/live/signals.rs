//! Signals that find a client in a call, again and again.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::process::Command;

// Keeps: wait-under-timer
#[test]
fn a_wait_under_a_profilers_timer_is_never_shorter_than_asked_and_has_its_event() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(client) = compile::client("timer", folder.path(), &[]) else { return };
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--"]).arg(client).env_remove(kfdd::rundir::ENV);
    let out = command.output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 6, "{out:?}");
    print!("{}", String::from_utf8_lossy(&out.stdout));
}
