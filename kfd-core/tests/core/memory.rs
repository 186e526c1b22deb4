//! Buffer objects: kinds, offsets, mappings, refusals.

use crate::world::{World, gpu};
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;

const GTT: u32 = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;

// Keeps: ALLOC_MEMORY_OF_GPU
#[test]
fn every_kind_gets_an_offset_that_leads_somewhere() {
    let world = World::new();
    let mut client = world.client(1);
    let gtt = client.alloc(0x1000_0000, 4096, GTT).unwrap();
    let vram = client.alloc(0x2000_0000, 5000, VRAM).unwrap();
    let next = client.alloc(0x3000_0000, 4096, VRAM).unwrap();
    assert_eq!((gtt.offset, vram.offset, next.offset), (0, 4096, 4096 + 8192), "whole pages of one arena");
    let doorbell = client.alloc(0x4000_0000, 0x2000, abi::ALLOC_MEM_FLAGS_DOORBELL).unwrap();
    let mmio = client.alloc(0x5000_0000, 0x1000, abi::ALLOC_MEM_FLAGS_MMIO_REMAP).unwrap();
    assert_ne!(doorbell.offset, mmio.offset);
    for offset in [doorbell.offset, mmio.offset] {
        assert!(offset != 0 && offset < world.core.kfd_node_bytes());
    }
    assert_eq!(gtt.handle >> 32, u64::from(gpu().0), "the device is in the handle");
    world.end();
}

// Keeps: FREE_MEMORY_OF_GPU
#[test]
fn a_bo_is_freed_when_it_is_mapped_nowhere_and_its_memory_reads_zeros() {
    let world = World::new();
    let mut client = world.client(1);
    let buffer = client.buffer(0x1000_0000, 4096);
    client.poke(buffer.offset, &[7; 64]);
    assert_eq!(client.map(buffer.handle), Ok(1), "mapping again changes nothing");
    assert_eq!(client.free(buffer.handle), Err(Errno::BUSY));
    assert_eq!(client.unmap(buffer.handle), Ok(1));
    assert_eq!(client.unmap(buffer.handle), Err(Errno::INVAL), "it is not mapped");
    assert_eq!(client.free(buffer.handle), Ok(()));
    assert_eq!(client.peek(buffer.offset), 0);
    assert_eq!(client.free(buffer.handle), Err(Errno::INVAL));
    assert_eq!(client.map(buffer.handle), Err(Errno::NOMEM), "amdkfd's answer to a handle that is none");
    assert_eq!(world.core.totals().holds.gtt_bytes, 0);
    world.end();
}

// Keeps: MAP_MEMORY_TO_GPU
#[test]
fn mappings_that_overlap_wrap_or_are_not_a_pages_are_refused() {
    let world = World::new();
    let mut client = world.client(1);
    client.buffer(0x1000_0000, 0x2000);
    for (va, size) in
        [(0x1000_1000, 0x1000), (0x0fff_f000, 0x2000), (0x1234, 0x1000), (u64::MAX - 0xfff, 0x2000)]
    {
        let buffer = client.alloc(va, size, GTT).unwrap();
        assert_eq!(client.map(buffer.handle), Err(Errno::INVAL), "{va:#x}+{size:#x}");
        assert_eq!(client.free(buffer.handle), Ok(()));
    }
    world.end();
}

// Keeps: ALLOC_MEMORY_OF_GPU
#[test]
fn bad_requests_get_the_kernels_errno() {
    let world = World::new();
    let mut client = world.client(1);
    let (gpu_id, _, _) = gpu();
    let refused = |client: &mut crate::world::Client<'_>, size, flags| {
        client.alloc(0x1000_0000, size, flags).unwrap_err()
    };
    assert_eq!(refused(&mut client, 0, GTT), Errno::INVAL, "no bytes");
    assert_eq!(refused(&mut client, 4096, 0), Errno::INVAL, "no kind");
    assert_eq!(refused(&mut client, u64::MAX, GTT), Errno::NOMEM, "more than there is");
    assert_eq!(refused(&mut client, u64::MAX, VRAM), Errno::NOMEM);
    assert_eq!(refused(&mut client, 4096, abi::ALLOC_MEM_FLAGS_USERPTR), Errno::INVAL, "no address");
    assert_eq!(refused(&mut client, 4096, abi::ALLOC_MEM_FLAGS_DOORBELL), Errno::INVAL, "not the slice");
    assert_eq!(refused(&mut client, 8192, abi::ALLOC_MEM_FLAGS_MMIO_REMAP), Errno::INVAL, "not a page");
    let mut other =
        abi::AllocMemoryOfGpu { size: 4096, gpu_id: gpu_id + 1, flags: GTT, ..Default::default() };
    assert_eq!(client.no(0x16, &mut other), libc::EINVAL, "no such device");
    assert!(world.core.totals().holds.bos == 0 && world.core.totals().holds.gtt_bytes == 0);
    world.end();
}

// Keeps: MAP_MEMORY_TO_GPU, UNMAP_MEMORY_FROM_GPU
#[test]
fn map_tells_how_far_it_came() {
    let world = World::new();
    let mut client = world.client(1);
    let (gpu_id, _, _) = gpu();
    let buffer = client.alloc(0x1000_0000, 4096, GTT).unwrap();
    let ids = |ids: &[u32]| vec![ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>()];
    let mut arg = abi::MapMemoryToGpu { handle: buffer.handle, n_devices: 2, ..Default::default() };
    assert_eq!(client.ioctl(0x18, &mut arg, ids(&[gpu_id, 9])), Err(Errno::INVAL));
    assert_eq!(arg.n_success, 1, "the first was mapped");
    for (n_devices, n_success) in [(0, 0), (1, 2)] {
        let mut arg =
            abi::MapMemoryToGpu { handle: buffer.handle, n_devices, n_success, ..Default::default() };
        assert_eq!(client.ioctl(0x18, &mut arg, ids(&[gpu_id, gpu_id])), Err(Errno::INVAL));
    }
    let mut arg = abi::MapMemoryToGpu { handle: buffer.handle, n_devices: 2, ..Default::default() };
    assert_eq!(client.ioctl(0x18, &mut arg, ids(&[gpu_id])), Err(Errno::FAULT), "fewer were gathered");
    world.end();
}

#[test]
fn a_ring_bo_is_half_the_memory_mapped_twice() {
    let world = World::new();
    let mut client = world.client(1);
    let flags = GTT | abi::ALLOC_MEM_FLAGS_AQL_QUEUE_MEM;
    let ring = client.alloc(0x1000_0000, 0x4000, flags).unwrap();
    assert_eq!(client.map(ring.handle), Ok(1));
    assert_eq!(world.core.totals().holds.gtt_bytes, 0x2000);
    let inside = client.alloc(0x1000_3000, 0x1000, GTT).unwrap();
    assert_eq!(client.map(inside.handle), Err(Errno::INVAL), "the second half is taken too");
    assert_eq!(client.unmap(ring.handle), Ok(1));
    assert_eq!(client.map(inside.handle), Ok(1));
    world.end();
}

// Keeps: AVAILABLE_MEMORY
#[test]
fn vram_shrinks_what_is_available() {
    let world = World::new();
    let mut client = world.client(1);
    let (gpu_id, _, profile) = gpu();
    let mut arg = abi::GetAvailableMemory { gpu_id, ..Default::default() };
    let available = |client: &mut crate::world::Client<'_>, arg: &mut abi::GetAvailableMemory| {
        client.raw(0x23, zerocopy::IntoBytes::as_bytes(arg), vec![])
    };
    if profile.interface_minor < 9 {
        assert_eq!(client.no(0x23, &mut arg), libc::ENOTTY, "a call of interface 1.9");
        world.end();
        return;
    }
    client.ok(0x23, &mut arg);
    let before = arg.available;
    client.alloc(0x1000_0000, 1 << 30, VRAM).unwrap();
    available(&mut client, &mut arg);
    client.ok(0x23, &mut arg);
    assert!(before - arg.available >= 1 << 30);
    world.end();
}

// Keeps: overdrawn-listed
#[test]
fn a_client_that_touches_what_it_was_not_given_is_told_of() {
    let world = World::new();
    let mut client = world.client(1);
    let buffer = client.buffer(0x1000_0000, 8192);
    client.poke(buffer.offset, &[1; 8192]);
    assert!(world.core.overdrawn().is_empty(), "what it was given");
    client.poke(buffer.offset + (1 << 20), &[1; 4096]);
    assert_eq!(world.core.overdrawn(), [(client.process, kfd_core::ids::Bytes(4096))]);
    world.kill(client.process);
    assert!(world.core.overdrawn().is_empty());
    world.end();
}
