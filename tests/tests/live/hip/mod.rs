//! HIP programs that nobody here has changed for it, run to their results on a device without hardware.

mod errors;
mod libraries;
mod programs;

use kfd_tests::hip::{self, Level};
use kfd_tests::{Kfdd, able};
use std::path::Path;
use std::process::{Command, Output};

/// A program of these takes seconds at most on an idle machine; one that waits for ever is a failure with its output.
const PATIENCE: &str = "120";

/// A daemon with a gfx900 whose kernels run.
fn device() -> Option<Kfdd> {
    Kfdd::start_as(|mut daemon| {
        daemon.args(["--profile", "gfx900", "--waves", "run"]);
        daemon
    })
}

/// A program in a view of it.
fn command(kfdd: &Kfdd, program: &Path) -> Command {
    let mut run = kfdd.kfdctl(&["run", "--", "timeout", PATIENCE]);
    run.arg(program);
    run
}

fn run(kfdd: &Kfdd, program: &Path) -> Output {
    command(kfdd, program).output().expect("kfdctl can be executed")
}

/// What a program prints that ends well; its last line is that all is right.
fn right(kfdd: &Kfdd, name: &str, program: &Path) -> String {
    let out = run(kfdd, program);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let right = out.status.success() && said.lines().last() == Some(&format!("ok {name}"));
    assert!(right, "{}: {out:?}\n{said}", program.display());
    said
}

/// Runs `tests/clients/hip/NAME.hip` as compiled at both levels; what each has printed. Nothing, where it cannot be run here.
fn both(name: &str) -> Vec<String> {
    if !able::live() {
        return Vec::new();
    }
    let programs: Option<Vec<_>> =
        Level::ALL.into_iter().map(|level| hip::compiled(name, level, &[], &[])).collect();
    let (Some(programs), Some(kfdd)) = (programs, device()) else { return Vec::new() };
    let said = programs.iter().map(|program| right(&kfdd, name, program)).collect();
    kfdd.finish();
    said
}
