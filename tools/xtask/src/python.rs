//! The Python environment of the live tests: tinygrad from PyPI, in a folder below the target folder.
//!
//! What cannot be had is named and not an error: the test that needs it is then skipped by name.

use crate::cargo;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is installed: the release that the tests are about.
const REQUIREMENT: &str = "tinygrad==0.14.*";

/// The folder below the target folder; `kfd_tests::python` looks for it there.
const FOLDER: &str = "tinygrad-venv";

/// Makes the environment unless it is there and whole.
///
/// # Errors
/// This program is not in a target folder.
pub fn set_up() -> anyhow::Result<()> {
    let folder = cargo::programs(FOLDER)?;
    let python = folder.join("bin/python3");
    if runs(&python, &["-c", "import tinygrad"]) {
        return Ok(());
    }
    println!("Installing {REQUIREMENT} from PyPI into {}", folder.display());
    let made = runs(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()]);
    let pip =
        ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--retries", "1", REQUIREMENT];
    if !made || !runs(&python, &pip) {
        println!("tinygrad could not be installed (python3-venv and PyPI are needed); going on without it");
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
