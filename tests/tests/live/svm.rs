//! Shared virtual memory, live: a client's heap under a copy queue, at the client's own addresses.

use kfd_tests::program::program;
use kfd_tests::{Kfdd, able, eventually};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

// Keeps: svm-heap, svm-holes, svm-read-only
#[test]
fn a_copy_queue_reaches_registered_memory_of_the_clients_heap() {
    let Some(kfdd) = Kfdd::start() else { return };
    let out = Command::new(program("kfd-svm")).arg(kfdd.dev()).output().expect("it can be executed");
    assert!(out.status.success(), "{out:?}");
    kfdd.finish();
}

// Keeps: svm-heap
#[test]
fn a_device_that_retries_faults_reaches_the_heap_without_a_word() {
    if !able::live() {
        return;
    }
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--profile", "gfx942", "--"]).arg(program("kfd-svm"));
    command.args(["/dev", "retry"]).env_remove(kfdd::rundir::ENV);
    let out = command.output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
}

// Keeps: svm-death
#[test]
fn a_client_killed_with_registered_memory_leaves_nothing_charged() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut child = Command::new(program("kfd-svm"))
        .arg(kfdd.dev())
        .arg("hold")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be executed");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut said).expect("text");
    assert_eq!(said, "held\n");
    let (before, _) = kfdd.held();
    let row = kfdd.processes().into_iter().find(|row| row.tgid.0 == child.id()).expect("listed");
    assert!(row.holds.svm_ranges > 0 && row.svm_bytes > 2 << 20, "{row:?}");
    assert!(row.svm_vram_bytes > 1 << 20, "what was prefetched lies on the device: {row:?}");
    assert!(before.holds.userptr_bytes >= row.svm_bytes);
    child.kill().expect("alive");
    child.wait().expect("a child");
    let zero = eventually(Duration::from_secs(10), || {
        let (now, _) = kfdd.held();
        (now.holds.svm_ranges == 0 && now.holds.userptr_bytes == 0).then_some(())
    });
    assert!(zero.is_some(), "{:?}", kfdd.held());
    kfdd.finish();
}
