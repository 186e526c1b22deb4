//! Whether a live test can run on this machine.
//!
//! A test that cannot says so in one line, `skipped: <test>: <why>`, which `cargo xtask test` gathers.

use std::path::Path;

/// The name of the running test: libtest names its threads so.
#[must_use]
pub fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// Says why the running test is skipped.
pub fn skip(why: &str) {
    println!("skipped: {}: {why}", test_name());
}

/// Whether a daemon can be started here: root and /dev/fuse. Says the skip when not.
#[must_use]
pub fn live() -> bool {
    if !nix::unistd::geteuid().is_root() {
        skip("needs root");
        return false;
    }
    if !Path::new("/dev/fuse").exists() {
        skip("needs /dev/fuse");
        return false;
    }
    true
}

/// Whether a program is on PATH. Says the skip when not.
#[must_use]
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !there {
        skip(&format!("needs {program}"));
    }
    there
}
