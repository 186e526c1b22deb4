//! `kfdctl cdi`: what a container is given, as a document of the Container Device Interface (CDI).
//!
//! | module | what it holds |
//! |---|---|
//! | [`document`] | the document's form |
//! | [`link`] | the hook that makes links in a container |

mod document;
pub mod link;

use crate::cli::{Cdi, run_dir};
use crate::output;
use crate::run::{device_nodes, waves};
use anyhow::{Context, bail};
use document::{Device, Document, Edits, Hook, Mount};
use door::view::Bind;
use door::view::container::{Container, ONE_ENV};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The name of the device that is all of them.
const ALL: &str = "all";

/// Where a container has the library that lets nodes look like character devices.
const LIBRARY: &str = "/usr/local/lib/libkfdd_device_nodes.so";

/// Writes the document.
///
/// # Errors
/// Nothing is served in the run directory; the kind is none; the file cannot be written.
pub fn cdi(asked: &Cdi) -> anyhow::Result<ExitCode> {
    let run_dir = run_dir(asked.run_dir.as_ref());
    let run_dir = fs::canonicalize(&run_dir)
        .with_context(|| format!("nothing is served in {}; start kfdd first", run_dir.display()))?;
    let container = Container::of(&run_dir, waves::executed(&run_dir))?;
    if container.devices == 0 {
        bail!("the daemon in {} serves no device", run_dir.display());
    }
    let library =
        if asked.device_nodes { device_nodes::library(crate::cli::DeviceNodes::Always, None)? } else { None };
    let document = describe(&asked.kind, &container, library)?;
    let text = serde_json::to_string_pretty(&document)? + "\n";
    match &asked.output {
        None => output::print(&text)?,
        Some(file) => replace(file, &text)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(kind: &str, container: &Container, library: Option<PathBuf>) -> anyhow::Result<Document> {
    let program = std::env::current_exe().context("cannot find this program's file")?;
    let choices = container.environment.iter();
    let mut edits = Edits {
        env: choices.map(|(name, value)| format!("{name}={value}")).collect(),
        mounts: container.mounts.iter().map(Mount::of).collect(),
        ..Edits::default()
    };
    if let Some(from) = library {
        edits.mounts.push(Mount::of(&Bind::read_only(from, LIBRARY)));
        edits.env.push(format!("{}={LIBRARY}", device_nodes::PRELOAD));
    }
    let device = |name: String, env| {
        // Each makes the links, since a runtime takes no device that does nothing.
        let hooks = vec![Hook::links(&program, &container.links)];
        Device { name, edits: Edits { env, hooks, ..Edits::default() } }
    };
    let one = |number: usize| device(number.to_string(), vec![format!("{ONE_ENV}={number}")]);
    let mut devices: Vec<Device> = (0..container.devices).map(one).collect();
    devices.push(device(ALL.to_owned(), Vec::new()));
    Ok(Document::new(kind, devices, edits))
}

/// Writes `text` into `file` so that whoever reads it finds the old or the new.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let what = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(what)?;
    let mut name = file.file_name().with_context(what)?.to_owned();
    // Runtimes read what ends in .json or .yaml.
    name.push(".new");
    let fresh = folder.join(name);
    let written = fs::File::create(&fresh).and_then(|mut new| new.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&fresh, file)).with_context(what)
}

/// A kind of devices: a vendor and a class (the CDI specification's `parser.ParseQualifier`).
///
/// # Errors
/// It is none; what one is.
pub fn kind(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let ends = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    match text.split_once('/') {
        Some((vendor, class))
            if ends(vendor)
                && ends(class)
                && vendor.chars().all(|c| inner(c) || c == '.')
                && class.chars().all(inner) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("a kind is a vendor and a class, as in amd.com/gpu".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn a_kind_is_a_vendor_and_a_class() {
        for good in ["amd.com/gpu", "kfdd/gpu", "my-vendor.example/gpu_0"] {
            assert_eq!(kind(good).as_deref(), Ok(good));
        }
        for bad in
            ["amd.com", "amd.com/", "/gpu", "amd.com/g pu", "amd.com/gpu/0", "-a/b", "a/b-", "a/b.c", "1a/b"]
        {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }
}
