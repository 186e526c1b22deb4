//! The HIP program and its OpenCL twin: built from one text, started, asked.

use crate::stage::asked::Asked;
use crate::stage::kfdd::Kfdd;
use anyhow::{Context, ensure};
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::remark;
use kfd_tests::task;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/waves");
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// What is there to be measured, built; a side without its packages is `None`, and a remark says so.
pub struct Programs {
    folder: tempfile::TempDir,
    hip: Option<PathBuf>,
    opencl: Option<PathBuf>,
}

impl Programs {
    /// Builds both.
    pub fn build() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let build = |name: &str, package: &str, arguments: &[&str]| {
            let program = folder.path().join(name);
            compile(&program, arguments).map(|()| program).map_or_else(
                |error| {
                    remark(&format!("  {name}'s side was left out ({package} is needed): {error:#}"));
                    None
                },
                Some,
            )
        };
        let hip = build("HIP", "libamdhip64-5", &["-I", CLIENTS, "-l:libamdhip64.so.5"]);
        let opencl = build("OpenCL", "pocl-opencl-icd with ocl-icd-opencl-dev", &["-DOPENCL", "-lOpenCL"]);
        Ok(Self { hip, opencl, folder })
    }

    /// The HIP program as a client of a daemon, on this CPU; `None` when it could not be built.
    pub fn hip(&self, daemon: &Kfdd, cpus: &Cpus, place: Place) -> anyhow::Result<Option<Program>> {
        let Some(program) = &self.hip else { return Ok(None) };
        let mut command = daemon.kfdctl(&["run", "--"])?;
        command.arg(program);
        self.start(command, cpus, place)
    }

    /// The OpenCL program with one thread for its kernels, on this CPU.
    pub fn opencl(&self, cpus: &Cpus, place: Place) -> anyhow::Result<Option<Program>> {
        let Some(program) = &self.opencl else { return Ok(None) };
        let mut command = Command::new(program);
        command.env("POCL_MAX_PTHREAD_COUNT", "1").env("POCL_CACHE_DIR", self.folder.path().join("cache"));
        self.start(command, cpus, place)
    }

    fn start(&self, mut command: Command, cpus: &Cpus, place: Place) -> anyhow::Result<Option<Program>> {
        command.arg(Path::new(SOURCES).join("kernels.inc"));
        let asked = cpus.at(place, || Asked::start(&mut command))?;
        Ok(Some(Program { asked }))
    }
}

fn compile(program: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let source = Path::new(SOURCES).join("program.c");
    let mut command = Command::new("cc");
    command.arg("-O2").arg("-o").arg(program).arg(source).args(arguments).arg("-lm");
    let output = command.output().context("cannot run cc")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.lines().next().unwrap_or("cc failed"));
    Ok(())
}

/// A running side.
pub struct Program {
    asked: Asked,
}

impl Program {
    /// One measurement: nanoseconds, or what the program's head says.
    pub fn ask(&mut self, what: &str, number: usize) -> anyhow::Result<f64> {
        self.asked.ask(&format!("{what} {number}"))
    }

    /// The part of the last measurement in which the program itself was on a CPU.
    pub fn awake(&mut self) -> anyhow::Result<f64> {
        self.asked.ask("awake")
    }

    /// The process ids of the program itself: `kfdctl run` is its parent.
    pub fn clients(&self) -> Vec<u32> {
        task::children(self.asked.id())
    }

    /// Lets it end.
    pub fn end(self) -> anyhow::Result<()> {
        self.asked.end()
    }
}
