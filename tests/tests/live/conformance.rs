//! Unmodified clients, in the private view of `kfdctl run`.

use kfd_tests::daemon::PATIENCE;
use kfd_tests::program::program;
use kfd_tests::{Kfdd, able, compile, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// What `kfdctl ARGUMENTS` for this daemon comes to.
fn kfdctl(kfdd: &Kfdd, arguments: &[&str]) -> Output {
    kfdd.kfdctl(arguments).output().expect("kfdctl can be executed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A daemon that does that with dispatches.
fn with_waves(what: &str) -> Option<Kfdd> {
    Kfdd::start_as(|mut command| {
        command.args(["--waves", what]);
        command
    })
}

/// Where Debian puts libraries.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";

#[test]
fn an_unmodified_rocminfo_lists_the_gfx900_agent_with_a_daemon_of_its_own() {
    if !able::live() || !able::has("rocminfo") {
        return;
    }
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--", "rocminfo"]).env_remove(kfdd::rundir::ENV);
    let out = command.output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    assert!(text(&out.stdout).contains("gfx900"), "{}", text(&out.stdout));
}

#[test]
fn an_unmodified_rocminfo_leaves_nothing_in_a_running_daemon() {
    let Some(kfdd) = Kfdd::start() else { return };
    if able::has("rocminfo") {
        let out = kfdctl(&kfdd, &["run", "--", "rocminfo"]);
        assert!(out.status.success(), "{out:?}");
        let listing = text(&out.stdout);
        for what in ["gfx900", "Agent 2", "GPU", "amdgcn-amd-amdhsa--gfx900"] {
            assert!(listing.contains(what), "{what} is missing in {listing}");
        }
        // Between the two lists a life is in neither, while it waits for its grace period.
        let served = || (!kfdd.deaths().is_empty() || !kfdd.processes().is_empty()).then_some(());
        assert!(eventually(PATIENCE, served).is_some(), "this daemon served it");
    }
    kfdd.finish();
}

fn program_passes(name: &str, libraries: &[&str], arguments: &[&str], says: &[&str]) {
    let Some(kfdd) = Kfdd::start() else { return };
    program_passes_with(kfdd, name, libraries, arguments, says);
}

fn program_passes_with(kfdd: Kfdd, name: &str, libraries: &[&str], arguments: &[&str], says: &[&str]) {
    if let Some(client) = compile::client(name, kfdd.folder(), libraries) {
        let client = client.to_str().expect("temporary folders have plain names").to_owned();
        let out = kfdctl(&kfdd, &[&["run", "--", &client], arguments].concat());
        assert!(out.status.success(), "{out:?}");
        for line in says {
            assert!(text(&out.stdout).contains(line), "`{line}` is missing in {}", text(&out.stdout));
        }
    }
    kfdd.finish();
}

#[test]
fn barrier_packets_complete_through_the_unmodified_hsa_runtime() {
    program_passes("barrier", &["-lhsa-runtime64"], &["barrier"], &["barrier: waited for another queue"]);
}

#[test]
fn bad_packets_reach_the_error_callback_of_the_unmodified_hsa_runtime() {
    let says = ["bad packet: error callback", "bad packet: another queue goes on"];
    program_passes("barrier", &["-lhsa-runtime64"], &["bad"], &says);
}

#[test]
fn a_refused_kernel_reaches_the_error_callback_of_the_unmodified_hsa_runtime() {
    let Some(kfdd) = with_waves("refuse") else { return };
    program_passes_with(
        kfdd,
        "barrier",
        &["-lhsa-runtime64"],
        &["refused"],
        &["kernel dispatch: error callback"],
    );
}

// Keeps: hip-text
#[test]
fn the_unmodified_hip_runtime_compiles_kernels_and_the_device_executes_them() {
    const RUNTIME: [&str; 2] = ["libamdhip64.so.5", "libhiprtc-builtins.so.5"];
    if let Some(missing) = RUNTIME.iter().find(|name| !Path::new(LIBRARIES).join(name).exists()) {
        return able::skip(&format!("needs {LIBRARIES}/{missing} (libamdhip64-5, libhiprtc-builtins5)"));
    }
    let Some(kfdd) = with_waves("run") else { return };
    let says = [
        "saxpy: 1000003 results",
        "sum of 1048576 numbers: 2252065383907328",
        "n-body of 1024: within",
        "printf inside a kernel: group 0 of 2",
        "printf inside a kernel: group 1 of 2",
    ];
    program_passes_with(kfdd, "kernels", &["-l:libamdhip64.so.5", "-lm"], &[], &says);
}

// Keeps: cs-runs
#[test]
fn a_submission_through_libdrm_fills_a_buffer_and_signals() {
    let says = ["submit: three submissions are done", "submit: another file has none of it"];
    program_passes("submit", &["-ldrm_amdgpu", "-ldrm"], &[], &says);
}

#[test]
fn sixty_four_waiters_wake_through_the_unmodified_hsa_runtime() {
    let says = ["on one signal", "on a signal each", "on a value each of one signal"];
    program_passes("waiters", &["-lhsa-runtime64"], &[], &says);
}

#[test]
fn queues_of_high_priority_finish_first_through_the_unmodified_hsa_runtime() {
    let says = ["priority: every queue finished", "priority: high before low"];
    program_passes("priority", &["-lhsa-runtime64"], &[], &says);
}

// Keeps: hsa-copies
#[test]
fn the_unmodified_hsa_runtime_copies_through_its_sdma_queues() {
    let says = [
        "copy: to the device, on it, and back",
        "copy: waited for its signals",
        "copy: a window of an image",
        "copy: three thousand, in order and timed",
    ];
    program_passes("copy", &["-lhsa-runtime64"], &[], &says);
}

#[test]
fn a_c_client_that_closes_and_reopens_kfd_finds_its_queue_and_its_event() {
    program_passes("reopen", &[], &[], &["found", "gone after its destruction"]);
}

#[test]
fn a_c_client_that_parks_a_thread_ends_by_itself() {
    program_passes("hold", &[], &["2", "16", "1"], &["holding"]);
}

#[test]
fn kfdctl_run_ends_with_the_exit_code_of_its_command() {
    let Some(kfdd) = Kfdd::start() else { return };
    let code = |script: &str| kfdctl(&kfdd, &["run", "--", "sh", "-c", script]).status.code();
    assert_eq!(code("exit 0"), Some(0));
    assert_eq!(code("exec 3<>/dev/kfd; exit 7"), Some(7));
    assert_eq!(code("kill -KILL $$"), Some(128 + libc::SIGKILL));
    kfdd.finish();
}

#[test]
fn ps_and_queues_are_one_json_object_each_with_a_row_for_each_owner() {
    let Some(kfdd) = Kfdd::start() else { return };
    let listing = |what: &str| -> Value {
        let out = kfdctl(&kfdd, &[what, "--json"]);
        assert!(out.status.success(), "{out:?}");
        serde_json::from_slice(&out.stdout).expect("one JSON object")
    };
    assert_eq!(listing("ps"), serde_json::json!({ "processes": [] }));
    assert_eq!(listing("queues"), serde_json::json!({ "queues": [] }));
    let mut clients: Vec<_> = (0..3).map(|_| kfdd.client()).collect();
    for client in &mut clients {
        client.ok("queue 16");
        client.ok("queue 64");
    }
    let tgids: BTreeSet<u64> = clients.iter().map(|client| u64::from(client.pid())).collect();
    let (ps, queues) = (listing("ps"), listing("queues"));
    let (rows, queues) = (ps["processes"].as_array().unwrap(), queues["queues"].as_array().unwrap());
    assert_eq!(rows.iter().map(|row| row["tgid"].as_u64().unwrap()).collect::<BTreeSet<_>>(), tgids);
    assert!(rows.iter().all(|row| row["state"] == "live" && row["holds"]["queues"] == 2), "{ps}");
    assert_eq!(queues.len(), 6);
    assert!(queues.iter().all(|row| tgids.contains(&row["tgid"].as_u64().unwrap())));
    for client in &mut clients {
        client.kill();
    }
    kfdd.finish();
}
