//! What a file of a render node has beside KFD: buffers, an address space, submissions.

use crate::devices::{SECOND, two};
use crate::world::{AQL, Aql, Buffer, Client, World, barrier, gpu};
use hsa_queue::layout::amd_signal;
use kfd_core::abi::drm as abi;
use kfd_core::abi::{kfd, table};
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome, UserWrite};
use kfd_core::ids::{Bytes, RenderMinor};
use kfd_core::limits::Limits;
use libc::{ECANCELED, EINVAL, ENOENT, ENOMEM, EPERM};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const GTT: u64 = abi::GEM_DOMAIN_GTT;
const VRAM: u64 = abi::GEM_DOMAIN_VRAM;
const MIB: u64 = 1 << 20;
/// Where DEV_INFO says addresses begin.
const VA: u64 = 0x20_0000;

/// SDMA packets (`sdma_v4_0`): fill of words, no operation.
fn fill(va: u64, value: u32, bytes: u32) -> Vec<u32> {
    const CONST_FILL_WORDS: u32 = 11 | 2 << 30;
    vec![CONST_FILL_WORDS, va as u32, (va >> 32) as u32, value, bytes - 4]
}

struct File<'w> {
    client: Client<'w>,
}

impl<'w> File<'w> {
    fn new(world: &'w World, tgid: u32) -> Self {
        Self { client: world.client(tgid) }
    }

    fn call<T: IntoBytes + FromBytes + Immutable>(
        &mut self,
        number: u8,
        arg: &mut T,
        gathered: Vec<Vec<u8>>,
    ) -> Result<Vec<UserWrite>, i32> {
        let row = table::DRM.iter().find(|row| row.number() == number).expect("a known number");
        let caller = self.client.caller(Node::Render(gpu().1));
        let bytes = Arg::new(arg.as_bytes()).unwrap();
        let (out, result) = match self.client.core().call(&caller, row.cmd, bytes, Gathered::from(gathered)) {
            Outcome::Done(done) => (done.arg, Ok(done.writes)),
            Outcome::Refused(refused) => (refused.arg, Err(refused.errno.0)),
            Outcome::Parked => panic!("{number:#x} parked"),
        };
        *arg = T::read_from_prefix(out.bytes()).unwrap().0;
        result
    }

    fn create(&mut self, bo_size: u64, domains: u64) -> Result<u32, i32> {
        let mut arg = abi::GemCreate { bo_size, alignment: 4096, domains, domain_flags: 0 };
        self.call(0x40, &mut arg, vec![]).map(|_| arg.bo_size as u32)
    }

    fn mmap(&mut self, handle: u32) -> Result<u64, i32> {
        let mut arg = abi::GemMmap { addr_ptr: u64::from(handle) };
        self.call(0x41, &mut arg, vec![]).map(|_| arg.addr_ptr)
    }

    fn close(&mut self, handle: u32) -> Result<(), i32> {
        self.call(0x09, &mut abi::GemClose { handle, pad: 0 }, vec![]).map(drop)
    }

    fn va(&mut self, operation: u32, handle: u32, va_address: u64, map_size: u64) -> Result<(), i32> {
        let flags = abi::VM_PAGE_READABLE | abi::VM_PAGE_WRITEABLE | abi::VM_PAGE_EXECUTABLE;
        let mut arg = abi::GemVa { handle, operation, flags, va_address, map_size, ..Default::default() };
        self.call(0x48, &mut arg, vec![]).map(drop)
    }

    fn context(&mut self, op: u32, ctx_id: u32) -> Result<abi::Context, i32> {
        let mut arg = abi::Context { op, ctx_id, ..Default::default() };
        self.call(0x42, &mut arg, vec![]).map(|_| arg)
    }

    fn submit(&mut self, context: u32, chunks: &[(u32, Vec<u8>)]) -> Result<u64, i32> {
        let count = chunks.len() as u32;
        let mut arg = abi::Cs { ctx_id: context, num_chunks: count, chunks: 0x1000, ..Default::default() };
        let mut gathered = vec![vec![0; 8 * chunks.len()]];
        gathered.extend(chunks.iter().map(|(chunk_id, words)| {
            let length_dw = words.len() as u32 / 4;
            abi::CsChunk { chunk_id: *chunk_id, length_dw, chunk_data: 0x2000 }.as_bytes().to_vec()
        }));
        gathered.extend(chunks.iter().map(|(_, words)| words.clone()));
        self.call(0x44, &mut arg, gathered)?;
        Ok(u64::from(arg.ctx_id) | u64::from(arg.bo_list_handle) << 32)
    }

    fn wait(&mut self, ctx_id: u32, handle: u64) -> Result<u64, i32> {
        let mut arg = abi::WaitCs { handle, ip_type: abi::HW_IP_DMA, ctx_id, ..Default::default() };
        self.call(0x49, &mut arg, vec![]).map(|_| arg.handle)
    }

    /// A buffer with these words, mapped at `va`; its handle and where the file shows it.
    fn buffer(&mut self, va: u64, words: &[u32]) -> (u32, u64) {
        let handle = self.create(4096, GTT).unwrap();
        let offset = self.mmap(handle).unwrap();
        self.va(abi::VA_OP_MAP, handle, va, 4096).unwrap();
        self.client.poke(offset, words.as_bytes());
        (handle, offset)
    }
}

fn run(va_start: u64, words: usize) -> (u32, Vec<u8>) {
    let buffer = abi::CsChunkIb {
        va_start,
        ib_bytes: words as u32 * 4,
        ip_type: abi::HW_IP_DMA,
        ..Default::default()
    };
    (abi::CHUNK_ID_IB, buffer.as_bytes().to_vec())
}

// Keeps: cs-runs, AMDGPU_CS, AMDGPU_WAIT_CS
#[test]
fn a_submission_runs_over_its_files_address_space_and_is_done_when_its_number_is_known() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    let (target, seen) = file.buffer(VA, &[7]);
    let words = fill(VA + 64, 0xdead_beef, 128);
    file.buffer(VA + 0x1000, &words);
    let context = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    let fence = (abi::CHUNK_ID_FENCE, abi::CsChunkFence { handle: target, offset: 8 }.as_bytes().to_vec());
    for number in 1..=3u64 {
        let chunks = [run(VA + 0x1000, words.len()), fence.clone()];
        assert_eq!(file.submit(context, &chunks), Ok(number));
        assert_eq!((file.wait(context, number), file.wait(context, u64::MAX)), (Ok(0), Ok(0)));
        assert_eq!(file.client.peek(seen + 8), number, "the number is where it was asked for");
    }
    assert_eq!(file.client.peek(seen), 7);
    assert_eq!(file.client.peek(seen + 64), 0xdead_beef_dead_beef);
    assert_eq!(file.client.peek(seen + 64 + 124), 0xdead_beef, "and no further");
    assert_eq!(file.wait(context, 4), Err(EINVAL), "not submitted yet");
    assert_eq!(file.context(abi::CTX_OP_FREE_CTX, context).map(drop), Ok(()));
    assert_eq!(file.wait(context, 1), Err(EINVAL));
}

// Keeps: cs-guilty, AMDGPU_CTX, AMDGPU_CS, AMDGPU_WAIT_CS
// Keeps: fdinfo-memory
#[test]
fn fdinfo_tells_the_buffers_of_a_file_and_how_long_its_submissions_ran() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    let own = *file.client.files.last().unwrap();
    let line = |name: &str| {
        let text = world.core.fdinfo(own).expect("an open file");
        text.lines()
            .find_map(|line| line.strip_prefix(&format!("{name}:")))
            .map(|told| told.trim().to_owned())
    };
    assert_eq!((line("drm-memory-gtt").as_deref(), line("drm-engine-dma")), (Some("0 KiB"), None));
    let words = fill(VA + 64, 0, 128);
    let (gtt, _) = file.buffer(VA, &words);
    let vram = file.create(MIB, VRAM).unwrap();
    assert_eq!(line("drm-memory-vram").as_deref(), Some("1024 KiB"), "a handle is enough");
    assert_eq!(line("drm-memory-gtt").as_deref(), Some("4 KiB"));
    let context = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    assert_eq!(file.submit(context, &[run(VA, words.len())]), Ok(1));
    assert_eq!(line("drm-engine-dma"), None, "time stood still");
    world.clock.at_each_look_by(1000);
    let ran = |line: Option<String>| line?.strip_suffix(" ns")?.parse::<u64>().ok();
    assert_eq!(file.submit(context, &[run(VA, words.len())]), Ok(2));
    let once = ran(line("drm-engine-dma")).expect("it ran");
    assert!(once >= 1000, "{once}");
    assert_eq!(file.submit(context, &[run(VA, words.len())]), Ok(3));
    assert_eq!(ran(line("drm-engine-dma")), Some(2 * once));
    // Another file of the process has none of it.
    file.client.open(Node::Render(gpu().1));
    let other = world.core.fdinfo(*file.client.files.last().unwrap()).expect("an open file");
    assert!(other.contains("drm-memory-vram:\t0 KiB\n") && !other.contains("drm-engine"), "{other}");
    file.client.files.pop();
    file.close(vram).unwrap();
    file.close(gtt).unwrap();
    assert_eq!(line("drm-memory-vram").as_deref(), Some("0 KiB"));
    assert_eq!(line("drm-memory-gtt").as_deref(), Some("0 KiB"));
    drop(file);
    world.end();
}

#[test]
fn a_submission_that_does_not_end_makes_its_context_guilty_and_others_go_on() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    let words = fill(VA + 0x10_0000, 1, 64);
    file.buffer(VA, &words);
    let guilty = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    let other = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    assert_eq!(file.submit(guilty, &[run(VA, words.len())]), Ok(1), "the fault comes later");
    assert_eq!(file.wait(guilty, 1), Err(ECANCELED));
    assert_eq!(file.submit(guilty, &[run(VA + 0x2000, 16)]), Err(ECANCELED));
    let state = file.context(abi::CTX_OP_QUERY_STATE, guilty).unwrap();
    assert_eq!((state.ctx_id, state.priority), (1, 1), "one hang, its own fault");
    assert_eq!(file.context(abi::CTX_OP_QUERY_STATE, guilty).unwrap().priority, 0, "told once");
    let (_, _) = file.buffer(VA + 0x2000, &[0; 16]);
    assert_eq!(file.submit(other, &[run(VA + 0x2000, 16)]), Ok(1));
    assert_eq!(file.wait(other, 1), Ok(0));
    // What waits for a word that nobody writes, and what is no packet, end as guilty.
    let waits = [8 | 1 << 31 | 3 << 28, VA as u32, (VA >> 32) as u32, 0xffff_ffff, 0xffff_ffff, 0];
    for (at, words) in [(VA + 0x3000, &waits[..]), (VA + 0x4000, &[0xff, 0])] {
        let context = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
        file.buffer(at, words);
        assert_eq!(file.submit(context, &[run(at, words.len())]), Ok(1), "{at:#x}");
        assert_eq!(file.wait(context, 1), Err(ECANCELED), "{at:#x}");
        assert_eq!(file.submit(other, &[run(VA + 0x2000, 16)]).and_then(|n| file.wait(other, n)), Ok(0));
    }
}

// Keeps: gem-refusals, AMDGPU_CTX, AMDGPU_BO_LIST, AMDGPU_CS
#[test]
fn a_submission_without_what_it_needs_is_refused_with_amdgpus_errno() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    file.buffer(VA, &[0; 16]);
    let context = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    assert_eq!(file.submit(context + 1, &[run(VA, 16)]), Err(EINVAL), "no such context");
    assert_eq!(file.submit(context, &[]), Err(EINVAL));
    assert_eq!(file.submit(context, &[(99, vec![])]), Err(EINVAL));
    assert_eq!(file.submit(context, &[(abi::CHUNK_ID_IB, vec![0; 16])]), Err(EINVAL), "cut short");
    for (ip_type, ip_instance, ring) in
        [(abi::HW_IP_DMA, 1, 0), (abi::HW_IP_DMA, 0, 2), (abi::HW_IP_NUM, 0, 0)]
    {
        let buffer =
            abi::CsChunkIb { va_start: VA, ib_bytes: 64, ip_type, ip_instance, ring, ..Default::default() };
        let chunk = (abi::CHUNK_ID_IB, buffer.as_bytes().to_vec());
        assert_eq!(file.submit(context, &[chunk]), Err(EINVAL));
    }
    let mut absent = abi::Cs { ctx_id: context, bo_list_handle: 5, num_chunks: 1, ..Default::default() };
    let (chunk_id, words) = run(VA, 16);
    let header = abi::CsChunk { chunk_id, length_dw: words.len() as u32 / 4, chunk_data: 1 };
    let gathered = vec![vec![0; 8], header.as_bytes().to_vec(), words];
    assert_eq!(file.call(0x44, &mut absent, gathered), Err(ENOENT), "no such list");
    assert_eq!(file.submit(context, &[run(VA, 16)]), Ok(1), "nothing of all that stayed");
}

// Keeps: gem-list-holds, AMDGPU_BO_LIST
#[test]
fn a_list_holds_its_buffers_until_it_ends_too() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    let handle = file.create(1 << 20, VRAM).unwrap();
    let entries =
        |handle: u32| vec![abi::BoListEntry { bo_handle: handle, bo_priority: 0 }.as_bytes().to_vec()];
    let list = abi::BoListIn { bo_number: 1, bo_info_size: 8, bo_info_ptr: 1, ..Default::default() };
    let mut made = list;
    file.call(0x43, &mut made, entries(handle)).unwrap();
    assert_eq!(file.call(0x43, &mut { list }, entries(77)), Err(ENOENT));
    file.close(handle).unwrap();
    assert_eq!(world.core.account().total().vram_bytes, 1 << 20);
    let list_handle = made.operation;
    let mut destroy = abi::BoListIn { operation: abi::BO_LIST_OP_DESTROY, list_handle, ..Default::default() };
    file.call(0x43, &mut destroy, vec![]).unwrap();
    assert_eq!(world.core.account().total().vram_bytes, 0);
}

// Keeps: gem-refusals, AMDGPU_GEM_VA, AMDGPU_VM
#[test]
fn the_address_space_of_a_file_is_mapped_split_and_cleared_as_amdgpus() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    let a = file.create(0x4000, GTT).unwrap();
    let b = file.create(0x1000, GTT).unwrap();
    let map = abi::VA_OP_MAP;
    assert_eq!(file.va(map, a, VA, 0x4000), Ok(()));
    assert_eq!(file.va(map, b, VA + 0x3000, 0x1000), Err(EINVAL), "taken");
    assert_eq!(file.va(map, b, VA + 0x4000, 0x2000), Err(EINVAL), "beyond the buffer");
    assert_eq!(file.va(map, b, VA + 0x4800, 0x1000), Err(EINVAL), "no page");
    assert_eq!(file.va(map, b, 0x1000, 0x1000), Err(EINVAL), "below where addresses begin");
    assert_eq!(file.va(map, 99, VA + 0x8000, 0x1000), Err(ENOENT));
    assert_eq!(file.va(9, b, VA + 0x8000, 0x1000), Err(EINVAL));
    assert_eq!(file.va(abi::VA_OP_UNMAP, b, VA, 0x4000), Err(ENOENT), "another buffer's");
    assert_eq!(file.va(abi::VA_OP_REPLACE, b, VA + 0x1000, 0x1000), Ok(()));
    // What is left of the first is two parts: 0..0x1000 and 0x2000..0x4000.
    assert_eq!(file.va(abi::VA_OP_UNMAP, a, VA + 0x2000, 0), Ok(()));
    assert_eq!(file.va(map, b, VA + 0x2000, 0x1000), Ok(()), "free again");
    for (op, answer) in [(abi::VM_OP_RESERVE_VMID, Ok(())), (9, Err(EINVAL))] {
        assert_eq!(file.call(0x53, &mut abi::Vm { op, flags: 0 }, vec![]).map(drop), answer);
    }
    assert_eq!(file.va(abi::VA_OP_CLEAR, 0, VA, 0x10000), Ok(()));
    assert_eq!(file.va(abi::VA_OP_UNMAP, a, VA, 0), Err(ENOENT));
    assert_eq!(file.va(map, a, VA, 0x4000), Ok(()));
    file.close(a).unwrap();
    assert_eq!(file.va(map, b, VA, 0x1000), Ok(()), "a closed handle leaves its addresses");
}

// Keeps: gem-refusals, GEM_CLOSE, AMDGPU_GEM_CREATE, AMDGPU_GEM_MMAP, AMDGPU_GEM_METADATA
// Keeps: AMDGPU_GEM_WAIT_IDLE, AMDGPU_GEM_OP
#[test]
fn a_buffer_is_asked_about_and_refused_with_amdgpus_errno() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    for (bo_size, domains, domain_flags, errno) in [
        (0, GTT, 0, EINVAL),
        (4096, 1 << 9, 0, EINVAL),
        (4096, GTT, 1 << 30, EINVAL),
        (4096, abi::GEM_DOMAIN_GDS, 0, ENOMEM),
        (1 << 50, VRAM, 0, ENOMEM),
    ] {
        let mut arg = abi::GemCreate { bo_size, domains, domain_flags, alignment: 0 };
        assert_eq!(file.call(0x40, &mut arg, vec![]), Err(errno));
    }
    let flags = abi::GEM_CREATE_NO_CPU_ACCESS;
    let mut arg = abi::GemCreate { bo_size: 100, domains: VRAM, domain_flags: flags, alignment: 4096 };
    file.call(0x40, &mut arg, vec![]).unwrap();
    let handle = arg.bo_size as u32;
    assert_eq!(file.mmap(handle), Err(EPERM));
    assert_eq!(file.mmap(handle + 1), Err(ENOENT));
    let mut op = abi::GemOp { handle, op: abi::GEM_OP_GET_GEM_CREATE_INFO, value: 0x5000 };
    let told = file.call(0x50, &mut op, vec![]).unwrap();
    let info = abi::GemCreate { bo_size: 4096, alignment: 4096, domains: VRAM, domain_flags: flags };
    assert_eq!((told[0].va.0, &*told[0].bytes), (0x5000, info.as_bytes()));
    let mut set =
        abi::GemMetadata { handle, op: 1, tiling_info: 5, data_size_bytes: 8, ..Default::default() };
    set.data[..2].copy_from_slice(&[1, 2]);
    file.call(0x46, &mut set, vec![]).unwrap();
    let mut get = abi::GemMetadata { handle, op: 2, ..Default::default() };
    file.call(0x46, &mut get, vec![]).unwrap();
    assert_eq!((get.tiling_info, get.data_size_bytes, get.data[1]), (5, 8, 2));
    set.data_size_bytes = 257;
    assert_eq!(file.call(0x46, &mut set, vec![]), Err(EINVAL));
    let mut idle = abi::GemWaitIdle { handle, ..Default::default() };
    file.call(0x47, &mut idle, vec![]).unwrap();
    assert_eq!(idle.handle, 0, "idle");
    assert_eq!(file.close(handle + 1), Err(EINVAL));
}

/// A queue's buffers, mapped on both devices.
fn on_both(client: &mut Client<'_>, va: u64) -> Buffer {
    let memory = client.cut(va, &AQL).unwrap();
    client.map_all_on(memory, SECOND);
    memory
}

// Keeps: acquired-vm
#[test]
fn what_a_file_maps_its_devices_queues_of_kfd_see_until_the_last_of_them_lets_it_go() {
    let world = World::of(two(), Limits::default());
    let mut file = File::new(&world, 100);
    let (gem, offset) = file.buffer(VA, &[0; 4]);
    let mut first = file.client.queue(0x7f10_0000_0000);
    let lower = |client: &Client<'_>, queue: &mut Aql| {
        client.poke(offset + amd_signal::VALUE, &1u64.to_le_bytes());
        client.push(queue, &barrier(&[], VA));
        client.ring(queue);
        world.settle();
        client.peek(offset + amd_signal::VALUE)
    };
    assert_eq!(lower(&file.client, &mut first), 0, "a queue completes a signal in a buffer of graphics");
    // The second device sees what was mapped before it was bound, and each maps it for itself.
    file.client.ok(0x15, &mut kfd::AcquireVm { drm_fd: 3, gpu_id: SECOND });
    let memory = on_both(&mut file.client, 0x7f10_0010_0000);
    let mut other = file.client.queue_on(memory, SECOND).unwrap();
    assert_eq!(lower(&file.client, &mut other), 0);
    let again = abi::VA_OP_MAP;
    assert_eq!(file.va(again, gem, VA, 4096), Ok(()), "for the second device");
    assert_eq!(file.va(again, gem, VA, 4096), Err(EINVAL), "and no third");
    // KFD's memory and what graphics maps are in each other's way.
    let taken =
        file.client.alloc(VA, 4096, kfd::ALLOC_MEM_FLAGS_GTT | kfd::ALLOC_MEM_FLAGS_WRITABLE).unwrap();
    assert_eq!(file.client.map(taken.handle), Err(Errno::INVAL));
    assert_eq!(file.va(again, gem, memory.va, 4096), Err(EINVAL));
    assert_eq!(file.va(abi::VA_OP_UNMAP, gem, VA, 0), Ok(()));
    assert_eq!(lower(&file.client, &mut other), 0, "one device has it still");
    world.core.release(*file.client.files.last().unwrap());
    assert_eq!(lower(&file.client, &mut other), 0, "KFD holds the file open");
    assert_eq!(file.va(abi::VA_OP_UNMAP, gem, VA, 0), Ok(()));
    assert_eq!(lower(&file.client, &mut other), 1, "nothing is there: the queue has stopped");
    world.end();
}

// Keeps: acquired-vm
#[test]
fn each_device_has_the_address_space_of_its_own_nodes_file_while_that_is_open() {
    let world = World::of(two(), Limits::default());
    let mut file = File::new(&world, 100);
    let own = RenderMinor(190);
    file.client.open(Node::Render(own));
    file.client.ok(0x15, &mut kfd::AcquireVm { drm_fd: 3, gpu_id: SECOND });
    let second = file.client.files.pop().unwrap();
    let (gem, offset) = file.buffer(VA, &[0; 4]);
    let memory = on_both(&mut file.client, 0x7f10_0000_0000);
    let runs = |client: &mut Client<'_>| {
        let mut queue = client.queue_on(memory, SECOND).unwrap();
        client.poke(memory.offset, &[0; 4096]);
        client.poke(offset + amd_signal::VALUE, &1u64.to_le_bytes());
        client.push(&mut queue, &barrier(&[], VA));
        client.ring(&queue);
        world.settle();
        client.destroy(queue.id).unwrap();
        client.peek(offset + amd_signal::VALUE) == 0
    };
    assert!(!runs(&mut file.client), "what the first device's file maps is the first device's");
    assert_eq!(file.va(abi::VA_OP_MAP, gem, VA, 4096), Err(EINVAL), "which asks for it once");
    // libdrm closes a node that it takes for the first one's.
    world.core.release(second);
    assert!(runs(&mut file.client));
    assert_eq!(file.va(abi::VA_OP_MAP, gem, VA, 4096), Ok(()), "for the second device");
    world.end();
}

// Keeps: gem-ends-with-file, GEM_CLOSE
#[test]
fn a_files_end_ends_what_it_had() {
    let world = World::new();
    let mut file = File::new(&world, 100);
    // Another than the one that KFD holds open.
    file.client.open(Node::Render(gpu().1));
    let mapped = file.create(1 << 20, VRAM).unwrap();
    let listed = file.create(1 << 20, GTT).unwrap();
    file.va(abi::VA_OP_MAP, mapped, VA, 1 << 20).unwrap();
    let context = file.context(abi::CTX_OP_ALLOC_CTX, 0).unwrap().op;
    let mut list = abi::BoListIn { bo_number: 1, bo_info_size: 8, bo_info_ptr: 1, ..Default::default() };
    let entry = abi::BoListEntry { bo_handle: listed, bo_priority: 0 };
    file.call(0x43, &mut list, vec![entry.as_bytes().to_vec()]).unwrap();
    // The list holds it, and nothing else does.
    file.close(listed).unwrap();
    assert_eq!(world.core.account().total().bos, 2);
    let last = file.client.files.pop().unwrap();
    world.core.release(last);
    let total = world.core.account().total();
    assert_eq!((total.vram_bytes, total.gtt_bytes, total.bos), (0, 0, 0));
    file.client.open(Node::Render(gpu().1));
    assert_eq!(file.context(abi::CTX_OP_QUERY_STATE, context).map(drop), Err(EINVAL), "it has gone too");
    let again = file.create(1 << 20, GTT).unwrap();
    assert_eq!(file.va(abi::VA_OP_MAP, again, VA, 1 << 20), Ok(()), "and the mapping");
}

// Keeps: gem-evicts, AMDGPU_GEM_CREATE
#[test]
fn graphics_buffers_evict_kfds_processes_and_give_way_to_kfds_buffers() {
    let mut profile = gpu().2;
    profile.devices[0].vram.bytes = Bytes(16 * MIB);
    let world = World::of(profile, Limits::default());
    let mut compute = world.client(100);
    let vram = || world.core.account().total().vram_bytes / MIB;
    let reasons = |world: &World| world.core.processes().iter().map(|row| row.evicted.len()).sum::<usize>();
    for _ in 0..10 {
        compute.alloc(0, MIB, kfd::ALLOC_MEM_FLAGS_VRAM).unwrap();
    }
    let mut graphics = File::new(&world, 200);
    let small = graphics.create(4 * MIB, VRAM).unwrap();
    assert_eq!((vram(), reasons(&world)), (14, 0), "there is room for both");
    let large = graphics.create(6 * MIB, VRAM).unwrap();
    assert_eq!((vram(), reasons(&world)), (10, 1), "KFD's process was evicted for it");
    assert_eq!(world.core.account().total().gtt_bytes, 10 * MIB);
    world.clock.by(200_000_000);
    world.core.tick(world.core.now());
    assert_eq!((vram(), reasons(&world)), (10, 0), "and came back, graphics gave way");
    assert_eq!(world.core.account().total().gtt_bytes, 10 * MIB);
    let mut other = world.client(300);
    let medium = graphics.create(4 * MIB, VRAM).unwrap();
    assert_eq!((vram(), reasons(&world)), (14, 0));
    for _ in 0..5 {
        other.alloc(0, MIB, kfd::ALLOC_MEM_FLAGS_VRAM).unwrap();
    }
    assert_eq!(vram(), 15, "KFD's buffers go before graphics'");
    assert_eq!(other.alloc(0, MIB, kfd::ALLOC_MEM_FLAGS_VRAM).unwrap_err().0, ENOMEM, "but not before KFD's");
    for handle in [small, medium, large] {
        graphics.close(handle).unwrap();
    }
    let total = world.core.account().total();
    assert_eq!((total.vram_bytes / MIB, total.gtt_bytes), (15, 0));
}
