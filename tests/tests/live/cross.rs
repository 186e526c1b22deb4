//! Copies between the memory of two processes, through the daemon's nodes and its memory workers.

use kfd_core::abi::kfd as abi;
use kfd_tests::{Actor, Kfdd};
use zerocopy::IntoBytes;

/// Bytes: a few of a worker's pieces.
const LEN: u64 = 200 << 10;

/// Where the lists of ranges lie in a client's own page.
const SECOND: u64 = 2048;

/// Where the driver's memory is, for a device.
const GTT: u64 = 0x7000_0000_0000;

/// A client with memory of its own, at the same address for its device, and of the driver's; and a page for lists.
struct Side {
    actor: Actor,
    own: u64,
    page: u64,
}

impl Side {
    fn new(mut actor: Actor) -> Self {
        let gpu_id = u32::try_from(actor.ok("alloc gtt 4096")[2] >> 32).unwrap();
        let (own, page) = (actor.one(&format!("anon {LEN}")), actor.one("anon 4096"));
        for (va_addr, kind) in [(own, abi::ALLOC_MEM_FLAGS_USERPTR), (GTT, abi::ALLOC_MEM_FLAGS_GTT)] {
            let flags = kind | abi::ALLOC_MEM_FLAGS_WRITABLE;
            let mut arg = abi::AllocMemoryOfGpu {
                va_addr,
                size: LEN,
                mmap_offset: va_addr,
                gpu_id,
                flags,
                ..Default::default()
            };
            actor.call("ALLOC_MEMORY_OF_GPU", &mut arg).expect("memory");
        }
        Self { actor, own, page }
    }

    /// Copies `LEN` bytes from there to here, both beginning at these addresses.
    fn read(&mut self, pid: u32, from: u64, to: u64) -> (Result<(), i32>, u64) {
        let list = |va_addr| abi::MemoryRange { va_addr, size: LEN };
        self.actor.poke(self.page, list(from).as_bytes());
        self.actor.poke(self.page + SECOND, list(to).as_bytes());
        let mut arg = abi::CrossMemoryCopy {
            pid,
            src_mem_range_array: self.page,
            src_mem_array_size: 1,
            dst_mem_range_array: self.page + SECOND,
            dst_mem_array_size: 1,
            ..Default::default()
        };
        (self.actor.call("CROSS_MEMORY_COPY", &mut arg), arg.bytes_copied)
    }
}

// Keeps: cross-copy
#[test]
fn memory_goes_from_a_client_to_another_by_the_workers_and_by_the_driver() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut here, mut there) = (Side::new(kfdd.client()), Side::new(kfdd.client()));
    let last = LEN - 8;
    there.actor.poke(there.own, &[1, 2, 3, 4, 5, 6, 7, 8]);
    there.actor.poke(there.own + last, &[9; 8]);
    let (pid, own_pid) = (there.actor.pid(), here.actor.pid());
    // Client memory to the driver's, that to its neighbour's, and back into client memory.
    assert_eq!(there.read(pid, there.own, GTT), (Ok(()), LEN));
    assert_eq!(here.read(pid, GTT, GTT), (Ok(()), LEN));
    assert_eq!(here.read(own_pid, GTT, here.own), (Ok(()), LEN));
    assert_eq!(here.actor.peek(here.own, 8), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(here.actor.peek(here.own + last, 8), [9; 8]);
    // The other one unmaps its memory: its worker finds nothing there.
    there.actor.ok(&format!("unmap {} {LEN}", there.own));
    assert_eq!(here.read(pid, there.own, GTT), (Err(libc::EFAULT), 0));
    there.actor.kill();
    assert_eq!(here.read(pid, GTT, GTT).0, Err(libc::ESRCH));
    here.actor.kill();
    kfdd.finish();
}

// Keeps: cross-attach
#[test]
fn a_client_with_fewer_capabilities_than_another_copies_nothing_of_it() {
    let name = "a_client_with_fewer_capabilities_than_another_copies_nothing_of_it";
    if !kfd_tests::able::has("setpriv") {
        return println!("skipped: {name}: setpriv is missing");
    }
    let Some(kfdd) = Kfdd::start() else { return };
    let mut lesser = Actor::start_under(&["setpriv", "--bounding-set=-sys_ptrace", "--"], &kfdd.dev());
    lesser.ok("open");
    let (mut lesser, mut full) = (Side::new(lesser), Side::new(kfdd.client()));
    let (lesser_pid, full_pid) = (lesser.actor.pid(), full.actor.pid());
    assert_eq!(lesser.read(full_pid, GTT, GTT), (Err(libc::EPERM), 0));
    assert_eq!(full.read(lesser_pid, GTT, GTT), (Ok(()), LEN));
    lesser.actor.kill();
    full.actor.kill();
    kfdd.finish();
}
