//! Checkpoint and restore of a process's objects: CRIU_OP.

use crate::dispatch::engine::{dispatched, done, settle};
use crate::world::{Aql, Client, World, barrier, gpu, identity};
use hsa_queue::Waves;
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome, Task, UserWrite};
use kfd_core::ids::{Tgid, Tid};
use kfd_core::limits::Limits;
use kfd_core::listing::QueueState;
use kfd_core::profile::Profile;
use zerocopy::{FromBytes, IntoBytes};

/// A device whose processes can retry faults and share memory.
fn profile() -> Profile {
    let mut profile = gpu().2;
    profile.interface_minor = 18;
    profile.devices[0].gfx_target_version = 90_402;
    profile.devices[0].compute.capability |= 0x0800_0000;
    profile
}

fn world() -> World {
    World::of(profile(), Limits::default())
}

fn privileged() -> Gathered {
    Gathered { privileged: true, ..Gathered::default() }
}

type Told = (Result<(), i32>, abi::Criu, Vec<UserWrite>);

fn criu(client: &mut Client<'_>, args: &abi::Criu, gathered: Gathered) -> Told {
    let cmd = table::KFD.iter().find(|row| row.name == "CRIU_OP").unwrap().cmd;
    let caller = client.caller(Node::Kfd);
    let outcome = client.core().call(&caller, cmd, Arg::new(args.as_bytes()).unwrap(), gathered);
    let (result, arg, writes) = match outcome {
        Outcome::Done(done) => (Ok(()), done.arg, done.writes),
        Outcome::Refused(refused) => (Err(refused.errno.0), refused.arg, refused.writes),
        Outcome::Parked => panic!("no step of a checkpoint is parked"),
    };
    (result, abi::Criu::read_from_prefix(arg.bytes()).unwrap().0, writes)
}

fn step(client: &mut Client<'_>, op: u32) -> Told {
    criu(client, &abi::Criu { op, ..Default::default() }, privileged())
}

/// What a checkpoint is.
#[derive(Debug, Clone, PartialEq)]
struct Image {
    args: abi::Criu,
    devices: Vec<u8>,
    bos: Vec<u8>,
    private: Vec<u8>,
}

fn checkpoint(client: &mut Client<'_>) -> Image {
    let (result, info, _) = step(client, abi::CRIU_OP_PROCESS_INFO);
    assert_eq!((result, info.pid), (Ok(()), client.identity.tgid.0));
    let args =
        abi::Criu { op: abi::CRIU_OP_CHECKPOINT, devices: 0x1000, bos: 0x2000, priv_data: 0x3000, ..info };
    let (result, _, writes) = criu(client, &args, privileged());
    assert_eq!(result, Ok(()));
    let at = |va: u64| {
        writes.iter().find(|write| write.va.0 == va).map_or_else(Vec::new, |write| write.bytes.clone())
    };
    let image = Image { args, devices: at(0x1000), bos: at(0x2000), private: at(0x3000) };
    assert_eq!(image.private.len() as u64, info.priv_data_size);
    assert_eq!(image.bos.len(), info.num_bos as usize * size_of::<abi::CriuBoBucket>());
    image
}

fn restore(client: &mut Client<'_>, image: &Image) -> (Result<(), i32>, Vec<abi::CriuBoBucket>) {
    let args = abi::Criu { op: abi::CRIU_OP_RESTORE, ..image.args };
    let pointers = vec![image.devices.clone(), image.bos.clone(), image.private.clone()];
    let (result, _, writes) = criu(client, &args, Gathered { pointers, ..privileged() });
    let buckets = writes.first().map_or_else(Vec::new, |write| buckets(&write.bytes));
    (result, buckets)
}

fn buckets(bytes: &[u8]) -> Vec<abi::CriuBoBucket> {
    let each = bytes.chunks_exact(size_of::<abi::CriuBoBucket>());
    each.map(|bytes| abi::CriuBoBucket::read_from_bytes(bytes).unwrap()).collect()
}

fn resume(client: &mut Client<'_>, target: u32) -> Result<(), i32> {
    let task = Some(Task { tgid: Tgid(target), mm: identity(target, 0, 1000).mm, traced: false });
    let args = abi::Criu { op: abi::CRIU_OP_RESUME, pid: target, ..Default::default() };
    criu(client, &args, Gathered { task, ..privileged() }).0
}

/// Opens the render node without binding it, as CRIU's restorer finds a process.
fn fresh(world: &World, tgid: u32) -> Client<'_> {
    let mut client = world.stranger(tgid, 1000);
    client.open_unbound();
    client
}

// Keeps: criu-privileged, CRIU_OP
#[test]
fn who_may_checkpoint_is_judged_before_anything_else() {
    let world = world();
    let mut client = world.client(10);
    let info = abi::Criu { op: abi::CRIU_OP_PROCESS_INFO, ..Default::default() };
    assert_eq!(criu(&mut client, &info, Gathered::default()).0, Err(libc::EACCES));
    let cmd = table::KFD.iter().find(|row| row.name == "CRIU_OP").unwrap().cmd;
    let mut foreign = |traces, privileged| {
        let mut caller = client.caller(Node::Kfd);
        (caller.tgid, caller.tid) = (Tgid(11), Tid(11));
        let gathered = Gathered { traces, privileged, ..Gathered::default() };
        let outcome = world.core.call(&caller, cmd, Arg::new(info.as_bytes()).unwrap(), gathered);
        match outcome {
            Outcome::Refused(refused) => Err(refused.errno),
            _ => Ok(()),
        }
    };
    assert_eq!(foreign(false, true), Err(Errno::BADF), "another process's file");
    assert_eq!(foreign(true, false), Err(Errno::ACCES));
    assert_eq!(foreign(true, true), Ok(()), "its tracer's own privilege counts");
    world.end();
}

// Keeps: criu-paused, CRIU_OP
#[test]
fn each_step_needs_the_one_before_it() {
    let world = world();
    let mut client = world.client(10);
    client.queue(0x10_0000);
    assert_eq!(step(&mut client, abi::CRIU_OP_UNPAUSE).0, Err(libc::EINVAL));
    assert_eq!(step(&mut client, 5).0, Err(libc::EINVAL), "no such operation");
    let (_, info, _) = step(&mut client, abi::CRIU_OP_PROCESS_INFO);
    assert_eq!((info.num_devices, info.num_bos, info.num_objects), (1, 5, 1));
    assert_eq!(world.core.queues()[0].state, QueueState::Evicted);
    assert_eq!(step(&mut client, abi::CRIU_OP_UNPAUSE).0, Ok(()));
    world.settle();
    assert_eq!(world.core.queues()[0].state, QueueState::Idle);
    let full = abi::Criu { op: abi::CRIU_OP_CHECKPOINT, devices: 1, bos: 1, priv_data: 1, ..info };
    assert_eq!(criu(&mut client, &full, privileged()).0, Err(libc::EINVAL), "not paused");
    assert_eq!(step(&mut client, abi::CRIU_OP_PROCESS_INFO).0, Ok(()));
    assert_eq!(criu(&mut client, &full, privileged()).0, Ok(()));
    for wrong in [
        abi::Criu { devices: 0, ..full },
        abi::Criu { bos: 0, ..full },
        abi::Criu { priv_data: 0, ..full },
        abi::Criu { num_bos: 2, ..full },
        abi::Criu { num_devices: 2, ..full },
        abi::Criu { num_objects: 0, ..full },
        abi::Criu { priv_data_size: full.priv_data_size - 1, ..full },
    ] {
        assert_eq!(criu(&mut client, &wrong, privileged()).0, Err(libc::EINVAL), "{wrong:?}");
    }
    assert_eq!(resume(&mut client, 99), Err(libc::ESRCH));
    let nobody = abi::Criu { op: abi::CRIU_OP_RESUME, pid: 99, ..Default::default() };
    assert_eq!(criu(&mut client, &nobody, privileged()).0, Err(libc::ESRCH));
    assert_eq!(resume(&mut client, 10), Ok(()), "nothing to be resumed");
    assert_eq!(world.core.queues()[0].state, QueueState::Evicted, "and nothing was");
    world.end();
}

// Keeps: criu-paused
#[test]
fn a_paused_process_runs_nothing_until_it_goes_on() {
    let world = world();
    let mut client = world.client(10);
    let mut queue = client.queue(0x10_0000);
    let signal = client.signal(&queue, 0, 1, None);
    assert_eq!(step(&mut client, abi::CRIU_OP_PROCESS_INFO).0, Ok(()));
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 1);
    assert_eq!(step(&mut client, abi::CRIU_OP_UNPAUSE).0, Ok(()));
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 0);
    world.end();
}

// Keeps: criu-paused
#[test]
fn a_process_whose_dispatch_an_engine_has_is_busy_until_its_packet_has_completed() {
    let world = World::running(profile(), Limits::default(), Waves::Run);
    let mut client = world.client(10);
    let (queue, order) = dispatched(&world, &mut client, 0x10_0000);
    let (result, info, _) = step(&mut client, abi::CRIU_OP_PROCESS_INFO);
    assert_eq!(result, Ok(()));
    let full = abi::Criu { op: abi::CRIU_OP_CHECKPOINT, devices: 1, bos: 1, priv_data: 1, ..info };
    assert_eq!(criu(&mut client, &full, privileged()).0, Err(libc::EBUSY));
    done(&world, &order);
    assert_eq!(criu(&mut client, &full, privileged()).0, Err(libc::EBUSY), "its packet has not completed");
    assert_eq!(step(&mut client, abi::CRIU_OP_UNPAUSE).0, Ok(()));
    settle(&world);
    assert_eq!(client.signal_value(&queue, 0), 0);
    checkpoint(&mut client);
    world.end();
}

/// A process with something of each kind, its queue in the middle of its ring.
fn lived<'w>(world: &'w World, tgid: u32) -> (Client<'w>, Aql, [u32; 3]) {
    let mut client = world.client(tgid);
    let gone = client.buffer(0x90_0000, 4096);
    let (_, event) = client.event_page(0x40_0000);
    client.unmap(gone.handle).unwrap();
    client.free(gone.handle).unwrap();
    client.userptr(0x7000_0000, 8192);
    let unmapped =
        client.alloc(0xa0_0000, 4096, abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE).unwrap();
    client.poke(unmapped.offset, b"unmapped");
    let hole = client.event(abi::EVENT_SIGNAL, false);
    let set = client.event(abi::EVENT_SIGNAL, false);
    let memory = client.event(abi::EVENT_MEMORY, true);
    client.set(set);
    client.ok(0x09, &mut abi::DestroyEvent { event_id: hole, pad: 0 });
    let first = client.queue(0x10_0000);
    let mut queue = client.queue(0x20_0000);
    client.destroy(first.id).unwrap();
    for _ in 0..3 {
        let signal = client.signal(&queue, 0, 1, None);
        client.push(&mut queue, &barrier(&[], signal));
        client.ring(&queue);
        world.settle();
    }
    assert_eq!(client.read_index(&queue), 3);
    (client, queue, [event, set, memory])
}

// Keeps: criu-restores, criu-paused, CRIU_OP
#[test]
fn a_restored_process_has_what_the_checkpointed_one_had() {
    let world = world();
    let (mut old, mut queue, [event, set, memory]) = lived(&world, 10);
    // Submitted and not run: it is the first thing that the restored queue does.
    assert_eq!(step(&mut old, abi::CRIU_OP_PROCESS_INFO).0, Ok(()));
    let signal = old.signal(&queue, 0, 1, None);
    old.push(&mut queue, &barrier(&[], signal));
    old.ring(&queue);
    world.settle();
    let image = checkpoint(&mut old);
    assert_eq!(checkpoint(&mut old), image, "a second look sees the same");
    let (was, held) = (world.core.queues()[0].clone(), world.core.processes()[0].holds);
    let contents: Vec<(u64, Vec<u8>)> = buckets(&image.bos)
        .iter()
        .map(|bo| {
            let mut bytes = vec![0; bo.size as usize];
            if bo.alloc_flags & (abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_VRAM) != 0 {
                old.peek_all(bo.offset, &mut bytes);
            }
            (bo.addr, bytes)
        })
        .collect();
    world.kill(old.process);
    world.settle();

    let mut new = fresh(&world, 20);
    let (result, made) = restore(&mut new, &image);
    assert_eq!(result, Ok(()));
    for (bo, (addr, bytes)) in made.iter().zip(&contents) {
        assert_eq!((bo.addr, bo.dmabuf_fd), (*addr, abi::INVALID_FD));
        if bo.alloc_flags & (abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_VRAM) != 0 {
            new.poke(bo.restored_offset, bytes);
        }
    }
    assert_eq!(world.core.queues()[0].state, QueueState::Evicted, "held until RESUME");
    let mut restorer = world.stranger(30, 0);
    assert_eq!(resume(&mut restorer, 20), Ok(()));
    world.settle();

    let now = world.core.queues()[0].clone();
    assert_eq!(
        (now.queue, now.doorbell, now.ring, now.ring_bytes),
        (was.queue, was.doorbell, was.ring, was.ring_bytes)
    );
    assert_eq!((now.kind, now.priority, now.state), (was.kind, was.priority, QueueState::Idle));
    let holds = world.core.processes().into_iter().find(|row| row.tgid.0 == 20).unwrap().holds;
    assert_eq!(holds, held, "the same charges");
    let ring = made.iter().find(|bo| bo.addr == queue.memory.va).unwrap().restored_offset;
    queue.memory.offset = ring;
    assert_eq!(new.signal_value(&queue, 0), 0, "what was submitted before has run once");
    assert_eq!(new.read_index(&queue), 4);
    let signal = new.signal(&queue, 0, 1, None);
    new.push(&mut queue, &barrier(&[], signal));
    new.ring(&queue);
    world.settle();
    assert_eq!((new.signal_value(&queue, 0), new.read_index(&queue)), (0, 5), "and it goes on");

    let (_, outcome) = new.wait_raw(&[set], false, 0);
    assert_eq!(crate::world::wait_result(&outcome), (None, abi::WAIT_RESULT_COMPLETE), "set as before");
    let (_, outcome) = new.wait_raw(&[event, memory], false, 0);
    assert_eq!(crate::world::wait_result(&outcome), (None, abi::WAIT_RESULT_TIMEOUT), "not set, as before");
    assert_eq!(new.event(abi::EVENT_SIGNAL, false), event + 1, "the id that was free is free");
    let again = checkpoint(&mut new);
    assert_eq!((again.args.num_bos, again.devices), (image.args.num_bos, image.devices));
    world.end();
}

// Keeps: criu-restores
#[test]
fn queues_of_every_kind_go_on_where_they_were() {
    let world = world();
    let mut old = world.client(10);
    let ring = old.cut(0x10_0000, &[4096; 3]).unwrap();
    for (queue_type, read) in [(abi::QUEUE_TYPE_COMPUTE, 0), (abi::QUEUE_TYPE_SDMA, 1024)] {
        let mut arg = abi::CreateQueue {
            ring_base_address: ring.va + 4096,
            write_pointer_address: ring.va + read,
            read_pointer_address: ring.va + read + 8,
            ring_size: 4096,
            gpu_id: gpu().0,
            queue_type,
            queue_percentage: 100,
            queue_priority: 3,
            ..Default::default()
        };
        old.ok(0x02, &mut arg);
    }
    // Two PM4 NOPs of one dword each (count 0x3fff), and two SDMA NOPs.
    let nops = [0xffff_1000u32, 0xffff_1000];
    old.poke(ring.offset + 4096, nops.as_bytes());
    old.poke(ring.offset, &2u64.to_le_bytes());
    old.store_at(1 << 32);
    world.settle();
    assert_eq!(old.peek(ring.offset + 8), 2, "the PM4 queue has read both");
    let image = checkpoint(&mut old);
    world.kill(old.process);
    world.settle();
    let mut new = fresh(&world, 20);
    let (result, made) = restore(&mut new, &image);
    assert_eq!(result, Ok(()));
    let at = made[0].restored_offset;
    // The former contents, with one dword more, which alone is to be run.
    new.poke(at + 4096, &[0xffff_1000u32; 3].as_bytes()[..12]);
    new.poke(at, &3u64.to_le_bytes());
    let mut restorer = world.stranger(30, 0);
    assert_eq!(resume(&mut restorer, 20), Ok(()));
    world.settle();
    assert_eq!(new.peek(at + 8), 3);
    let kinds: Vec<_> = world.core.queues().iter().map(|row| (row.kind, row.packets)).collect();
    assert_eq!(kinds.len(), 2);
    assert_eq!(kinds[0].1, 1, "one packet and no more: {kinds:?}");
    world.end();
}

// Keeps: criu-restores
#[test]
fn shared_ranges_come_back_with_what_was_said_of_them() {
    let world = world();
    let mut old = world.client(10);
    let attributes = |client: &mut Client<'_>, op, attributes: &[(u32, u32)]| {
        let fixed = abi::Svm { start_addr: 0x1000_0000, size: 0x4000, op, nattr: attributes.len() as u32 };
        let mut bytes = fixed.as_bytes().to_vec();
        for (kind, value) in attributes {
            bytes.extend_from_slice(abi::SvmAttribute { kind: *kind, value: *value }.as_bytes());
        }
        match client.raw(0x20, &bytes, vec![]).1 {
            Outcome::Done(done) => done.arg.bytes()[24..24 + attributes.len() * 8].to_vec(),
            other => panic!("{other:?}"),
        }
    };
    let gpu_id = gpu().0;
    let set = [
        (abi::SVM_ATTR_ACCESS_IN_PLACE, gpu_id),
        (abi::SVM_ATTR_GRANULARITY, 5),
        (abi::SVM_ATTR_CLR_FLAGS, abi::SVM_FLAG_COHERENT),
        (abi::SVM_ATTR_SET_FLAGS, abi::SVM_FLAG_GPU_RO),
        (abi::SVM_ATTR_PREFERRED_LOC, gpu_id),
    ];
    attributes(&mut old, abi::SVM_OP_SET_ATTR, &set);
    let asked = [
        (abi::SVM_ATTR_ACCESS, gpu_id),
        (abi::SVM_ATTR_GRANULARITY, 0),
        (abi::SVM_ATTR_SET_FLAGS, 0),
        (abi::SVM_ATTR_PREFERRED_LOC, 0),
        (abi::SVM_ATTR_PREFETCH_LOC, 0),
    ];
    let was = attributes(&mut old, abi::SVM_OP_GET_ATTR, &asked);
    old.buffer(0x10_0000, 4096);
    let image = checkpoint(&mut old);
    assert_eq!(image.args.num_objects, 1);
    world.kill(old.process);
    let mut new = fresh(&world, 20);
    assert_eq!(restore(&mut new, &image).0, Ok(()));
    assert_eq!(attributes(&mut new, abi::SVM_OP_GET_ATTR, &asked), was);
    world.end();
}

// Keeps: CRIU_OP
#[test]
fn what_cannot_be_made_again_is_refused_by_its_errno() {
    let world = world();
    let (mut old, ..) = lived(&world, 10);
    let image = checkpoint(&mut old);
    world.kill(old.process);
    let mut tgid = 20;
    let mut refused = |change: &dyn Fn(&mut Image), prepare: &dyn Fn(&mut Client<'_>)| {
        tgid += 1;
        let mut client = fresh(&world, tgid);
        prepare(&mut client);
        let mut image = image.clone();
        change(&mut image);
        let result = restore(&mut client, &image).0;
        world.kill(client.process);
        result
    };
    let nothing = |_: &mut Client<'_>| {};
    assert_eq!(refused(&|_| {}, &nothing), Ok(()));
    assert_eq!(refused(&|image| image.private[0] ^= 1, &nothing), Err(libc::EINVAL), "not ours");
    assert_eq!(refused(&|image| image.private[8] += 1, &nothing), Err(libc::EINVAL), "another version");
    assert_eq!(refused(&|image| image.private.truncate(100), &nothing), Err(libc::EINVAL), "too short");
    assert_eq!(refused(&|image| image.private.push(0), &nothing), Err(libc::EINVAL), "too long");
    assert_eq!(refused(&|image| image.devices[0] ^= 1, &nothing), Err(libc::EINVAL), "another device's id");
    assert_eq!(refused(&|image| image.args.num_bos = 0, &nothing), Err(libc::EINVAL));
    assert_eq!(refused(&|image| image.args.num_objects += 1, &nothing), Err(libc::EINVAL));
    // The first two buffers' records lie behind those of the process (16 bytes) and the device (32), their index at 16.
    let twice = |image: &mut Image| image.private[48 + 24 + 16] = image.private[48 + 16];
    assert_eq!(refused(&twice, &nothing), Err(libc::ENOMEM), "one index twice");
    assert_eq!(
        refused(&|image| image.bos[32] ^= 1, &nothing),
        Err(libc::ENODEV),
        "a buffer of another device"
    );
    let bind = |client: &mut Client<'_>| client.bind();
    assert_eq!(refused(&|_| {}, &bind), Err(libc::EINVAL), "bound already");
    let mut blind = world.stranger(90, 1000);
    assert_eq!(restore(&mut blind, &image).0, Err(libc::EINVAL), "no render node");
    world.end();
}

#[test]
fn retried_faults_are_restored_where_the_device_retries_and_refused_elsewhere() {
    let world = world();
    let mut old = world.client(10);
    old.ok(0x21, &mut abi::SetXnackMode { xnack_enabled: 1 });
    old.buffer(0x10_0000, 4096);
    let image = checkpoint(&mut old);
    let mut new = fresh(&world, 20);
    assert_eq!(restore(&mut new, &image).0, Ok(()));
    let mut asked = abi::SetXnackMode { xnack_enabled: -1 };
    new.ok(0x21, &mut asked);
    assert_eq!(asked.xnack_enabled, 1);
    world.end();
    let mut other = profile();
    other.devices[0].gfx_target_version = 110_000;
    let world = World::of(other, Limits::default());
    let mut new = fresh(&world, 20);
    assert_eq!(restore(&mut new, &image).0, Err(libc::EPERM));
    world.end();
}
