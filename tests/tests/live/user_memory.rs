//! Queues in the client's own memory (USERPTR), which the daemon reaches through its memory workers only.

use kfd_core::abi::kfd as abi;
use kfd_core::listing::QueueState;
use kfd_core::profile::Profile;
use kfd_tests::program::program;
use kfd_tests::{Actor, Kfdd, able, compile, eventually};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// A client with a queue whose `amd_queue_t` and ring are its own memory (USERPTR): one page each.
struct UserMemoryQueue {
    client: Actor,
    base: u64,
    doorbell: u64,
}

impl UserMemoryQueue {
    fn new(kfdd: &Kfdd) -> Self {
        use hsa_queue::layout::amd_queue;
        let mut client = kfdd.actor();
        let gpu = u32::try_from(client.one("open")).unwrap();
        let base = client.one("anon 8192");
        let ids = client.one("anon 4096");
        client.poke(ids, &gpu.to_le_bytes());
        let sizes = Profile::named("gfx900").expect("compiled in").devices[0].queue_buffers();
        let whole = sizes.whole_save_area(sizes.save_area);
        let area = client.one(&format!("anon {whole}"));
        for (va, size) in [(base, 4096), (base + 4096, 4096), (area, whole)] {
            let mut alloc = abi::AllocMemoryOfGpu {
                va_addr: va,
                size,
                mmap_offset: va,
                gpu_id: gpu,
                flags: abi::ALLOC_MEM_FLAGS_USERPTR | abi::ALLOC_MEM_FLAGS_WRITABLE,
                ..Default::default()
            };
            client.call("ALLOC_MEMORY_OF_GPU", &mut alloc).unwrap();
            let mut map = abi::MapMemoryToGpu {
                handle: alloc.handle,
                device_ids_array_ptr: ids,
                n_devices: 1,
                n_success: 0,
            };
            client.call("MAP_MEMORY_TO_GPU", &mut map).unwrap();
        }
        client.poke(base + amd_queue::BASE_ADDRESS, &(base + 4096).to_le_bytes());
        let offset = u32::try_from(amd_queue::READ_DISPATCH_ID).unwrap();
        client.poke(base + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, &offset.to_le_bytes());
        for slot in 0..64 {
            // HSA_PACKET_TYPE_INVALID (hsa.h).
            client.poke(base + 4096 + slot * 64, &1_u64.to_le_bytes());
        }
        let mut create = abi::CreateQueue {
            ring_base_address: base + 4096,
            write_pointer_address: base + amd_queue::WRITE_DISPATCH_ID,
            read_pointer_address: base + amd_queue::READ_DISPATCH_ID,
            ring_size: 4096,
            gpu_id: gpu,
            queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: 100,
            queue_priority: 7,
            ctx_save_restore_address: area,
            ctx_save_restore_size: sizes.save_area,
            ctl_stack_size: sizes.control_stack,
            ..Default::default()
        };
        client.call("CREATE_QUEUE", &mut create).unwrap();
        let page = client.one(&format!("mmap kfd {} 4096", create.doorbell_offset & !0xfff));
        Self { client, base, doorbell: page + (create.doorbell_offset & 0xfff) }
    }

    /// Says that `count` packets have been submitted, and rings.
    fn ring(&mut self, count: u64) {
        let write = self.base + hsa_queue::layout::amd_queue::WRITE_DISPATCH_ID;
        self.client.poke(write, &count.to_le_bytes());
        self.client.poke(self.doorbell, &(count - 1).to_le_bytes());
    }

    fn read_index(&mut self) -> u64 {
        let at = self.base + hsa_queue::layout::amd_queue::READ_DISPATCH_ID;
        u64::from_le_bytes(self.client.peek(at, 8).try_into().unwrap())
    }
}

#[test]
fn packets_in_the_clients_own_memory_are_taken_through_a_memory_worker() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut queue = UserMemoryQueue::new(&kfdd);
    for index in 0..3 {
        // BARRIER_AND (hsa.h, type 3) with nothing to wait for.
        queue.client.poke(queue.base + 4096 + index * 64, &3_u64.to_le_bytes());
        queue.ring(index + 1);
        let taken = eventually(PATIENCE, || (queue.read_index() == index + 1).then_some(()));
        assert!(taken.is_some(), "{:?}", kfdd.queues());
    }
    queue.client.kill();
    kfdd.finish();
}

/// 7649.
// Keeps: elsewhere-unreadable
#[test]
fn memory_that_cannot_be_read_is_a_memory_exception_and_a_stopped_queue_never_zeros() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut neighbour = kfdd.client();
    neighbour.ok("queue 16");
    let mut queue = UserMemoryQueue::new(&kfdd);
    let event = u32::try_from(queue.client.one(&format!("event {}", abi::EVENT_MEMORY))).unwrap();
    // Before the hole is made, which a later mapping might fill.
    let array = queue.client.one("anon 4096");
    queue.client.ok(&format!("unmap {} 4096", queue.base + 4096));
    queue.ring(1);
    let data = abi::EventData { event_id: event, ..Default::default() };
    queue.client.poke(array, zerocopy::IntoBytes::as_bytes(&data));
    let mut wait =
        abi::WaitEvents { events_ptr: array, num_events: 1, timeout: 10_000, ..Default::default() };
    queue.client.call("WAIT_EVENTS", &mut wait).unwrap();
    assert_eq!(wait.wait_result, abi::WAIT_RESULT_COMPLETE, "{:?}", kfdd.queues());
    let bytes = queue.client.peek(array, size_of::<abi::EventData>());
    let data: abi::EventData = zerocopy::FromBytes::read_from_bytes(&bytes).unwrap();
    assert_eq!(data.memory().va & !0xfff, queue.base + 4096, "the exception says where: {data:?}");
    let pid = queue.client.pid();
    let state = kfdd.queues().into_iter().find(|row| row.tgid.0 == pid).unwrap().state;
    assert_eq!(state, QueueState::Stopped);
    assert_eq!(queue.read_index(), 0, "no packet was taken");
    neighbour.ok("run 0 1");
    queue.client.kill();
    neighbour.kill();
    kfdd.finish();
}

// Keeps: userptr-there, ALLOC_MEMORY_OF_GPU
#[test]
fn client_memory_must_be_there_when_it_is_named() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.actor();
    let gpu = u32::try_from(client.one("open")).unwrap();
    // What is unmapped below must not be filled again by what the client allocates for itself.
    let base = client.one("anon 65536");
    let locked = client.one("map /proc/self/exe");
    client.ok(&format!("unmap {} 8192", base + 32768));
    client.ok(&format!("hide {} 4096", base + 49152));
    let mut alloc = |va: u64, size: u64| {
        let flags = abi::ALLOC_MEM_FLAGS_USERPTR;
        let mut arg = abi::AllocMemoryOfGpu {
            va_addr: 0x10_0000_0000,
            size,
            mmap_offset: va,
            gpu_id: gpu,
            flags,
            ..Default::default()
        };
        client.call("ALLOC_MEMORY_OF_GPU", &mut arg)
    };
    for (va, size, errno) in [
        (0x1000, 4096, libc::EFAULT),
        (base + 32768, 4096, libc::EFAULT),
        (base, 65536, libc::EFAULT),
        (base + 49152, 4096, libc::EFAULT),
        (0xffff_8000_0000_0000, 4096, libc::EFAULT),
        (0x7fff_ffff_f000, 4096, libc::EFAULT),
        (0x4000_0000_0000_0000, 4096, libc::EFAULT),
        (locked, 4096, libc::EPERM),
    ] {
        assert_eq!(alloc(va, size), Err(errno), "{va:#x}+{size:#x}");
    }
    let (held, _) = kfdd.held();
    assert_eq!(held.holds.userptr_bytes, 0, "{held:?}");
    assert_eq!(alloc(base, 32768), Ok(()));
    client.kill();
    kfdd.finish();
}

// Keeps: userptr-there
#[test]
fn the_unmodified_runtime_locks_no_memory_that_is_not_there() {
    if !able::live() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(client) = compile::client("lock", folder.path(), &["-lhsa-runtime64"]) else { return };
    let mut command = Command::new(program("kfdctl"));
    command.args(["run", "--embedded", "--"]).arg(client).env_remove(kfdd::rundir::ENV);
    let out = command.output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    let said = String::from_utf8_lossy(&out.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "a hole is refused",
            "memory around a hole is refused",
            "the lowest page is refused",
            "memory is locked and unlocked",
        ]
    );
}
