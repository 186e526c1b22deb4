//! nvtop, which Debian has in `contrib`: a component that a machine may not have among its sources.
//!
//! It is taken from where the machine takes `main`, with lists and sources of this program's own, so that apt's are left as they
//! are. What cannot be had is named and not an error: the test that needs it is then skipped by name.

use crate::packages;
use std::path::Path;
use std::process::{Command, Stdio};

const PACKAGE: &str = "nvtop";

/// The keys of Debian's archive (package debian-archive-keyring).
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where the machine takes `main` from, as lines for another component.
const FORMAT: &str = "deb [signed-by=KEYRING] $(REPO_URI) $(RELEASE) contrib";

/// Installs nvtop, if it is missing and this is root on a Debian machine.
pub fn set_up() {
    if packages::installed(PACKAGE) || !nix::unistd::geteuid().is_root() {
        return;
    }
    eprintln!("Installing {PACKAGE} from contrib");
    if install().is_none() {
        eprintln!("{PACKAGE} could not be installed; going on without it");
    }
}

fn install() -> Option<()> {
    let folder = tempfile::tempdir().ok()?;
    let format = FORMAT.replace("KEYRING", KEYRING);
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", &format]);
    targets.args(["Created-By: Packages", "Component: main", "Origin: Debian", "Label: Debian"]);
    let out = targets.stderr(Stdio::null()).output().ok()?;
    let mut lines: Vec<_> = std::str::from_utf8(&out.stdout).ok()?.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    if lines.is_empty() {
        return None;
    }
    let sources = folder.path().join("sources.list");
    std::fs::write(&sources, lines.join("\n") + "\n").ok()?;
    for below in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(folder.path().join(below)).ok()?;
    }
    apt(&["update"], folder.path())?;
    apt(&["install", "-y", "--no-install-recommends", PACKAGE], folder.path())
}

/// apt-get with the sources, the lists and the cache of `folder`.
fn apt(arguments: &[&str], folder: &Path) -> Option<()> {
    let option = |name: &str, value: String| ["-o".to_owned(), format!("{name}={value}")];
    let at = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("apt-get");
    command.args(option("Dir::Etc::SourceList", at("sources.list")));
    command.args(option("Dir::Etc::SourceParts", "/dev/null".to_owned()));
    command.args(option("Dir::State::lists", at("lists"))).args(option("Dir::Cache", at("cache")));
    command.args(option("APT::Sandbox::User", "root".to_owned()));
    let out = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output().ok()?;
    out.status.success().then_some(())
}
