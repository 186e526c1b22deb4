//! Memory passed as a descriptor, through the door of `kfdctl run` that carries them.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::process::Command;

// Keeps: dmabuf-available, run-descriptors
#[test]
fn a_command_of_a_run_passes_memory_to_another_process_as_a_dmabuf() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(client) = compile::client("descriptors", folder.path(), &[]) else { return };
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--profile", "gfx942", "--"]).arg(client).arg("dmabuf");
    let out = command.env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    let text = String::from_utf8_lossy(&out.stdout);
    for line in [
        "what was exported is available again",
        "exported",
        "imported",
        "the importer wrote the exporter's memory",
    ] {
        assert!(text.contains(line), "`{line}` is missing in {text}");
    }
}
