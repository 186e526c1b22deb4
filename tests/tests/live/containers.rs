//! Containers that were given a device by the document that `kfdctl cdi` writes.

use kfd_tests::container::{Bundle, Runtime, report};
use kfd_tests::program::program;
use kfd_tests::{Actor, Kfdd, able, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// What rocminfo and lsmod's reader need.
const ROCMINFO: [&str; 3] = ["rocminfo", "sh", "grep"];

fn document(kfdd: &Kfdd) -> Value {
    let out = kfdd.kfdctl(&["cdi"]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn two_devices() -> Option<Kfdd> {
    Kfdd::start_as(|mut command| {
        command.args(["--gpus", "2"]);
        command
    })
}

/// The agents that rocminfo of a container lists.
fn agents(document: &Value, device: &str, runtime: &Runtime) -> usize {
    let bundle = Bundle::new(document, Some(device), &ROCMINFO, &["rocminfo"]);
    let out = bundle.command(runtime).stdin(Stdio::null()).output().unwrap();
    bundle.end(runtime);
    assert!(out.status.success(), "{device}: {out:?}");
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines().filter(|line| line.split_whitespace().eq(["Name:", "gfx900"])).count()
}

// Keeps: cdi
#[test]
fn an_unmodified_rocminfo_in_a_container_lists_the_devices_that_it_was_given() {
    if !able::live() || !able::has("rocminfo") {
        return;
    }
    let Some(kfdd) = two_devices() else { return };
    let (document, runtime) = (document(&kfdd), Runtime::find());
    report(&runtime);
    for (device, count) in [("0", 1), ("1", 1), ("all", 2)] {
        assert_eq!(agents(&document, device, &runtime), count, "device {device}");
    }
    kfdd.finish();
}

/// A container whose only process is a client; with the daemon's number of it.
fn client(kfdd: &Kfdd, bundle: &Bundle, runtime: &Runtime) -> Actor {
    let known: Vec<u32> = kfdd.processes().iter().map(|row| row.tgid.0).collect();
    Actor::spawn_elsewhere(&mut bundle.command(runtime), |actor| {
        actor.ok("open");
        let fresh = || kfdd.processes().iter().map(|row| row.tgid.0).find(|tgid| !known.contains(tgid));
        eventually(PATIENCE, fresh).expect("it is listed")
    })
}

// Keeps: containers-apart
#[test]
fn two_containers_are_apart_and_a_killed_one_leaves_nothing() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (document, runtime) = (document(&kfdd), Runtime::find());
    report(&runtime);
    let actor = program("kfd-actor");
    let actor = actor.to_str().unwrap();
    // In a container the nodes are where every program looks for them.
    let bundle = || Bundle::new(&document, Some("all"), &[actor], &["kfd-actor", "/dev"]);
    let (one, other) = (bundle(), bundle());
    let (mut killed, mut lives) = (client(&kfdd, &one, &runtime), client(&kfdd, &other, &runtime));
    assert_ne!(killed.pid(), lives.pid());
    for (client, byte) in [(&mut killed, 0xaa), (&mut lives, 0xbb)] {
        client.ok("queue 16");
        client.ok("run 0 3");
        let at = client.ok("alloc vram 4096")[1];
        client.poke(at, &[byte; 8]);
        assert_eq!(client.peek(at, 8), [byte; 8]);
    }
    assert_eq!(kfdd.queues().len(), 2);
    killed.signal(Signal::SIGKILL);
    let _ = killed.reap();
    let _ = kfdd.obituary(killed.pid());
    assert_eq!(kfdd.queues().len(), 1, "the killed one's is gone");
    assert_eq!(lives.ok("run 0 5"), [5, 8], "the other goes on");
    assert!(lives.leave().success());
    one.end(&runtime);
    other.end(&runtime);
    assert!(kfdd.processes().is_empty());
    kfdd.finish();
}

// Keeps: cdi
#[test]
fn what_a_container_mounts_is_there_and_no_single_file_of_the_door() {
    let Some(kfdd) = two_devices() else { return };
    let document = document(&kfdd);
    assert_eq!((&document["cdiVersion"], &document["kind"]), (&"0.5.0".into(), &"amd.com/gpu".into()));
    let names: Vec<&str> =
        document["devices"].as_array().unwrap().iter().filter_map(|d| d["name"].as_str()).collect();
    assert_eq!(names, ["0", "1", "all"]);
    let served = kfdd.run_dir().canonicalize().unwrap().join("dev");
    for mount in document["containerEdits"]["mounts"].as_array().unwrap() {
        let from = Path::new(mount["hostPath"].as_str().unwrap());
        assert!(from.exists(), "{mount}");
        assert!(!from.starts_with(&served) || from.is_dir(), "a bind of one file is one process's: {mount}");
    }
    for device in document["devices"].as_array().unwrap() {
        for hook in device["containerEdits"]["hooks"].as_array().unwrap() {
            assert_eq!(hook["hookName"], "createContainer");
            assert!(Path::new(hook["path"].as_str().unwrap()).is_file(), "{hook}");
        }
    }
    // To a file, and by another name.
    let file = kfdd.folder().join("cdi/kfdd.json");
    let written = kfdd
        .kfdctl(&["cdi", "--kind", "kfdd.test/gpu", "--output", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    let mut there: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(there["kind"], "kfdd.test/gpu");
    there["kind"] = document["kind"].clone();
    assert_eq!(there, document);
    let refused = kfdd.kfdctl(&["cdi", "--kind", "gpu"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a vendor and a class"), "{refused:?}");
    kfdd.finish();
}

// Keeps: run-root
#[test]
fn a_run_directory_without_a_daemon_gives_no_document_and_the_reason_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut kfdctl = std::process::Command::new(program("kfdctl"));
    let out = kfdctl.args(["cdi", "--run-dir"]).arg(folder.path()).output().unwrap();
    assert!(!out.status.success() && out.stdout.is_empty(), "{out:?}");
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("is the daemon of this run directory alive?"), "{said}");
    assert_eq!(said.matches("os error 2").count(), 1, "{said}");
}

#[test]
fn a_command_in_another_root_sees_the_devices_and_leaves_nothing_mounted() {
    if !able::live() || !able::has("rocminfo") {
        return;
    }
    let Some(kfdd) = two_devices() else { return };
    let bundle = Bundle::new(&Value::Null, None, &ROCMINFO, &[]);
    let root = bundle.root();
    std::fs::write(root.join("mark"), "").unwrap();
    let root = root.to_str().unwrap();
    let inside = |flags: &[&str], command: &[&str]| {
        let mut run = kfdd.kfdctl(&["run", "--root", root]);
        run.args(flags).arg("--").args(command).output().unwrap()
    };
    let out = inside(&[], &["rocminfo"]);
    let text = String::from_utf8_lossy(&out.stdout);
    let agents = text.lines().filter(|line| line.split_whitespace().eq(["Name:", "gfx900"])).count();
    assert!(out.status.success() && agents == 2, "{out:?}");
    let out = inside(
        &["--device-nodes", "never"],
        &["sh", "-c", "[ -e /mark ] && [ -e /dev/dri/renderD129 ] && exit 42"],
    );
    assert_eq!(out.status.code(), Some(42), "{out:?}");
    // The library is there under a name that leads to it in any root.
    let out =
        inside(&["--device-nodes", "always"], &["sh", "-c", "[ -s \"$LD_PRELOAD\" ] && echo $LD_PRELOAD"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "/dev/.kfdd/libkfdd_device_nodes.so\n", "{out:?}");
    assert_eq!(kfd_tests::task::mounts(root), Vec::<String>::new());
    kfdd.finish();
}

// Keeps: run-root-inside
#[test]
fn a_root_that_leads_out_of_itself_is_refused() {
    let Some(kfdd) = Kfdd::start() else { return };
    for (what, make) in [
        ("no /dev", (|_| {}) as fn(&Path)),
        ("a link", |dev| std::os::unix::fs::symlink("/tmp", dev).unwrap()),
    ] {
        let root = tempfile::tempdir().unwrap();
        make(&root.path().join("dev"));
        let out =
            kfdd.kfdctl(&["run", "--root", root.path().to_str().unwrap(), "--", "true"]).output().unwrap();
        assert_eq!(out.status.code(), Some(125), "{what}: {out:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains("/dev"), "{what}: {out:?}");
    }
    kfdd.finish();
}
