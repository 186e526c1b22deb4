//! Processes on devices, as tools find them: by the descriptors of nodes that they have open (`/proc/PID/fdinfo`).

use crate::newer_clients::{MIB, PATIENCE, PROFILES, Scene, amdgpu_top};
use kfd_tests::{Kfdd, able};
use std::fs;
use std::path::PathBuf;

/// The descriptors of a process that lead to a node in `dri`, by the node's name.
fn descriptors(tgid: u32) -> Vec<(String, PathBuf)> {
    let folder = PathBuf::from(format!("/proc/{tgid}"));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("fd")).expect("a process").map(|entry| entry.expect("a descriptor"))
    {
        let target = fs::read_link(entry.path()).expect("a link").to_string_lossy().into_owned();
        if let Some((_, node)) = target.rsplit_once("/dri/") {
            let node = node.trim_end_matches(" (deleted)").to_owned();
            found.push((node, folder.join("fdinfo").join(entry.file_name())));
        }
    }
    found.sort();
    found
}

/// The value of a line of fdinfo.
fn line(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

// Keeps: fdinfo-lines
#[test]
fn fdinfo_of_an_open_node_has_the_lines_of_drm_to_a_command_that_asks_for_it() {
    let Some(mut scene) = Scene::new("gfx942", 2) else { return };
    let nodes = descriptors(scene.tgid);
    let names: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["renderD128", "renderD129"]);
    let told = |scene: &Scene, when: &str, path: &PathBuf| {
        let out = scene.run(&["--device-nodes", when], &["cat", path.to_str().expect("digits")]);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let mut clients = Vec::new();
    for ((_, path), times) in nodes.iter().zip([1, 2]) {
        let kernels = told(&scene, "never", path);
        assert!(kernels.starts_with("pos:") && !kernels.contains("drm-"), "{kernels}");
        let all = told(&scene, "always", path);
        assert!(all.starts_with(&kernels), "the kernel's own come first: {all}");
        assert_eq!(line(&all, "drm-driver"), "amdgpu");
        assert_eq!(line(&all, "drm-memory-vram"), format!("{} KiB", (times * MIB) << 10));
        let bus = line(&all, "drm-pdev");
        let vendor = scene.text(&["cat", &format!("/sys/bus/pci/devices/{bus}/vendor")]);
        assert_eq!(vendor, "0x1002\n", "{bus}");
        clients.push((line(&all, "drm-client-id"), bus));
    }
    assert!(clients[0].0 != clients[1].0 && clients[0].1 != clients[1].1, "{clients:?}");
    // Whoever it is, and however it opens: a shell, a stream of the C library, a program of C++.
    let path = nodes[0].1.to_str().expect("digits");
    let by = |command: &[&str]| {
        let out = scene.run(&["--device-nodes", "always"], command);
        String::from_utf8_lossy(&out.stdout).contains("drm-client-id:")
    };
    assert!(by(&["sh", "-c", &format!("while read -r line; do echo \"$line\"; done <{path}")]));
    assert!(by(&["awk", "{print}", path]));
    assert!(by(&[
        "sh",
        "-c",
        &format!("cd {path}/.. 2>/dev/null || cd $(dirname {path}); cat ./$(basename {path})")
    ]));
    // A thread's are the same, and a descriptor of something else has none.
    let thread = path.replace("/fdinfo/", &format!("/task/{}/fdinfo/", scene.tgid));
    assert!(by(&["cat", &thread]));
    assert!(!by(&["sh", "-c", &format!("cat /proc/{}/fdinfo/0", scene.tgid)]));
    let links = scene
        .run(&["--device-nodes", "always"], &["sh", "-c", &format!("readlink /proc/{}/fd/*", scene.tgid)]);
    let links = String::from_utf8_lossy(&links.stdout).into_owned();
    for node in ["/dev/kfd", "/dev/dri/renderD128", "/dev/dri/renderD129"] {
        assert!(links.lines().any(|link| link == node), "{node} in {links}");
    }
    scene.free();
    assert_eq!(line(&told(&scene, "always", &nodes[1].1), "drm-memory-vram"), "0 KiB");
    let gone = nodes[0].1.clone();
    scene.end();
    assert!(!gone.exists());
}

// Keeps: fdinfo-client
#[test]
fn a_descriptors_client_is_its_open_file_whoever_has_it() {
    let Some(kfdd) = Kfdd::start() else { return };
    // A duplicate, one more open, the primary node, an inherited one.
    let look = "exec 3<>/dev/dri/renderD128 4<&3 5<>/dev/dri/renderD128 6<>$(echo /dev/dri/card*); \
                for at in $$/fdinfo/3 $$/fdinfo/4 $$/fdinfo/5 $$/fdinfo/6 self/fdinfo/3; do \
                grep drm-client-id /proc/$at; done";
    let mut command = kfdd.kfdctl(&["run", "--device-nodes", "always", "--", "sh", "-c", look]);
    let out = command.output().expect("kfdctl can be executed");
    let said = String::from_utf8_lossy(&out.stdout);
    let clients: Vec<&str> = said.lines().collect();
    let [first, duplicate, second, primary, inherited] = clients[..] else { panic!("{out:?}") };
    assert_eq!((duplicate, inherited), (first, first));
    assert!(second != first && primary != first && primary != second, "{clients:?}");
    kfdd.finish();
}

// Keeps: fdinfo-lines
#[test]
fn fdinfo_is_refused_as_the_kernel_refuses_it() {
    let Some(scene) = Scene::new("gfx900", 1) else { return };
    let path = descriptors(scene.tgid).remove(0).1;
    let path = path.to_str().expect("digits");
    if !able::has("setpriv") {
        return;
    }
    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "cat", path];
    let out = scene.run(&["--device-nodes", "always"], &nobody);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("Permission denied"), "{out:?}");
    let out = scene.run(&["--device-nodes", "always"], &["cat", "/proc/4194305/fdinfo/3"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("No such file"), "{out:?}");
    scene.end();
}

// Keeps: tools-processes
#[test]
fn nvtop_shows_the_process_on_a_device_with_its_memory() {
    if !able::has("nvtop") || !able::has("script") {
        return;
    }
    for (profile, ..) in PROFILES {
        let Some(mut scene) = Scene::new(profile, 1) else { return };
        let mut nvtop = scene.nvtop();
        nvtop.shows(&[&format!(" {} root ", scene.tgid), &format!(" {MIB}MiB ")], PATIENCE);
        // The device's own memory is told in GiB.
        scene.free();
        nvtop.shows(&[&format!(" {} root ", scene.tgid), " 0MiB "], PATIENCE);
        assert!(nvtop.end_with("q").success(), "{profile}");
        scene.end();
    }
}

// Keeps: tools-processes
#[test]
fn amdgpu_top_shows_the_process_on_each_device_with_its_memory() {
    let Some(program) = amdgpu_top() else { return };
    let program = program.to_str().expect("target folders have plain names");
    for (profile, ..) in PROFILES {
        let Some(mut scene) = Scene::new(profile, 2) else { return };
        // VRAM of the process by device, in the order of the render nodes.
        let shown = |scene: &Scene| {
            let mut rows: Vec<_> = scene
                .amdgpu_top(program)
                .iter()
                .map(|device| {
                    let its = &device["fdinfo"][scene.tgid.to_string()];
                    assert_eq!(its["name"], "vram", "{profile}: {:#}", device["fdinfo"]);
                    let vram = its["usage"]["usage"]["VRAM"]["value"].as_u64();
                    (device["Info"]["DevicePath"]["render"].to_string(), vram)
                })
                .collect();
            rows.sort();
            rows.into_iter().map(|(_, vram)| vram).collect::<Vec<_>>()
        };
        assert_eq!(shown(&scene), [Some(MIB), Some(2 * MIB)], "{profile}");
        scene.free();
        assert_eq!(shown(&scene), [Some(0), Some(0)], "{profile}");
        scene.end();
    }
}
