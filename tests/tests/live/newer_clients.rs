//! Programs that nobody here wrote: tools that look at devices, and a runtime above HSA's.
//!
//! Each is run beside a client that holds memory of every device, and is to say what the daemon says of it. rocminfo is run by
//! the tests of several devices (`gpus`).

use kfd_tests::terminal::{self, Terminal};
use kfd_tests::{Kfdd, able, compile, eventually};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// What the client takes of the first device; of the second it takes twice as much.
pub(crate) const MIB: u64 = 48;

/// Name that libdrm's `amdgpu.ids` has for it, PCI device id, VRAM in MiB, by profile.
pub(crate) const PROFILES: [(&str, &str, &str, u64); 3] = [
    ("gfx900", "AMD Radeon Vega Frontier Edition", "0x6863", 16 << 10),
    ("gfx942", "AMD Instinct MI300X", "0x74a1", 0x2f_ff00_0000 >> 20),
    ("gfx1100", "AMD Radeon RX 7900 XTX", "0x744c", 0x5_ff00_0000 >> 20),
];

/// A tool that shows nothing for so long hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon with devices, and a client that holds memory of each.
pub(crate) struct Scene {
    pub(crate) kfdd: Kfdd,
    holder: Child,
    said: BufReader<ChildStdout>,
    pub(crate) tgid: u32,
}

impl Scene {
    pub(crate) fn new(profile: &str, gpus: u32) -> Option<Self> {
        let kfdd = Kfdd::start_as(|mut daemon| {
            daemon.args(["--profile", profile, "--gpus", &gpus.to_string()]);
            daemon
        })?;
        let client = compile::client("vram", kfdd.folder(), &[])?;
        let mut holder = kfdd.kfdctl(&["run", "--"]);
        holder.arg(client).arg(MIB.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().expect("kfdctl can be executed");
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let tgid = line.strip_prefix("holding ").unwrap_or_else(|| panic!("it does not hold: {line:?}"));
        let tgid = tgid.trim().parse().expect("a number");
        Some(Self { kfdd, holder, said, tgid })
    }

    /// The client frees what it held, and lives on.
    pub(crate) fn free(&mut self) {
        self.holder.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line, "freed\n");
    }

    /// What a command prints in a view of the daemon.
    pub(crate) fn run(&self, flags: &[&str], command: &[&str]) -> Output {
        let mut run = self.kfdd.kfdctl(&["run"]);
        // A tool that hangs is a failure with its output.
        run.args(flags).args(["--", "timeout", "60"]).args(command).stdin(Stdio::null());
        run.output().expect("kfdctl can be executed")
    }

    pub(crate) fn text(&self, command: &[&str]) -> String {
        let out = self.run(&[], command);
        assert!(out.status.success(), "{command:?}: {out:?}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// nvtop on a terminal, with nodes that look like character devices.
    pub(crate) fn nvtop(&self) -> Terminal {
        let mut watch = self.kfdd.kfdctl(&["run", "--device-nodes", "always", "--"]);
        watch.args(terminal::on_a_terminal("nvtop"));
        Terminal::start(watch)
    }

    /// The devices as amdgpu_top tells of them. libdrm takes two render nodes that are regular files for one device.
    pub(crate) fn amdgpu_top(&self, program: &str) -> Vec<serde_json::Value> {
        let out = self.run(&["--device-nodes", "always"], &[program, "-J", "-n", "1"]);
        assert!(out.status.success(), "{out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        let json: serde_json::Value = serde_json::from_str(text.lines().next().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{text}"));
        json["devices"].as_array().expect("devices").clone()
    }

    /// The client ends, and with it what it held.
    pub(crate) fn end(mut self) {
        drop(self.holder.stdin.take());
        assert!(self.holder.wait().unwrap().success());
        let used = "/sys/class/drm/card0/device/mem_info_vram_used";
        let freed = || (self.text(&["cat", used]) == "0\n").then_some(());
        assert!(eventually(Duration::from_secs(10), freed).is_some(), "what it held is still shown");
        let listed = self.text(&["ls", "/sys/class/kfd/kfd/proc/"]);
        assert!(!listed.lines().any(|line| line == self.tgid.to_string()), "{listed}");
        self.kfdd.finish();
    }
}

/// The value of a field of JSON, as text.
fn field<'a>(json: &'a serde_json::Value, pointer: &str) -> &'a str {
    json.pointer(pointer)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {json:#}"))
}

// Keeps: rocm-smi
#[test]
fn rocm_smi_shows_each_device_with_its_memory_and_the_processes_on_it() {
    if !able::has("rocm-smi") {
        return;
    }
    for (profile, _, device, mib) in PROFILES {
        let Some(scene) = Scene::new(profile, 2) else { return };
        let look = ["rocm-smi", "--json", "--showid", "--showmeminfo", "vram", "--showuniqueid", "--showbus"];
        let text = scene.text(&look);
        let json: serde_json::Value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{text}"));
        for index in 0..2u64 {
            let card = format!("/card{index}");
            let number = |name: &str| field(&json, &format!("{card}/{name}")).parse::<u64>().expect(name);
            assert_eq!(field(&json, &format!("{card}/GPU ID")), device, "{profile}");
            assert_eq!(number("VRAM Total Memory (B)"), mib << 20, "{profile}");
            assert_eq!(number("VRAM Total Used Memory (B)"), (MIB << 20) * (index + 1), "{profile}");
            assert!(field(&json, &format!("{card}/Unique ID")).starts_with("0x"), "{text}");
        }
        let processes = scene.text(&["rocm-smi", "--showpids"]);
        let row =
            processes.lines().find(|line| line.split_whitespace().next() == Some(&scene.tgid.to_string()));
        let row: Vec<_> = row.unwrap_or_else(|| panic!("{processes}")).split_whitespace().collect();
        // TGID, name, devices with queues, VRAM of all devices, microseconds of copies, compute units.
        assert_eq!(row[1..], ["vram", "2", &((3 * MIB) << 20).to_string(), "0", "0"], "{processes}");
        // Everything that it can show, with an end.
        let all = scene.run(&[], &["rocm-smi", "-a"]);
        let shown = String::from_utf8_lossy(&all.stdout).into_owned();
        assert!(shown.contains("End of ROCm SMI Log"), "{profile}: {all:?}");
        for line in ["Performance Level: auto", "sclk clock level: 1", "PCI Bus: 0000:"] {
            assert_eq!(shown.matches(line).count(), 2, "{profile}: `{line}` in {shown}");
        }
        scene.end();
    }
}

// Keeps: radeontop
#[test]
fn radeontop_shows_the_memory_of_a_device_by_its_node_and_by_its_bus() {
    if !able::has("radeontop") {
        return;
    }
    for (profile, _, _, _) in PROFILES {
        let Some(scene) = Scene::new(profile, 2) else { return };
        for (node, mib) in [("renderD128", MIB), ("renderD129", 2 * MIB), ("card1", 2 * MIB)] {
            let path = format!("/dev/dri/{node}");
            let said = scene.text(&["radeontop", "-p", &path, "-d", "-", "-l", "1", "-i", "1"]);
            assert!(said.contains(&format!("{mib}.00mb, gtt")), "{profile} {node}: {said}");
            assert!(said.contains("mclk 100.00%") && said.contains("gpu 0.00%"), "{said}");
        }
        scene.end();
    }
    // By itself it finds a display's device on the bus, and its primary node by its bus id.
    let Some(scene) = Scene::new("gfx900", 2) else { return };
    for (bus, mib) in [("2f", MIB), ("3f", 2 * MIB)] {
        let said = scene.text(&["radeontop", "-b", bus, "-d", "-", "-l", "1", "-i", "1"]);
        assert!(
            said.contains(&format!("bus {bus}, gpu ")) && said.contains(&format!("{mib}.00mb, gtt")),
            "{said}"
        );
    }
    scene.end();
}

// Keeps: device-nodes
#[test]
fn nodes_look_like_character_devices_to_a_command_that_asks_for_it() {
    let Some(kfdd) = Kfdd::start() else { return };
    let look = "stat -c %F:%t:%T /dev/dri/renderD128 /dev/dri/card* /etc/passwd /dev/null; \
                stat -f -c %T /sys/class/drm/renderD128/device/ /sys/class/kfd/kfd/; echo $LD_PRELOAD; \
                exec 3<>/dev/dri/renderD128; stat -L -c %F:%t:%T /proc/self/fd/3";
    let run = |flags: &[&str]| {
        let mut command = kfdd.kfdctl(&["run"]);
        command.args(flags).args(["--", "sh", "-c", look]).env("LD_PRELOAD", "");
        let out = command.output().expect("kfdctl can be executed");
        assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
        String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let asked = run(&["--device-nodes", "always"]);
    // The number of the first card depends on the machine.
    let (card, library) = (asked[1].as_str(), asked[6].as_str());
    assert!(card.starts_with("character special file:e2:"), "{asked:?}");
    assert!(library.ends_with("/libkfdd_device_nodes.so"), "{asked:?}");
    let node = "character special file:e2:80";
    let null = "character special file:1:3";
    assert_eq!(asked, [node, card, "regular file:0:0", null, "sysfs", "sysfs", library, node]);
    assert_eq!(run(&[]), asked, "unasked too");
    let never = run(&["--device-nodes", "never"]);
    assert_eq!(never[..2], ["regular empty file:0:0", "regular empty file:0:0"]);
    assert_eq!(never[6], "");
    // A program with AddressSanitizer insists on being first, and finds the faults of its own all the same.
    let (source, program) = (kfdd.folder().join("asan.c"), kfdd.folder().join("asan"));
    let text = "#include <stdlib.h>\n#include <sys/stat.h>\nint main(int argc, char **argv) { struct stat s; \
                char *p = malloc(8); free(p); return stat(argv[1], &s) || (argc > 2 && *(volatile char *)p); }\n";
    std::fs::write(&source, text).unwrap();
    let built =
        Command::new("cc").args(["-g", "-fsanitize=address", "-o"]).arg(&program).arg(&source).output();
    if !built.is_ok_and(|out| out.status.success()) {
        able::skip("needs a C compiler with AddressSanitizer");
    } else {
        for (arguments, fine) in [(&["/dev/dri/renderD128"][..], true), (&["/dev/null", "fault"], false)] {
            let mut command = kfdd.kfdctl(&["run", "--device-nodes", "always", "--"]);
            let out = command.arg(&program).args(arguments).output().expect("kfdctl can be executed");
            assert_eq!(out.status.success(), fine, "{out:?}");
            assert_eq!(
                String::from_utf8_lossy(&out.stderr).contains("heap-use-after-free"),
                !fine,
                "{out:?}"
            );
        }
    }
    kfdd.finish();
}

/// nvtop 3.0.1 writes every second device's place into the first one's entry (extract_gpuinfo_amdgpu.c) and aborts.
// Keeps: nvtop-amdgpu-top
#[test]
fn nvtop_shows_a_device_whose_nodes_look_like_character_devices() {
    if !able::has("nvtop") || !able::has("script") {
        return;
    }
    for (profile, name, _, mib) in PROFILES {
        let Some(scene) = Scene::new(profile, 1) else { return };
        let mut nvtop = scene.nvtop();
        // libdrm 2.4.114 of Debian 12 does not know the others by name.
        let name = if profile == "gfx900" { name } else { "AMD Radeon Graphics" };
        let memory = format!("{:.3}Gi/{:.3}Gi", MIB as f64 / 1024.0, mib as f64 / 1024.0);
        nvtop.shows(&[&format!("Device 0 [{name}]"), &memory], PATIENCE);
        assert!(nvtop.end_with("q").success(), "{profile}");
        scene.end();
    }
}

/// What `cargo xtask test` has built, or the machine's own.
pub(crate) fn amdgpu_top() -> Option<PathBuf> {
    let own = std::env::current_exe().expect("a running test has a file");
    // <target>/<profile>/deps/<test>
    let built = own.ancestors().nth(3).expect("cargo puts tests below <target>/<profile>");
    let built = built.join("amdgpu_top/bin/amdgpu_top");
    if built.is_file() {
        return Some(built);
    }
    able::has("amdgpu_top").then(|| "amdgpu_top".into())
}

// Keeps: nvtop-amdgpu-top
#[test]
fn amdgpu_top_shows_each_device_with_its_memory() {
    let Some(program) = amdgpu_top() else { return };
    let program = program.to_str().expect("target folders have plain names");
    for (profile, name, _, mib) in PROFILES {
        let Some(scene) = Scene::new(profile, 2) else { return };
        let devices = scene.amdgpu_top(program);
        assert_eq!(devices.len(), 2, "{profile}");
        for device in &devices {
            // In no order of its own.
            let second = field(device, "/Info/DevicePath/render").ends_with("129");
            let figure =
                |of: &str| device.pointer(&format!("/VRAM/{of}/value")).and_then(serde_json::Value::as_u64);
            assert_eq!(field(device, "/Info/DeviceName"), name);
            assert_eq!(figure("Total VRAM"), Some(mib), "{profile}: {:#}", device["VRAM"]);
            assert_eq!(figure("Total VRAM Usage"), Some(MIB * if second { 2 } else { 1 }), "{profile}");
        }
        scene.end();
    }
}

/// HIP 5.2.3 itself dispatches a kernel when a stream is made: with waves that complete without running, its copies are those of
/// the copy engines.
// Keeps: hip
#[test]
fn the_unmodified_hip_runtime_finds_devices_takes_memory_and_copies() {
    if !able::live() {
        return;
    }
    let header = "/usr/include/hip/hip_runtime_api.h";
    if !Path::new(header).exists() {
        return able::skip(&format!("needs {header} (libamdhip64-dev)"));
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(client) = compile::client("hip", folder.path(), &["-lamdhip64"]) else { return };
    let mut command = Command::new(kfd_tests::program::program("kfdctl"));
    command.args(["run", "--embedded", "--waves", "null", "--gpus", "2", "--", "timeout", "60"]);
    let out = command.arg(client).env_remove(kfdd::rundir::ENV).output().expect("kfdctl can be executed");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{out:?}");
    for line in [
        "device 0: AMD Radeon Vega Frontier Edition, gfx900:xnack-, 16384 MiB, bus 2f",
        "device 1: AMD Radeon Vega Frontier Edition, gfx900:xnack-, 16384 MiB, bus 3f",
        "2 devices: memory, streams and copies",
    ] {
        assert!(said.lines().any(|seen| seen == line), "no `{line}` in {said}");
    }
}

/// A device is busy while its queues run, and not after.
// Keeps: busy-live
#[test]
fn gpu_busy_percent_follows_what_clients_submit() {
    let Some(scene) = Scene::new("gfx900", 2) else { return };
    let busy = |card: u32| {
        let path = format!("/sys/class/drm/card{card}/device/gpu_busy_percent");
        scene.text(&["cat", &path]).trim().parse::<u64>().expect("a number")
    };
    assert_eq!((busy(0), busy(1)), (0, 0));
    let mut client = scene.kfdd.client();
    let queue = client.one("queue 64");
    // From now on, as fast as it can.
    client.ok(&format!("storm {queue}"));
    let seen = eventually(Duration::from_secs(30), || Some(busy(0)).filter(|busy| *busy > 0));
    assert!(seen.is_some_and(|busy| busy <= 100), "{seen:?}");
    assert_eq!(busy(1), 0, "nobody uses the second");
    client.kill();
    assert!(eventually(Duration::from_secs(10), || (busy(0) == 0).then_some(())).is_some(), "it rests");
    scene.end();
}
