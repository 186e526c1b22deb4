//! Nodes that look like character devices to the command: the library that makes them so, and how it is loaded.

use crate::cli::DeviceNodes;
use anyhow::{Context, bail};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What cargo calls it.
const LIBRARY: &str = "libkfdd_device_nodes.so";
/// Where it is looked for, from the folder of this program: beside it, and where packages put libraries.
const FOLDERS: [&str; 2] = ["", "../lib/kfdd"];

/// ld.so(8)'s list of libraries to load before all others.
pub const PRELOAD: &str = "LD_PRELOAD";

/// Where the library is, if `command` is to load it; any command, without one.
///
/// # Errors
/// It is to be loaded always, and is nowhere.
pub fn library(when: DeviceNodes, command: Option<&OsStr>) -> anyhow::Result<Option<PathBuf>> {
    match when {
        DeviceNodes::Never => return Ok(None),
        DeviceNodes::Auto if command.and_then(find).is_some_and(|file| is_musl(&file)) => return Ok(None),
        DeviceNodes::Auto | DeviceNodes::Always => {}
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

/// The file of a command, as execvp(3) finds it.
fn find(command: &OsStr) -> Option<PathBuf> {
    if command.as_encoded_bytes().contains(&b'/') {
        return Some(command.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file())
}

/// Whether a program asks for musl's loader, which would not start it with a library that was made for glibc. The name of a
/// program's loader lies in its first page.
fn is_musl(program: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(program).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.is_ok() && head.windows(MUSL.len()).any(|part| part == MUSL)
}

/// How the name of musl's loader begins on every machine.
const MUSL: &[u8] = b"/lib/ld-musl-";

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
    use super::{PRELOAD, SANITIZER, environment, find, is_musl};
    use std::path::Path;

    #[test]
    fn a_program_of_another_c_library_is_told_by_its_loader() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        for (loader, musl) in [("/lib/ld-musl-x86_64.so.1", true), ("/lib64/ld-linux-x86-64.so.2", false)] {
            std::fs::write(&program, format!("\x7fELF{}{loader}\0", "\0".repeat(0x300))).expect("a file");
            assert_eq!(is_musl(&program), musl, "{loader}");
        }
        assert!(!is_musl(Path::new("/no/such/program")));
        assert!(find("sh".as_ref()).is_some_and(|file| file.is_absolute() && file.ends_with("sh")));
        assert_eq!(find("./sh".as_ref()).as_deref(), Some(Path::new("./sh")));
    }

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
