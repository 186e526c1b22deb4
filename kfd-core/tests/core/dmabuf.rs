//! Memory passed as a descriptor: the token, who finds the memory by it, and what it does not hold.

use crate::world::{Client, World, gpu};
use kfd_core::abi::drm;
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Errno, FileIdentity, Gathered, Node, Outcome};
use nix::sys::stat::fstat;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::OwnedFd;
use zerocopy::IntoBytes;

const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE | abi::ALLOC_MEM_FLAGS_PUBLIC;

/// The interface that brought EXPORT_DMABUF, with the devices of the others.
fn world() -> World {
    let mut profile = gpu().2;
    profile.interface_minor = 12;
    World::of(profile, kfd_core::limits::Limits::default())
}

/// What a door finds out about a descriptor, here by other means than the core's own.
fn identity(fd: &OwnedFd) -> FileIdentity {
    let found = fstat(fd).unwrap();
    let made = File::from(fd.try_clone().unwrap()).metadata().unwrap().created().unwrap();
    let since = made.duration_since(std::time::UNIX_EPOCH).unwrap();
    FileIdentity {
        device: (nix::sys::stat::major(found.st_dev) as u32, nix::sys::stat::minor(found.st_dev) as u32),
        inode: found.st_ino,
        born: (since.as_secs().cast_signed(), since.subsec_nanos()),
    }
}

fn export(client: &mut Client<'_>, handle: u64) -> Result<OwnedFd, Errno> {
    let mut arg = abi::ExportDmabuf { handle, ..Default::default() };
    client.passing(0x24, &mut arg, None).map(|fd| fd.expect("a descriptor is answered"))
}

fn import(client: &mut Client<'_>, file: Option<FileIdentity>) -> Result<u64, Errno> {
    let mut arg = abi::ImportDmabuf { va_addr: 0x2000_0000, gpu_id: gpu().0, ..Default::default() };
    client.passing(0x1d, &mut arg, file).map(|_| arg.handle)
}

// Keeps: dmabuf, GET_DMABUF_INFO, IMPORT_DMABUF, EXPORT_DMABUF
#[test]
fn a_dmabuf_tells_its_size_and_finds_its_memory_in_another_process() {
    let world = world();
    let (mut exporter, mut importer) = (world.client(1), world.client(2));
    let buffer = exporter.alloc(0x1000_0000, 3 * 4096, VRAM).unwrap();
    let token = export(&mut exporter, buffer.handle).unwrap();
    let file = identity(&token);
    assert_eq!(File::from(token.try_clone().unwrap()).seek(SeekFrom::End(0)).unwrap(), 3 * 4096);
    let again = export(&mut exporter, buffer.handle).unwrap();
    assert_eq!(identity(&again), file, "one object, one dma-buf");
    assert_eq!(world.core.totals().holds.descriptors, 1);

    let mut info = abi::GetDmabufInfo { metadata_size: 77, ..Default::default() };
    importer.passing(0x1c, &mut info, Some(file)).unwrap();
    let told = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_PUBLIC;
    assert_eq!((info.size, info.gpu_id, info.flags, info.metadata_size), (3 * 4096, gpu().0, told, 0));
    let handle = import(&mut importer, Some(file)).unwrap();
    assert_eq!(importer.map(handle), Ok(1));
    assert_eq!(world.core.shares()[0].holders, 2);
    world.end();
    drop((token, again));
}

// Keeps: dmabuf, GET_DMABUF_INFO
#[test]
fn a_descriptor_of_anything_else_or_of_memory_that_is_gone_is_refused() {
    let world = world();
    let (mut exporter, mut importer) = (world.client(1), world.client(2));
    let buffer = exporter.alloc(0x1000_0000, 4096, VRAM).unwrap();
    let token = export(&mut exporter, buffer.handle).unwrap();
    let file = identity(&token);
    assert_eq!(import(&mut importer, None).unwrap_err(), Errno::BADF, "no such descriptor");
    let other = FileIdentity { inode: file.inode + 1, ..file };
    assert_eq!(import(&mut importer, Some(other)).unwrap_err(), Errno::INVAL);
    let later = FileIdentity { born: (file.born.0, file.born.1 ^ 1), ..file };
    assert_eq!(import(&mut importer, Some(later)).unwrap_err(), Errno::INVAL, "an inode's later tenant");
    drop(token);
    assert_eq!(exporter.free(buffer.handle), Ok(()));
    world.core.reclaim_all();
    world.core.barrier();
    assert_eq!(import(&mut importer, Some(file)).unwrap_err(), Errno::INVAL, "its memory is gone");
    assert!(world.core.totals().holds.descriptors == 0 && world.core.shares().is_empty());

    let user = exporter.userptr(0x5000_0000, 4096);
    assert_eq!(export(&mut exporter, user.handle).unwrap_err(), Errno::PERM);
    assert_eq!(export(&mut exporter, 999).unwrap_err(), Errno::INVAL);
    world.end();
}

// Keeps: dmabuf-holds
#[test]
fn a_descriptor_holds_its_memory_wherever_it_is_and_whoever_dies() {
    let world = world();
    let (mut exporter, mut importer) = (world.client(1), world.client(2));
    let buffer = exporter.alloc(0x1000_0000, 4096, VRAM).unwrap();
    let token = export(&mut exporter, buffer.handle).unwrap();
    let file = identity(&token);
    let passed_on = token.try_clone().unwrap();
    drop(token);
    assert_eq!(exporter.free(buffer.handle), Ok(()));
    world.kill(exporter.process);
    world.core.barrier();
    let held = world.core.shares()[0];
    assert_eq!((held.holders, held.orphaned), (0, true));
    assert_eq!(world.core.totals().holds.vram_bytes, 4096, "the dead one's user pays");
    let handle = import(&mut importer, Some(file)).unwrap();
    assert_eq!(importer.free(handle), Ok(()));
    drop(passed_on);
    world.core.reclaim_all();
    world.core.barrier();
    assert!(world.core.shares().is_empty());
    let holds = world.core.totals().holds;
    assert_eq!((holds.vram_bytes, holds.descriptors), (0, 0));
    assert_eq!(import(&mut importer, Some(file)).unwrap_err(), Errno::INVAL);
    world.end();
}

fn available(client: &mut Client<'_>) -> u64 {
    let mut arg = abi::GetAvailableMemory { gpu_id: gpu().0, ..Default::default() };
    client.ok(0x23, &mut arg);
    arg.available
}

/// What AMDGPU_INFO says of a device's VRAM.
fn used(client: &mut Client<'_>) -> u64 {
    let query = drm::Info {
        return_pointer: 0x1000,
        return_size: 8,
        query: drm::INFO_VRAM_USAGE,
        ..Default::default()
    };
    let cmd = table::DRM.iter().find(|row| row.name == "AMDGPU_INFO").unwrap().cmd;
    let caller = client.caller(Node::Render(gpu().1));
    let arg = Arg::new(query.as_bytes()).unwrap();
    let Outcome::Done(done) = client.core().call(&caller, cmd, arg, Gathered::default()) else { panic!() };
    u64::from_ne_bytes(done.writes[0].bytes[..8].try_into().unwrap())
}

// Keeps: dmabuf-available
#[test]
fn what_was_exported_is_available_as_soon_as_it_is_freed_and_its_descriptor_closed() {
    let world = world();
    let (mut exporter, mut importer) = (world.client(1), world.client(2));
    let (before, nothing) = (available(&mut exporter), used(&mut exporter));
    for freed_first in [true, false] {
        let buffer = exporter.alloc(0x1000_0000, 16 << 20, VRAM).unwrap();
        let token = export(&mut exporter, buffer.handle).unwrap();
        if freed_first {
            assert_eq!(exporter.free(buffer.handle), Ok(()));
            assert_eq!(used(&mut exporter), nothing + (16 << 20), "a descriptor holds it");
            drop(token);
        } else {
            drop(token);
            assert_eq!(exporter.free(buffer.handle), Ok(()));
        }
        assert_eq!(available(&mut exporter), before, "{freed_first}");
        assert_eq!(used(&mut exporter), nothing);
    }
    // The same of what an importer had last.
    let buffer = exporter.alloc(0x1000_0000, 16 << 20, VRAM).unwrap();
    let token = export(&mut exporter, buffer.handle).unwrap();
    let handle = import(&mut importer, Some(identity(&token))).unwrap();
    drop(token);
    assert_eq!(exporter.free(buffer.handle), Ok(()));
    assert_eq!(used(&mut importer), nothing + (16 << 20));
    assert_eq!(importer.free(handle), Ok(()));
    assert_eq!((available(&mut importer), used(&mut importer)), (before, nothing));
    world.end();
}

// Keeps: dmabuf-looked-for
#[test]
fn what_closed_descriptors_held_is_found_by_who_needs_it() {
    const PART: u64 = 64 << 20;
    let mut profile = gpu().2;
    profile.interface_minor = 12;
    profile.devices[0].vram.bytes.0 = 1 << 30;
    profile.devices[0].vram.visible_bytes.0 = 1 << 30;
    let world = World::of(profile, kfd_core::limits::Limits::default());
    let mut exporter = world.client(1);
    let count = available(&mut exporter) / PART;
    assert!(count > 6, "more than a call looks at");
    let handles: Vec<_> = (0..count)
        .map(|part| exporter.alloc(0x10_0000_0000 + part * PART, PART, VRAM).unwrap().handle)
        .collect();
    let tokens: Vec<_> = handles.iter().map(|handle| export(&mut exporter, *handle).unwrap()).collect();
    for handle in handles {
        assert_eq!(exporter.free(handle), Ok(()));
    }
    assert_eq!(exporter.alloc(0x20_0000_0000, count * PART, VRAM).map(drop), Err(Errno::NOMEM));
    drop(tokens);
    assert!(exporter.alloc(0x20_0000_0000, count * PART, VRAM).is_ok());
    world.end();
}

// Keeps: dmabuf-undelivered
#[test]
fn a_descriptor_that_does_not_arrive_leaves_nothing_behind() {
    let world = world();
    let mut client = world.client(1);
    let buffer = client.alloc(0x1000_0000, 4096, VRAM).unwrap();
    // Nobody lists or allocates in between.
    let descriptors = || world.core.account().total().descriptors;
    drop(export(&mut client, buffer.handle).unwrap());
    assert_eq!(descriptors(), 1);
    world.core.undelivered(client.process);
    assert_eq!(descriptors(), 0);
    drop(client.stream(gpu().0));
    assert_eq!(descriptors(), 1);
    world.core.undelivered(client.process);
    assert_eq!(descriptors(), 0);
    assert_eq!(client.free(buffer.handle), Ok(()));
    assert_eq!(world.core.account().total().vram_bytes, 0);
    world.end();
}

// Keeps: dmabuf-holds
#[test]
fn a_token_lasts_as_long_as_its_descriptors_and_a_later_export_makes_another() {
    let world = world();
    let (mut exporter, mut importer) = (world.client(1), world.client(2));
    let buffer = exporter.alloc(0x1000_0000, 4096, VRAM).unwrap();
    let first = export(&mut exporter, buffer.handle).unwrap();
    let file = identity(&first);
    drop(first);
    world.core.reclaim_all();
    assert_eq!(world.core.shares()[0].holders, 1);
    assert_eq!(world.core.account().total().descriptors, 0);
    assert_eq!(import(&mut importer, Some(file)).unwrap_err(), Errno::INVAL);
    let second = export(&mut exporter, buffer.handle).unwrap();
    assert!(import(&mut importer, Some(identity(&second))).is_ok());
    assert_eq!(world.core.shares()[0].holders, 2);
    world.end();
}

// Keeps: no-descriptors, IMPORT_DMABUF, SMI_EVENTS, EXPORT_DMABUF
#[test]
fn a_door_that_carries_no_descriptors_makes_none_and_takes_no_number_for_one() {
    let world = world();
    let mut client = world.client(1);
    let buffer = client.alloc(0x1000_0000, 4096, VRAM).unwrap();
    let mut export = abi::ExportDmabuf { handle: buffer.handle, ..Default::default() };
    assert_eq!(client.no(0x24, &mut export), libc::EOPNOTSUPP);
    let gpu_id = gpu().0;
    assert_eq!(
        client.no(0x1d, &mut abi::ImportDmabuf { gpu_id, dmabuf_fd: 3, ..Default::default() }),
        libc::EINVAL
    );
    assert_eq!(client.no(0x1c, &mut abi::GetDmabufInfo { dmabuf_fd: 3, ..Default::default() }), libc::EINVAL);
    assert_eq!(client.no(0x1f, &mut abi::SmiEvents { gpuid: gpu_id, anon_fd: 0 }), libc::EOPNOTSUPP);
    assert!(world.core.shares().is_empty(), "nothing was made");
    assert_eq!(world.core.totals().holds.descriptors, 0);
    world.end();
}
