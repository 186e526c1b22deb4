//! The memory workers against real client processes: what is read and written, what fails, and who pays for a page that
//! never arrives (`pages.rs`).

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

#[path = "../client/mod.rs"]
mod client;
#[path = "../../../../tests/src/hung.rs"]
mod hung;
mod pages;
mod pool;

use client::Client;
use door::workers::MmState;
use kfd_core::ids::{ProcessId, Tgid, UserVa};
use kfd_core::notice::{LACKS_MAX, Lack, Missing, UserAccess, UserAnswer, UserSlots};
use pool::{PATIENCE, Pool, eventually, pattern, read, write};
use std::time::{Duration, Instant};

#[test]
fn client_process() {
    client::serve();
}

#[test]
fn what_a_client_has_is_read_and_what_is_written_it_sees() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 8192");
    let process = pool.attach(&client, 0);
    let accesses = vec![read(va, 100), write(va + 4096, &7u64.to_le_bytes()), read(va + 4096, 8)];
    let answers = pool.run(process, accesses);
    let expected = [pattern(100), vec![], 7u64.to_le_bytes().to_vec()].map(UserAnswer::Done);
    assert_eq!(answers, expected);
    assert_eq!(client.ask(&format!("peek {}", va + 4096)), 7);
    assert_eq!(pool.run(process, vec![]), []);
}

#[test]
fn a_fetch_sub_answers_the_old_value_and_leaves_the_difference() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 1);
    let sub = |at: u64, by| UserAccess::FetchSub { va: UserVa(va + at), by };
    let answers = pool.run(process, vec![write(va, &5u64.to_le_bytes()), sub(0, 2), sub(0, 4), sub(4, 1)]);
    let old = |value: u64| UserAnswer::Done(value.to_le_bytes().to_vec());
    assert_eq!(answers, [UserAnswer::Done(vec![]), old(5), old(3), UserAnswer::Failed]);
    assert_eq!(client.ask(&format!("peek {va}")), u64::MAX, "it wraps");
}

/// `count` packets of this type, whose bytes tell where they lie.
fn ring(count: usize, kind: u8) -> Vec<u8> {
    let mut bytes = pattern(count * UserSlots::BYTES);
    for packet in bytes.chunks_exact_mut(UserSlots::BYTES) {
        packet[0] = kind;
    }
    bytes
}

fn packets(retired: (u64, u32), wanted: (u64, u32)) -> UserAccess {
    let [retired, wanted] = [retired, wanted].map(|(va, count)| UserSlots { va: UserVa(va), count });
    UserAccess::Packets { retired, wanted }
}

fn invalid(mut packets: Vec<u8>) -> Vec<u8> {
    for packet in packets.chunks_exact_mut(UserSlots::BYTES) {
        packet[..2].copy_from_slice(&1u16.to_le_bytes());
    }
    packets
}

// Keeps: user-packets
#[test]
fn packets_are_read_up_to_the_first_that_is_invalid_and_retired_with_their_bodies() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 131072");
    let process = pool.attach(&client, 0);
    let (all, ten) = (ring(1024, 3), 10 * UserSlots::BYTES);
    pool.run(process, vec![write(va, &all), write(va + 65_536, &ring(1024, 1))]);
    let done = |bytes: &[u8]| UserAnswer::Done(bytes.to_vec());
    assert_eq!(pool.run(process, vec![packets((0, 0), (va, 1024))]), [done(&all)]);
    // A few, then the others and the next window, which is empty; and then a few that were not the last to be read.
    assert_eq!(pool.run(process, vec![packets((va, 10), (0, 0))]), [done(&[])]);
    let expected = [invalid(all[..ten].to_vec()), all[ten..].to_vec()].concat();
    assert_eq!(pool.run(process, vec![read(va, 65_536)]), [done(&expected)]);
    let others = packets((va + ten as u64, 1014), (va + 65_536, 1024));
    assert_eq!(pool.run(process, vec![others.clone()]), [done(&[])]);
    for _ in 0..2 {
        assert_eq!(pool.run(process, vec![read(va, 65_536)]), [done(&invalid(all.clone()))]);
        assert_eq!(pool.run(process, vec![others.clone()]), [done(&[])], "twice is as once");
    }
    // Up to the first that is INVALID, wherever it is.
    pool.run(process, vec![write(va, &ring(10, 2))]);
    assert_eq!(pool.run(process, vec![packets((0, 0), (va, 1024))]), [done(&ring(10, 2))]);
}

// Keeps: user-packets
#[test]
fn packets_of_one_client_are_never_those_kept_of_another_and_nothing_fails_as_such() {
    let pool = Pool::with(|config| config.count = 1);
    let (mut one, mut other) = (Client::start(), Client::start());
    let [at_one, at_other] = [&mut one, &mut other].map(|client| client.ask("alloc 4096"));
    let hole = one.ask("hole");
    let (first, second) = (pool.attach(&one, 0), pool.attach(&other, 1));
    pool.run(first, vec![write(at_one, &ring(64, 3))]);
    pool.run(second, vec![write(at_other, &ring(64, 2))]);
    pool.run(first, vec![packets((0, 0), (at_one, 64))]);
    pool.run(second, vec![packets((0, 0), (at_other, 64))]);
    let both = [(first, at_one, 3), (second, at_other, 2)];
    for (process, va, kind) in both {
        pool.run(process, vec![packets((va, 64), (0, 0))]);
        let left = UserAnswer::Done(invalid(ring(64, kind)));
        assert_eq!(pool.run(process, vec![read(va, 4096)]), [left]);
    }
    let failures = vec![packets((hole, 1), (at_one, 1)), packets((at_one, 1), (hole, 1))];
    assert_eq!(pool.run(first, failures), [UserAnswer::Failed, UserAnswer::Failed]);
}

#[test]
fn a_long_job_is_answered_whole_and_in_order() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 1048576");
    let process = pool.attach(&client, 0);
    let mut accesses: Vec<_> = (0..16).map(|at| read(va + at * 65_536, 65_536)).collect();
    accesses.extend((0..1000).map(|at| read(va + at, 1)));
    let answers = pool.run(process, accesses);
    let bytes: Vec<u8> = answers
        .iter()
        .flat_map(|answer| match answer {
            UserAnswer::Done(bytes) => bytes.clone(),
            UserAnswer::Failed => panic!("all of it is mapped"),
        })
        .collect();
    assert_eq!(bytes, [pattern(1 << 20), pattern(1000)].concat());
}

#[test]
fn a_pointer_into_nothing_fails_and_a_range_that_ends_in_nothing_too() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let (va, hole) = (client.ask("alloc 4096"), client.ask("hole"));
    let process = pool.attach(&client, 0);
    let accesses = vec![
        read(hole, 8),
        write(hole, &[1]),
        UserAccess::FetchSub { va: UserVa(hole), by: 1 },
        read(0, 1),
        read(u64::MAX, 1),
        read(1 << 63, 8),
        read(va, 16),
    ];
    let answers = pool.run(process, accesses);
    assert!(answers[..6].iter().all(|answer| *answer == UserAnswer::Failed), "{answers:?}");
    assert_eq!(answers[6], UserAnswer::Done(pattern(16)));
    // Reads that run out of the mapping: whatever follows it, a range that reaches the end of user space has a gap.
    let far = (1 << 47) - 4096 - 32;
    assert_eq!(pool.run(process, vec![read(far, 65_536)]), [UserAnswer::Failed]);
}

/// What a range lacks by the text of the process's maps, which nobody changes meanwhile.
fn lacks_by_text(pid: u32, mut at: u64, end: u64) -> Vec<Lack> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut lacks = Vec::new();
    let mut lack = |start: u64, end: u64, what| {
        if start < end {
            lacks.push(Lack { va: UserVa(start), bytes: end - start, what });
        }
    };
    for line in text.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, next) = range.split_once('-').unwrap();
        let number = |hex: &str| u64::from_str_radix(hex, 16).unwrap().clamp(at, end.max(at));
        let (start, next) = (number(start), number(next));
        lack(at, if next > at { start } else { at }, Missing::Memory);
        match &rest[..2] {
            "rw" => {}
            "r-" => lack(start, next, Missing::Write),
            _ => lack(start, next, Missing::Read),
        }
        at = next;
    }
    lack(at, end, Missing::Memory);
    lacks
}

// Keeps: svm-holes
#[test]
fn what_a_clients_memory_lacks_is_what_its_maps_say_and_nothing_is_told_of_the_dead() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let (va, hole) = (client.ask("alloc 1048576"), client.ask("hole"));
    let program = client.ask("map /proc/self/exe");
    let process = pool.attach(&client, 0);
    let pid = client.tid().0;
    let look = |va, bytes| UserAccess::Survey { tgid: Tgid(pid), va: UserVa(va), bytes };
    let ranges = [
        (va, 1 << 20),
        (va + 4096, 4096),
        (hole, 4096),
        (program, 4096),
        (va, 1 << 30),
        (0, va + 4096),
        (1 << 46, 1 << 46),
    ];
    let answers = pool.run(process, ranges.map(|(va, bytes)| look(va, bytes)).to_vec());
    for ((va, bytes), answer) in ranges.into_iter().zip(&answers) {
        let mut expected = lacks_by_text(pid, va, va + bytes);
        expected.truncate(LACKS_MAX);
        assert_eq!(Lack::of(answer), expected, "{va:#x}+{bytes:#x}");
    }
    assert!(Lack::of(&answers[0]).is_empty(), "memory to be written");
    let first = |answer| Lack::of(answer)[0].what;
    assert_eq!((first(&answers[2]), first(&answers[3])), (Missing::Memory, Missing::Write));
    assert_eq!(pool.run(process, vec![look(u64::MAX, 2)]), [UserAnswer::Failed], "it wraps");
    let other = Client::start();
    client.kill();
    let of_another = UserAccess::Survey { tgid: Tgid(other.tid().0), va: UserVa(va), bytes: 8 };
    let answers = pool.run(process, vec![look(va, 4096), of_another]);
    assert_eq!(answers, [UserAnswer::Failed, UserAnswer::Failed]);
}

#[test]
fn an_access_longer_than_a_message_fails_alone() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 131072");
    let process = pool.attach(&client, 0);
    assert_eq!(pool.run(process, vec![read(va, 65_537)]), [UserAnswer::Failed]);
    assert_eq!(pool.run(process, vec![read(va, 3)]), [UserAnswer::Done(pattern(3))]);
}

#[test]
fn a_dead_client_fails_and_is_seen_gone() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    assert_eq!(pool.probe(process), MmState::Alive);
    client.kill();
    assert_eq!(
        pool.run(process, vec![read(va, 8), write(va, &[0])]),
        [UserAnswer::Failed, UserAnswer::Failed]
    );
    assert_eq!(pool.probe(process), MmState::Gone);
    pool.workers.detach(process);
    assert_eq!(pool.probe(process), MmState::Unknown);
    assert_eq!(pool.run(process, vec![read(va, 8)]), [UserAnswer::Failed]);
}

#[test]
fn a_client_that_executed_something_is_seen_gone() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let before = client.identify(&pool.resolver).mm;
    let process = pool.attach(&client, 0);
    assert_eq!(pool.probe(process), MmState::Alive);
    client.tell("exec");
    eventually("the old address space is gone", || pool.probe(process) == MmState::Gone);
    assert_eq!(pool.run(process, vec![read(va, 8)]), [UserAnswer::Failed]);
    let after = client.identify(&pool.resolver).mm;
    assert_eq!(before.pidfd_inode, after.pidfd_inode);
    assert_ne!(before.exec_id, after.exec_id);
}

#[test]
fn a_stranger_and_an_earlier_generation_reach_nothing() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    let later = ProcessId { generation: 2, ..process };
    assert_eq!(pool.run(later, vec![read(va, 8)]), [UserAnswer::Failed]);
    assert_eq!(pool.run(ProcessId { slot: 2, ..process }, vec![read(va, 8)]), [UserAnswer::Failed]);
    let identified = client.identify(&pool.resolver);
    pool.workers.attach(later, identified.tgid, identified.mm, identified.mem);
    assert_eq!(pool.run(process, vec![read(va, 8)]), [UserAnswer::Failed]);
    assert_eq!(pool.run(later, vec![read(va, 8)]), [UserAnswer::Done(pattern(8))]);
    pool.workers.detach(process);
    assert_eq!(
        pool.run(later, vec![read(va, 8)]),
        [UserAnswer::Done(pattern(8))],
        "a stale detach is nothing"
    );
    assert_eq!(pool.workers.attached(), 1);
}

#[test]
fn userfaultfd_memory_fails_at_once() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("userfault");
    if va == 0 {
        return println!("skipped: userfaultfd_memory_fails_at_once: no userfaultfd on this kernel");
    }
    let process = pool.attach(&client, 0);
    let begun = Instant::now();
    assert_eq!(pool.run(process, vec![read(va, 8)]), [UserAnswer::Failed]);
    assert!(begun.elapsed() < Duration::from_secs(1), "not by the deadline: {:?}", begun.elapsed());
    assert!(pool.lost.try_recv().is_err());
}

#[test]
fn one_client_with_too_much_waiting_is_refused_at_once_and_no_other() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 65536");
    let (greedy, modest) = (pool.attach(&client, 0), pool.attach(&client, 2));
    let bytes = vec![1; 65_536];
    let waiting: Vec<_> = (0..400).map(|_| pool.submit(greedy, vec![write(va, &bytes)])).collect();
    assert_eq!(pool.run(modest, vec![read(va + 1, 1)]).len(), 1);
    let answers: Vec<_> = waiting.iter().map(|told| told.recv_timeout(PATIENCE).unwrap().remove(0)).collect();
    assert!(answers.contains(&UserAnswer::Done(vec![])));
    assert_eq!(pool.run(greedy, vec![read(va, 1)]), [UserAnswer::Done(vec![1])], "and it is served again");
}

#[test]
fn a_worker_that_is_killed_is_replaced_and_its_clients_go_on() {
    let (pool, mut client) = (Pool::with(|config| config.count = 1), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    for round in 0u8..5 {
        assert_eq!(
            pool.run(process, vec![write(va, &[round]), read(va, 1)])[1],
            UserAnswer::Done(vec![round])
        );
        let worker = pool.only_worker();
        kill(worker);
        eventually("another one is there", || {
            pool.workers.worker_pids().first().is_some_and(|&pid| pid != worker)
        });
    }
    assert!(pool.lost.try_recv().is_err());
    assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![4])]);
}

#[test]
fn attaching_and_detaching_a_thousand_times_leaves_no_descriptor_behind() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let own: Vec<u32> = pool.workers.worker_pids().into_iter().chain(pool.workers.keeper_pid()).collect();
    assert_eq!(own.len(), 3);
    let round = |generation| {
        let process = ProcessId { slot: generation % 7, generation };
        let identified = client.identify(&pool.resolver);
        pool.workers.attach(process, identified.tgid, identified.mm, identified.mem);
        assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![0])]);
        pool.workers.detach(process);
        process
    };
    round(1);
    let settled = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let mems = |pid: u32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        open.filter(|fd| {
            let target = std::fs::read_link(fd.as_ref().unwrap().path());
            target.is_ok_and(|target| target.as_os_str() == format!("/proc/{}/mem", client.tid()).as_str())
        })
        .count()
    };
    for generation in 2..1002 {
        round(generation);
    }
    eventually("no mem fd is left anywhere", || {
        mems(std::process::id()) == 0 && own.iter().all(|&worker| mems(worker) == 0)
    });
    for &worker in &own {
        assert!(settled(worker) <= 4, "a worker has {} descriptors", settled(worker));
    }
    assert_eq!(pool.workers.attached(), 0);
}

#[test]
fn a_keeper_that_is_killed_is_replaced_and_its_clients_go_on_with_their_worker() {
    let (pool, mut client) = (Pool::with(|config| config.count = 1), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    let keeper = pool.workers.keeper_pid().unwrap();
    kill(keeper);
    eventually("another one is there", || {
        // Whoever attaches or detaches notices.
        pool.workers.detach(ProcessId { slot: 5, generation: 9 });
        let later = pool.attach(&client, 7);
        pool.workers.detach(later);
        pool.workers.keeper_pid().is_some_and(|pid| pid != keeper)
    });
    assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![0])]);
    // Its mem fd was in the old keeper and is in the worker only: with that it is lost, and said to be.
    kill(pool.only_worker());
    let next = pool.submit(process, vec![read(va, 1)]);
    assert_eq!(next.recv_timeout(PATIENCE).unwrap(), [UserAnswer::Failed]);
    assert_eq!(pool.lost.recv_timeout(PATIENCE).unwrap(), process);
}

#[test]
fn a_worker_has_its_socket_and_mem_fds_and_nothing_that_leaked() {
    let leaky = std::fs::File::open("/etc/passwd").unwrap();
    nix::fcntl::fcntl(&leaky, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let (pool, mut client) = (Pool::with(|config| config.count = 1), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![0])]);
    let memory = format!("/proc/{}/mem", client.tid());
    for pid in pool.workers.worker_pids().into_iter().chain(pool.workers.keeper_pid()) {
        let kinds = || {
            let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
            let mut kinds: Vec<String> = open
                .map(|fd| std::fs::read_link(fd.path()).unwrap().to_string_lossy().into_owned())
                .map(|target| target.split(':').next().unwrap().to_owned())
                .collect();
            kinds.sort();
            kinds
        };
        // The keeper answers nothing when it is given one.
        eventually("it has the mem fd", || kinds().contains(&memory));
        assert_eq!(kinds(), ["/dev/null".into(), memory.clone(), "socket".into()]);
    }
}

#[test]
fn a_continuation_that_panics_harms_nobody_else() {
    let (pool, mut client) = (Pool::with(|config| config.count = 1), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    // Not by panic!, whose backtrace may take its thread longer than the deadline.
    let panics = |_| std::panic::resume_unwind(Box::new("as the test wants it"));
    pool.workers.submit(process, vec![read(va, 1)], Box::new(panics));
    assert_eq!(pool.run(process, vec![read(va, 1)]), [UserAnswer::Done(vec![0])]);
}

#[test]
fn a_pool_may_be_dropped_by_a_continuation() {
    let (pool, mut client) = (Pool::start(), Client::start());
    let va = client.ask("alloc 4096");
    let process = pool.attach(&client, 0);
    let (tell, told) = std::sync::mpsc::channel();
    let workers = std::sync::Arc::clone(&pool.workers);
    let done = Box::new(move |_| {
        std::thread::sleep(Duration::from_millis(50));
        drop(workers);
        tell.send(()).unwrap();
    });
    pool.workers.submit(process, vec![read(va, 1)], done);
    drop(pool);
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn the_workers_end_with_the_pool() {
    let pool = Pool::start();
    let pids: Vec<u32> = pool.workers.worker_pids().into_iter().chain(pool.workers.keeper_pid()).collect();
    for pid in &pids {
        let named = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim() == "kfdd-memory";
        eventually("a worker has its name", named);
    }
    drop(pool);
    eventually("they are gone", || {
        pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    });
}

fn kill(pid: u32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::SIGKILL).unwrap();
}
