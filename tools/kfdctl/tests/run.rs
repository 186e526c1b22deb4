//! `kfdctl run` with a daemon of its own: exit codes, signals, what is left afterwards.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Command {
    let mut run = Command::new(env!("CARGO_BIN_EXE_kfdctl"));
    run.arg("run").arg("--embedded").args(arguments).env_remove("KFDD_RUN_DIR");
    run
}

fn output(arguments: &[&str]) -> Output {
    run(arguments).output().unwrap()
}

/// Whether this test can run; a skip is said, with its name.
fn able(test: &str) -> bool {
    let able = nix::unistd::geteuid().is_root() && Path::new("/dev/fuse").exists();
    if !able {
        println!("skipped: {test}: needs root and /dev/fuse");
    }
    able
}

// Keeps: run-exit-code
#[test]
fn the_exit_code_is_the_commands() {
    if !able("the_exit_code_is_the_commands") {
        return;
    }
    assert_eq!(output(&["--", "sh", "-c", "exit 42"]).status.code(), Some(42));
    assert_eq!(output(&["--", "sh", "-c", "kill -KILL $$"]).status.code(), Some(137));
    assert_eq!(output(&["--", "no-such-program"]).status.code(), Some(127));
}

#[test]
fn output_and_input_are_the_commands_own() {
    if !able("output_and_input_are_the_commands_own") {
        return;
    }
    let out = output(&["--", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((out.stdout.as_slice(), out.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
}

#[test]
fn a_signal_sent_to_kfdctl_reaches_the_command_once() {
    if !able("a_signal_sent_to_kfdctl_reaches_the_command_once") {
        return;
    }
    let script =
        "trap 'echo term' TERM; trap 'echo int; exit 3' INT; echo ready; while :; do sleep 0.05; done";
    let mut child = run(&["--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let kfdctl = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    kill(kfdctl, Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().as_deref(), Some("term"));
    kill(kfdctl, Signal::SIGINT).unwrap();
    assert_eq!(lines.next().as_deref(), Some("int"));
    assert_eq!(lines.next(), None);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_signal_to_the_whole_group_ends_the_command_and_no_memory_worker() {
    if !able("a_signal_to_the_whole_group_ends_the_command_and_no_memory_worker") {
        return;
    }
    let script = "trap 'exit 3' INT; echo ready; while :; do sleep 0.05; done";
    let mut command = run(&["--", "sh", "-c", script]);
    // As a terminal does on Ctrl-C.
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    nix::sys::signal::killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "", "a worker's end is logged");
}

#[test]
fn the_command_starts_with_the_signal_state_of_any_program() {
    if !able("the_command_starts_with_the_signal_state_of_any_program") {
        return;
    }
    let look = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"];
    let plain = Command::new(look[0]).args(&look[1..]).output().unwrap();
    let inside = output(&[&["--"][..], &look].concat());
    assert_eq!(String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&plain.stdout));
}

#[test]
fn listings_inside_speak_to_the_commands_daemon() {
    if !able("listings_inside_speak_to_the_commands_daemon") {
        return;
    }
    let program = env!("CARGO_BIN_EXE_kfdctl");
    let script = format!("exec 3<>/dev/kfd; {program} ps --json; {program} queues --json; {program} ps");
    let out = output(&["--", "sh", "-ec", &script]);
    assert!(out.status.success(), "{out:?}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut lines = text.lines();
    let ps: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(ps["processes"].as_array().unwrap().len(), 1, "{ps}");
    assert_eq!(ps["processes"][0]["state"], "live");
    assert!(ps["processes"][0]["tgid"].as_u64().is_some_and(|tgid| tgid > 1));
    let queues: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(queues, serde_json::json!({ "queues": [] }));
    assert!(lines.next().unwrap().trim_start().starts_with("TGID"));
    assert!(lines.next().unwrap().contains("live"));
}

// Keeps: run-leaves-nothing
#[test]
fn nothing_stays_behind() {
    if !able("nothing_stays_behind") {
        return;
    }
    let out = output(&["--", "sh", "-ec", "exec 3<>/dev/kfd; echo $KFDD_RUN_DIR"]);
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    let run_dir = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    assert!(run_dir.contains("kfdctl-"), "{run_dir}");
    assert!(!Path::new(&run_dir).exists(), "{run_dir} is still there");
    assert!(!std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&run_dir));
}

#[test]
fn a_named_run_directory_is_where_the_daemon_serves() {
    if !able("a_named_run_directory_is_where_the_daemon_serves") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let run_dir = run_dir.to_str().unwrap();
    let out = output(&["--run-dir", run_dir, "--", "sh", "-c", "echo $KFDD_RUN_DIR"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), run_dir, "{out:?}");
}
