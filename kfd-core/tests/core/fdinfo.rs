//! What fdinfo says of a file of DRM: whose memory, where, and in which words.

use crate::devices::{SECOND, two};
use crate::world::{World, gpu, older};
use kfd_core::abi::kfd as abi;
use kfd_core::call::Node;
use kfd_core::eviction::Reason;
use kfd_core::ids::{Bytes, FileId, RenderMinor, Tgid};
use kfd_core::limits::Limits;

const VA: u64 = 0x7f10_0000_0000;
const MIB: u64 = 1 << 20;
const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;

fn text(world: &World, file: FileId) -> String {
    world.core.fdinfo(file).expect("an open file of DRM")
}

fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

// Keeps: fdinfo-memory
#[test]
fn a_file_tells_the_memory_that_is_mapped_in_its_address_space() {
    let world = World::new();
    let mut client = world.client(1);
    let [kfd, render] = client.files[..] else { panic!("two files") };
    assert_eq!(world.core.fdinfo(kfd), None, "it is none of DRM");
    let memory = || {
        let text = text(&world, render);
        ["drm-memory-vram", "drm-memory-gtt", "drm-memory-cpu", "drm-total-vram", "drm-resident-vram"]
            .map(|name| value(&text, name))
    };
    assert_eq!(memory(), ["0 KiB", "0 KiB", "0 KiB", "0", "0"]);
    let buffer = client.alloc(VA, 3 * MIB, VRAM).expect("memory");
    assert_eq!(memory()[0], "0 KiB", "it is in no address space");
    client.map(buffer.handle).expect("it is mapped");
    client.buffer(VA + (1 << 30), MIB);
    client.userptr(VA + (2 << 30), 8192);
    assert_eq!(memory(), ["3072 KiB", "1032 KiB", "0 KiB", "3 MiB", "3 MiB"]);
    let told = text(&world, render);
    assert_eq!(value(&told, "pasid"), world.core.pasid(Tgid(1)).expect("it uses KFD").to_string());
    assert_eq!(value(&told, "drm-pdev"), gpu().2.devices[0].pci.address());
    assert_eq!(value(&told, "drm-total-cpu"), "8 KiB", "where userptr memory is made");
    assert!(!told.contains("drm-engine"), "no submission: queues of KFD are no context's");
    // A second file is another client, of an address space of its own.
    for node in [Node::Render(gpu().1), Node::Card(gpu().1)] {
        client.open(node);
        let other = text(&world, *client.files.last().expect("a file"));
        assert_ne!(value(&other, "drm-client-id"), value(&told, "drm-client-id"));
        assert_ne!(value(&other, "pasid"), value(&told, "pasid"));
        assert_eq!(value(&other, "drm-memory-vram"), "0 KiB");
    }
    assert!(world.core.evict(client.process, Reason::Request));
    client.unmap(buffer.handle).expect("it is unmapped");
    client.free(buffer.handle).expect("it is freed");
    assert_eq!(memory()[0], "0 KiB");
    world.core.release(render);
    assert_eq!(world.core.fdinfo(render), None, "it is closed");
    world.kill(client.process);
    assert_eq!(client.files.iter().find_map(|file| world.core.fdinfo(*file)), None);
    world.end();
}

// Keeps: fdinfo-memory
#[test]
fn each_device_has_its_own_memory_in_fdinfo() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    let first = client.files[1];
    client.open(Node::Render(RenderMinor(190)));
    let second = *client.files.last().expect("a file");
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 6, gpu_id: SECOND });
    for (va, gpu_id, size) in [(VA, gpu().0, MIB), (VA + (1 << 30), SECOND, 2 * MIB)] {
        let mut arg = abi::AllocMemoryOfGpu { va_addr: va, size, gpu_id, flags: VRAM, ..Default::default() };
        client.ok(0x16, &mut arg);
        client.map_on(arg.handle, gpu_id).expect("it is mapped");
    }
    let of = |file| {
        let text = text(&world, file);
        (value(&text, "drm-pdev"), value(&text, "drm-memory-vram"))
    };
    let devices = &two().devices;
    assert_eq!(of(first), (devices[0].pci.address(), "1024 KiB".to_owned()));
    assert_eq!(of(second), (devices[1].pci.address(), "2048 KiB".to_owned()));
    world.end();
}

// Keeps: fdinfo-memory
#[test]
fn memory_that_was_moved_out_is_told_where_it_is_and_where_it_is_meant_to_be() {
    let mut profile = gpu().2;
    profile.devices[0].vram.bytes = Bytes(64 * MIB);
    profile.devices[0].vram.visible_bytes = Bytes(64 * MIB);
    let world = World::of(profile, Limits::default());
    let (mut client, mut other) = (world.client(1), world.client(2));
    let half = 40 * MIB;
    let mine = client.alloc(VA, half, VRAM).expect("more than half of it");
    client.map(mine.handle).expect("it is mapped");
    assert!(world.core.make_room(0, Bytes(half), other.process));
    other.alloc(VA, half, VRAM).expect("the first gave way");
    let told = text(&world, client.files[1]);
    let kib = format!("{} KiB", half >> 10);
    assert_eq!(value(&told, "drm-memory-vram"), "0 KiB");
    assert_eq!(value(&told, "drm-memory-gtt"), kib);
    assert_eq!(value(&told, "amd-evicted-vram"), kib);
    assert_eq!(value(&told, "amd-requested-vram"), kib);
    world.end();
}

// Keeps: fdinfo-memory
#[test]
fn the_words_are_those_of_the_interfaces_kernel() {
    for (interface, first, regions) in
        [(11, "pasid:", false), (17, "drm-driver:\tamdgpu", false), (18, "drm-driver:\tamdgpu", true)]
    {
        let world = World::of(older(interface), Limits::default());
        let mut client = world.client(1);
        let buffer = client.alloc(VA, MIB, VRAM).expect("memory");
        client.map(buffer.handle).expect("it is mapped");
        let told = text(&world, client.files[1]);
        assert!(told.starts_with(first), "{told}");
        assert_eq!(told.contains("drm-total-vram:\t1 MiB\n"), regions, "{told}");
        assert_eq!(told.contains("amd-memory-visible-vram:\t1024 KiB\n"), !regions, "{told}");
        // What tools of every age read.
        for line in ["drm-driver:\tamdgpu\n", "drm-memory-vram:\t1024 KiB\n", "drm-memory-gtt: \t0 KiB\n"] {
            assert!(told.contains(line), "{told}");
        }
        world.end();
    }
}
