//! What `kfdctl` says and how it ends, without any daemon.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

use std::process::{Command, Output};

fn kfdctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kfdctl"))
        .args(arguments)
        .env_remove("KFDD_RUN_DIR")
        .env_remove("HSA_USERPTR_FOR_PAGED_MEM")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_listing_without_a_daemon_says_where_it_looked_and_what_to_do() {
    for verb in ["ps", "queues", "shares", "top", "topology"] {
        let out = kfdctl(&[verb, "--run-dir", "/nonexistent/kfdd"]);
        assert_eq!(out.status.code(), Some(1));
        assert!(out.stdout.is_empty());
        let error = text(&out.stderr);
        assert!(error.contains("/nonexistent/kfdd") && error.contains("start one"), "{error}");
    }
}

#[test]
fn the_run_directory_of_the_environment_is_used() {
    let out = Command::new(env!("CARGO_BIN_EXE_kfdctl"))
        .arg("ps")
        .env("KFDD_RUN_DIR", "/nonexistent/by-environment")
        .output()
        .unwrap();
    assert!(text(&out.stderr).contains("/nonexistent/by-environment"), "{out:?}");
}

#[test]
fn a_wrong_command_line_is_refused_with_status_2() {
    for arguments in [
        &["run"][..],
        &["run", "--"],
        &["bottom"],
        &["ps", "--csv"],
        &["top", "--interval", "0"],
        &["topology", "--gpus", "2"],
        &["completions"],
        &[],
    ] {
        assert_eq!(kfdctl(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn every_help_text_has_examples_or_exit_codes() {
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["ps", "--help"],
        &["queues", "--help"],
        &["shares", "--help"],
        &["doctor", "--help"],
        &["top", "--help"],
        &["topology", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
    ] {
        let out = kfdctl(arguments);
        assert!(out.status.success());
        let help = text(&out.stdout);
        assert!(help.contains("Examples:") || help.contains("Exit status:"), "{help}");
        assert!(!help.contains("internal"), "the internal subcommand is hidden: {help}");
    }
}

#[test]
fn an_unknown_profile_starts_nothing() {
    let out = kfdctl(&["run", "--embedded", "--profile", "no-such-gpu", "--", "true"]);
    assert_eq!(out.status.code(), Some(125), "{out:?}");
    assert!(text(&out.stderr).contains("no-such-gpu"), "{out:?}");
}

#[test]
fn doctor_prints_one_object_with_every_check() {
    let out = kfdctl(&["doctor", "--json", "--run-dir", "/nonexistent/kfdd"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let status = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("no check {name}"))["status"].clone()
    };
    for name in [
        "kernel",
        "/dev/fuse",
        "CAP_SYS_ADMIN",
        "io_uring",
        "overlay",
        "user namespaces",
        "stale mounts",
        "real GPU",
    ] {
        assert!(["ok", "note", "missing"].iter().any(|known| status(name) == *known));
    }
    assert_eq!(status("daemon"), "note");
    assert_eq!(status("HSA_USERPTR_FOR_PAGED_MEM"), "note");
    let missing = checks.iter().any(|check| check["status"] == "missing");
    assert_eq!(report["ok"], !missing);
    assert_eq!(out.status.code(), Some(i32::from(missing)));
    for check in checks.iter().filter(|check| check["status"] != "ok") {
        assert!(check["advice"].is_string(), "nothing to do about {check}");
    }
}

#[test]
fn doctor_accepts_the_variable_that_it_asks_for() {
    let out = Command::new(env!("CARGO_BIN_EXE_kfdctl"))
        .args(["doctor", "--json"])
        .env("HSA_USERPTR_FOR_PAGED_MEM", "0")
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let check = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "HSA_USERPTR_FOR_PAGED_MEM");
    assert_eq!(check.unwrap()["status"], "ok");
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kfdctl"))
        .arg("doctor")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(!text(&out.stderr).contains("panicked"), "{out:?}");
    assert!(out.status.code().is_some(), "ended by a signal: {out:?}");
}
