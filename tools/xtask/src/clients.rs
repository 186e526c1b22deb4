//! The C programs of `tests/clients`, compiled where they are needed.

use crate::cargo::{must, root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `tests/clients/<name>.c` with `flags` into the folder `to`.
///
/// # Errors
/// There is no C compiler, or the program does not compile: a library it links is missing.
pub fn compile(name: &str, flags: &[&str], to: &Path) -> anyhow::Result<PathBuf> {
    let program = to.join(name);
    let source = root().join("tests/clients").join(format!("{name}.c"));
    must(Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).args(flags))?;
    Ok(program)
}
