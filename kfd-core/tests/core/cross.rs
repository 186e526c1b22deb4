//! CROSS_MEMORY_COPY: how ranges of two processes meet, whose memory workers are asked, who may, and how a copy ends early.

use crate::world::{Buffer, Client, World, identity};
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome, Task};
use kfd_core::ids::{CallId, ProcessId};
use kfd_core::notice::{CopyRequest, Notice, UserAccess, UserAnswer};
use std::collections::HashMap;
use zerocopy::{FromBytes, IntoBytes};

const PAGE: u64 = 4096;
const VRAM: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
const READ: u32 = 0;
const WRITE: u32 = abi::CROSS_MEMORY_WRITE;

type Ranges<'r> = &'r [(u64, u64)];

/// What came of a call: the errno or success, and the bytes that are told.
type Told = (Result<(), Errno>, u64);

fn told(outcome: Outcome) -> Told {
    let (arg, result) = match outcome {
        Outcome::Done(done) => (done.arg, Ok(())),
        Outcome::Refused(refused) => (refused.arg, Err(refused.errno)),
        Outcome::Parked => panic!("not the end"),
    };
    (result, abi::CrossMemoryCopy::read_from_prefix(arg.bytes()).unwrap().0.bytes_copied)
}

fn call_as(
    caller: &mut Client<'_>,
    found: Gathered,
    flags: u32,
    src: Ranges<'_>,
    dst: Ranges<'_>,
) -> (CallId, Outcome) {
    let list = |ranges: Ranges<'_>| -> Vec<u8> {
        let range = |(va_addr, size): &(u64, u64)| abi::MemoryRange { va_addr: *va_addr, size: *size };
        ranges.iter().flat_map(|pair| range(pair).as_bytes().to_vec()).collect()
    };
    let args = abi::CrossMemoryCopy {
        pid: 7,
        flags,
        src_mem_range_array: 0x1000,
        src_mem_array_size: src.len() as u64,
        dst_mem_range_array: 0x2000,
        dst_mem_array_size: dst.len() as u64,
        bytes_copied: 99,
    };
    let cmd = table::KFD.iter().find(|row| row.name == "CROSS_MEMORY_COPY").unwrap().cmd;
    let gathered = Gathered { pointers: vec![list(src), list(dst)], ..found };
    let who = caller.caller(Node::Kfd);
    (who.call, caller.core().call(&who, cmd, Arg::new(args.as_bytes()).unwrap(), gathered))
}

fn may(other: &Client<'_>) -> Gathered {
    let task = Some(Task { tgid: other.identity.tgid, mm: other.identity.mm, traced: false });
    Gathered { task, attaches: true, ..Gathered::default() }
}

fn call(
    caller: &mut Client<'_>,
    other: &Client<'_>,
    flags: u32,
    src: Ranges<'_>,
    dst: Ranges<'_>,
) -> (CallId, Outcome) {
    call_as(caller, may(other), flags, src, dst)
}

fn at_once(
    caller: &mut Client<'_>,
    other: &Client<'_>,
    flags: u32,
    src: Ranges<'_>,
    dst: Ranges<'_>,
) -> Told {
    told(call(caller, other, flags, src, dst).1)
}

/// `len` bytes, none like its neighbours.
fn pattern(len: u64) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn bytes(client: &Client<'_>, buffer: &Buffer, skip: u64, len: u64) -> Vec<u8> {
    let mut out = vec![0; len as usize];
    client.peek_all(buffer.offset + skip, &mut out);
    out
}

/// The memory of clients, by process: what their workers would read and write.
#[derive(Default)]
struct Workers(HashMap<ProcessId, HashMap<u64, Vec<u8>>>);

impl Workers {
    fn give(&mut self, process: ProcessId, va: u64, bytes: Vec<u8>) {
        self.0.entry(process).or_default().insert(va, bytes);
    }

    fn seen(&self, process: ProcessId, va: u64) -> &[u8] {
        &self.0[&process][&va]
    }

    fn answer(&mut self, process: ProcessId, access: &UserAccess) -> UserAnswer {
        let memory = self.0.entry(process).or_default();
        let (va, len) = match access {
            UserAccess::Read { len: 0, .. } => return UserAnswer::Done(Vec::new()),
            UserAccess::Read { va, len } => (va.0, u64::from(*len)),
            UserAccess::Write { va, bytes } => (va.0, bytes.len() as u64),
            other => panic!("{other:?}"),
        };
        assert!(len <= 64 << 10, "more than a worker takes at once");
        let found = memory.iter_mut().find_map(|(start, bytes)| {
            let skip = va.checked_sub(*start)? as usize;
            bytes.get_mut(skip..skip + len as usize)
        });
        match (found, access) {
            (Some(place), UserAccess::Write { bytes, .. }) => {
                place.copy_from_slice(bytes);
                UserAnswer::Done(Vec::new())
            }
            (Some(place), _) => UserAnswer::Done(place.to_vec()),
            (None, _) => UserAnswer::Failed,
        }
    }

    /// Answers until the call ends: how, and how often somebody was asked.
    fn serve(&mut self, world: &World, (call, begun): (CallId, Outcome)) -> (Told, usize) {
        assert!(matches!(begun, Outcome::Parked), "{begun:?}");
        let mut asked = 0;
        loop {
            for notice in world.outbox.take() {
                match notice {
                    Notice::Copy(request) => {
                        asked += 1;
                        let answer = self.answer(request.memory, &request.access);
                        world.core.copy_answer(request.process, request.call, answer);
                    }
                    Notice::Complete { call: ended, outcome, .. } if ended == call => {
                        return (told(outcome), asked);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn request(world: &World) -> CopyRequest {
    let asked = world.outbox.take().into_iter().find_map(|notice| match notice {
        Notice::Copy(request) => Some(request),
        _ => None,
    });
    asked.expect("a worker is asked")
}

// Keeps: cross-copy
#[test]
fn ranges_of_two_processes_are_copied_wherever_each_is_cut() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    let local = [here.buffer(0x1000_0000, PAGE), here.alloc(0x2000_0000, 2 * PAGE, VRAM).unwrap()];
    let remote = [there.alloc(0x1000_0000, 3 * PAGE, VRAM).unwrap(), there.buffer(0x3000_0000, PAGE)];
    let all = pattern(3 * PAGE);
    there.poke(remote[0].offset, &all);

    let src = [(0x1000_0001, 5000), (0x1000_0000 + 5001, 0), (0x1000_0000 + 5001, 2500)];
    let dst = [(0x1000_0003, 4000), (0x2000_0000, 2 * PAGE)];
    assert_eq!(at_once(&mut here, there, READ, &src, &dst), (Ok(()), 7500), "the shorter side ends it");
    assert_eq!(bytes(&here, &local[0], 3, 4000), all[1..4001]);
    assert_eq!(bytes(&here, &local[1], 0, 3500), all[4001..7501]);
    assert_eq!(bytes(&here, &local[1], 3500, 8), [0; 8], "and nothing beyond");

    let back = at_once(&mut here, there, WRITE, &[(0x2000_0000, 3500)], &[(0x3000_0011, 3500)]);
    assert_eq!(back, (Ok(()), 3500));
    assert_eq!(bytes(there, &remote[1], 0x11, 3500), all[4001..7501]);

    // A process with itself, as kfdtest does it.
    let mine = here.identity;
    let myself =
        Gathered { task: Some(Task { tgid: mine.tgid, mm: mine.mm, traced: false }), ..Gathered::default() };
    let (_, outcome) = call_as(&mut here, myself, READ, &[(0x1000_0003, PAGE - 3)], &[(0x2000_0801, 3)]);
    assert_eq!(told(outcome), (Ok(()), 3));
    assert_eq!(bytes(&here, &local[1], 0x801, 3), all[1..4]);
    world.end();
}

// Keeps: cross-copy, CROSS_MEMORY_COPY
#[test]
fn a_range_that_leaves_its_buffer_ends_the_copy_and_what_is_there_is_told() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    here.buffer(0x1000_0000, PAGE);
    here.alloc(0x1000_1000, PAGE, abi::ALLOC_MEM_FLAGS_VRAM).unwrap();
    let remote = there.buffer(0x1000_0000, 2 * PAGE);
    there.poke(remote.offset, &pattern(PAGE));
    let whole = [(0x1000_0000, PAGE)];
    let mut read = |src: Ranges<'_>, dst: Ranges<'_>| at_once(&mut here, there, READ, src, dst);
    let fault = Err(Errno::FAULT);
    assert_eq!(read(&[(0x1000_0000, PAGE)], &[(0x1000_0004, PAGE)]), (fault, 0), "not even a part of it");
    assert_eq!(read(&[(0x1000_0000, 8), (0x5000_0000, 8)], &whole), (fault, 8), "after the first");
    assert_eq!(read(&whole, &[(0x1000_0000, 16), (0x1000_1000, 16)]), (fault, 16), "that may not be written");
    assert_eq!(read(&[(u64::MAX, 2)], &whole), (fault, 0));
    assert_eq!(read(&[(0x1000_1000, u64::MAX)], &whole), (fault, 0));
    world.end();
}

// Keeps: cross-copy, CROSS_MEMORY_COPY
#[test]
fn client_memory_is_read_and_written_by_its_own_worker_a_piece_at_a_time() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    let len = 130 << 10;
    let local = here.buffer(0x1000_0000, 33 * PAGE);
    here.userptr(0x4000_0000, 33 * PAGE);
    there.userptr(0x4000_0000, 33 * PAGE);
    let mut workers = Workers::default();
    let all = pattern(33 * PAGE);
    workers.give(there.process, 0x4000_0000, all.clone());
    workers.give(here.process, 0x4000_0000, vec![0; 33 * PAGE as usize]);

    let begun = call(&mut here, there, READ, &[(0x4000_0005, len)], &[(0x1000_0000, 33 * PAGE)]);
    assert_eq!(workers.serve(&world, begun), ((Ok(()), len), 3));
    assert_eq!(bytes(&here, &local, 0, len), all[5..5 + len as usize]);

    let begun = call(&mut here, there, WRITE, &[(0x1000_0000, 100)], &[(0x4000_0000, PAGE)]);
    assert_eq!(workers.serve(&world, begun), ((Ok(()), 100), 1));
    assert_eq!(workers.seen(there.process, 0x4000_0000)[..102], [&all[5..105], &all[100..102]].concat());

    let begun = call(&mut here, there, READ, &[(0x4000_0000, 70 << 10)], &[(0x4000_0000, 70 << 10)]);
    assert_eq!(workers.serve(&world, begun), ((Ok(()), 70 << 10), 4), "each piece is read and written");
    let (mine, theirs) = (workers.seen(here.process, 0x4000_0000), workers.seen(there.process, 0x4000_0000));
    assert_eq!(mine[..70 << 10], theirs[..70 << 10]);

    // The worker of the other finds nothing behind the second page.
    workers.give(there.process, 0x4000_0000, vec![1; 64 << 10]);
    let begun = call(&mut here, there, READ, &[(0x4000_0000, len)], &[(0x1000_0000, 33 * PAGE)]);
    assert_eq!(workers.serve(&world, begun), ((Err(Errno::FAULT), 64 << 10), 2));
    world.end();
}

// Keeps: cross-steps
#[test]
fn a_large_copy_lets_others_have_their_turn_and_arrives_whole() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    let len = 40 << 20;
    let local = here.alloc(0x1000_0000, len, VRAM).unwrap();
    let remote = there.alloc(0x1000_0000, len, VRAM).unwrap();
    let all = pattern(len);
    there.poke(remote.offset, &all);
    let begun = call(&mut here, there, READ, &[(0x1000_0000, len)], &[(0x1000_0000, len)]);
    assert_eq!(Workers::default().serve(&world, begun), ((Ok(()), len), 2));
    assert!(bytes(&here, &local, 0, len) == all);
    world.end();
}

// Keeps: cross-attach, CROSS_MEMORY_COPY
#[test]
fn who_could_not_attach_to_a_process_copies_nothing_of_it() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    let local = here.buffer(0x1000_0000, PAGE);
    let remote = there.buffer(0x1000_0000, PAGE);
    there.poke(remote.offset, &pattern(PAGE));
    let ranges = [(0x1000_0000, PAGE)];
    let mut refused =
        |found: Gathered, src: Ranges<'_>| told(call_as(&mut here, found, READ, src, &ranges).1);
    let stranger = Gathered { attaches: false, ..may(there) };
    assert_eq!(refused(stranger, &ranges), (Err(Errno::PERM), 0));
    let nobody = Gathered { task: None, ..may(there) };
    assert_eq!(refused(nobody, &ranges), (Err(Errno::SRCH), 0));
    let without = identity(4, 0, 1000);
    let unknown =
        Gathered { task: Some(Task { tgid: without.tgid, mm: without.mm, traced: false }), ..may(there) };
    assert_eq!(refused(unknown, &ranges), (Err(Errno::INVAL), 0), "no process of the driver's");
    assert_eq!(refused(may(there), &[]), (Err(Errno::INVAL), 0), "no ranges");
    assert_eq!(bytes(&here, &local, 0, 8), [0; 8]);
    world.end();
}

// Keeps: cross-ends, CROSS_MEMORY_COPY
#[test]
fn a_signal_or_a_death_ends_a_copy_that_waits_and_a_late_answer_changes_nothing() {
    let world = World::new();
    let (mut here, there) = (world.client(1), &mut world.client(2));
    let local = here.buffer(0x1000_0000, 2 * PAGE);
    there.buffer(0x1000_0000, PAGE);
    there.userptr(0x4000_0000, PAGE);
    let src = [(0x1000_0000, 16), (0x4000_0000, 8)];
    let dst = [(0x1000_0000, PAGE)];
    let late = |request: CopyRequest| {
        world.core.copy_answer(request.process, request.call, UserAnswer::Done(vec![7; 8]));
    };

    let (id, begun) = call(&mut here, there, READ, &src, &dst);
    assert!(matches!(begun, Outcome::Parked));
    let asked = request(&world);
    assert_eq!((asked.memory, asked.process), (there.process, here.process));
    assert_eq!(world.core.totals().holds.parked, 1);
    let outcome = world.core.interrupt(here.process, id).expect("it waits");
    assert_eq!(told(outcome), (Err(Errno::INTR), 16));
    late(asked);
    assert!(world.outbox.take().iter().all(|notice| !matches!(notice, Notice::Complete { .. })));
    assert_eq!(bytes(&here, &local, 16, 8), [0; 8]);
    assert!(world.core.interrupt(here.process, id).is_none());

    // The other one dies: its memory is found no more.
    let (_, begun) = call(&mut here, there, READ, &[(0x4000_0000, 8), (0x1000_0000, 8)], &dst);
    assert!(matches!(begun, Outcome::Parked));
    let asked = request(&world);
    world.kill(there.process);
    late(asked);
    let ended = world.outbox.take().into_iter().find_map(|notice| match notice {
        Notice::Complete { outcome, .. } => Some(told(outcome)),
        _ => None,
    });
    assert_eq!(ended, Some((Err(Errno::FAULT), 8)));

    // The caller dies.
    let third = world.client(3);
    let mut last = world.client(4);
    last.buffer(0x1000_0000, PAGE);
    let mut owner = third;
    owner.userptr(0x4000_0000, PAGE);
    let (id, begun) = call(&mut last, &owner, READ, &[(0x4000_0000, 8)], &dst);
    assert!(matches!(begun, Outcome::Parked));
    let asked = request(&world);
    let (process, notices) = (last.process, &world.outbox);
    world.kill(process);
    let ended = notices.take().into_iter().find_map(|notice| match notice {
        Notice::Complete { call, outcome, .. } if call == id => Some(told(outcome)),
        _ => None,
    });
    assert_eq!(ended, Some((Err(Errno::IO), 0)));
    late(asked);
    assert_eq!(world.core.totals().holds.parked, 0);
    world.end();
}
