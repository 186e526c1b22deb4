//! The buffers of a queue: what an interface of 1.17 and later holds them to, how long they stay mapped, and that an older
//! one looks at none.

use crate::world::{AQL, Buffer, Client, World, gpu, older};
use kfd_core::abi::ioc;
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome};
use kfd_core::limits::Limits;
use kfd_core::profile::Profile;
use kfd_core::queue_buffers::QueueBuffers;
use zerocopy::{FromBytes, IntoBytes};

const VA: u64 = 0x7f10_0000_0000;
const AREA: u64 = VA + 0x1_0000_0000;
const END_OF_PIPE: u64 = VA + 0x2_0000_0000;

const PROFILES: [&str; 3] = ["gfx900", "gfx942", "gfx1100"];

/// A device of that profile under the id that [`Client`] speaks to.
fn device(name: &str) -> Profile {
    let mut profile = Profile::named(name).expect("compiled in");
    profile.devices[0].gpu_id.0 = gpu().0;
    profile
}

fn sizes(world: &World) -> QueueBuffers {
    world.core.profile().devices[0].queue_buffers()
}

/// All buffers of a compute queue, and the call that names them.
struct Whole {
    memory: Buffer,
    area: Buffer,
    end_of_pipe: Buffer,
    arg: abi::CreateQueue,
}

impl Whole {
    fn new(client: &mut Client<'_>) -> Self {
        let sizes = sizes(client.world);
        let memory = client.cut(VA, &AQL).unwrap();
        let area = client.buffer(AREA, sizes.whole_save_area(sizes.save_area));
        let end_of_pipe = client.buffer(END_OF_PIPE, sizes.end_of_pipe.into());
        let arg = abi::CreateQueue {
            eop_buffer_address: END_OF_PIPE,
            eop_buffer_size: sizes.end_of_pipe.into(),
            ctx_save_restore_address: AREA,
            ctx_save_restore_size: sizes.save_area,
            ctl_stack_size: sizes.control_stack,
            ..crate::world::create(memory)
        };
        Self { memory, area, end_of_pipe, arg }
    }

    fn handles(&self) -> [u64; 4] {
        [self.memory.handle, self.memory.handle + 2, self.area.handle, self.end_of_pipe.handle]
    }
}

/// CREATE_QUEUE as it stands, nothing added.
fn create(client: &mut Client<'_>, arg: abi::CreateQueue) -> Result<u32, i32> {
    match client.raw(0x02, arg.as_bytes(), vec![]).1 {
        Outcome::Done(done) => Ok(abi::CreateQueue::read_from_bytes(done.arg.bytes()).unwrap().queue_id),
        Outcome::Refused(refused) => Err(refused.errno.0),
        Outcome::Parked => panic!("it never waits"),
    }
}

fn update(client: &mut Client<'_>, queue_id: u32, ring: u64, ring_size: u32) -> Result<(), Errno> {
    let mut arg = abi::UpdateQueue {
        ring_base_address: ring,
        queue_id,
        ring_size,
        queue_percentage: 100,
        queue_priority: 7,
    };
    client.ioctl(0x07, &mut arg, vec![]).map(drop)
}

// Keeps: queue-buffers-exact, CREATE_QUEUE
#[test]
fn a_queue_whose_buffers_are_not_exactly_what_the_device_needs_is_einval() {
    for name in PROFILES {
        let world = World::of(device(name), Limits::default());
        let mut client = world.client(1);
        let whole = Whole::new(&mut client);
        let (good, sizes) = (whole.arg, sizes(&world));
        client.buffer(VA + 0x10_0000, 8192);
        let odd = client.alloc(VA + 0x20_0000, 4096, abi::ALLOC_MEM_FLAGS_GTT).unwrap();
        let wide = client.buffer(VA + 0x3_0000_0000, sizes.whole_save_area(sizes.save_area) + 4096);
        let cases = [
            ("no ring", abi::CreateQueue { ring_base_address: 0, ring_size: 0, ..good }),
            ("a ring in a larger buffer", abi::CreateQueue { ring_base_address: VA + 0x10_0000, ..good }),
            ("a ring that ends before its buffer", abi::CreateQueue { ring_size: 8192, ..good }),
            ("a ring in the middle", abi::CreateQueue { ring_base_address: VA + 0x10_1000, ..good }),
            ("a ring that is not mapped", abi::CreateQueue { ring_base_address: odd.va, ..good }),
            ("a write index of nowhere", abi::CreateQueue { write_pointer_address: VA - 8, ..good }),
            ("a read index of nowhere", abi::CreateQueue { read_pointer_address: 0, ..good }),
            ("index words in two pages", abi::CreateQueue { read_pointer_address: VA + 0x10_0000, ..good }),
            ("a small end of pipe", abi::CreateQueue { eop_buffer_size: 2048, ..good }),
            ("a large end of pipe", abi::CreateQueue { eop_buffer_size: 8192, ..good }),
            ("an end of pipe of nowhere", abi::CreateQueue { eop_buffer_address: odd.va, ..good }),
            ("no save area", abi::CreateQueue { ctx_save_restore_address: 0, ..good }),
            (
                "no save area at all",
                abi::CreateQueue { ctx_save_restore_address: 0, ctx_save_restore_size: 0, ..good },
            ),
            ("a small save area", abi::CreateQueue { ctx_save_restore_size: sizes.save_area - 4096, ..good }),
            (
                "a save area beyond its buffer",
                abi::CreateQueue { ctx_save_restore_size: sizes.save_area + 4096, ..good },
            ),
            (
                "a save area in a larger buffer",
                abi::CreateQueue { ctx_save_restore_address: wide.va, ..good },
            ),
            (
                "a small control stack",
                abi::CreateQueue { ctl_stack_size: sizes.control_stack - 4096, ..good },
            ),
            (
                "a large control stack",
                abi::CreateQueue { ctl_stack_size: sizes.control_stack + 4096, ..good },
            ),
        ];
        for (what, case) in cases {
            assert_eq!(create(&mut client, case), Err(libc::EINVAL), "{name}: {what}");
        }
        let holds = world.core.totals().holds;
        assert_eq!((holds.queues, holds.doorbells), (0, 0));
        for handle in whole.handles() {
            assert_eq!(client.unmap(handle), Ok(1), "{name}: what was refused keeps nothing");
            client.map(handle).unwrap();
        }
        assert_eq!(create(&mut client, good), Ok(0), "{name}");
        let without = abi::CreateQueue { eop_buffer_address: 0, eop_buffer_size: 77, ..good };
        assert_eq!(create(&mut client, without), Ok(1), "{name}: an end of pipe is not required");
        let pm4 = abi::CreateQueue { queue_type: abi::QUEUE_TYPE_COMPUTE, ..good };
        assert_eq!(create(&mut client, pm4), Ok(2), "{name}");
        let sdma = abi::CreateQueue {
            queue_type: abi::QUEUE_TYPE_SDMA,
            eop_buffer_address: 0,
            ctx_save_restore_address: 0,
            ctx_save_restore_size: 0,
            ctl_stack_size: 0,
            ..good
        };
        assert_eq!(create(&mut client, sdma), Ok(3), "{name}: a copy engine saves nothing");
        let apart = abi::CreateQueue { ring_base_address: VA + 0x10_0000, ..sdma };
        assert_eq!(create(&mut client, apart), Err(libc::EINVAL), "{name}: its ring is looked at too");
        world.end();
    }
}

// Keeps: queue-buffers-unlooked
#[test]
fn an_interface_before_1_17_looks_at_no_buffer_and_keeps_none() {
    let world = World::of(older(16), Limits::default());
    let mut client = world.client(1);
    let memory = client.buffer(VA, 16384);
    let arg = abi::CreateQueue {
        ring_base_address: VA + 8192,
        write_pointer_address: VA + 56,
        read_pointer_address: VA + 128,
        ring_size: 4096,
        gpu_id: gpu().0,
        queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
        queue_percentage: 100,
        ..Default::default()
    };
    assert_eq!(create(&mut client, arg), Ok(0));
    assert_eq!(update(&mut client, 0, VA + 4096, 4096), Ok(()));
    assert_eq!(client.unmap(memory.handle), Ok(1));
    assert_eq!(client.free(memory.handle), Ok(()));
    world.end();
}

// Keeps: queue-buffers-busy, queue-buffers-back, UNMAP_MEMORY_FROM_GPU
#[test]
fn a_queues_buffers_are_neither_unmapped_nor_freed_while_it_lives() {
    for name in PROFILES {
        let world = World::of(device(name), Limits::default());
        let mut client = world.client(1);
        let whole = Whole::new(&mut client);
        let busy = |client: &mut Client<'_>, why: &str| {
            for handle in whole.handles() {
                assert_eq!(client.unmap(handle), Err(Errno::BUSY), "{name}: {why}");
                assert_eq!(client.free(handle), Err(Errno::BUSY), "{name}: {why}");
            }
        };
        let (first, second) =
            (create(&mut client, whole.arg).unwrap(), create(&mut client, whole.arg).unwrap());
        busy(&mut client, "two queues");
        client.destroy(first).unwrap();
        busy(&mut client, "one queue");
        assert_eq!(client.unmap(whole.memory.handle + 1), Ok(1), "a buffer that is not the queue's");
        assert_eq!(update(&mut client, second, 0, 0), Ok(()));
        busy(&mut client, "a queue that is disabled");
        client.destroy(second).unwrap();
        for handle in whole.handles() {
            assert_eq!((client.unmap(handle), client.free(handle)), (Ok(1), Ok(())), "{name}");
        }
        world.end();
    }
}

// Keeps: queue-buffers-busy
#[test]
fn how_far_an_unmapping_came_is_told_when_a_queue_is_in_the_way() {
    let world = World::new();
    let mut client = world.client(1);
    let whole = Whole::new(&mut client);
    create(&mut client, whole.arg).unwrap();
    let ids = [gpu().0.to_le_bytes(); 2].concat();
    let mut arg = abi::UnmapMemoryFromGpu { handle: whole.memory.handle, n_devices: 2, ..Default::default() };
    assert_eq!(client.ioctl(0x19, &mut arg, vec![ids]), Err(Errno::BUSY));
    assert_eq!(arg.n_success, 0);
    world.end();
}

// Keeps: update-ring, UPDATE_QUEUE
#[test]
fn an_update_takes_its_new_ring_and_gives_the_old_one_back() {
    let world = World::new();
    let mut client = world.client(1);
    let whole = Whole::new(&mut client);
    let queue = create(&mut client, whole.arg).unwrap();
    let [old, new] = [whole.memory.handle + 2, whole.memory.handle + 3];
    client.buffer(VA + 0x10_0000, 8192);
    for (what, ring, size) in [
        ("not mapped", VA + 0x20_0000, 4096),
        ("in a larger buffer", VA + 0x10_0000, 4096),
        ("longer than its buffer", VA + 12288, 8192),
    ] {
        assert_eq!(update(&mut client, queue, ring, size), Err(Errno::FAULT), "{what}");
    }
    assert_eq!(client.unmap(old), Err(Errno::BUSY), "the queue is where it was");
    assert_eq!(client.unmap(new), Ok(1));
    client.map(new).unwrap();
    assert_eq!(update(&mut client, queue, VA + 8192, 4096), Ok(()), "the ring that it has");
    assert_eq!(client.unmap(old), Err(Errno::BUSY));
    assert_eq!(update(&mut client, queue, VA + 12288, 4096), Ok(()));
    assert_eq!((client.unmap(old), client.unmap(new)), (Ok(1), Err(Errno::BUSY)));
    // Disabled: the ring stays the queue's.
    assert_eq!(update(&mut client, queue, 0, 4096), Ok(()));
    assert_eq!(client.unmap(new), Err(Errno::BUSY));
    client.destroy(queue).unwrap();
    assert_eq!(client.unmap(new), Ok(1));
    world.end();
}

// Keeps: queue-buffers-back
#[test]
fn a_queue_that_could_not_be_made_or_whose_process_dies_keeps_nothing() {
    let limits = Limits { queues_per_process: 1, ..Limits::default() };
    let world = World::with(limits);
    let mut client = world.client(1);
    let whole = Whole::new(&mut client);
    let queue = create(&mut client, whole.arg).unwrap();
    assert_eq!(create(&mut client, whole.arg), Err(libc::ENOMEM), "the share is used up");
    client.destroy(queue).unwrap();
    assert_eq!(client.unmap(whole.area.handle), Ok(1), "the refused one holds nothing");
    client.map(whole.area.handle).unwrap();
    create(&mut client, whole.arg).unwrap();
    world.kill(client.process);
    world.core.barrier();
    assert!(world.core.totals().holds.is_zero());
    world.end();
}

/// SET_ATTR of memory that is there.
fn share(client: &mut Client<'_>, start_addr: u64, size: u64, attributes: &[(u32, u32)]) {
    let fixed = abi::Svm { start_addr, size, op: abi::SVM_OP_SET_ATTR, nattr: attributes.len() as u32 };
    let mut bytes = fixed.as_bytes().to_vec();
    for (kind, value) in attributes {
        bytes.extend_from_slice(abi::SvmAttribute { kind: *kind, value: *value }.as_bytes());
    }
    let caller = client.caller(Node::Kfd);
    let cmd = ioc::iowr(abi::MAGIC, 0x20, bytes.len());
    let gathered = Gathered { lacks: Some(vec![]), ..Gathered::default() };
    let outcome = client.core().call(&caller, cmd, Arg::new(&bytes).unwrap(), gathered);
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

// Keeps: svm-save-area
#[test]
fn a_save_area_of_shared_memory_must_be_the_devices_and_always_mapped() {
    let world = World::new();
    let mut client = world.client(1);
    let whole = Whole::new(&mut client);
    let bytes = sizes(&world).whole_save_area(sizes(&world).save_area);
    let shared = 0x5000_0000_0000;
    let arg = abi::CreateQueue { ctx_save_restore_address: shared, ..whole.arg };
    let always = (abi::SVM_ATTR_SET_FLAGS, abi::SVM_FLAG_GPU_ALWAYS_MAPPED);
    let access = (abi::SVM_ATTR_ACCESS, gpu().0);
    share(&mut client, shared, bytes, &[access]);
    assert_eq!(create(&mut client, arg), Err(libc::EINVAL), "it may be unmapped");
    share(&mut client, shared, bytes, &[(abi::SVM_ATTR_NO_ACCESS, gpu().0), always]);
    assert_eq!(create(&mut client, arg), Err(libc::EINVAL), "it is not the device's");
    share(&mut client, shared, bytes - 4096, &[access, always]);
    assert_eq!(create(&mut client, arg), Err(libc::EINVAL), "the end is not");
    let in_place = (abi::SVM_ATTR_ACCESS_IN_PLACE, gpu().0);
    share(&mut client, shared + bytes - 4096, 4096, &[in_place, always]);
    let queue = create(&mut client, arg).expect("all of it, in two ranges");
    client.destroy(queue).unwrap();
    let beyond = abi::CreateQueue { ctx_save_restore_address: shared + 4096, ..arg };
    assert_eq!(create(&mut client, beyond), Err(libc::EINVAL));
    world.end();
}

// Keeps: small-ring
#[test]
fn a_small_ring_is_taken_for_one_of_1024_bytes_from_1_18_on() {
    for (minor, made) in [(17, 512), (18, 1024)] {
        let world = World::of(older(minor), Limits::default());
        let mut client = world.client(1);
        let whole = Whole::new(&mut client);
        create(&mut client, abi::CreateQueue { ring_size: 512, ..whole.arg }).unwrap();
        assert_eq!(world.core.queues()[0].ring_bytes, made, "1.{minor}");
        world.end();
    }
}

// Keeps: queue-buffers-exact
#[test]
fn the_sizes_are_told_by_the_topology_of_an_interface_that_has_them() {
    for (minor, told) in [(18, false), (19, true)] {
        let profile = older(minor);
        let sizes = profile.devices[0].queue_buffers();
        let tree = kfd_core::topology::tree(&profile);
        let path = "sys/devices/virtual/kfd/kfd/topology/nodes/1/properties";
        let text = tree.text(path).expect("a node");
        let lines =
            [format!("cwsr_size {}", sizes.save_area), format!("ctl_stack_size {}", sizes.control_stack)];
        for line in lines {
            assert_eq!(text.lines().any(|seen| seen == line), told, "1.{minor}: {line}");
        }
    }
}
