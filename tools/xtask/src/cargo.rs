//! Running cargo, and where it puts programs.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A `cargo` command in the workspace's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where this build's programs of `profile` (`debug` or `release`) are.
///
/// # Errors
/// The running program is not where cargo puts programs.
pub fn programs(profile: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's file")?;
    // <target>/<profile>/xtask
    let target =
        own.parent().and_then(Path::parent).context("this program does not lie in a target folder")?;
    Ok(target.join(profile))
}

/// Runs `command`, its output to the terminal; a failure is an error that names it.
///
/// # Errors
/// It could not be started or ended with a failure.
pub fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Builds every program of the workspace in release mode.
///
/// # Errors
/// The build's.
pub fn build_release() -> anyhow::Result<PathBuf> {
    must(cargo().args(["build", "--release", "--workspace", "--bins"]))?;
    programs("release")
}
