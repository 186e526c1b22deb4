//! amdgpu_top from crates.io, in a folder below the target folder.
//!
//! What cannot be had is named and not an error: the test that needs it is then skipped by name.

use crate::cargo;
use std::process::Stdio;

/// The release that the tests are about.
const VERSION: &str = "0.11.5";

/// The folder below the target folder; the test looks for it there.
const FOLDER: &str = "amdgpu_top";

/// Builds it unless it is there: about two minutes on two cores, once.
///
/// # Errors
/// This program is not in a target folder.
pub fn set_up() -> anyhow::Result<()> {
    let folder = cargo::programs(FOLDER)?;
    if folder.join("bin/amdgpu_top").is_file() {
        return Ok(());
    }
    println!("Building amdgpu_top {VERSION} from crates.io into {}", folder.display());
    let mut install = cargo::cargo();
    install.args(["install", "--quiet", "--locked", "--version", VERSION, "--no-track"]);
    // What prints JSON, and nothing that draws.
    install.args(["--no-default-features", "--features", "libdrm_link,json", "--root"]);
    install.arg(&folder).arg("amdgpu_top").stdin(Stdio::null());
    if !install.status().is_ok_and(|status| status.success()) {
        println!("amdgpu_top could not be built (crates.io and libdrm-dev are needed); going on without it");
    }
    Ok(())
}
