//! More than one device: what is kept apart, and what is shared.

use crate::world::{AQL, Aql, Client, World, barrier, gpu};
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Errno, Node};
use kfd_core::ids::{GpuId, RenderMinor};
use kfd_core::limits::Limits;
use kfd_core::profile::Profile;
use kfd_core::{ConfigError, Core, CoreConfig};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const VA: u64 = 0x7f10_0000_0000;
pub const SECOND: u32 = 77;

/// Two devices of one kind.
pub fn two() -> Profile {
    let mut profile = gpu().2;
    let mut second = profile.devices[0].clone();
    (second.gpu_id, second.render_minor) = (GpuId(SECOND), RenderMinor(190));
    second.pci.bus += 1;
    profile.devices.push(second);
    profile
}

#[test]
fn devices_that_contradict_each_other_are_refused_by_name() {
    let refused = |change: fn(&mut Profile)| {
        let mut profile = two();
        change(&mut profile);
        Core::new(CoreConfig::new(profile), Arc::new(crate::world::Kept::default())).map(drop).unwrap_err()
    };
    assert_eq!(refused(|p| p.devices[1].gpu_id = p.devices[0].gpu_id), ConfigError::Duplicate("gpu_id"));
    let same_node = refused(|p| p.devices[1].render_minor = p.devices[0].render_minor);
    assert_eq!(same_node, ConfigError::Duplicate("render_minor"));
    assert_eq!(refused(|p| p.devices.clear()), ConfigError::NoDevice);
}

// Keeps: vram-used
#[test]
fn each_device_tells_of_its_own_vram_alone() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    client.alloc(VA, 1 << 20, abi::ALLOC_MEM_FLAGS_VRAM).unwrap();
    let used = |minor| world.core.vram_used(minor).map(|bytes| bytes.0);
    assert_eq!((used(gpu().1), used(RenderMinor(190)), used(RenderMinor(7))), (Some(1 << 20), Some(0), None));
    world.end();
}

#[test]
fn a_bo_of_one_device_is_reached_from_the_other_once_it_is_bound_and_mapped() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    let memory = client.cut(VA, &AQL).unwrap();
    assert_eq!(client.map_on(memory.handle, SECOND), Err(Errno::NODEV), "the second is not bound");
    client.open(Node::Render(RenderMinor(190)));
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id: SECOND });
    client.map_all_on(memory, SECOND);

    let here = client.queue(VA + 0x10_0000);
    let mut there = client.queue_on(memory, SECOND).unwrap();
    assert_ne!(here.doorbell >> 32, there.doorbell >> 32, "each device has its own doorbells");
    let signal = client.signal(&there, 0, 1, None);
    client.push(&mut there, &barrier(&[], signal));
    client.ring(&there);
    world.settle();
    assert_eq!(client.signal_value(&there, 0), 0);
    world.end();
}

// Keeps: one-file-all-devices
#[test]
fn one_file_of_a_render_node_stands_for_all_devices_of_its_process() {
    let world = World::of(two(), Limits::default());
    let mut stranger = world.stranger(2, 1000);
    assert_eq!(stranger.no(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id: SECOND }), libc::EINVAL, "no file");
    // The first device's node is open, the second's is not.
    let mut client = world.client(1);
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id: SECOND });
    let here = client.buffer(VA, 4096);
    let flags = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
    let mut there = abi::AllocMemoryOfGpu {
        va_addr: VA + 0x10_0000,
        size: 4096,
        gpu_id: SECOND,
        flags,
        ..Default::default()
    };
    client.ok(0x16, &mut there);
    assert_ne!(there.mmap_offset, here.offset, "each range has its own place");
    client.poke(here.offset, &[1; 8]);
    client.poke(there.mmap_offset, &[2; 8]);
    assert_eq!(client.peek(here.offset), 0x0101_0101_0101_0101);
    let second = world.core.arena(client.process, RenderMinor(190)).expect("the same memory");
    let mut seen = [0; 8];
    std::fs::File::from(second).read_exact_at(&mut seen, there.mmap_offset).unwrap();
    assert_eq!(seen, [2; 8], "seen through the other node too");
    world.end();
}

/// A queue of a client on the second device, of which it had nothing before.
fn queue_on_the_second(client: &mut Client<'_>) -> Aql {
    client.open(Node::Render(RenderMinor(190)));
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id: SECOND });
    let shared = client.cut(VA, &AQL).unwrap();
    client.map_all_on(shared, SECOND);
    client.queue_on(shared, SECOND).unwrap()
}

#[test]
fn a_completion_on_one_device_releases_a_queue_on_the_other() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    let mut waits = queue_on_the_second(&mut client);
    let mut completes = client.queue(VA + 0x10_0000);
    let (gate, done) = (client.signal(&waits, 0, 1, None), client.signal(&waits, 1, 1, None));
    client.push(&mut waits, &barrier(&[gate], done));
    client.ring(&waits);
    world.settle();
    assert_eq!(client.signal_value(&waits, 1), 1);
    client.push(&mut completes, &barrier(&[], gate));
    client.ring(&completes);
    world.settle();
    assert_eq!(client.signal_value(&waits, 1), 0, "without waiting for the back-off");
    world.end();
}

// Keeps: violation-stops
#[test]
fn a_memory_violation_stops_what_its_process_has_on_its_device_and_nothing_elsewhere() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    let mut elsewhere = queue_on_the_second(&mut client);
    let mut author = client.queue(VA + 0x10_0000);
    let mut beside = client.queue(VA + 0x20_0000);
    let mut neighbour = world.client(2);
    let mut theirs = neighbour.queue(VA);
    client.push(&mut author, &barrier(&[0xdead_0000], 0));
    client.ring(&author);
    world.settle();
    let done = |client: &mut Client<'_>, queue: &mut Aql| {
        let signal = client.signal(queue, 0, 1, None);
        client.push(queue, &barrier(&[], signal));
        client.ring(queue);
        world.settle();
        client.signal_value(queue, 0) == 0
    };
    assert!(!done(&mut client, &mut beside), "of the same device and process");
    assert!(done(&mut client, &mut elsewhere), "of another device");
    assert!(done(&mut neighbour, &mut theirs), "of another process");
    let mut later = client.queue(VA + 0x30_0000);
    assert!(done(&mut client, &mut later), "made after it");
    world.end();
}
