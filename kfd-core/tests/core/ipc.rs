//! Memory of one process in another: keys, what an importer reaches, who pays, and what outlives whom.

use crate::world::{Aql, Buffer, Client, World, barrier, gpu};
use hsa_queue::layout::amd_signal;
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;
use kfd_core::ids::Bytes;
use std::os::unix::fs::MetadataExt;

const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
const PAGE: u64 = 4096;

/// Whatever the exporter says of its memory; nothing here reads it.
const TOLD: u32 = 0x5a;

fn export(client: &mut Client<'_>, handle: u64) -> [u32; 4] {
    let mut arg = abi::IpcExportHandle { handle, gpu_id: gpu().0, flags: TOLD, ..Default::default() };
    client.ok(0x81, &mut arg);
    arg.share_handle
}

fn import(client: &mut Client<'_>, key: [u32; 4], va: u64) -> Result<Buffer, Errno> {
    let mut arg =
        abi::IpcImportHandle { share_handle: key, va_addr: va, gpu_id: gpu().0, ..Default::default() };
    client.ioctl(0x80, &mut arg, vec![])?;
    assert_eq!(arg.flags, TOLD);
    Ok(Buffer { handle: arg.handle, va, offset: arg.mmap_offset, parts: 1 })
}

/// An exporter with a page of VRAM at `buffer` and an importer that has it mapped at `there`.
struct Pair<'w> {
    exporter: Client<'w>,
    buffer: Buffer,
    key: [u32; 4],
    importer: Client<'w>,
    there: Buffer,
    queue: Aql,
}

impl<'w> Pair<'w> {
    fn new(world: &'w World) -> Self {
        let mut exporter = world.client(1);
        let buffer = exporter.alloc(0x1000_0000, PAGE, VRAM).unwrap();
        let key = export(&mut exporter, buffer.handle);
        let mut importer = world.client(2);
        let queue = importer.queue(0x7000_0000);
        let there = import(&mut importer, key, 0x2000_0000).unwrap();
        assert_eq!(importer.map(there.handle), Ok(1));
        Self { exporter, buffer, key, importer, there, queue }
    }

    /// A packet of the importer lowers the signal that lies at the start of the shared page.
    fn lower(&mut self) {
        let packet = barrier(&[], self.there.va);
        self.importer.push(&mut self.queue, &packet);
        self.importer.ring(&self.queue);
        self.importer.world.settle();
        assert_eq!(self.importer.read_index(&self.queue), self.queue.packets, "the packet was retired");
    }

    fn value(&self) -> u64 {
        self.exporter.peek(self.buffer.offset + amd_signal::VALUE)
    }

    fn let_go(&mut self) {
        assert_eq!(self.importer.unmap(self.there.handle), Ok(1));
        assert_eq!(self.importer.free(self.there.handle), Ok(()));
        self.importer.core().barrier();
    }
}

// Keeps: ipc-key, IPC_IMPORT_HANDLE
#[test]
fn a_packet_of_the_importer_writes_the_exporters_memory() {
    let world = World::new();
    let mut pair = Pair::new(&world);
    pair.exporter.poke(pair.buffer.offset + amd_signal::VALUE, &5u64.to_le_bytes());
    pair.lower();
    assert_eq!(pair.value(), 4);
    let holds = world.core.totals().holds;
    assert_eq!(holds.vram_bytes, PAGE, "the bytes are charged once");
    let [row] = world.core.shares()[..] else { panic!("one share") };
    assert_eq!((row.process, row.bytes, row.holders), (pair.exporter.process, Bytes(PAGE), 2));
    assert!(!row.orphaned);
    world.end();
}

// Keeps: import-no-host
#[test]
fn the_host_offset_of_an_import_leads_beyond_the_importers_arena() {
    let world = World::new();
    let mut pair = Pair::new(&world);
    let end = pair.importer.arena_file().metadata().unwrap().len();
    assert!(pair.there.offset >= end, "{:#x} lies before the end of the arena, {end:#x}", pair.there.offset);
    // Whoever imports its own has it where it was.
    let again = import(&mut pair.exporter, pair.key, 0x3000_0000).unwrap();
    assert_eq!(again.offset, pair.buffer.offset);
    world.end();
}

// Keeps: ipc-key, IPC_IMPORT_HANDLE, IPC_EXPORT_HANDLE
#[test]
fn only_the_whole_key_finds_the_memory_and_only_memory_of_the_driver_is_exported() {
    let world = World::new();
    let mut pair = Pair::new(&world);
    for bit in 0..128 {
        let mut wrong = pair.key;
        wrong[bit / 32] ^= 1 << (bit % 32);
        assert_eq!(import(&mut pair.importer, wrong, 0x3000_0000).unwrap_err(), Errno::INVAL, "bit {bit}");
    }
    assert_eq!(export(&mut pair.exporter, pair.buffer.handle), pair.key, "an object has one key");
    assert_eq!(export(&mut pair.importer, pair.there.handle), pair.key, "an importer passes the same on");
    let other = pair.exporter.alloc(0x4000_0000, PAGE, VRAM).unwrap();
    assert_ne!(export(&mut pair.exporter, other.handle), pair.key);

    let user = pair.exporter.userptr(0x5000_0000, PAGE);
    let doorbell = pair.exporter.alloc(0x6000_0000, 8192, abi::ALLOC_MEM_FLAGS_DOORBELL).unwrap();
    let refused = |client: &mut Client<'_>, handle, gpu_id| {
        client.no(0x81, &mut abi::IpcExportHandle { handle, gpu_id, ..Default::default() })
    };
    let gpu_id = gpu().0;
    assert_eq!(refused(&mut pair.exporter, user.handle, gpu_id), libc::EPERM);
    assert_eq!(refused(&mut pair.exporter, doorbell.handle, gpu_id), libc::EINVAL);
    assert_eq!(refused(&mut pair.exporter, 999, gpu_id), libc::EINVAL, "no such object");
    assert_eq!(refused(&mut pair.exporter, other.handle, gpu_id + 1), libc::EINVAL, "no such device");
    let mut unbound = world.stranger(3, 1000);
    let mut arg = abi::IpcImportHandle { share_handle: pair.key, gpu_id, ..Default::default() };
    assert_eq!(unbound.no(0x80, &mut arg), libc::ENODEV);
    assert_eq!(refused(&mut unbound, pair.buffer.handle, gpu_id), libc::ENODEV);
    world.end();
}

// Keeps: ipc-freed
#[test]
fn what_its_owner_frees_stays_until_the_importer_lets_it_go() {
    let world = World::new();
    let mut pair = Pair::new(&world);
    pair.exporter.poke(pair.buffer.offset + amd_signal::VALUE, &9u64.to_le_bytes());
    assert_eq!(pair.exporter.free(pair.buffer.handle), Ok(()));
    world.core.barrier();
    pair.lower();
    assert_eq!(pair.value(), 8, "the page is still there");
    let next = pair.exporter.alloc(0x1000_0000, PAGE, VRAM).unwrap();
    assert_ne!(next.offset, pair.buffer.offset, "and nobody else's");
    assert_eq!(world.core.totals().holds.vram_bytes, 2 * PAGE);
    assert_eq!(pair.importer.free(pair.there.handle), Err(Errno::BUSY), "it is mapped");
    pair.let_go();
    assert_eq!(pair.value(), 0, "given back");
    assert_eq!(world.core.totals().holds.vram_bytes, PAGE);
    assert!(world.core.shares().is_empty());
    assert_eq!(import(&mut pair.importer, pair.key, 0x3000_0000).unwrap_err(), Errno::INVAL);
    world.end();
}

// Keeps: ipc-exporter-dies
#[test]
fn an_importer_goes_on_when_the_exporter_dies_and_only_what_it_holds_stays() {
    let world = World::new();
    let mut pair = Pair::new(&world);
    let private = pair.exporter.alloc(0x8000_0000, 64 * PAGE, VRAM).unwrap();
    pair.exporter.poke(private.offset, &vec![1; 64 * PAGE as usize]);
    pair.exporter.poke(pair.buffer.offset + amd_signal::VALUE, &7u64.to_le_bytes());
    let blocks = pair.exporter.arena_file().metadata().unwrap().blocks();
    assert!(blocks >= 65 * 8, "{blocks}");

    world.kill(pair.exporter.process);
    world.core.barrier();
    pair.lower();
    assert_eq!(pair.value(), 6);
    let [row] = world.core.shares()[..] else { panic!("one share") };
    assert_eq!((row.process, row.holders, row.orphaned), (pair.exporter.process, 1, true));
    assert_eq!(world.core.totals().holds.vram_bytes, PAGE, "its user pays for what is held");
    // Somebody may still map the dead one's node: until the door says that nobody does, the pages stay.
    assert_eq!(pair.exporter.arena_file().metadata().unwrap().blocks(), blocks);
    let (_, minor, _) = gpu();
    world.core.node_forgotten(pair.exporter.process, kfd_core::call::Node::Render(minor));
    world.core.barrier();
    assert_eq!(
        pair.exporter.arena_file().metadata().unwrap().blocks(),
        8,
        "all but the shared page is dropped"
    );
    pair.lower();
    assert_eq!(pair.value(), 5);

    let late = import(&mut pair.importer, pair.key, 0x3000_0000).unwrap();
    assert_eq!(
        pair.importer.free(late.handle),
        Ok(()),
        "the key works for as long as somebody holds the memory"
    );
    world.kill(pair.importer.process);
    world.core.barrier();
    assert!(world.core.totals().holds.is_zero());
    assert_eq!(world.core.totals().arena_fds, 0);
    assert!(world.core.shares().is_empty());
    world.end();
}

// Keeps: ipc-any-order
#[test]
fn exporters_and_importers_that_die_in_any_order_leave_nothing() {
    let world = World::new();
    for round in 0..40u32 {
        let mut exporter = world.client(10 + round * 4);
        let buffer = exporter.alloc(0x1000_0000, PAGE, VRAM).unwrap();
        let key = export(&mut exporter, buffer.handle);
        std::thread::scope(|scope| {
            for lane in 1..4 {
                let world = &world;
                scope.spawn(move || {
                    let mut importer = world.client(10 + round * 4 + lane);
                    for _ in 0..20 {
                        let Ok(there) = import(&mut importer, key, 0x2000_0000) else { break };
                        assert_eq!(importer.map(there.handle), Ok(1));
                        if lane != 3 {
                            importer.unmap(there.handle).unwrap();
                            importer.free(there.handle).unwrap();
                        } else {
                            break;
                        }
                    }
                    world.kill(importer.process);
                });
            }
            if round % 2 == 0 {
                exporter.free(buffer.handle).unwrap();
            }
            world.kill(exporter.process);
            drop(world.core.shares());
        });
    }
    world.end();
}
