//! Where cargo put the programs of this build.

use std::path::PathBuf;

/// A program of the workspace, built beside the running test.
///
/// # Panics
/// It was not built, in words that say how.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a running test has a file");
    // <target>/<profile>/deps/<test>
    let folder = own.ancestors().nth(2).expect("cargo puts tests below <target>/<profile>");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --bins` first (`cargo xtask test` does)",
        path.display()
    );
    path
}

/// The target folder of this build.
///
/// # Panics
/// The running test is not where cargo puts tests.
#[must_use]
pub fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a running test has a file");
    own.ancestors().nth(3).expect("cargo puts tests below <target>/<profile>").to_owned()
}
