//! What a client must not be able to say: each ends with amdkfd's errno and harms nobody.

use client::command::command;
use kfd_core::abi::kfd as abi;
use kfd_core::death::Cause;
use kfd_tests::hung::HungMount;
use kfd_tests::{Actor, Kfdd};
use libc::{EBADF, EFAULT, EINVAL, ENOMEM, ENOTTY};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// `_IOC` (asm-generic/ioctl.h): direction in bits 31..30, size in 29..16, type in 15..8, number in 7..0.
fn word(direction: u32, magic: u8, number: u8, size: u32) -> u32 {
    direction << 30 | size << 16 | u32::from(magic) << 8 | u32::from(number)
}

fn sized(cmd: u32, size: u32) -> u32 {
    (cmd & !(0x3fff << 16)) | size << 16
}

/// The struct after a call, or its errno.
fn outcome<T: FromBytes>(
    client: &mut Actor,
    name: &str,
    arg: &(impl IntoBytes + zerocopy::Immutable),
) -> Result<T, i32> {
    let (result, after) = client.ioctl(command(name), arg.as_bytes());
    result.map(|()| T::read_from_bytes(&after).expect("as long as the struct"))
}

#[test]
fn a_smaller_struct_is_filled_with_zeros_and_no_byte_beyond_it_is_written() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    // The event's type lies beyond what is passed, so it is zero: a signal event.
    let mut event = [0; 32];
    event[8..].fill(0xee);
    let (result, after) = client.ioctl(sized(command("CREATE_EVENT"), 8), &event);
    assert_eq!(result, Ok(()));
    assert_eq!(after[8..], [0xee; 24]);
    let (result, after) = client.ioctl(sized(command("GET_VERSION"), 4), &[0xee; 8]);
    assert_eq!(result, Ok(()));
    assert_eq!(after[..4], 1_u32.to_le_bytes());
    assert_eq!(after[4..], [0xee; 4]);
    assert_eq!(kfdd.row(&client).holds.events, 1);
    client.kill();
    kfdd.finish();
}

#[test]
fn a_larger_struct_is_served_and_its_rest_comes_back_as_the_kernel_leaves_it() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let (result, after) = client.ioctl(sized(command("GET_VERSION"), 64), &[0xee; 64]);
    assert_eq!(result, Ok(()));
    assert_eq!(after[..4], 1_u32.to_le_bytes());
    assert_eq!(after[8..], [0; 56], "of a struct that is only written the driver copies zeros");
    let event = [abi::CreateEvent::default().as_bytes(), &[0xee; 32]].concat();
    let (result, after) = client.ioctl(sized(command("CREATE_EVENT"), 64), &event);
    assert_eq!(result, Ok(()));
    assert_eq!(after[32..], [0xee; 32], "of one that is read and written, what came");
    // The largest that a command word can say.
    let (result, _) = client.ioctl(sized(command("GET_VERSION"), 0x3fff), &[0; 0x3fff]);
    assert!(matches!(result, Ok(()) | Err(EINVAL | ENOMEM)), "{result:?}");
    client.ok("version");
    client.kill();
    kfdd.finish();
}

// Keeps: calls-survive-anything
#[test]
fn an_empty_struct_does_no_harm_to_any_call() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let minor = u32::try_from(client.ok("version")[1]).unwrap();
    for row in kfd_core::abi::table::KFD {
        let (result, _) = client.ioctl(sized(row.cmd, 0), &[]);
        assert_eq!(result == Err(ENOTTY), row.since > minor, "{} of 1.{}: {result:?}", row.name, row.since);
    }
    client.ok("version");
    client.kill();
    kfdd.finish();
}

// Keeps: calls-survive-anything
#[test]
fn every_call_of_the_table_with_a_struct_of_ones_ends_with_an_errno_or_is_undone_by_death() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut bystander = kfdd.client();
    bystander.ok("queue 16");
    for row in kfd_core::abi::table::KFD {
        let mut client = kfdd.client();
        let (result, _) = client.ioctl(row.cmd, &vec![0xff; row.size()]);
        println!("{}: {result:?}", row.name);
        client.kill();
    }
    bystander.ok("run 0 1");
    bystander.kill();
    kfdd.finish();
}

#[test]
fn an_unknown_ioctl_is_enotty_and_touches_nothing() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    for cmd in [
        word(3, b'K', 0x00, 8),
        word(3, b'K', 0x7f, 8),
        word(3, b'K', 0x90, 8),
        word(1, b'K', 0xff, 64),
        word(0, b'K', 0x7f, 0),
        word(3, b'X', 0x01, 8),
        word(2, 0, 0x01, 8),
    ] {
        let (result, after) = client.ioctl(cmd, &[0xa5; 64]);
        assert_eq!(result, Err(ENOTTY), "{cmd:#x}");
        assert_eq!(after, [0xa5; 64], "{cmd:#x}");
    }
    client.kill();
    kfdd.finish();
}

#[test]
fn another_processs_queues_events_and_buffers_do_not_exist_for_a_client() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut owner, mut thief) = (kfdd.client(), kfdd.client());
    let queue = u32::try_from(owner.ok("queue 16")[1]).unwrap();
    let handle = owner.ok("alloc vram 4096")[2];
    let event = u32::try_from(owner.one("event 0")).unwrap();
    let (tid, parked) = owner.park();

    let mut destroy = abi::DestroyQueue { queue_id: queue, pad: 0 };
    assert_eq!(thief.call("DESTROY_QUEUE", &mut destroy), Err(EINVAL));
    let mut update = abi::UpdateQueue { queue_id: queue, ..Default::default() };
    assert_eq!(thief.call("UPDATE_QUEUE", &mut update), Err(EFAULT));
    assert_eq!(thief.errno(&format!("set {event}")), EINVAL);
    assert_eq!(thief.errno(&format!("set {parked}")), EINVAL);
    assert_eq!(thief.errno(&format!("unevent {event}")), EINVAL);
    assert_eq!(thief.errno(&format!("wait {event} 0")), EINVAL);
    assert_eq!(thief.call("FREE_MEMORY_OF_GPU", &mut abi::FreeMemoryOfGpu { handle }), Err(EINVAL));
    let ids = thief.one("anon 4096");
    thief.poke(ids, &kfdd.queues()[0].gpu.to_le_bytes());
    let mut map = abi::MapMemoryToGpu { handle, device_ids_array_ptr: ids, n_devices: 1, n_success: 0 };
    assert_eq!(thief.call("MAP_MEMORY_TO_GPU", &mut map), Err(ENOMEM));

    owner.ok("run 0 2");
    assert_eq!(kfd_tests::task::state(owner.pid(), tid), Some('S'), "the owner's wait was not ended");
    owner.kill();
    thief.kill();
    kfdd.finish();
}

#[test]
fn a_forked_childs_use_of_its_parents_file_is_ebadf() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    let event = client.one("event 0");
    for line in
        ["version".to_owned(), format!("set {event}"), format!("wait {event} 0"), "unqueue 0".to_owned()]
    {
        assert_eq!(client.in_child(&line), Err(EBADF), "{line}");
    }
    client.ok("run 0 2");
    client.kill();
    kfdd.finish();
}

#[test]
fn a_file_that_another_process_passed_is_ebadf() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut giver, mut taker) = (kfdd.client(), kfdd.client());
    let path = kfdd.folder().join("passing");
    taker.ok(&format!("listen {}", path.display()));
    taker.tell("take");
    giver.ok(&format!("give {}", path.display()));
    assert_eq!(taker.hear(Duration::from_secs(10)).as_deref(), Ok("ok"));
    let (result, _) = taker.ioctl_as("ioctl-taken", command("GET_VERSION"), &[0; 8]);
    assert_eq!(result, Err(EBADF));
    taker.ok("version");
    giver.ok("version");
    // The taker's copy keeps the file open, and still the giver's death is complete.
    let pid = giver.pid();
    giver.kill();
    assert_eq!(kfdd.obituary(pid).tgid.0, pid);
    let (result, _) = taker.ioctl_as("ioctl-taken", command("GET_VERSION"), &[0; 8]);
    assert_eq!(result, Err(EBADF));
    taker.kill();
    kfdd.finish();
}

#[test]
fn a_pointer_into_unmapped_memory_is_efault() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let handle = client.ok("alloc gtt 4096")[2];
    let hole = client.one("hole");
    for address in [hole, 0, 8, u64::MAX - 7, 0xffff_8000_0000_0000] {
        let mut wait = abi::WaitEvents { events_ptr: address, num_events: 1, ..Default::default() };
        assert_eq!(client.call("WAIT_EVENTS", &mut wait), Err(EFAULT), "{address:#x}");
        let mut map =
            abi::UnmapMemoryFromGpu { handle, device_ids_array_ptr: address, n_devices: 1, n_success: 0 };
        assert_eq!(client.call("UNMAP_MEMORY_FROM_GPU", &mut map), Err(EFAULT), "{address:#x}");
    }
    let mut ask =
        abi::GetProcessAperturesNew { kfd_process_device_apertures_ptr: hole, num_of_nodes: 1, pad: 0 };
    assert_eq!(client.call("GET_PROCESS_APERTURES_NEW", &mut ask), Err(EFAULT));
    let mut create = abi::CreateQueue { ring_base_address: 0xffff_8000_0000_0000, ..Default::default() };
    assert_eq!(client.call("CREATE_QUEUE", &mut create), Err(EFAULT));
    client.ok("queue 16");
    client.ok("run 0 1");
    client.kill();
    kfdd.finish();
}

#[test]
fn an_array_that_ends_in_unmapped_memory_is_efault() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let event = u32::try_from(client.one("event 0")).unwrap();
    let pages = client.one("anon 8192");
    client.ok(&format!("unmap {} 4096", pages + 4096));
    // One element before the end of the page, the second beyond it.
    let at = pages + 4096 - size_of::<abi::EventData>() as u64;
    client.poke(at, abi::EventData { event_id: event, ..Default::default() }.as_bytes());
    let mut wait = abi::WaitEvents { events_ptr: at, num_events: 2, ..Default::default() };
    assert_eq!(client.call("WAIT_EVENTS", &mut wait), Err(EFAULT));
    wait.num_events = 1;
    assert_eq!(client.call("WAIT_EVENTS", &mut wait), Ok(()));
    assert_eq!(wait.wait_result, abi::WAIT_RESULT_TIMEOUT);
    client.kill();
    kfdd.finish();
}

#[test]
fn a_huge_count_is_enomem_at_once() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    let handle = client.ok("alloc gtt 4096")[2];
    let page = client.one("anon 4096");
    for count in [1 << 20, 1 << 28, u32::MAX] {
        let begun = Instant::now();
        let wait = abi::WaitEvents { events_ptr: page, num_events: count, ..Default::default() };
        assert_eq!(outcome::<abi::WaitEvents>(&mut client, "WAIT_EVENTS", &wait).err(), Some(ENOMEM));
        let map = abi::MapMemoryToGpu { handle, device_ids_array_ptr: page, n_devices: count, n_success: 0 };
        assert_eq!(
            outcome::<abi::MapMemoryToGpu>(&mut client, "MAP_MEMORY_TO_GPU", &map).err(),
            Some(ENOMEM)
        );
        let ask = abi::GetProcessAperturesNew {
            kfd_process_device_apertures_ptr: page,
            num_of_nodes: count,
            pad: 0,
        };
        let asked = outcome::<abi::GetProcessAperturesNew>(&mut client, "GET_PROCESS_APERTURES_NEW", &ask);
        assert_eq!(asked.err(), Some(ENOMEM));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    client.kill();
    kfdd.finish();
}

#[test]
fn a_pointer_into_a_hung_page_dooms_its_client_and_delays_nobody_beyond_the_deadline() {
    let Some(kfdd) = Kfdd::start() else { return };
    let hung = HungMount::new().expect("root may mount");
    let mut client = kfdd.client();
    let mut others: Vec<Actor> = (0..4).map(|_| kfdd.client()).collect();
    let events: Vec<u64> = others.iter_mut().map(|other| other.one("event 0")).collect();
    let page = client.one(&format!("map {}", hung.file().display()));
    let wait = abi::WaitEvents { events_ptr: page, num_events: 1, ..Default::default() };
    let hex: String = wait.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    client.tell(&format!("ioctl {} {hex}", command("WAIT_EVENTS")));
    assert!(hung.is_read_within(Duration::from_secs(10)), "a memory worker reads the page");

    // Every call here goes through the memory workers, and one of them hangs.
    let begun = Instant::now();
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(2) {
        for (other, event) in others.iter_mut().zip(&events) {
            let before = Instant::now();
            assert_eq!(other.one(&format!("wait {event} 0")), 1);
            slowest = slowest.max(before.elapsed());
            calls += 1;
        }
    }
    println!("beside a hung page: {calls} calls of four others in 2 s, the slowest took {slowest:?}");
    // The rest of it is what a busy machine takes.
    assert!(slowest < Duration::from_secs(5), "the deadline is 1 s: {slowest:?}");

    let answer = client.hear(Duration::from_secs(10)).expect("the call is answered");
    assert!(answer.starts_with("errno"), "{answer}");
    assert_eq!(client.errno("version"), EBADF);
    assert_eq!(kfdd.obituary(client.pid()).cause, Cause::HungMemory);
    for other in &mut others {
        other.ok("queue 16");
        other.ok("run 0 1");
        other.kill();
    }
    client.kill();
    drop(hung);
    kfdd.finish();
}
