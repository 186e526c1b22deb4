//! GEM buffers as dma-bufs: in KFD, in another process, and what holds them.

use crate::world::{Client, World, gpu};
use kfd_core::abi::{drm as abi, kfd, table};
use kfd_core::call::{Arg, Errno, FileIdentity, Gathered, Node, Outcome};
use kfd_core::ids::Bytes;
use std::os::fd::{AsFd, OwnedFd};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const PAGE: u64 = 4096;

/// One call on the render node by a door that carries descriptors, or by one that does not.
fn call<T: IntoBytes + FromBytes + Immutable>(
    client: &mut Client<'_>,
    number: u8,
    arg: &mut T,
    file: Option<FileIdentity>,
    passes: bool,
) -> Result<Option<OwnedFd>, Errno> {
    let row = table::DRM.iter().find(|row| row.number() == number).expect("a known number");
    let caller = client.caller(Node::Render(gpu().1));
    let gathered = Gathered { file, passes, ..Gathered::default() };
    match client.core().call(&caller, row.cmd, Arg::new(arg.as_bytes()).unwrap(), gathered) {
        Outcome::Done(mut done) => {
            *arg = T::read_from_prefix(done.arg.bytes()).unwrap().0;
            Ok(done.fds.pop())
        }
        Outcome::Refused(refused) => Err(refused.errno),
        Outcome::Parked => panic!("{number:#x} parked"),
    }
}

fn create(client: &mut Client<'_>, domain_flags: u64) -> u32 {
    let domains = abi::GEM_DOMAIN_VRAM;
    let mut arg = abi::GemCreate { bo_size: 2 * PAGE, alignment: PAGE, domains, domain_flags };
    call(client, 0x40, &mut arg, None, false).unwrap();
    arg.bo_size as u32
}

fn mmap(client: &mut Client<'_>, handle: u32) -> u64 {
    let mut arg = abi::GemMmap { addr_ptr: handle.into() };
    call(client, 0x41, &mut arg, None, false).unwrap();
    arg.addr_ptr
}

fn close(client: &mut Client<'_>, handle: u32) {
    call(client, 0x09, &mut abi::GemClose { handle, pad: 0 }, None, false).unwrap();
}

fn export(client: &mut Client<'_>, handle: u32) -> Result<OwnedFd, Errno> {
    let mut arg = abi::PrimeHandle { handle, flags: libc::O_CLOEXEC as u32, fd: -1 };
    call(client, 0x2d, &mut arg, None, true).map(|fd| fd.expect("a descriptor is answered"))
}

fn import(client: &mut Client<'_>, file: Option<FileIdentity>) -> Result<u32, Errno> {
    let mut arg = abi::PrimeHandle { handle: 0, flags: 0, fd: 5 };
    call(client, 0x2e, &mut arg, file, true).map(|_| arg.handle)
}

fn metadata(client: &mut Client<'_>, handle: u32, op: u32, text: &[u8]) -> abi::GemMetadata {
    let mut arg = abi::GemMetadata { handle, op, data_size_bytes: text.len() as u32, ..Default::default() };
    arg.data.as_mut_bytes()[..text.len()].copy_from_slice(text);
    call(client, 0x46, &mut arg, None, false).unwrap();
    arg
}

/// The door for descriptors knows of a file only which node it is of.
// Keeps: prime-any-file
#[test]
fn a_buffer_is_passed_by_any_file_of_its_process_and_else_known_to_its_own_alone() {
    let world = World::new();
    let (_, minor, _) = gpu();
    // No file is KFD's, which would hold it open.
    let mut client = world.stranger(1, 1000);
    client.open_unbound();
    let first = *client.files.last().unwrap();
    let handle = create(&mut client, 0);
    client.open(Node::Render(minor));
    let other = create(&mut client, 0);
    assert_ne!(handle, other, "a number says which buffer is meant, whichever file it comes by");
    let tokens = [handle, other].map(|handle| export(&mut client, handle).unwrap());
    let [file, others] = tokens.each_ref().map(|token| FileIdentity::of(token.as_fd()).unwrap());
    assert_ne!(file, others);
    let mut offset = |handle: u32| {
        let mut arg = abi::GemMmap { addr_ptr: handle.into() };
        call(&mut client, 0x41, &mut arg, None, false).map(|_| arg.addr_ptr)
    };
    assert_eq!(offset(handle), Err(Errno::NOENT), "it is the first file's");
    assert!(offset(other).is_ok());
    assert_eq!(import(&mut client, Some(file)), Ok(handle), "the process has it already");
    drop(tokens);
    let kept = mmap(&mut client, handle);
    world.core.release(first);
    assert_eq!(mmap(&mut client, handle), kept, "what was taken in is every file's");
    let second = *client.files.last().unwrap();
    world.core.release(second);
    assert_eq!(world.core.totals().holds.bos, 0);
    world.end();
}

// Keeps: prime, PRIME_HANDLE_TO_FD, PRIME_FD_TO_HANDLE
#[test]
fn a_graphics_buffer_goes_to_kfd_and_to_another_process_with_what_is_written_on_it() {
    let world = World::new();
    let (mut maker, mut other) = (world.client(1), world.client(2));
    let handle = create(&mut maker, abi::GEM_CREATE_CPU_ACCESS_REQUIRED);
    let at = mmap(&mut maker, handle);
    maker.poke(at, &[0xaa; PAGE as usize]);
    metadata(&mut maker, handle, abi::GEM_METADATA_OP_SET_METADATA, b"tiled");
    let token = export(&mut maker, handle).unwrap();
    let file = FileIdentity::of(token.as_fd()).unwrap();
    assert_eq!(FileIdentity::of(export(&mut maker, handle).unwrap().as_fd()).unwrap(), file);
    assert_eq!(world.core.totals().holds.vram_bytes, 2 * PAGE, "charged once");

    // KFD of the maker: what the buffer is, and its memory.
    let mut info = kfd::GetDmabufInfo { metadata_size: 3, metadata_ptr: 0x1000, ..Default::default() };
    assert_eq!(maker.passing(0x1c, &mut info, Some(file)).unwrap_err(), Errno::INVAL, "no room");
    info.metadata_ptr = 0;
    maker.passing(0x1c, &mut info, Some(file)).unwrap();
    let told = kfd::ALLOC_MEM_FLAGS_VRAM | kfd::ALLOC_MEM_FLAGS_PUBLIC;
    assert_eq!((info.size, info.gpu_id, info.flags, info.metadata_size), (2 * PAGE, gpu().0, told, 5));
    let mut bo = kfd::ImportDmabuf { va_addr: 0x1000_0000, gpu_id: gpu().0, ..Default::default() };
    maker.passing(0x1d, &mut bo, Some(file)).unwrap();
    assert_eq!(maker.map(bo.handle), Ok(1));

    // Graphics of another process: one handle however often, no host mapping of it, and the same writing.
    let there = import(&mut other, Some(file)).unwrap();
    assert_eq!(import(&mut other, Some(file)), Ok(there));
    assert!(mmap(&mut other, there) >= other.arena_file().metadata().unwrap().len());
    assert_eq!(import(&mut maker, Some(file)), Ok(handle), "the maker has its own again");
    let read = metadata(&mut other, there, abi::GEM_METADATA_OP_GET_METADATA, b"");
    assert_eq!(&read.data.as_bytes()[..read.data_size_bytes as usize], b"tiled");

    // The maker lets it go: the rest hold it, with its bytes.
    drop(token);
    close(&mut maker, handle);
    world.core.reclaim_all();
    world.core.barrier();
    let [row] = world.core.shares()[..] else { panic!("one share") };
    assert_eq!((row.bytes, row.holders), (Bytes(2 * PAGE), 2));
    assert_eq!(maker.peek(at), u64::from_ne_bytes([0xaa; 8]));
    close(&mut other, there);
    assert_eq!(maker.unmap(bo.handle), Ok(1));
    assert_eq!(maker.free(bo.handle), Ok(()));
    world.core.reclaim_all();
    world.core.barrier();
    assert!(world.core.shares().is_empty());
    assert_eq!((maker.peek(at), world.core.totals().holds.vram_bytes), (0, 0), "given back");
    world.end();
}

// Keeps: prime
#[test]
fn memory_of_kfd_is_a_buffer_of_graphics_and_outlives_its_maker_there() {
    let world = World::of(
        {
            let mut profile = gpu().2;
            profile.interface_minor = 12;
            profile
        },
        kfd_core::limits::Limits::default(),
    );
    let (mut maker, mut other) = (world.client(1), world.client(2));
    let flags = kfd::ALLOC_MEM_FLAGS_VRAM | kfd::ALLOC_MEM_FLAGS_WRITABLE;
    let buffer = maker.alloc(0x1000_0000, PAGE, flags).unwrap();
    let mut arg = kfd::ExportDmabuf { handle: buffer.handle, ..Default::default() };
    let token = maker.passing(0x24, &mut arg, None).unwrap().expect("a descriptor");
    let there = import(&mut other, Some(FileIdentity::of(token.as_fd()).unwrap())).unwrap();
    drop(token);
    world.kill(maker.process);
    world.core.reclaim_all();
    world.core.barrier();
    let held = world.core.shares()[0];
    assert_eq!((held.holders, held.orphaned), (1, true));
    close(&mut other, there);
    world.core.barrier();
    assert!(world.core.shares().is_empty());
    world.end();
}

// Keeps: prime, PRIME_HANDLE_TO_FD, PRIME_FD_TO_HANDLE
#[test]
fn prime_refuses_what_is_no_buffer_and_a_door_that_carries_nothing() {
    let world = World::new();
    let mut client = world.client(1);
    let handle = create(&mut client, 0);
    assert_eq!(export(&mut client, handle + 1).unwrap_err(), Errno::NOENT);
    let mut arg = abi::PrimeHandle { handle, flags: libc::O_APPEND as u32, fd: 0 };
    assert_eq!(call(&mut client, 0x2d, &mut arg, None, true).unwrap_err(), Errno::INVAL);
    arg.flags = 0;
    assert_eq!(call(&mut client, 0x2d, &mut arg, None, false).unwrap_err(), Errno::OPNOTSUPP);
    let always = create(&mut client, abi::GEM_CREATE_VM_ALWAYS_VALID);
    assert_eq!(export(&mut client, always).unwrap_err(), Errno::PERM);
    assert_eq!(import(&mut client, None), Err(Errno::BADF));
    assert_eq!(call(&mut client, 0x2e, &mut arg, None, false).unwrap_err(), Errno::INVAL);
    let (read, _write) = std::io::pipe().unwrap();
    assert_eq!(import(&mut client, Some(FileIdentity::of(read.as_fd()).unwrap())), Err(Errno::INVAL));
    assert!(world.core.shares().is_empty(), "and nothing was made");
    world.end();
}
