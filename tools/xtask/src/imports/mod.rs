//! Which file of a crate names what of which other: the arrows that [`circles`] and [`rooms`] judge.
//!
//! | piece | what it holds |
//! |---|---|
//! | [`tree`] | a crate's modules, read from their files: what each defines, imports and names |
//! | [`arrows`] | each path followed through re-exports to the file that defines the name |
//! | [`circles`] | files that name each other in a loop |
//! | [`rooms`] | which folders of `kfd-core` may name which |
//!
//! `mod child;` is no arrow, and code for tests alone draws none.

mod arrows;
mod circles;
mod rooms;
mod tree;

use anyhow::Context;
use arrows::Arrows;
use std::path::Path;
use std::process::Command;
use tree::Tree;

/// Checks the crates that git knows below `root`.
///
/// # Errors
/// What is wrong, a line for each.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let crates = crates(root)?;
    circles::check(&crates)?;
    rooms::check(&crates)
}

/// The arrows of every target of every crate that has a `src`.
fn crates(root: &Path) -> anyhow::Result<Vec<Arrows>> {
    let out = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "*/src/lib.rs", "*/src/main.rs", "*/src/bin/*.rs"])
        .output()
        .context("git ls-files")?;
    let text = String::from_utf8(out.stdout).context("file names are UTF-8")?;
    let roots = text.lines().filter(|file| is_root(file));
    let mut all = Vec::new();
    for file in roots {
        let tree = Tree::read(file, &|path| std::fs::read_to_string(root.join(path)).ok())
            .with_context(|| file.to_owned())?;
        all.push(Arrows::of(&tree));
    }
    Ok(all)
}

/// Whether cargo makes a target of that file: `src/bin/x/y.rs` is a module of the target `x`.
fn is_root(file: &str) -> bool {
    file.rsplit_once("/src/bin/").is_none_or(|(_, below)| !below.contains('/') || below.ends_with("/main.rs"))
}

#[cfg(test)]
mod tests {
    use super::{check, is_root};

    #[test]
    fn the_tree_has_no_circle_of_more_than_two_files_and_no_value_names_a_verb() {
        check(&crate::cargo::root()).expect("the arrows of the tree");
    }

    #[test]
    fn a_file_below_bin_is_a_target_unless_it_is_a_module_of_one() {
        assert!(is_root("tools/x/src/lib.rs"));
        assert!(is_root("tests/src/bin/one.rs"));
        assert!(is_root("tests/src/bin/two/main.rs"));
        assert!(!is_root("tests/src/bin/two/sys.rs"));
    }
}
