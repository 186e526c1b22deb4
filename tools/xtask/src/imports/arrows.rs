//! Each path that is written in a file, followed through re-exports to the file that defines the name.

use super::tree::{Module, Tree};
use std::collections::BTreeMap;

/// The longest chain of re-exports that is followed; a longer one is a loop that the compiler refuses too.
const HOPS: usize = 32;

/// What each file names of each other, in one target of a crate.
pub struct Arrows {
    /// From a file to another: the names that the first takes from the second.
    pub named: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Arrows {
    pub fn of(tree: &Tree) -> Self {
        let mut named: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for module in tree.modules() {
            for path in &module.named {
                let Some((target, name)) = resolve(tree, module, path) else { continue };
                if target.file == module.file {
                    continue;
                }
                let names =
                    named.entry(module.file.clone()).or_default().entry(target.file.clone()).or_default();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Self { named }
    }

    pub fn from(&self, file: &str) -> impl Iterator<Item = (&str, &[String])> {
        let targets = self.named.get(file).into_iter().flatten();
        targets.map(|(target, names)| (target.as_str(), names.as_slice()))
    }
}

/// The module whose file defines what `path`, as written in `module`, names; and the last word of it.
fn resolve<'t>(tree: &'t Tree, module: &Module, path: &[String]) -> Option<(&'t Module, String)> {
    let target = find(tree, module, path, HOPS)?;
    Some((target, path.iter().rfind(|word| *word != "*" && *word != "self")?.clone()))
}

fn find<'t>(tree: &'t Tree, module: &Module, path: &[String], hops: usize) -> Option<&'t Module> {
    let hops = hops.checked_sub(1)?;
    let first = path.first()?;
    let (start, rest): (Vec<String>, &[String]) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.path.clone(), &path[1..]),
        "super" => (module.path.split_last()?.1.to_vec(), &path[1..]),
        // Another crate's, or the language's: no file of this tree.
        other if !tree.knows(module, other) => return None,
        _ => (module.path.clone(), path),
    };
    descend(tree, tree.module(&start)?, rest, hops)
}

/// Follows the words from `at`: a child module, an import, or something defined there.
fn descend<'t>(tree: &'t Tree, at: &'t Module, words: &[String], hops: usize) -> Option<&'t Module> {
    let Some(word) = words.first() else { return Some(at) };
    if word == "super" {
        return descend(tree, tree.module(at.path.split_last()?.1)?, &words[1..], hops);
    }
    if let Some(child) = tree.child(at, word) {
        return descend(tree, child, &words[1..], hops);
    }
    if at.defined.contains(word) {
        return Some(at);
    }
    if let Some(import) = at.imports.get(word) {
        // A name that the module itself takes from elsewhere; from another crate, it is the module that hands it on.
        let longer: Vec<String> = import.iter().chain(&words[1..]).cloned().collect();
        return find(tree, at, &longer, hops).or(Some(at));
    }
    let through = at.globs.iter().filter_map(|glob| find(tree, at, glob, hops));
    let mut holders = through.filter(|from| !std::ptr::eq(*from, at) && tree.knows(from, word));
    match holders.next() {
        Some(from) => descend(tree, from, words, hops.checked_sub(1)?),
        None => Some(at),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Arrows, Tree};

    /// The arrows of a crate that is written down here, a file and its text each.
    pub fn arrows(files: &[(&str, &str)]) -> Arrows {
        let read =
            |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        Arrows::of(&Tree::read(files[0].0, &read).expect("the files parse"))
    }

    fn rows(arrows: &Arrows) -> Vec<String> {
        let rows = arrows.named.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
        rows.map(|(from, (to, names))| format!("{from} -> {to}: {}", names.join(", "))).collect()
    }

    #[test]
    fn an_arrow_ends_at_the_file_that_defines_the_name_not_at_one_that_hands_it_on() {
        let arrows = arrows(&[
            ("src/lib.rs", "mod a; mod b; pub use b::Deep;"),
            ("src/a.rs", "use crate::{Deep, b::{self, Handed as Other}};\nfn f() { b::deep::look(); }"),
            ("src/b/mod.rs", "pub mod deep;\npub use deep::{Deep, Handed};"),
            (
                "src/b/deep.rs",
                "pub struct Deep; pub enum Handed {}\npub fn look() { std::mem::drop(super::super::a::f) }",
            ),
        ]);
        assert_eq!(
            rows(&arrows),
            [
                "src/a.rs -> src/b/deep.rs: Deep, Handed, look",
                "src/a.rs -> src/b/mod.rs: b",
                "src/b/deep.rs -> src/a.rs: f",
                "src/b/mod.rs -> src/b/deep.rs: Deep, Handed",
                "src/lib.rs -> src/b/deep.rs: Deep",
            ]
        );
    }

    #[test]
    fn names_inside_macros_count_and_those_for_tests_alone_do_not() {
        let arrows = arrows(&[
            ("src/lib.rs", "mod a; mod b; #[cfg(test)] mod c;"),
            (
                "src/a.rs",
                "fn f() { assert!(crate::b::g() > 0) }\n#[cfg(test)] mod tests { use crate::c::H; }",
            ),
            ("src/b.rs", "#[cfg(all(test, not(loom)))] use crate::a::f;\n#[cfg(not(test))] use crate::a;"),
        ]);
        assert_eq!(rows(&arrows), ["src/a.rs -> src/b.rs: g", "src/b.rs -> src/a.rs: a"]);
    }

    #[test]
    fn a_name_through_a_glob_is_its_owners() {
        let arrows = arrows(&[
            ("src/lib.rs", "mod a; mod table;"),
            ("src/a.rs", "use crate::table::KFD;"),
            ("src/table/mod.rs", "mod kfd; pub use kfd::*;"),
            ("src/table/kfd.rs", "pub const KFD: u32 = 1;"),
        ]);
        assert_eq!(
            rows(&arrows),
            ["src/a.rs -> src/table/kfd.rs: KFD", "src/table/mod.rs -> src/table/kfd.rs: kfd"]
        );
    }
}
