//! The Python environments with tinygrad, which `cargo xtask test` makes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A release of tinygrad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tinygrad {
    /// 0.14.
    Current,
    /// 0.9.2, of September 2024: it gives its queues no control stack, which drivers did not look at then.
    Old,
}

impl Tinygrad {
    /// Its `python3`. `None`, said as a skip, where it is not there or has no tinygrad.
    ///
    /// # Panics
    /// The running test does not lie in a target folder.
    #[must_use]
    pub fn python(self) -> Option<PathBuf> {
        let (version, folder, import) = match self {
            Self::Current => ("0.14", "tinygrad-venv", "tinygrad"),
            // Its device loads this before it opens anything.
            Self::Old => ("0.9.2", "tinygrad-0.9-venv", "tinygrad.runtime.autogen.comgr"),
        };
        let own = std::env::current_exe().expect("a running test has a file");
        // <target>/<profile>/deps/<test>
        let target = own.ancestors().nth(3).expect("cargo puts tests below <target>/<profile>");
        let python = target.join(folder).join("bin/python3");
        let there = Command::new(&python)
            .args(["-c", &format!("import {import}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !there {
            crate::able::skip(&format!(
                "needs tinygrad {version} from PyPI in a virtual environment and, for 0.9, libamd-comgr2 (`cargo xtask \
                 test` makes and installs them)"
            ));
        }
        there.then_some(python)
    }
}
