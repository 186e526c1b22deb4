//! `kfdctl cdi-link`: the hook that makes links in a container, which no document can ask a runtime for.
//!
//! A runtime runs it in the container's mount namespace, before the container's root is the root, with the container's state on
//! standard input. What lies in the container is the image's, so its links are followed inside of it (`RESOLVE_IN_ROOT`).

use crate::cli::CdiLink;
use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;
use serde::Deserialize;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is read of the state of a container (the OCI runtime specification, `runtime.md`).
#[derive(Debug, Deserialize)]
struct State {
    bundle: PathBuf,
}

/// What is read of its configuration (`config.md`).
#[derive(Debug, Deserialize)]
struct Config {
    root: Root,
}

#[derive(Debug, Deserialize)]
struct Root {
    path: PathBuf,
}

/// Makes the links in the container that standard input tells of.
///
/// # Errors
/// The state or the configuration cannot be read; a link cannot be made, or something else is in its place.
pub fn link(asked: &CdiLink) -> anyhow::Result<ExitCode> {
    let state: State =
        serde_json::from_reader(std::io::stdin().lock()).context("standard input is no container's state")?;
    let file = state.bundle.join("config.json");
    let what = || format!("cannot read {}", file.display());
    let config: Config = serde_json::from_reader(File::open(&file).with_context(what)?).with_context(what)?;
    let path = state.bundle.join(config.root.path);
    let root = openat(AT_FDCWD, &path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .with_context(|| format!("cannot open {}", path.display()))?;
    for (target, at) in &asked.link {
        make(&root, target, at).with_context(|| format!("cannot link {} in the container", at.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One link, in directories that are made where they are not.
fn make(root: &OwnedFd, target: &Path, at: &Path) -> anyhow::Result<()> {
    let name = at.file_name().context("it has no name")?;
    let mut folder = root.try_clone()?;
    let mut way = PathBuf::new();
    for part in at.parent().into_iter().flatten().filter(|part| *part != "/") {
        match mkdirat(&folder, part, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        way.push(part);
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC);
        folder = openat2(root, &way, how.resolve(ResolveFlag::RESOLVE_IN_ROOT))?;
    }
    match symlinkat(target, &folder, name) {
        // Two of the devices of a container may ask for the same.
        Err(Errno::EEXIST) if readlinkat(&folder, name).is_ok_and(|text| Path::new(&text) == target) => {
            Ok(())
        }
        Err(Errno::EEXIST) => bail!("something else is there: has the container a device of its own?"),
        done => Ok(done?),
    }
}
