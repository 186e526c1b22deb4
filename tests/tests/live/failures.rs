//! What users of today's drivers and emulators report as failures: one test for each that is in this project's reach,
//! named by what must be true here. The numbers are those of public issues (rocm-systems unless another is named).
//!
//! 8813 is in `tests/idle.rs`, 7649 in `user_memory`, 8672 in `daemon` and `deaths`, 4936 in `daemon`, the other half of
//! 3752 in `lives`.

use kfd_core::abi::kfd as abi;
use kfd_core::listing::QueueState;
use kfd_tests::{Actor, Kfdd, eventually};
use libc::{EBADF, ENOSPC};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of VRAM that a client could still be given.
fn available(client: &mut Actor, gpu: u32) -> u64 {
    let mut ask = abi::GetAvailableMemory { gpu_id: gpu, ..Default::default() };
    client.call("AVAILABLE_MEMORY", &mut ask).expect("the device is there");
    ask.available
}

/// 8818, 8821, 10195.
// Keeps: elsewhere-recycled-slot
#[test]
fn a_recycled_doorbell_slot_neither_loses_nor_doubles_the_next_queues_packet() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let mut slots = std::collections::BTreeSet::new();
    for cycle in 0..kfd_tests::times("CYCLES", 2000) {
        let index = client.ok("queue 16")[0];
        if cycle % 50 == 0 {
            slots.insert(kfdd.queues()[0].doorbell);
        }
        assert_eq!(client.ok(&format!("run {index} 1")), [1, 1], "cycle {cycle}");
        assert_eq!(client.ok(&format!("completed {index}")), [1], "cycle {cycle}");
        client.ok(&format!("unqueue {index}"));
    }
    println!("doorbell slots seen: {slots:?}");
    client.kill();
    kfdd.finish();
}

/// 8812.
// Keeps: elsewhere-unknown-ioctl
#[test]
fn an_unknown_ioctl_is_never_a_success() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let known: Vec<u8> = kfd_core::abi::table::KFD.iter().map(kfd_core::abi::spec::Ioctl::number).collect();
    for number in (0..=255u8).filter(|number| !known.contains(number)) {
        let cmd = 3 << 30 | 16 << 16 | u32::from(b'K') << 8 | u32::from(number);
        assert_eq!(client.ioctl(cmd, &[0; 16]), (Err(libc::ENOTTY), vec![0; 16]), "{number:#x}");
    }
    client.kill();
    kfdd.finish();
}

/// 8353. The actor asserts beside every ioctl that what it returned is 0 or above, or -1.
// Keeps: elsewhere-errno
#[test]
fn a_refusal_is_minus_one_with_a_positive_errno_that_has_a_name() {
    let Some(kfdd) = Kfdd::start() else { return };
    for row in kfd_core::abi::table::KFD {
        let mut client = kfdd.client();
        if let (Err(errno), _) = client.ioctl(row.cmd, &vec![0; row.size()]) {
            let named = nix::errno::Errno::from_raw(errno);
            assert!(errno > 0 && named != nix::errno::Errno::UnknownErrno, "{}: {errno}", row.name);
        }
        client.kill();
    }
    kfdd.finish();
}

/// 10195.
// Keeps: elsewhere-second-mapping
#[test]
fn a_second_mapping_of_the_doorbell_page_leaves_the_first_alive() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    let doorbell = kfdd.queues()[0].doorbell;
    let (page, within) = (doorbell & !0xfff, doorbell & 0xfff);
    client.ok("run 0 1");
    let second = client.one(&format!("mmap kfd {page} 4096"));
    client.ok("run 0 1");
    // Rung through the second mapping.
    let index = client.one("reserve 0 1");
    client.ok(&format!("publish 0 {index}"));
    client.poke(second + within, &index.to_le_bytes());
    let read = eventually(PATIENCE, || (client.one("read-index 0") == index + 1).then_some(()));
    assert!(read.is_some(), "the packet rung for through the second mapping is taken");
    client.ok(&format!("unmap {second} 4096"));
    client.ok("run 0 5");
    client.kill();
    kfdd.finish();
}

/// 10195.
// Keeps: elsewhere-wild-mapping
#[test]
fn a_mapping_that_leads_nowhere_is_an_errno_or_a_sigbus_and_never_a_private_page() {
    let Some(kfdd) = Kfdd::start() else { return };
    for (node, offset) in
        [("kfd", 1_u64 << 30), ("kfd", 1 << 45), ("kfd", 3 << 62), ("render", 1 << 38), ("render", 1 << 50)]
    {
        let mut client = kfdd.client();
        client.ok("queue 16");
        client.tell(&format!("mmap {node} {offset} 4096"));
        let answer = client.hear(PATIENCE).unwrap();
        println!("{node} at {offset:#x}: {answer}");
        if let Some(address) = answer.strip_prefix("ok ") {
            client.tell(&format!("poke {address} 0000000000000000"));
            let status = client.reap();
            assert_eq!(status.signal(), Some(libc::SIGBUS), "{node} at {offset:#x}: {status}");
        } else {
            assert!(answer.starts_with("errno "), "{answer}");
            client.kill();
        }
    }
    kfdd.finish();
}

/// 7109: more than 256 processes at once.
// Keeps: elsewhere-many-clients
#[test]
fn hundreds_of_clients_at_once_all_work_and_all_go() {
    let Some(kfdd) = Kfdd::start() else { return };
    let count = usize::try_from(kfd_tests::times("CLIENTS", 300)).unwrap();
    let mut clients: Vec<Actor> = (0..count).map(|_| kfdd.client()).collect();
    for client in &mut clients {
        client.ok("queue 16");
    }
    for client in &mut clients {
        client.ok("run 0 1");
    }
    assert_eq!(kfdd.queues().len(), count);
    // Cannot be asked of many at a time: each is a process of its own with its own pipe.
    for client in &mut clients {
        client.kill();
    }
    kfdd.finish();
}

/// 7109: what is exhausted is an errno for the one who asked, not a crash and not the neighbour's trouble.
// Keeps: elsewhere-many-clients
#[test]
fn a_client_that_takes_every_queue_it_can_gets_enospc_and_its_neighbour_goes_on() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut greedy, mut neighbour) = (kfdd.client(), kfdd.client());
    // max_num_of_queues_per_device of amdkfd is 127 for a process here.
    for _ in 0..127 {
        greedy.ok("queue 16");
    }
    assert_eq!(greedy.errno("queue 16"), ENOSPC);
    neighbour.ok("queue 16");
    neighbour.ok("run 0 1");
    greedy.ok("run 126 1");
    greedy.ok("unqueue 5");
    greedy.ok("queue 16");
    greedy.kill();
    neighbour.kill();
    kfdd.finish();
}

/// 8263; legacy-rocm-build 6677; amdgpu 84; sglang 30431.
// Keeps: elsewhere-vram-owner
#[test]
fn the_vram_of_a_killed_client_has_an_owner_until_it_is_back() {
    const SIZE: u64 = 64 << 20;
    let Some(kfdd) = Kfdd::start() else { return };
    let mut observer = kfdd.actor();
    let gpu = u32::try_from(observer.one("open")).unwrap();
    let before = available(&mut observer, gpu);
    for _ in 0..3 {
        let mut client = kfdd.client();
        client.ok(&format!("alloc vram {SIZE}"));
        client.ok("fill 0");
        assert!(available(&mut observer, gpu) <= before - SIZE * 15 / 16);
        let row = kfdd.row(&client);
        assert_eq!(row.holds.vram_bytes, SIZE);
        assert!(row.resident_bytes >= SIZE, "{row:?}");
        client.kill();
        let death = kfdd.obituary(client.pid());
        println!("VRAM back {} us after the first sign", (death.freed_at.0 - death.doomed_at.0) / 1000);
        assert_eq!(available(&mut observer, gpu), before);
    }
    observer.kill();
    kfdd.finish();
}

/// legacy-rocm-build 5724, 5151.
// Keeps: elsewhere-stuck-queue
#[test]
fn a_stuck_queue_is_its_owners_problem_only_and_can_be_destroyed() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut stuck, mut neighbour) = (kfdd.client(), kfdd.client());
    for index in 0..8 {
        stuck.ok("queue 16");
        stuck.ok(&format!("stick {index}"));
    }
    stuck.ok("queue 16");
    stuck.ok("bad-packet 8");
    neighbour.ok("queue 16");
    for _ in 0..20 {
        neighbour.ok("run 0 3");
    }
    let pid = stuck.pid();
    let states = |state| kfdd.queues().iter().filter(|row| row.tgid.0 == pid && row.state == state).count();
    let settled = eventually(PATIENCE, || (states(QueueState::Stopped) == 1).then_some(()));
    assert!(settled.is_some(), "{:?}", kfdd.queues());
    // The owner goes on with another queue, lets one packet go, and destroys the rest under their packets.
    stuck.ok("queue 16");
    stuck.ok("run 9 1");
    stuck.ok("unstick 0");
    assert!(eventually(PATIENCE, || (stuck.one("completed 0") == 1).then_some(())).is_some());
    for index in 0..9 {
        stuck.ok(&format!("unqueue {index}"));
    }
    stuck.ok("run 9 1");
    stuck.kill();
    neighbour.kill();
    kfdd.finish();
}

/// 3752, 10739.
// Keeps: elsewhere-identity
#[test]
fn a_forked_child_has_a_context_of_its_own_once_it_opens_kfd_itself() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    assert_eq!(client.in_child("version"), Err(EBADF));
    // The child's own open is another process object, and its end takes nothing of the parent's.
    assert!(client.in_child("open").is_ok());
    assert!(eventually(PATIENCE, || (kfdd.deaths().len() == 1).then_some(())).is_some());
    client.ok("run 0 1");
    client.kill();
    kfdd.finish();
}

/// 7796.
// Keeps: elsewhere-invalid-header
#[test]
fn a_write_index_ahead_of_published_packets_does_not_carry_the_read_index_along() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok("run 0 3");
    assert_eq!(client.one("reserve 0 4"), 3);
    client.ok("ring 0 6");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.one("read-index 0"), 3, "an INVALID header stops the processor");
    // The second of the four slots is filled first: still nothing may happen.
    client.ok("publish 0 4");
    client.ok("ring 0 6");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.one("read-index 0"), 3);
    client.ok("publish 0 3");
    client.ok("ring 0 6");
    assert!(eventually(PATIENCE, || (client.one("read-index 0") == 5).then_some(())).is_some());
    assert_eq!(client.one("completed 0"), 3 + 2, "each of the five completed once");
    for index in [5, 6] {
        client.ok(&format!("publish 0 {index}"));
    }
    client.ok("ring 0 6");
    assert!(eventually(PATIENCE, || (client.one("read-index 0") == 7).then_some(())).is_some());
    client.kill();
    kfdd.finish();
}

/// 3203.
// Keeps: elsewhere-one-ring
#[test]
fn a_batch_that_rings_for_its_first_packet_only_is_served_whole() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 64");
    for round in 0..20 {
        let first = client.one("reserve 0 12");
        for index in first..first + 12 {
            client.ok(&format!("publish 0 {index}"));
        }
        client.ok(&format!("ring 0 {first}"));
        let served = eventually(PATIENCE, || (client.one("read-index 0") == first + 12).then_some(()));
        assert!(served.is_some(), "round {round}: {:?}", kfdd.queues());
    }
    assert_eq!(client.one("completed 0"), 240);
    client.kill();
    kfdd.finish();
}

/// 8672: queues destroyed by their owner while packets run.
// Keeps: elsewhere-teardown
#[test]
fn a_queue_destroyed_under_running_packets_takes_nothing_else_along() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    for cycle in 0..20 {
        let [index, id] = client.ok("queue 64")[..] else { panic!("an index and an id") };
        client.ok(&format!("batch {index} 60"));
        let mut destroy = abi::DestroyQueue { queue_id: u32::try_from(id).unwrap(), pad: 0 };
        assert_eq!(client.call("DESTROY_QUEUE", &mut destroy), Ok(()), "cycle {cycle}");
        assert_eq!(client.call("DESTROY_QUEUE", &mut destroy), Err(libc::EINVAL));
        client.ok("run 0 1");
    }
    assert_eq!(kfdd.queues().len(), 1);
    client.kill();
    kfdd.finish();
}
