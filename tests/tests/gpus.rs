//! Machines of several devices, seen by the unmodified runtime and in the private view.

use kfd_tests::able;
use kfd_tests::program::program;
use std::process::{Command, Output};

/// `kfdctl run --embedded ARGUMENTS`, with a daemon of its own.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded"]).args(arguments).env_remove(kfdd::rundir::ENV);
    command.output().expect("kfdctl can be executed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Prints every link of every node: `folder type from to weight`.
const LINKS: &str = "cd /sys/class/kfd/kfd/topology/nodes && for f in */*_links/*/properties; do \
     awk -v d=${f#*/} '{v[$1]=$2} END {sub(\"/.*\", \"\", d); print d, v[\"type\"], v[\"node_from\"], v[\"node_to\"], v[\"weight\"]}' $f; \
     done; ls /dev/dri";

#[test]
fn an_unmodified_rocminfo_lists_every_device_of_one_four_and_eight() {
    if !able::live() || !able::has("rocminfo") {
        return;
    }
    for gpus in [1, 4, 8] {
        let out = run(&["--gpus", &gpus.to_string(), "--", "rocminfo"]);
        assert!(out.status.success(), "{gpus}: {out:?}");
        let listing = text(&out.stdout);
        let isas = listing.matches("amdgcn-amd-amdhsa--gfx900").count();
        assert_eq!(
            (isas, listing.matches("Device Type:             GPU").count()),
            (gpus, gpus),
            "{listing}"
        );
    }
}

#[test]
fn every_device_has_a_render_node_and_a_link_to_each_other() {
    if !able::live() {
        return;
    }
    for (profile, gpus, folder, kind, weight) in [
        ("gfx900", 4, "p2p_links", 2, 40),
        ("gfx1100", 8, "p2p_links", 2, 40),
        ("gfx942", 8, "io_links", 11, 15),
    ] {
        let out = run(&["--profile", profile, "--gpus", &gpus.to_string(), "--", "sh", "-c", LINKS]);
        assert!(out.status.success(), "{out:?}");
        let seen = text(&out.stdout);
        let has =
            |line: String| assert!(seen.lines().any(|seen| seen == line), "{profile}: no `{line}` in {seen}");
        for from in 1..=gpus {
            has(format!("renderD{}", 127 + from));
            has(format!("io_links 2 0 {from} 20"));
            has(format!("io_links 2 {from} 0 20"));
            for to in (1..=gpus).filter(|to| *to != from) {
                has(format!("{folder} {kind} {from} {to} {weight}"));
            }
        }
        assert!(!seen.contains(&format!("renderD{}", 128 + gpus)), "{seen}");
    }
}

#[test]
fn a_profile_of_the_users_own_is_shown_and_a_wrong_one_refused_in_its_line() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mine.toml");
    let own = include_str!("../../kfd-core/profiles/gfx900.toml").replace("gpu_id = 64700", "gpu_id = 4711");
    std::fs::write(&path, &own).expect("a file can be written");
    let path = path.to_str().expect("temporary folders have plain names");
    let look = ["--", "cat", "/sys/class/kfd/kfd/topology/nodes/1/gpu_id"];
    let out = run(&[&["--profile", path][..], &look].concat());
    assert_eq!(text(&out.stdout), "4711\n", "{out:?}");

    std::fs::write(path, own.replace("gpu_id = 4711", "gpu_id = 0")).expect("a file can be written");
    let out = run(&[&["--profile", path][..], &look].concat());
    assert_eq!(out.status.code(), Some(125), "{out:?}");
    let line = own.lines().position(|line| line == "gpu_id = 4711").expect("it is there") + 1;
    let said = text(&out.stderr);
    assert!(said.contains(&format!("line {line}: gpu_id must be 1 to 65535, not 0")), "{said}");

    let out = run(&["--gpus", "9", "--", "true"]);
    assert_eq!(out.status.code(), Some(125), "{out:?}");
    assert!(text(&out.stderr).contains("a machine has 1 to 8 devices, not 9"), "{out:?}");
}
