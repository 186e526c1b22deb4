//! The Python environments of the live tests: releases of tinygrad from PyPI, each in a folder below the target folder.
//!
//! What cannot be had is named and not an error: the test that needs it is then skipped by name.

use crate::cargo;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is installed where: the releases that the tests are about. `kfd_tests::python` looks for these folders.
const RELEASES: &[(&str, &str)] =
    &[("tinygrad==0.14.*", "tinygrad-venv"), ("tinygrad==0.9.2", "tinygrad-0.9-venv")];

/// Makes the environments unless they are there and whole.
///
/// # Errors
/// This program is not in a target folder.
pub fn set_up() -> anyhow::Result<()> {
    for (requirement, folder) in RELEASES {
        let folder = cargo::programs(folder)?;
        let python = folder.join("bin/python3");
        if runs(&python, &["-c", "import tinygrad"]) {
            continue;
        }
        println!("Installing {requirement} from PyPI into {}", folder.display());
        let made = runs(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()]);
        let pip =
            ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--retries", "1", requirement];
        if !made || !runs(&python, &pip) {
            println!(
                "{requirement} could not be installed (python3-venv and PyPI are needed); going on without it"
            );
        }
    }
    Ok(())
}

/// Whether it ends well. What it prints on stderr is seen.
fn runs(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
