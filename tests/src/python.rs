//! The Python environment with tinygrad, which `cargo xtask test` makes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Its `python3`. `None`, said as a skip, where it is not there or has no tinygrad.
///
/// # Panics
/// The running test does not lie in a target folder.
#[must_use]
pub fn tinygrad() -> Option<PathBuf> {
    let own = std::env::current_exe().expect("a running test has a file");
    // <target>/<profile>/deps/<test>
    let target = own.ancestors().nth(3).expect("cargo puts tests below <target>/<profile>");
    let python = target.join("tinygrad-venv/bin/python3");
    let there = Command::new(&python)
        .args(["-c", "import tinygrad"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        crate::able::skip(
            "needs tinygrad 0.14 from PyPI in a virtual environment (`cargo xtask test` makes it)",
        );
    }
    there.then_some(python)
}
