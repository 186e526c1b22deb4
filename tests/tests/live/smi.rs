//! Streams of events, through the door of `kfdctl run` that carries descriptors.

use kfd_tests::program::program;
use kfd_tests::{Kfdd, compile};
use std::process::Command;

#[test]
fn a_command_of_a_run_hears_of_its_faults_by_the_descriptor_it_gets() {
    let Some(kfdd) = Kfdd::start() else { return };
    if let Some(client) = compile::client("descriptors", kfdd.folder(), &[]) {
        let mut command = Command::new(program("kfdctl"));
        command.args(["run", "--"]).arg(client).arg("smi").env(kfdd::rundir::ENV, kfdd.run_dir());
        let out = command.output().expect("kfdctl can be executed");
        assert!(out.status.success(), "{out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        for line in ["the fault was told", "closed and opened again"] {
            assert!(text.contains(line), "`{line}` is missing in {text}");
        }
    }
    kfdd.finish();
}
