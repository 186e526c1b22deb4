//! The private view, entered by the process that `kfdctl run` starts. Plain files stand in for what a daemon serves:
//! the view does not know the difference.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run directory as a daemon would have made it.
struct RunDir(tempfile::TempDir);

impl RunDir {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Other users must get in.
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let node = "sys/devices/virtual/kfd/kfd/topology/nodes/1";
        let ras = "sys/kernel/debug/dri/0/ras";
        let devices = "sys/devices/virtual/amdgpu";
        for folder in [
            "dev/dri",
            "dev/ras",
            "dev/amdgpu/0001:fe:00.0/drm/card99",
            "dev/amdgpu/proc",
            node,
            ras,
            devices,
            "sys/bus/pci/devices",
            "sys/class/drm",
            "sys/class/kfd",
            "sys/dev/char",
            "sys/module/amdgpu",
            "proc",
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (file, content) in [
            ("dev/kfd", "the served kfd"),
            ("dev/dri/renderD199", "the served render node"),
            ("dev/dri/card99", "the served primary node"),
            ("dev/amdgpu/0001:fe:00.0/mem_info_vram_used", "4096\n"),
            ("dev/amdgpu/0001:fe:00.0/drm/card99/dev", "226:99\n"),
            ("sys/devices/virtual/kfd/kfd/topology/nodes/1/gpu_id", "4711\n"),
            ("dev/ras/renderD199", "the served control file"),
            ("sys/kernel/debug/dri/0/ras/ras_ctrl", ""),
            ("sys/module/amdgpu/initstate", "live\n"),
            ("proc/modules", "amdgpu 4096 0 - Live 0x0000000000000000\n"),
        ] {
            fs::write(dir.path().join(file), content).unwrap();
        }
        for (target, link) in [
            ("../../devices/virtual/kfd/kfd", "sys/class/kfd/kfd"),
            ("../../amdgpu/proc", "sys/devices/virtual/kfd/kfd/proc"),
            ("../../devices/virtual/amdgpu/0001:fe:00.0/drm/card99", "sys/class/drm/card99"),
            ("../../devices/virtual/amdgpu/0001:fe:00.0/drm/card99", "sys/dev/char/226:99"),
            ("../../../devices/virtual/amdgpu/0001:fe:00.0", "sys/bus/pci/devices/0001:fe:00.0"),
            ("../../../0001:fe:00.0", "dev/amdgpu/0001:fe:00.0/drm/card99/device"),
        ] {
            symlink(target, dir.path().join(link)).unwrap();
        }
        let debugfs = dir.path().join("sys/kernel/debug");
        symlink("0", debugfs.join("dri/199")).unwrap();
        fs::set_permissions(debugfs, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn enter(&self, flags: &[&str], command: &[&str]) -> Command {
        let mut enter = Command::new(env!("CARGO_BIN_EXE_kfdctl"));
        enter.arg("enter").arg("--run-dir").arg(self.path()).args(flags).arg("--").args(command);
        enter.env_remove("HSA_USERPTR_FOR_PAGED_MEM").env_remove("HSA_FORCE_SDMA_SIZE");
        enter
    }

    /// What `script` prints inside the view; it must succeed and be silent on stderr.
    fn inside(&self, flags: &[&str], script: &str) -> String {
        printed(self.enter(flags, &["sh", "-ec", script]))
    }
}

fn printed(mut command: Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    stdout(&out)
}

fn stdout(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Whether this test can run; a skip is said, with its name.
fn root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: {test}: needs root");
    }
    root
}

fn names(folder: &str) -> BTreeSet<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_command_sees_kfd_the_render_nodes_and_the_topology() {
    if !root("the_command_sees_kfd_the_render_nodes_and_the_topology") {
        return;
    }
    let run = RunDir::new();
    let seen = run.inside(
        &[],
        "cat /dev/kfd; echo; cat /dev/dri/renderD199; echo; cat /sys/class/kfd/kfd/topology/nodes/1/gpu_id; \
         cat /sys/module/amdgpu/initstate; test -L /dev/kfd; test -d /sys/class/drm",
    );
    assert_eq!(seen, "the served kfd\nthe served render node\n4711\nlive\n");
}

// Keeps: view-beside
#[test]
fn every_bus_and_class_shows_the_served_devices_beside_the_machines_own() {
    if !root("every_bus_and_class_shows_the_served_devices_beside_the_machines_own") {
        return;
    }
    let run = RunDir::new();
    let look = "cat /sys/class/drm/card99/device/mem_info_vram_used /sys/dev/char/226:99/dev \
                /sys/bus/pci/devices/0001:fe:00.0/mem_info_vram_used; \
                cd /sys/class/kfd/kfd/proc && pwd -P; cat /dev/dri/card99; echo; ls /sys/bus/pci/devices /sys/dev/char";
    let own = |folder: &str| names(folder).into_iter().filter_map(|path| Some(path.file_name()?.to_owned()));
    for flags in [&[][..], &["--hide-real-gpu"]] {
        let seen = run.inside(flags, look);
        let (found, listed) = seen.split_once("the served primary node\n").expect("the node was read");
        assert_eq!(found, "4096\n226:99\n4096\n/sys/devices/virtual/amdgpu/proc\n");
        // A machine without PCI has no directory of that bus.
        let buses = if Path::new("/sys/bus/pci/devices").is_dir() {
            own("/sys/bus/pci/devices").collect()
        } else {
            vec![]
        };
        let listed: BTreeSet<_> = listed.lines().collect();
        assert!(listed.contains("0001:fe:00.0") && listed.contains("226:99"), "{listed:?}");
        if flags.is_empty() {
            for name in buses.into_iter().chain(own("/sys/dev/char")) {
                assert!(listed.contains(name.to_str().unwrap()), "the machine's own {name:?} is hidden");
            }
        }
    }
}

// Keeps: view-hides-none
#[test]
fn a_real_primary_node_or_device_in_the_same_place_is_never_hidden_unasked() {
    if !root("a_real_primary_node_or_device_in_the_same_place_is_never_hidden_unasked") {
        return;
    }
    let run = RunDir::new();
    let program = env!("CARGO_BIN_EXE_kfdctl");
    // A machine with a card of the same number, played by a character device.
    let script = format!(
        "mount -t tmpfs none /mnt; cp -a /dev/null /mnt/null; mkdir /mnt/dri; cp -a /dev/null /mnt/dri/card0; \
         mount --move /mnt /dev; \
         {program} enter --run-dir {0} -- sh -c 'ls /dev/dri | tr \\\\n \" \"; cat /dev/dri/card99; echo'; \
         cp -a /dev/null /dev/dri/card99; {program} enter --run-dir {0} -- true 2>&1 || echo refused $?",
        run.path().display()
    );
    let mut machine = Command::new("unshare");
    machine.args(["--mount", "sh", "-c", &script]);
    let seen = printed(machine);
    assert!(seen.starts_with("card0 card99 renderD199 the served primary node\n"), "{seen}");
    assert!(seen.contains("/dev/dri/card99") && seen.ends_with("refused 125\n"), "{seen}");

    let Some(real) = fs::read_dir("/sys/bus/pci/devices").ok().and_then(|mut devices| devices.next()) else {
        return println!(
            "skipped: a_real_primary_node_or_device_in_the_same_place_is_never_hidden_unasked: no PCI here"
        );
    };
    let address = real.unwrap().file_name().into_string().unwrap();
    let served = run.path().join("sys/bus/pci/devices").join(&address);
    symlink("../../../devices/virtual/amdgpu/0001:fe:00.0", served).unwrap();
    let out = run.enter(&[], &["true"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.contains(&address) && said.contains("--hide-real-gpu"), "{said}");
    // A view inside a view replaces what the outer one shows there.
    let inner = RunDir::new();
    let nested = format!("{program} enter --run-dir {} -- cat /dev/dri/card99", inner.path().display());
    let outer = RunDir::new();
    assert_eq!(outer.inside(&[], &nested), "the served primary node");
}

// Keeps: ras-view
#[test]
fn debugfs_shows_the_control_file_to_root() {
    if !root("debugfs_shows_the_control_file_to_root") {
        return;
    }
    if !Path::new("/sys/kernel/debug").is_dir() {
        println!("skipped: debugfs_shows_the_control_file_to_root: a kernel without debugfs");
        return;
    }
    let run = RunDir::new();
    let seen = run.inside(&[], "cat /sys/kernel/debug/dri/0/ras/ras_ctrl; stat -c %a /sys/kernel/debug");
    assert_eq!(seen, "the served control file700\n");
}

#[test]
fn the_rest_of_dev_and_sys_goes_on_working() {
    if !root("the_rest_of_dev_and_sys_goes_on_working") {
        return;
    }
    let run = RunDir::new();
    let shared = format!("/dev/shm/kfdd-view-test-{}", std::process::id());
    let seen = run.inside(
        &[],
        &format!(
            "echo gone >/dev/null; head -c 8 /dev/zero | od -An -tx1; test -c /dev/full; test -c /dev/fuse; \
             cat /sys/class/net/lo/ifindex; readlink /dev/fd; echo shared >{shared}; \
             ls -d /dev/pts /dev/ptmx; : <>/dev/ptmx"
        ),
    );
    let through = fs::read_to_string(&shared);
    drop(fs::remove_file(&shared));
    assert_eq!(seen, " 00 00 00 00 00 00 00 00\n1\n/proc/self/fd\n/dev/ptmx\n/dev/pts\n");
    assert_eq!(through.unwrap(), "shared\n", "/dev/shm is the machine's");
}

// Keeps: outside-unchanged
#[test]
fn outside_the_view_nothing_changes() {
    if !root("outside_the_view_nothing_changes") {
        return;
    }
    let run = RunDir::new();
    // Daemons of other tests mount and unmount in folders of their own meanwhile.
    let others = std::env::temp_dir();
    let is_of_others = |line: &str| {
        let point = Path::new(line.split(' ').nth(4).unwrap_or_default());
        point.starts_with(&others) && !point.starts_with(run.path())
    };
    let mounts = || {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.lines().filter(|line| !is_of_others(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let machine = || {
        (mounts(), names("/dev"), names("/sys/class"), names("/sys/module"), names("/sys/devices/virtual"))
    };
    let before = machine();
    // While a command is inside, and after it has written to its /dev and ended.
    let mut command = run.enter(&[], &["sh", "-c", "touch /dev/mine; rm -f /dev/kfd; echo in; read -r _"]);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert_eq!(line, "in\n");
    assert_eq!(machine(), before);
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(machine(), before);
    assert_eq!(fs::read_to_string(run.path().join("dev/kfd")).unwrap(), "the served kfd");
}

#[test]
fn lsmod_shows_amdgpu_with_and_without_a_module_list() {
    if !root("lsmod_shows_amdgpu_with_and_without_a_module_list") {
        return;
    }
    let run = RunDir::new();
    assert!(run.inside(&[], "lsmod | grep amdgpu").starts_with("amdgpu "));
    // A PATH with no lsmod on it at all.
    let tools = tempfile::tempdir().unwrap();
    for tool in ["sh", "grep"] {
        let real =
            ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists());
        symlink(real.unwrap(), tools.path().join(tool)).unwrap();
    }
    let mut bare = run.enter(&[], &["sh", "-ec", "lsmod | grep amdgpu"]);
    bare.env("PATH", tools.path());
    assert!(printed(bare).starts_with("amdgpu "));
}

#[test]
fn the_environment_says_where_the_daemon_is_and_keeps_the_users_choice() {
    if !root("the_environment_says_where_the_daemon_is_and_keeps_the_users_choice") {
        return;
    }
    let run = RunDir::new();
    let script = "echo $KFDD_RUN_DIR $HSA_USERPTR_FOR_PAGED_MEM $HSA_FORCE_SDMA_SIZE";
    assert_eq!(run.inside(&[], script), format!("{} 0 2147483647\n", run.path().display()));
    let mut chosen = run.enter(&[], &["sh", "-ec", script]);
    chosen.env("HSA_USERPTR_FOR_PAGED_MEM", "1").env("HSA_FORCE_SDMA_SIZE", "4096");
    assert_eq!(printed(chosen), format!("{} 1 4096\n", run.path().display()));
}

// Keeps: run-copies
#[test]
fn where_waves_run_copies_are_left_to_the_runtime() {
    if !root("where_waves_run_copies_are_left_to_the_runtime") {
        return;
    }
    for (waves, copies) in
        [("run", ""), ("in-process", ""), ("refuse", " 2147483647"), ("null", " 2147483647")]
    {
        let run = RunDir::new();
        let socket = UnixListener::bind(run.path().join("control")).unwrap();
        let daemon = std::thread::spawn(move || {
            // Who it is, and whether it takes a listener.
            for _ in 0..2 {
                let (mut asked, _) = socket.accept().unwrap();
                let mut line = String::new();
                asked.read_to_string(&mut line).unwrap();
                let answer = if line.contains("version") {
                    format!(
                        r#"{{"version":"0","tgid":1,"profile":"p","gpus":1,"interface":18,"waves":"{waves}"}}"#
                    )
                } else {
                    r#"{"listening":false}"#.to_owned()
                };
                asked.write_all(answer.as_bytes()).unwrap();
            }
        });
        let said = run.inside(&[], "echo $HSA_USERPTR_FOR_PAGED_MEM $HSA_FORCE_SDMA_SIZE");
        assert_eq!(said, format!("0{copies}\n"), "{waves}");
        daemon.join().unwrap();
    }
}

#[test]
fn a_view_may_be_entered_inside_a_view() {
    if !root("a_view_may_be_entered_inside_a_view") {
        return;
    }
    let (outer, inner) = (RunDir::new(), RunDir::new());
    fs::write(inner.path().join("dev/kfd"), "the inner kfd").unwrap();
    let program = env!("CARGO_BIN_EXE_kfdctl");
    let script = format!(
        "{program} enter --run-dir {} -- sh -ec 'cat /dev/kfd; : <>/dev/ptmx; lsmod | grep -c amdgpu'",
        inner.path().display()
    );
    assert_eq!(outer.inside(&[], &script), "the inner kfd1\n");
}

#[test]
fn the_composition_without_overlays_shows_the_same() {
    if !root("the_composition_without_overlays_shows_the_same") {
        return;
    }
    let run = RunDir::new();
    // --hide-real-gpu replaces directories, which no overlay can.
    let seen = run.inside(
        &["--hide-real-gpu"],
        "cat /sys/class/kfd/kfd/topology/nodes/1/gpu_id; cat /sys/class/net/lo/ifindex; cat /dev/kfd; \
         grep -c 'kfdd-view.*/sys.* overlay' /proc/self/mountinfo || true",
    );
    assert_eq!(seen, "4711\n1\nthe served kfd0\n");
}

// Keeps: ras-view
#[test]
fn an_ordinary_user_gets_a_view_and_stays_the_same_user() {
    if !root("an_ordinary_user_gets_a_view_and_stays_the_same_user") {
        return;
    }
    let run = RunDir::new();
    // The build directory need not be open to other users.
    let program = run.path().join("kfdctl");
    // By another process: a fork of another test's would keep a descriptor of ours, and a file that is open for writing
    // cannot be executed.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_kfdctl")).arg(&program).status().unwrap().success());
    let mut user = Command::new("setpriv");
    user.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    user.arg("enter").arg("--run-dir").arg(run.path()).args(["--", "sh", "-ec"]);
    user.arg(
        "id -u; cat /dev/kfd; echo gone >/dev/null; lsmod | grep -c amdgpu; cat /sys/class/net/lo/ifindex; \
         grep -c ' /sys/kernel/debug.*kfdd' /proc/self/mountinfo || ! cat /sys/kernel/debug/dri/0/ras/ras_ctrl",
    );
    let out = user.output().unwrap();
    if String::from_utf8_lossy(&out.stderr).contains("private mount namespace") {
        println!(
            "skipped: an_ordinary_user_gets_a_view_and_stays_the_same_user: this machine has no user namespaces for users"
        );
        return;
    }
    assert_eq!(stdout(&out), "65534\nthe served kfd1\n1\n0\n", "{out:?}");
}

// Keeps: view-hides-none
#[test]
fn a_real_kfd_is_never_hidden_unasked() {
    if !root("a_real_kfd_is_never_hidden_unasked") {
        return;
    }
    let run = RunDir::new();
    // A machine with a real GPU, played by a character device on a /dev of its own.
    let program = env!("CARGO_BIN_EXE_kfdctl");
    let script = format!(
        "mount -t tmpfs none /mnt; cp -a /dev/null /mnt/null; cp -a /dev/null /mnt/kfd; mount --move /mnt /dev; \
         {program} enter --run-dir {0} -- true 2>&1 || echo refused $?; \
         {program} enter --run-dir {0} --hide-real-gpu -- cat /dev/kfd",
        run.path().display()
    );
    let mut machine = Command::new("unshare");
    machine.args(["--mount", "sh", "-c", &script]);
    let seen = printed(machine);
    assert!(seen.contains("/dev/kfd") && seen.contains("--hide-real-gpu"), "{seen}");
    assert!(seen.ends_with("refused 125\nthe served kfd"), "{seen}");
}

#[test]
fn a_real_render_node_of_another_name_stays_visible_and_one_of_the_same_name_is_refused() {
    if !root("a_real_render_node_of_another_name_stays_visible_and_one_of_the_same_name_is_refused") {
        return;
    }
    let run = RunDir::new();
    let program = env!("CARGO_BIN_EXE_kfdctl");
    let script = format!(
        "mount -t tmpfs none /mnt; cp -a /dev/null /mnt/null; mkdir /mnt/dri; cp -a /dev/null /mnt/dri/renderD128; \
         mount --move /mnt /dev; \
         {program} enter --run-dir {0} -- sh -c 'ls /dev/dri; cat /dev/dri/renderD199; echo'; \
         cp -a /dev/null /dev/dri/renderD199; \
         {program} enter --run-dir {0} -- true 2>&1 || echo refused $?",
        run.path().display()
    );
    let mut machine = Command::new("unshare");
    machine.args(["--mount", "sh", "-c", &script]);
    let seen = printed(machine);
    assert!(seen.starts_with("card99\nrenderD128\nrenderD199\nthe served render node\n"), "{seen}");
    assert!(seen.contains("/dev/dri/renderD199") && seen.ends_with("refused 125\n"), "{seen}");
}

#[test]
fn a_run_directory_without_a_daemon_is_refused_with_its_path() {
    let run = RunDir::new();
    fs::remove_file(run.path().join("dev/kfd")).unwrap();
    let out = run.enter(&[], &["true"]).output().unwrap();
    assert_eq!(out.status.code(), Some(125));
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(error.contains(&run.path().join("dev/kfd").display().to_string()), "{error}");
}

#[test]
fn a_command_that_cannot_start_is_told_apart_by_its_status() {
    if !root("a_command_that_cannot_start_is_told_apart_by_its_status") {
        return;
    }
    let run = RunDir::new();
    let status = |program: &str| run.enter(&[], &[program]).output().unwrap().status.code();
    assert_eq!(status("no-such-program"), Some(127));
    assert_eq!(status("/etc/passwd"), Some(126));
    assert_eq!(status("false"), Some(1));
}
