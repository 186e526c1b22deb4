//! Streams of events, through the door of `kfdctl run` that carries descriptors.

use kfd_tests::{Kfdd, compile, eventually};
use std::os::unix::process::CommandExt;
use std::time::Duration;

// Keeps: run-descriptors
#[test]
fn a_command_of_a_run_hears_of_its_faults_by_the_descriptor_it_gets() {
    let Some(kfdd) = Kfdd::start() else { return };
    if let Some(client) = compile::client("descriptors", kfdd.folder(), &[]) {
        let mut command = kfdd.kfdctl(&["run", "--"]);
        command.arg(client).arg("smi");
        let out = command.output().expect("kfdctl can be executed");
        assert!(out.status.success(), "{out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        for line in ["the fault was told", "closed and opened again"] {
            assert!(text.contains(line), "`{line}` is missing in {text}");
        }
    }
    kfdd.finish();
}

/// SIGKILL at any moment of a run: before its filter, between that and the handing over, in a stopped call, after it.
// Keeps: run-killed
#[test]
fn commands_that_are_killed_leave_no_listener_and_no_thread() {
    let Some(kfdd) = Kfdd::start() else { return };
    if let Some(client) = compile::client("descriptors", kfdd.folder(), &[]) {
        let count = |what| std::fs::read_dir(format!("/proc/{}/{what}", kfdd.pid())).unwrap().count();
        let threads_and_descriptors = || (count("task"), count("fd"));
        let before = threads_and_descriptors();
        for moment in 0..40 {
            let mut command = kfdd.kfdctl(&["run", "--"]);
            command.arg(&client).arg("smi");
            command.stdout(std::process::Stdio::null()).process_group(0);
            let mut child = command.spawn().expect("kfdctl can be executed");
            std::thread::sleep(Duration::from_millis(moment * 3));
            let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            // The whole group: a run whose parent alone is killed goes on.
            nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).expect("it is not reaped yet");
            child.wait().expect("it is our child");
        }
        let settled = eventually(Duration::from_secs(20), || {
            let now = threads_and_descriptors();
            (now.0 <= before.0 && now.1 <= before.1).then_some(())
        });
        assert!(
            settled.is_some(),
            "{:?} threads and descriptors, {before:?} before",
            threads_and_descriptors()
        );
    }
    kfdd.finish();
}
