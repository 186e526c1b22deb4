//! The mutants, their models, their table in ORDERING.md and the fences of the code agree.
//!
//! Reads the sources, for a mutant exists in models only.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `mutants! { … }` in `src/sync.rs` declares.
fn declared() -> BTreeSet<String> {
    let text = read("src/sync.rs");
    let list = text.split_once("\nmutants! {").unwrap().1.split_once("\n}").unwrap().0;
    let names = list.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    names.map(|line| line.trim_end_matches(',').to_owned()).collect()
}

/// The models that catch each, as `checker: module::MODEL`, by the lists of the models' tests.
fn caught() -> BTreeMap<String, BTreeSet<String>> {
    let mut caught: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for checker in ["loom", "shuttle"] {
        let text = read(&format!("tests/{checker}/mutants.rs"));
        for line in text.split_once("\ncaught! {").unwrap().1.lines() {
            let Some((_, rest)) = line.split_once(": ") else { continue };
            let (mutant, model) = rest.trim_end_matches(';').split_once(" by ").unwrap();
            let (module, name) = model.split_once("::").unwrap();
            let source = read(&format!("tests/{checker}/{module}.rs"));
            assert!(
                source.contains(&format!("pub const {name}: Model")),
                "there is no model {checker} {model}"
            );
            caught.entry(mutant.to_owned()).or_default().insert(format!("{checker} `{model}`"));
        }
    }
    caught
}

// Keeps: mutants-caught
#[test]
fn every_mutant_is_caught_by_a_model_and_stands_in_the_table() {
    let (declared, caught) = (declared(), caught());
    assert!(declared.len() >= 15, "{}", declared.len());
    assert_eq!(declared, caught.keys().cloned().collect(), "left: the mutants; right: what models catch");

    // | `Mutant` | fault | loom `module::MODEL`, shuttle `module::MODEL` |
    let page = read("ORDERING.md");
    let table = page.split_once("| mutant | fault | caught by |").unwrap().1;
    let mut rows = BTreeMap::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with("| `")) {
        let columns: Vec<_> = row.split(" | ").collect();
        let [mutant, fault, models] = columns[..] else { panic!("{row}") };
        assert!(!fault.is_empty());
        let models: BTreeSet<_> = models.trim_end_matches(" |").split(", ").map(str::to_owned).collect();
        rows.insert(mutant.trim_matches(['|', ' ', '`']).to_owned(), models);
    }
    assert_eq!(rows, caught, "left: ORDERING.md; right: the models' lists");
}

// Keeps: mutants-caught
#[test]
fn every_fence_in_the_code_has_a_mutant_of_its_own_that_removes_it() {
    let fences = [
        "light_fence(",
        "fence_after_rmw(",
        "full_fence(",
        "acquire_fence(",
        "fence_everywhere(",
        "fence_after_locked(",
    ];
    let declared = declared();
    let mut removed = BTreeSet::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/srcu")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            let place = format!("{}:{number}", path.display());
            let is_sys = path.ends_with("sys.rs");
            assert!(
                is_sys || line.starts_with("//") || !line.contains("atomic::fence"),
                "a fence without a name at {place}"
            );
            for fence in fences.iter().filter(|_| !line.starts_with("//") && !line.starts_with("fn ")) {
                let Some((_, argument)) = line.split_once(fence) else { continue };
                // Inside the two that choose the kind of fence the name is handed on.
                if argument.starts_with("removed_by") {
                    continue;
                }
                let mutant = argument.strip_prefix("Mutant::").unwrap_or_else(|| panic!("{place}: {line}"));
                let mutant = mutant.split_once(')').unwrap().0;
                assert!(declared.contains(mutant), "{place}: {mutant}");
                assert!(removed.insert(mutant.to_owned()), "{place}: {mutant} removes another fence too");
            }
        }
    }
    assert!(removed.len() >= 15, "{removed:?}");
    println!("{} fences, each with its mutant: {removed:?}", removed.len());
}
