//! An unmodified tinygrad from PyPI: PM4 or AQL for its compute queue, SDMA for its copies.

use kfd_tests::program::program;
use kfd_tests::{able, python};
use std::path::Path;
use std::process::Command;

/// Runs `tests/clients/on_tinygrad.py` on so many devices of a profile and holds it to each thing it says.
fn holds(profile: &str, gpus: u32, says: &[&str]) {
    if !able::live() {
        return;
    }
    let Some(python) = python::tinygrad() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/on_tinygrad.py");
    let mut command = Command::new(program("kfdctl"));
    command
        .args(["run", "--embedded", "--profile", profile, "--gpus", &gpus.to_string(), "--"])
        .args(["timeout", "120"])
        .arg(python)
        .arg(script)
        .env_remove(kfdd::rundir::ENV)
        .envs([("DEV", "KFD+AMD"), ("PYTHONDONTWRITEBYTECODE", "1")])
        .env("XDG_CACHE_HOME", folder.path());
    let out = command.output().expect("kfdctl can be executed");
    let said = String::from_utf8_lossy(&out.stdout);
    // 70 would be a leak report: nothing of it may be left either.
    assert!(out.status.success(), "{profile}: {said}{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_suffix(" ok")).collect();
    assert_eq!(lines, says, "{profile}");
}

#[test]
fn tinygrad_copies_through_sdma_and_signals_through_pm4_on_gfx1100() {
    holds("gfx1100", 1, &["opened gfx1100", "copy", "signal", "timestamp", "order", "synchronize"]);
}

#[test]
fn tinygrad_copies_through_sdma_and_signals_through_aql_on_gfx942() {
    holds("gfx942", 1, &["opened gfx942", "copy", "signal", "timestamp", "order", "synchronize"]);
}

#[test]
fn tinygrad_moves_memory_from_one_device_to_another() {
    let says = ["copy", "signal", "timestamp", "order", "synchronize", "transfer"];
    holds("gfx1100", 2, &[&["opened gfx1100"], &says[..]].concat());
    holds("gfx942", 2, &[&["opened gfx942"], &says[..]].concat());
}
