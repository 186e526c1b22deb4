//! The document's form: version 0.5.0 of the CDI specification (cncf-tags/container-device-interface, SPEC.md).

use door::view::Bind;
use door::view::container::Link;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The oldest version that has what is used: names of devices that start with a digit. A runtime takes no document of a version
/// later than its own: podman 4.3 has 0.5.0, and says of a later one only that there is no such device.
const VERSION: &str = "0.5.0";

/// The whole document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    cdi_version: &'static str,
    kind: String,
    devices: Vec<Device>,
    container_edits: Edits,
}

impl Document {
    /// One of `devices` of a kind; `edits` are made with each of them.
    pub fn new(kind: &str, devices: Vec<Device>, edits: Edits) -> Self {
        Self { cdi_version: VERSION, kind: kind.to_owned(), devices, container_edits: edits }
    }
}

/// What may be asked for by name.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Device {
    pub name: String,
    /// What is done to the container.
    #[serde(rename = "containerEdits")]
    pub edits: Edits,
}

/// What is done to a container.
#[derive(Debug, Default, Serialize)]
pub struct Edits {
    /// `NAME=VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// In their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// In their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
}

/// A mount of the container, as the CDI specification spells it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    host_path: PathBuf,
    container_path: PathBuf,
    options: [&'static str; 5],
}

impl Mount {
    /// The mount that shows what a bind of the view does.
    pub fn of(place: &Bind) -> Self {
        let access = if place.writable { "rw" } else { "ro" };
        // The run directory's mounts are noexec, and one of the files is a program.
        let options = ["bind", access, "nosuid", "nodev", "exec"];
        Self { host_path: place.from.clone(), container_path: place.at.clone(), options }
    }
}

/// A program that a runtime runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    hook_name: &'static str,
    path: PathBuf,
    args: Vec<String>,
}

impl Hook {
    /// Makes links when the container's mounts are there and its root is not yet left (the OCI runtime specification, POSIX-platform
    /// hooks).
    pub fn links(program: &Path, links: &[Link]) -> Self {
        let mut args = vec!["kfdctl".to_owned(), "cdi-link".to_owned()];
        for Link { target, at } in links {
            args.extend(["--link".to_owned(), format!("{}::{}", target.display(), at.display())]);
        }
        Self { hook_name: "createContainer", path: program.to_owned(), args }
    }
}
