//! `kfdctl topology`, against a daemon.

use kfd_tests::Kfdd;
use kfd_tests::program::program;
use serde_json::Value;
use std::process::Command;

fn kfdctl(kfdd: &Kfdd, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("kfdctl"));
    command.args(arguments).arg("--run-dir").arg(kfdd.run_dir());
    command
}

fn printed(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn the_topology_of_a_daemon_is_that_of_its_profile() {
    let kfdd = Kfdd::start_as(|mut command| {
        command.args(["--profile", "gfx942", "--gpus", "3"]);
        command
    });
    let Some(kfdd) = kfdd else { return };
    let asked = printed(&mut kfdctl(&kfdd, &["topology", "--json"]));
    let told: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!((&told["profile"], &told["gpus"]), (&"gfx942".into(), &3.into()));
    let mut named = Command::new(program("kfdctl"));
    named.args(["topology", "--json", "--profile", "gfx942", "--gpus", "3"]);
    let named: Value = serde_json::from_str(&printed(&mut named)).unwrap();
    // What the processor's own clock or memory is may be told by the one and the other at different moments.
    assert_eq!(told["nodes"].as_array().unwrap()[1..], named["nodes"].as_array().unwrap()[1..]);
    for node in &told["nodes"].as_array().unwrap()[1..] {
        let render = node["render"].as_str().unwrap();
        assert!(kfdd.dev().join("dri").join(render).exists(), "{render} is served");
    }
    let table = printed(&mut kfdctl(&kfdd, &["topology"]));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[..2], ["gfx942: 3 devices", ""]);
    assert!(lines[2].starts_with("NODE") && lines.len() == 3 + 4, "{table}");
    assert!(lines[4].contains("gfx942") && lines[4].ends_with("pcie 0  xgmi 2-3"), "{table}");
    kfdd.finish();
}
