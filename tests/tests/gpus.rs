//! Machines of several devices, seen by the unmodified runtime and in the private view.

use kfd_tests::program::program;
use kfd_tests::{able, compile};
use std::path::Path;
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
        ("gfx942", 3, "io_links", 11, 15),
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

// Keeps: ras-reset
#[test]
fn an_error_ordered_by_debugfs_is_told_by_a_memory_event() {
    if !able::live() {
        return;
    }
    if !Path::new("/sys/kernel/debug").is_dir() {
        return able::skip("a kernel without /sys/kernel/debug");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(client) = compile::client("ras", folder.path(), &[]) else { return };
    let client = client.to_str().expect("a path of ours");
    let out = run(&["--profile", "gfx942", "--gpus", "2", "--", client]);
    assert!(out.status.success(), "{out:?}");
    let seen = text(&out.stdout);
    for line in ["have RAS", "found by its name", "the error was told", "what is no order is refused"] {
        assert!(seen.contains(line), "`{line}` is missing in {seen}");
    }
    // A device without RAS leaves debugfs as it is.
    let out = run(&["--", "test", "-e", "/sys/kernel/debug/dri/0/ras"]);
    assert_eq!(out.status.code(), Some(1), "{out:?}");
}

/// ROCm 5.2.3 knows no gfx942 and no gfx1100, but reads their topology when told to take them for something it knows.
#[test]
fn the_unmodified_runtime_finds_a_link_from_every_device_to_every_other() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(client) = compile::client("links", folder.path(), &["-lhsa-runtime64"]) else { return };
    let client = client.to_str().expect("temporary folders have plain names");
    // HSA_AMD_LINK_INFO_TYPE_PCIE and _XGMI (hsa_ext_amd.h).
    for (profile, gpus, taken_for, kind, distance) in [
        ("gfx900", 1, "9.0.0", 2, 40),
        ("gfx900", 4, "9.0.0", 2, 40),
        ("gfx900", 8, "9.0.0", 2, 40),
        ("gfx1100", 8, "10.3.0", 2, 40),
        ("gfx942", 4, "9.0.10", 4, 15),
    ] {
        let version = format!("HSA_OVERRIDE_GFX_VERSION={taken_for}");
        let out = run(&["--profile", profile, "--gpus", &gpus.to_string(), "--", "env", &version, client]);
        assert!(out.status.success(), "{profile}: {out:?}");
        let said = text(&out.stdout);
        let mut pairs = Vec::new();
        for from in 0..gpus {
            for to in (0..gpus).filter(|to| *to != from) {
                pairs.push(format!("{from} {to} hops 1 type {kind} distance {distance}"));
            }
        }
        assert_eq!(said.lines().collect::<Vec<_>>(), pairs, "{profile}");
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

// Keeps: interface-chosen
#[test]
fn an_older_interface_is_a_setting_and_has_what_its_kernel_had() {
    if !able::live() {
        return;
    }
    let actor = program("kfd-actor");
    let look = format!(
        "grep -E '^(capability|debug_prop|num_xcc) ' /sys/class/kfd/kfd/topology/nodes/1/properties; \
         printf 'open\\nversion\\nquit\\n' | {} /dev | tail -1",
        actor.display()
    );
    for (interface, says) in [
        (None, vec!["capability 671326848", "debug_prop 1494", "num_xcc 1", "ok 1 18"]),
        (Some("1.11"), vec!["capability 134226560", "ok 1 11"]),
        (Some("1.13"), vec!["capability 671326848", "debug_prop 1494", "num_xcc 1", "ok 1 13"]),
    ] {
        let asked: Vec<_> = interface.iter().flat_map(|interface| ["--interface", *interface]).collect();
        let out = run(&[&asked[..], &["--", "sh", "-c", &look]].concat());
        assert!(out.status.success(), "{out:?}");
        assert_eq!(text(&out.stdout).lines().collect::<Vec<_>>(), says, "{interface:?}");
    }
    for (wrong, says) in
        [("11", "an interface is written 1.N"), ("1.20", "an interface is 1.1 to 1.19, not 1.20")]
    {
        let out = run(&["--interface", wrong, "--", "true"]);
        assert!(!out.status.success() && text(&out.stderr).contains(says), "{out:?}");
    }
}

// Keeps: interface-chosen
#[test]
fn a_run_that_asks_for_another_interface_than_the_daemons_is_refused() {
    let Some(kfdd) = kfd_tests::Kfdd::start_as(|mut command| {
        command.args(["--interface", "1.12"]);
        command
    }) else {
        return;
    };
    let out =
        kfdd.kfdctl(&["run", "--interface", "1.12", "--", "true"]).output().expect("it can be executed");
    assert!(out.status.success(), "{out:?}");
    let out =
        kfdd.kfdctl(&["run", "--interface", "1.11", "--", "true"]).output().expect("it can be executed");
    assert_eq!(out.status.code(), Some(125), "{out:?}");
    assert!(text(&out.stderr).contains("reports interface 1.12, not 1.11"), "{out:?}");
    kfdd.finish();
}
