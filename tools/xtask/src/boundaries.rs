//! Unsafe code stays in the modules that are for it.
//!
//! The workspace's lints forbid `unsafe` wherever a module does not allow it (`unsafe_code = "deny"`), so looking at who
//! allows it, and that every crate has the lints, is enough.

use anyhow::{Context, bail};
use std::path::Path;
use std::process::Command;

/// Modules that may allow unsafe code: their file, or a folder above it, has one of these names.
const UNSAFE_MODULES: &[&str] = &["sys", "shm", "srcu"];

/// Crates that must be usable alone: none of the workspace's others may be among what they depend on.
pub const ALONE: &[&str] = &["notifier", "hsa-queue", "gcn"];

/// Checks the files that git knows below `root`.
///
/// # Errors
/// What is wrong, a line for each.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let allowing = files(root, &["grep", "-lE", r"(allow|expect)\(.*unsafe_code", "--", "*.rs"])?;
    let outside = allowing.iter().filter(|file| !file.ends_with("/boundaries.rs") && !may_be_unsafe(file));
    wrong.extend(
        outside.map(|file| format!("{file} allows unsafe code: only modules named {UNSAFE_MODULES:?} may")),
    );
    let with_lints = files(root, &["grep", "-l", "^workspace = true$", "--", "*/Cargo.toml"])?;
    let crates = files(root, &["ls-files", "*/Cargo.toml"])?;
    let without = crates.iter().filter(|manifest| !with_lints.contains(manifest));
    wrong.extend(without.map(|manifest| format!("{manifest} has not the workspace's lints")));
    if !wrong.is_empty() {
        bail!("boundaries:\n  {}", wrong.join("\n  "));
    }
    println!("unsafe code: in {} modules, all of them named for it", allowing.len() - 1);
    Ok(())
}

fn may_be_unsafe(file: &str) -> bool {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    path.split('/').any(|part| UNSAFE_MODULES.contains(&part))
}

fn files(root: &Path, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
    let out = Command::new("git").current_dir(root).args(arguments).output().context("git")?;
    let text = String::from_utf8(out.stdout).context("file names are UTF-8")?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{check, may_be_unsafe};

    // Keeps: unsafe-named
    #[test]
    fn no_module_of_the_tree_allows_unsafe_code_unless_it_is_named_for_it() {
        check(&crate::cargo::root()).expect("the tree keeps its boundaries");
    }

    #[test]
    fn unsafe_code_is_for_modules_that_are_named_for_it() {
        assert!(may_be_unsafe("notifier/src/srcu/reader.rs"));
        assert!(may_be_unsafe("notifier/src/watch/sys.rs"));
        assert!(may_be_unsafe("tools/door/src/shm/ring.rs"));
        assert!(!may_be_unsafe("notifier/src/watch/watcher.rs"));
        assert!(!may_be_unsafe("kfd-core/src/system.rs"));
    }
}
