//! Queues whose ring and signals lie in the client's own memory: run by question and answer.

use crate::world::{AQL, Buffer, Client, World, barrier, gpu};
use kfd_core::abi::{kfd as abi, table};
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome};
use kfd_core::ids::UserVa;
use kfd_core::listing::QueueState;
use kfd_core::notice::{Lack, MemoryRequest, Missing, Notice, UserAccess, UserAnswer, UserSlots};
use std::collections::HashMap;

const VA: u64 = 0x7f10_0000_0000;

/// What a memory worker does, over a map of bytes.
#[derive(Default)]
struct Worker {
    bytes: HashMap<u64, u8>,
    /// Slots given back together, in order: where, and how many.
    retired: Vec<(u64, u32)>,
}

impl Worker {
    fn put(&mut self, va: u64, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            self.bytes.insert(va + index as u64, *byte);
        }
    }

    fn get(&self, va: u64, len: u64) -> Vec<u8> {
        (va..va + len).map(|at| self.bytes.get(&at).copied().unwrap_or(0)).collect()
    }

    fn word(&self, va: u64) -> u64 {
        u64::from_le_bytes(self.get(va, 8).try_into().unwrap())
    }

    fn serve(&mut self, request: &MemoryRequest) -> UserAnswer {
        UserAnswer::Done(match &request.access {
            UserAccess::Read { va, len } => self.get(va.0, u64::from(*len)),
            UserAccess::Write { va, bytes } => {
                self.put(va.0, bytes);
                Vec::new()
            }
            UserAccess::FetchSub { va, by } => {
                let old = self.word(va.0);
                self.put(va.0, &old.wrapping_sub(*by).to_le_bytes());
                old.to_le_bytes().to_vec()
            }
            UserAccess::Packets { retired, wanted } => {
                for slot in 0..u64::from(retired.count) {
                    self.put(retired.va.0 + slot * 64, &UserSlots::INVALID.to_le_bytes());
                }
                if retired.count > 0 {
                    self.retired.push((retired.va.0, retired.count));
                }
                let packets = (0..u64::from(wanted.count)).map(|slot| self.get(wanted.va.0 + slot * 64, 64));
                packets.take_while(|packet| packet[0] != UserSlots::INVALID as u8).flatten().collect()
            }
            UserAccess::Survey { .. } => panic!("a queue surveys nothing"),
        })
    }
}

#[test]
fn packets_in_client_memory_are_run_by_question_and_answer_and_not_polled() {
    let world = World::new();
    let mut client = world.client(100);
    let memory = client.userptr_cut(VA, &AQL);
    let queue = client.queue_in(memory).unwrap();
    let mut worker = Worker::default();
    let signal = VA + 4096;
    worker.put(signal + 8, &3i64.to_le_bytes());
    for index in 0..8 {
        worker.put(VA + 8192 + index * 64, &barrier(&[], if index < 3 { signal } else { 0 }));
    }
    worker.put(VA + 56, &8u64.to_le_bytes());
    client.ring(&queue);
    let mut stale = None;
    let mut questions = 0;
    loop {
        world.run();
        let mut quiet = true;
        for notice in world.outbox.take() {
            match notice {
                Notice::Memory(request) => {
                    quiet = false;
                    questions += 1;
                    let answer = worker.serve(&request);
                    if let Some((ticket, old)) = stale.replace((request.ticket, answer.clone())) {
                        world.core.memory_answer(request.queue, ticket, old);
                        assert_eq!(world.run(), 0, "a stale answer is dropped");
                    }
                    world.core.memory_answer(request.queue, request.ticket, answer);
                }
                Notice::Rearm { process, offset, len } => {
                    quiet = false;
                    world.core.rearmed(process, offset, len);
                }
                _ => {}
            }
        }
        if quiet {
            break;
        }
        assert!(questions < 200, "client memory is not polled");
    }
    assert_eq!(worker.word(signal + 8), 0);
    assert_eq!(worker.word(VA + 128), 8, "the read index");
    assert_eq!(worker.retired, [(VA + 8192 + 3 * 64, 5)], "what only passes is given back together");
    assert!((0..8).all(|index| worker.get(VA + 8192 + index * 64, 2) == [1, 0]));
    world.end();
}

// Keeps: transfer-never-zeros
#[test]
fn a_failed_transfer_is_a_memory_exception_never_zeros() {
    let world = World::new();
    let mut client = world.client(100);
    let memory = client.userptr_cut(VA, &AQL);
    let queue = client.queue_in(memory).unwrap();
    client.ring(&queue);
    let mut exception = false;
    for _ in 0..4 {
        // The first failure may be a range between two mappings: the access is made again when the eviction ends.
        world.clock.by(1_000_000);
        world.core.tick(world.core.now());
        world.run();
        for notice in world.outbox.take() {
            match notice {
                Notice::Memory(request) => {
                    world.core.memory_answer(request.queue, request.ticket, UserAnswer::Failed);
                }
                Notice::MemoryException { .. } => exception = true,
                _ => {}
            }
        }
    }
    assert!(exception);
    assert_eq!(world.core.queues()[0].state, QueueState::Stopped);
    world.end();
}

/// What a queue in that memory asks for once its doorbell rings.
fn asked_by_a_queue(client: &mut Client<'_>, memory: Buffer) -> MemoryRequest {
    let queue = client.queue_in(memory).unwrap();
    client.ring(&queue);
    client.world.run();
    let asked = client.world.outbox.take().into_iter().find_map(|notice| match notice {
        Notice::Memory(request) => Some(request),
        _ => None,
    });
    asked.expect("the write index is client memory")
}

// Keeps: late-answers
#[test]
fn an_answer_for_the_dead_reaches_nobody_who_took_their_slot() {
    let world = World::new();
    let ask = |client: &mut Client<'_>| {
        let memory = client.userptr_cut(VA, &AQL);
        asked_by_a_queue(client, memory)
    };
    let mut dead = world.client(100);
    let late = ask(&mut dead);
    world.kill(dead.process);
    let mut heir = world.client(101);
    let open = ask(&mut heir);
    assert_eq!(
        (open.process.slot, open.queue.queue, open.ticket),
        (late.process.slot, late.queue.queue, late.ticket)
    );
    world.core.memory_answer(late.queue, late.ticket, UserAnswer::Done(u64::MAX.to_le_bytes().to_vec()));
    assert_eq!(world.run(), 0);
    assert_eq!(world.core.queues()[0].state, QueueState::Waiting, "it still waits for its own");
    world.end();
}

// Keeps: late-answers
#[test]
fn an_answer_for_a_queue_that_is_gone_does_not_reach_the_next_with_its_id() {
    let world = World::new();
    let mut client = world.client(100);
    let memory = client.userptr_cut(VA, &AQL);
    let late = asked_by_a_queue(&mut client, memory);
    client.destroy(late.queue.queue.0).unwrap();
    let open = asked_by_a_queue(&mut client, memory);
    assert_eq!(open.queue, late.queue);
    world.core.memory_answer(late.queue, late.ticket, UserAnswer::Done(u64::MAX.to_le_bytes().to_vec()));
    assert_eq!(world.run(), 0);
    assert_eq!(world.core.queues()[0].state, QueueState::Waiting, "it still waits for its own");
    world.end();
}

/// ALLOC_MEMORY_OF_GPU of client memory that a door has looked at.
fn alloc(client: &mut Client<'_>, va: u64, lacks: Option<Vec<Lack>>) -> Result<u64, Errno> {
    let flags = abi::ALLOC_MEM_FLAGS_USERPTR;
    let arg = abi::AllocMemoryOfGpu {
        va_addr: VA,
        size: 16384,
        mmap_offset: va,
        gpu_id: gpu().0,
        flags,
        ..Default::default()
    };
    let cmd = table::KFD.iter().find(|row| row.number() == 0x16).expect("a known number").cmd;
    let caller = client.caller(Node::Kfd);
    let arg = Arg::new(zerocopy::IntoBytes::as_bytes(&arg)).expect("it fits");
    match client.core().call(&caller, cmd, arg, Gathered { lacks, ..Gathered::default() }) {
        Outcome::Done(done) => {
            let out: abi::AllocMemoryOfGpu = zerocopy::FromBytes::read_from_bytes(done.arg.bytes()).unwrap();
            Ok(out.handle)
        }
        Outcome::Refused(refused) => Err(refused.errno),
        Outcome::Parked => panic!("an allocation never waits"),
    }
}

// Keeps: userptr-there
#[test]
fn client_memory_that_is_not_there_is_efault_and_takes_nothing() {
    let world = World::new();
    let mut client = world.client(100);
    let lack = |page: u64, what| Lack { va: UserVa(VA + page * 4096), bytes: 4096, what };
    for (lacks, errno) in [
        (vec![lack(0, Missing::Memory)], Errno::FAULT),
        (vec![lack(3, Missing::Memory)], Errno::FAULT),
        (vec![lack(1, Missing::Read)], Errno::FAULT),
        (vec![lack(1, Missing::Write)], Errno::PERM),
        (vec![lack(0, Missing::Memory), lack(1, Missing::Write)], Errno::FAULT),
        (vec![lack(0, Missing::Write), lack(1, Missing::Memory)], Errno::PERM),
    ] {
        assert_eq!(alloc(&mut client, VA, Some(lacks.clone())), Err(errno), "{lacks:?}");
    }
    assert_eq!(alloc(&mut client, 0, Some(vec![lack(0, Missing::Memory)])), Err(Errno::INVAL), "no address");
    assert_eq!(alloc(&mut client, u64::MAX - 4095, None), Err(Errno::FAULT), "it wraps");
    let holds = world.core.totals().holds;
    assert_eq!((holds.userptr_bytes, holds.bos), (0, 0));
    for looked in [Some(vec![]), None] {
        let handle = alloc(&mut client, VA, looked).expect("memory, or nobody could look");
        client.free(handle).unwrap();
    }
    world.end();
}
