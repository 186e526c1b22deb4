//! An unmodified tinygrad from PyPI: PM4 or AQL for its compute queue, SDMA for its copies.

use kfd_tests::able;
use kfd_tests::program::program;
use kfd_tests::python::Tinygrad;
use std::path::Path;
use std::process::Command;

/// Runs `tests/clients/on_tinygrad.py` on so many devices of a profile and holds it to each thing it says.
fn holds(profile: &str, gpus: u32, says: &[&str]) {
    if !able::live() {
        return;
    }
    let Some(python) = Tinygrad::Current.python() else { return };
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

// Keeps: tinygrad
#[test]
fn tinygrad_copies_through_sdma_and_signals_through_pm4_on_gfx1100() {
    holds("gfx1100", 1, &["opened gfx1100", "copy", "signal", "timestamp", "order", "synchronize"]);
}

// Keeps: tinygrad
#[test]
fn tinygrad_copies_through_sdma_and_signals_through_aql_on_gfx942() {
    holds("gfx942", 1, &["opened gfx942", "copy", "signal", "timestamp", "order", "synchronize"]);
}

// Keeps: tinygrad
#[test]
fn tinygrad_moves_memory_from_one_device_to_another() {
    let says = ["copy", "signal", "timestamp", "order", "synchronize", "transfer"];
    holds("gfx1100", 2, &[&["opened gfx1100"], &says[..]].concat());
    holds("gfx942", 2, &[&["opened gfx942"], &says[..]].concat());
}

/// tinygrad 0.9.2 names no control stack of its compute queue (`_alloc_queue`, runtime/ops_amd.py). A kernel of interface
/// 1.18 answers EINVAL to that; one of its own time took it.
// Keeps: tinygrad-interface
#[test]
fn a_tinygrad_whose_queue_has_no_control_stack_opens_where_the_interface_takes_that() {
    if !able::live() {
        return;
    }
    let Some(python) = Tinygrad::Old.python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = |interface: &str| {
        let mut command = Command::new(program("kfdctl"));
        command
            .args(["run", "--embedded", "--profile", "gfx1100", "--interface", interface, "--"])
            .args(["timeout", "120"])
            .arg(&python)
            .args(["-c", "from tinygrad.device import Device; print('opened', Device['AMD'].arch)"])
            .env_remove(kfdd::rundir::ENV)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("XDG_CACHE_HOME", folder.path());
        command.output().expect("kfdctl can be executed")
    };
    let out = open("1.18");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(said.contains("create_queue") && said.contains("[Errno 22] Invalid argument"), "{said}");
    let out = open("1.11");
    assert!(out.status.success(), "{out:?}");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "opened gfx1100\n");
}
