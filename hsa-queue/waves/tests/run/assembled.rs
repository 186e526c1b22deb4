//! Words that are kept beside their text, held against LLVM's assembler.

use crate::machine::words;
use std::path::Path;
use std::process::Command;

/// Asserts that each `NAME.words` of a folder of the crate is what LLVM makes of `NAME.s`; without LLVM, says that `test` is
/// skipped.
pub fn check(test: &str, folder: &str, names: &[&str]) {
    let found = Command::new("llvm-mc-19").arg("--version").output().is_ok_and(|out| out.status.success());
    if !found {
        println!("skipped: {test}: llvm-mc-19 is not installed");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for name in names {
        let out = Command::new("llvm-mc-19")
            .args(["-triple=amdgcn", "-mcpu=gfx900", "-show-encoding"])
            .arg(folder.join(name).with_extension("s"))
            .output()
            .expect("llvm-mc runs");
        let text = String::from_utf8(out.stdout).expect("its output is text");
        let made: Vec<u8> = text
            .lines()
            .filter_map(|line| line.split_once("encoding: ["))
            .flat_map(|(_, bytes)| bytes.trim_end_matches(']').split(',').collect::<Vec<_>>())
            .map(|byte| u8::from_str_radix(&byte[2..], 16).expect("a byte"))
            .collect();
        let kept = std::fs::read_to_string(folder.join(name).with_extension("words")).expect("the words");
        let kept: Vec<u8> = words(&kept).iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(kept, made, "{name}");
    }
}
