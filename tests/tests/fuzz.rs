//! The repository's inputs and a few thousand made of them, through every parser. The long run is `cargo xtask soak fuzz`.

use kfd_tests::fuzz::{Fuzzer, PARSERS, Parser, corpus};
use std::path::{Path, PathBuf};

fn survives(name: &str, inputs: u64) {
    let parser: &Parser = PARSERS.iter().find(|parser| parser.name == name).expect("a parser of that name");
    let known = corpus::read(&corpus::folder(name)).expect("the corpus can be read");
    assert!(!known.is_empty(), "tests/corpus/{name} has inputs");
    let told = |finding| -> Fuzzer { panic!("{finding:?}") };
    let mut fuzzer = Fuzzer::new(parser, 1, known).unwrap_or_else(told);
    for _ in 0..kfd_tests::times("INPUTS", inputs) {
        fuzzer.make();
        if let Err(finding) = fuzzer.run() {
            panic!("{finding:?}");
        }
    }
    let kept = fuzzer.corpus().inputs().len();
    assert!(kept > 20, "all inputs do the same {kept} things: the parser is not reached");
}

// Keeps: any-bytes
#[test]
fn aql_packets_of_any_bytes_are_survived() {
    survives("aql", 5000);
}

// Keeps: any-bytes
#[test]
fn pm4_packets_of_any_bytes_are_survived() {
    survives("pm4", 5000);
}

// Keeps: any-bytes
#[test]
fn sdma_packets_of_any_bytes_are_survived() {
    survives("sdma", 5000);
}

// Keeps: any-bytes
#[test]
fn fuse_messages_of_any_bytes_are_survived() {
    survives("wire", 20_000);
}

// Keeps: calls-survive-anything, any-bytes
#[test]
fn calls_with_any_struct_and_in_any_order_are_survived_and_leave_nothing() {
    survives("ioctl", 2000);
}

// Keeps: any-bytes
#[test]
fn profiles_of_any_text_are_survived() {
    survives("profile", 500);
}

#[test]
fn the_corpus_is_small() {
    for parser in PARSERS {
        let known = corpus::read(&corpus::folder(parser.name)).expect("the corpus can be read");
        assert!(known.len() <= 80, "{}: {} inputs", parser.name, known.len());
        assert!(known.iter().all(|input| input.len() <= 512), "{}: a long input", parser.name);
    }
}

/// The code of the parsers: what is fuzzed, and what it calls to read bytes.
const CODE: &[&str] = &[
    "hsa-queue/src",
    "kfd-core/src/abi",
    "kfd-core/src/ioctl",
    "kfd-core/src/device/profile",
    "kfd-core/src/device/topology",
    "tools/door/src/fuse/wire",
    "tools/door/src/gather",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

// Keeps: parsers-safe
#[test]
fn no_parser_of_client_bytes_has_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in CODE {
        sources(&root.join(folder), &mut found);
    }
    assert!(found.len() > 60, "{} files", found.len());
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(!words.any(|word| word == "unsafe"), "{}:{}: {line}", path.display(), number + 1);
        }
    }
}
