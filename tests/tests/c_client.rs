//! The client library for C: its header is the library's, and a C program that uses all of it passes on every profile.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The folder of `kfd_client.h`.
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/client-c/include");

/// Names of functions that follow `before` in `text`.
fn functions(text: &str, before: &str) -> BTreeSet<String> {
    let names = text.split(before).skip(1).map(|rest| rest.split(['(', ' ']).next().unwrap_or_default());
    names.map(|name| format!("kfd_client_{name}")).collect()
}

#[test]
fn the_c_header_declares_what_the_library_has() {
    let header = std::fs::read_to_string(Path::new(INCLUDE).join("kfd_client.h")).expect("the header");
    let library = include_str!("../../tools/client-c/src/sys.rs");
    let declared: BTreeSet<_> = header
        .lines()
        .filter(|line| line.contains('(') && !line.starts_with([' ', '/', '#']))
        .flat_map(|line| functions(line.split('(').next().unwrap_or_default(), "kfd_client_"))
        .filter(|name| !["kfd_client_device", "kfd_client_buffer"].contains(&name.as_str()))
        .collect();
    let defined = functions(library, "pub extern \"C\" fn kfd_client_");
    assert!(defined.len() > 20, "{defined:?}");
    assert_eq!(declared, defined);
}

#[test]
fn a_c_program_uses_every_function_of_the_client_on_every_profile() {
    // Names the library, so that it is built before the program that links it.
    let _ = kfd_client::LIBRARY;
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Cargo puts the library of a test's dependency beside the test.
    let own = std::env::current_exe().expect("this test's file");
    let beside =
        own.parent().expect("a file lies in a folder").to_str().expect("target folders have plain names");
    // RPATH goes before the LD_LIBRARY_PATH of cargo, where an older build's library may lie; RUNPATH would not.
    let rpath = format!("-Wl,--disable-new-dtags,-rpath,{beside}");
    let link = ["-I", INCLUDE, "-L", beside, "-lkfd_client", &rpath];
    let Some(client) = compile::client("streams", folder.path(), &link) else { return };
    for (profile, gpus) in [("gfx900", 1), ("gfx942", 2), ("gfx1100", 2)] {
        let mut command = Command::new(program("kfdctl"));
        command.args(["run", "--embedded", "--profile", profile, "--gpus", &gpus.to_string(), "--"]);
        let out =
            command.arg(&client).env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed");
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{profile}: {out:?}");
        let mut lines = vec![
            "device: open",
            "sdma: host to device to host",
            "sdma: a trap raises its event once",
            "sdma: a wrapping ring of copies",
            "pm4: stores, then the event",
            "aql: one barrier after another",
        ];
        if gpus > 1 {
            lines.push("peers: device to device");
        }
        for line in lines {
            assert!(said.lines().any(|seen| seen == line), "{profile}: no `{line}` in {said}");
        }
    }
}
