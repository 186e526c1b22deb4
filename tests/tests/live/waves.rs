//! Clients whose kernels run, end, fault, abort and never end: what they compute, whom they harm, and that their deaths leave
//! nothing.

use kfd_core::listing::{QueueRow, QueueState};
use kfd_tests::{Actor, Kfdd, eventually, task};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// `KFD_IOC_EVENT_MEMORY`.
const MEMORY: u32 = 8;

/// A client with a queue and a kernel.
fn client(kfdd: &Kfdd, kernel: &str) -> Actor {
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok(&format!("kernel {kernel}"));
    client
}

fn completes(client: &mut Actor, count: u64) {
    let done = eventually(PATIENCE, || (client.ok("completed 0") == [count]).then_some(()));
    assert!(done.is_some(), "{:?} of {count} completed", client.ok("completed 0"));
}

/// Waits until the client's queue has this state.
fn becomes(kfdd: &Kfdd, client: &Actor, state: QueueState) {
    let stands = || kfdd.queues().iter().any(|row| row.tgid.0 == client.pid() && row.state == state);
    assert!(eventually(PATIENCE, || stands().then_some(())).is_some(), "{:?}", kfdd.queues());
}

// Keeps: waves-run
#[test]
fn a_kernel_stores_what_it_is_to_before_its_packet_completes_and_packets_go_on_behind_it() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "stores-once");
    client.ok("dispatch 0 0 3");
    completes(&mut client, 1);
    assert_eq!(client.ok("stored 0 64"), (0..64).collect::<Vec<u64>>());
    client.ok("run 0 5");
    for count in 1..50 {
        client.ok("dispatch 0 0 1");
        completes(&mut client, 5 + count);
    }
    let row = kfdd.processes().into_iter().find(|row| row.tgid.0 == client.pid()).expect("listed");
    assert_eq!((row.dispatches, row.holds.wave_workers), (50, 1));
    assert!(row.instructions > 50 * 5, "{row:?}");
    client.kill();
    kfdd.finish();
}

// Keeps: waves-told
#[test]
fn a_queue_its_process_and_top_tell_how_many_waves_are_under_way() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "counts");
    let (mut idle, pid) = (kfdd.client(), client.pid());
    idle.ok("queue 16");
    client.ok("dispatch 0 0 100");
    let of = |row: &QueueRow| row.tgid.0 == pid;
    let all = || kfdd.queues().iter().any(|row| of(row) && row.waves == Some(100)).then_some(());
    assert!(eventually(PATIENCE, all).is_some(), "{:?}", kfdd.queues());
    assert_eq!((kfdd.row(&client).waves, kfdd.row(&idle).waves), (100, 0));
    assert!(kfdd.queues().iter().any(|row| !of(row) && row.waves.is_none()));
    let out = kfdd.kfdctl(&["top", "--once", "--interval", "0.2", "--json"]).output().expect("top");
    let top: serde_json::Value = serde_json::from_slice(&out.stdout).expect("one JSON object");
    let row =
        top["processes"].as_array().expect("rows").iter().find(|row| row["tgid"] == pid).expect("a row");
    assert_eq!((&row["waves"], &row["queues"][0]["waves"]), (&100.into(), &100.into()), "{row}");
    let out = kfdd.kfdctl(&["top", "--once", "--interval", "0.2"]).output().expect("top");
    assert!(String::from_utf8_lossy(&out.stdout).contains(" WAVES  WAVE_INST_PER_S"), "{out:?}");
    client.kill();
    idle.kill();
    kfdd.finish();
}

// Keeps: wave-threads
#[test]
fn a_worker_has_as_many_threads_as_were_asked_for() {
    for threads in [1, 3, 256] {
        let asked = |mut daemon: std::process::Command| {
            daemon.args(["--waves", "run", "--wave-threads", &threads.to_string()]);
            daemon
        };
        let Some(kfdd) = Kfdd::start_as(asked) else { return };
        let mut client = client(&kfdd, "counts");
        // Long enough that whoever can takes part.
        client.ok("dispatch 0 0 100");
        let told = || kfdd.row(&client).wave_worker.filter(|_| kfdd.row(&client).waves == 100);
        let worker = eventually(PATIENCE, told).expect("it runs all groups, and is a process");
        assert_eq!(task::threads(worker).len(), threads);
        client.kill();
        kfdd.finish();
    }
}

// Keeps: report-fidelity
#[test]
fn the_list_of_kernels_says_how_near_to_hardware_each_is() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "stores-once");
    client.ok("dispatch 0 0 3");
    completes(&mut client, 1);
    let listed = |arguments: &[&str]| {
        let out = kfdd.kfdctl(arguments).output().expect("kfdctl can be executed");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).expect("text")
    };
    let json = listed(&["kernels", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON object");
    let [row] = json["kernels"].as_array().expect("rows").as_slice() else { panic!("{json}") };
    let exact = row["fidelity"]["exact"].as_array().expect("names");
    assert!(exact.contains(&"s_endpgm".into()) && exact.contains(&"global_store_dword".into()), "{row}");
    assert_eq!(row["mnemonics"]["s_endpgm"], 1);
    let summary = format!("exact: {} mnemonics", exact.len());
    assert_eq!(row["summary"], summary.as_str());
    let table = listed(&["kernels"]);
    assert!(table.lines().any(|line| line.ends_with(&summary)), "{table}");
    client.kill();
    kfdd.finish();
}

// Keeps: waves-endless
#[test]
fn a_client_in_the_middle_of_an_endless_kernel_dies_at_once_and_leaves_nothing() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    for kernel in ["counts", "sleeps", "stores"] {
        let mut client = client(&kfdd, kernel);
        client.ok("dispatch 0 0 100");
        becomes(&kfdd, &client, QueueState::Dispatched);
        let pid = client.pid();
        let row = || kfdd.queues().into_iter().find(|row| row.tgid.0 == pid && row.instructions > 0);
        if kernel != "sleeps" {
            assert!(eventually(PATIENCE, row).is_some(), "its instructions are told while it runs");
        }
        client.kill();
    }
    kfdd.finish();
}

// Keeps: waves-endless
#[test]
fn a_queue_with_an_endless_kernel_is_destroyed_and_its_process_goes_on() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "counts");
    client.ok("dispatch 0 0 100");
    becomes(&kfdd, &client, QueueState::Dispatched);
    client.ok("unqueue 0");
    client.ok("queue 16");
    client.ok("kernel stores-once");
    client.ok("dispatch 1 1 1");
    let done = eventually(PATIENCE, || (client.ok("completed 1") == [1]).then_some(()));
    assert!(done.is_some(), "the next queue's kernel runs");
    client.kill();
    kfdd.finish();
}

// Keeps: waves-apart
#[test]
fn an_endless_kernel_keeps_no_neighbour_from_running_kernels() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut hostile = client(&kfdd, "counts");
    hostile.ok("dispatch 0 0 1000");
    becomes(&kfdd, &hostile, QueueState::Dispatched);
    let mut neighbour = client(&kfdd, "stores-once");
    for count in 1..=20 {
        neighbour.ok("dispatch 0 0 4");
        completes(&mut neighbour, count);
    }
    // Its own other queue runs too.
    hostile.ok("queue 16");
    hostile.ok("kernel ends");
    hostile.ok("dispatch 1 1 1");
    let done = eventually(PATIENCE, || (hostile.ok("completed 1") == [1]).then_some(()));
    assert!(done.is_some(), "beside its own endless kernel");
    hostile.kill();
    neighbour.kill();
    kfdd.finish();
}

// Keeps: waves-errors
#[test]
fn a_kernel_that_cannot_go_on_stops_its_queue_and_no_other() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    for kernel in ["aborts", "illegal"] {
        let mut client = client(&kfdd, kernel);
        client.ok("dispatch 0 0 5");
        becomes(&kfdd, &client, QueueState::Stopped);
        assert_eq!(client.ok("completed 0"), [0], "{kernel}");
        client.ok("queue 16");
        client.ok("kernel stores-once");
        client.ok("dispatch 1 1 1");
        let done = eventually(PATIENCE, || (client.ok("completed 1") == [1]).then_some(()));
        assert!(done.is_some(), "its other queue runs on after {kernel}");
        client.kill();
    }
    kfdd.finish();
}

// Keeps: cooperative-refused
#[test]
fn a_cooperative_grid_of_more_groups_than_have_room_ends_in_an_error_and_not_in_a_hang() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "gathers");
    client.ok("gws 0");
    client.ok("dispatch 0 0 100000");
    becomes(&kfdd, &client, QueueState::Stopped);
    client.ok("queue 16");
    client.ok("kernel stores-once");
    client.ok("dispatch 1 1 1");
    let done = eventually(PATIENCE, || (client.ok("completed 1") == [1]).then_some(()));
    assert!(done.is_some(), "its other queue runs on");
    client.kill();
    kfdd.finish();
}

/// Nobody can tell that these wait for each other.
// Keeps: waves-endless, waves-apart
#[test]
fn groups_that_meet_by_atomics_and_have_no_room_wait_until_their_queue_ends_and_harm_nobody() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut hostile = client(&kfdd, "gathers");
    hostile.ok("dispatch 0 0 100000");
    becomes(&kfdd, &hostile, QueueState::Dispatched);
    let mut neighbour = client(&kfdd, "stores-once");
    for count in 1..=20 {
        neighbour.ok("dispatch 0 0 4");
        completes(&mut neighbour, count);
    }
    hostile.ok("unqueue 0");
    hostile.ok("queue 16");
    hostile.ok("kernel stores-once");
    hostile.ok("dispatch 1 1 1");
    let done = eventually(PATIENCE, || (hostile.ok("completed 1") == [1]).then_some(()));
    assert!(done.is_some(), "its next queue's kernel runs");
    hostile.kill();
    neighbour.kill();
    kfdd.finish();
}

// Keeps: code-executable
#[test]
fn code_in_memory_that_may_not_be_executed_is_a_memory_violation() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut client = client(&kfdd, "stores-once data");
    let event = client.ok(&format!("event {MEMORY}"))[0];
    client.ok("dispatch 0 0 1");
    assert_eq!(client.ok(&format!("wait {event} 20000")), [0], "the process's memory event is set");
    becomes(&kfdd, &client, QueueState::Stopped);
    assert_eq!(client.ok("stored 0 4"), [0; 4]);
    client.kill();
    kfdd.finish();
}

// Keeps: waves-errors, violation-stops
#[test]
fn a_store_to_memory_that_is_not_there_is_a_memory_violation_and_stops_what_its_process_has() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let mut neighbour = client(&kfdd, "stores-once");
    for (count, wild) in ["0x10", "0x7fff12345000", "0xffffffffffff0000", "0x800000000000"].iter().enumerate()
    {
        let mut client = client(&kfdd, "stores-once");
        let event = client.ok(&format!("event {MEMORY}"))[0];
        client.ok("queue 16");
        client.ok("kernel counts");
        client.ok("dispatch 1 1 100");
        becomes(&kfdd, &client, QueueState::Dispatched);
        client.ok(&format!("aim 0 {wild}"));
        client.ok("dispatch 0 0 1");
        assert_eq!(client.ok(&format!("wait {event} 20000")), [0], "the process's memory event is set");
        let pid = client.pid();
        let all = || kfdd.queues().iter().all(|row| row.tgid.0 != pid || row.state == QueueState::Stopped);
        assert!(all(), "an endless kernel of another queue too: {:?}", kfdd.queues());
        neighbour.ok("dispatch 0 0 1");
        completes(&mut neighbour, count as u64 + 1);
        client.kill();
    }
    neighbour.kill();
    kfdd.finish();
}

// Keeps: waves-endless
#[test]
fn deaths_in_the_middle_of_kernels_leave_nothing_however_many() {
    let Some(kfdd) = Kfdd::start_with_waves() else { return };
    let until = Instant::now() + Duration::from_secs(8);
    let mut deaths = 0;
    while Instant::now() < until {
        let mut clients: Vec<Actor> =
            ["counts", "stores", "ends", "sleeps"].map(|kernel| client(&kfdd, kernel)).into();
        for client in &mut clients {
            client.ok("dispatch 0 0 50");
        }
        deaths += clients.len();
        for client in &mut clients {
            client.kill();
        }
    }
    println!("{deaths} deaths in the middle of kernels");
    kfdd.finish();
}
