//! Nodes that look like character devices to the command: the library that makes them so, and how it is loaded.

use crate::cli::DeviceNodes;
use anyhow::{Context, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What cargo calls it.
const LIBRARY: &str = "libkfdd_device_nodes.so";
/// Where it is looked for, from the folder of this program: beside it, and where packages put libraries.
const FOLDERS: [&str; 2] = ["", "../lib/kfdd"];

/// ld.so(8)'s list of libraries to load before all others.
pub const PRELOAD: &str = "LD_PRELOAD";

/// Where the library is, if it is to be loaded.
///
/// # Errors
/// It is to be loaded always, and is nowhere.
pub fn library(when: DeviceNodes) -> anyhow::Result<Option<PathBuf>> {
    if when == DeviceNodes::Never {
        return Ok(None);
    }
    let program = std::env::current_exe().context("cannot find this program's file")?;
    let own = program.parent().unwrap_or(Path::new("/"));
    let places = FOLDERS.map(|folder| own.join(folder).join(LIBRARY));
    match places.iter().find(|place| place.is_file()) {
        Some(found) => {
            found.canonicalize().map(Some).with_context(|| format!("cannot find {}", found.display()))
        }
        None if when == DeviceNodes::Auto => Ok(None),
        None => bail!(
            "--device-nodes always needs {LIBRARY}, which is neither at {} nor at {}: \
             build it with `cargo build -p kfdd-device-nodes`",
            places[0].display(),
            places[1].display()
        ),
    }
}

/// AddressSanitizer's options. Its runtime refuses to come after any other library, which those that look at files may well be.
pub const SANITIZER: &str = "ASAN_OPTIONS";

/// What the environment says of `name` for a command that loads `library`: the library first in [`PRELOAD`], and no word
/// about the order in [`SANITIZER`].
pub fn environment(library: &Path, name: &str, before: Option<&OsStr>) -> OsString {
    let own = if name == PRELOAD { library.as_os_str() } else { OsStr::new("verify_asan_link_order=0") };
    let mut list = own.to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        list.push(":");
        list.push(before);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::{PRELOAD, SANITIZER, environment};
    use std::path::Path;

    #[test]
    fn what_was_to_be_loaded_before_is_still_loaded() {
        let list =
            |name, before: Option<&str>| environment(Path::new("/a.so"), name, before.map(AsRef::as_ref));
        assert_eq!(list(PRELOAD, None), "/a.so");
        assert_eq!(list(PRELOAD, Some("")), "/a.so");
        assert_eq!(list(PRELOAD, Some("/b.so:/c.so")), "/a.so:/b.so:/c.so");
        // The user's own word comes last, and counts.
        assert_eq!(list(SANITIZER, Some("detect_leaks=0")), "verify_asan_link_order=0:detect_leaks=0");
    }
}
