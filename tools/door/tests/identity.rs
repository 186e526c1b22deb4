//! From a thread id to a process, against real processes: threads, deaths, execs, and another pid namespace.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod client;

use client::Client;
use door::identity::{Identified, IdentityError, Resolver, belongs};
use kfd_core::ids::{Tgid, Tid, Uid};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

#[test]
fn client_process() {
    client::serve();
}

#[test]
fn every_thread_of_a_process_is_that_process() {
    let (resolver, mut client) = (Resolver::new(), Client::start());
    let va = client.ask("alloc 4096");
    let thread = Tid(client.ask("thread") as u32);
    assert_ne!(thread, client.tid());
    let leader = client.identify(&resolver);
    let Identified { tgid, tid, uid, mm, mem, .. } = resolver.resolve(thread).unwrap();
    assert_eq!((tgid, tid), (leader.tgid, thread));
    assert_eq!((tgid.0, uid), (client.child.id(), Uid(nix::unistd::getuid().as_raw())));
    assert_eq!(mm, leader.mm);
    let mut bytes = [0; 4];
    File::from(mem).read_exact_at(&mut bytes, va).unwrap();
    assert_eq!(bytes, [0, 1, 2, 3]);
}

#[test]
fn two_processes_of_one_program_are_two_address_spaces() {
    let (resolver, one, other) = (Resolver::new(), Client::start(), Client::start());
    assert_ne!(one.identify(&resolver).mm, other.identify(&resolver).mm);
    assert_eq!(one.identify(&resolver).mm, one.identify(&resolver).mm);
}

#[test]
fn a_dead_process_and_a_number_nobody_has_are_gone_and_no_pid_is_invisible() {
    let (resolver, mut client) = (Resolver::new(), Client::start());
    let tid = client.tid();
    client.kill();
    assert!(matches!(resolver.resolve(tid), Err(IdentityError::Gone(gone)) if gone == tid));
    assert!(matches!(resolver.resolve(Tid(1 << 22)), Err(IdentityError::Gone(_))));
    assert!(matches!(resolver.resolve(Tid(0)), Err(IdentityError::Invisible)));
}

#[test]
fn a_zombie_is_gone() {
    let (resolver, mut client) = (Resolver::new(), Client::start());
    client.child.kill().unwrap();
    let stat = format!("/proc/{}/stat", client.tid());
    while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(matches!(resolver.resolve(client.tid()), Err(IdentityError::Gone(_))));
}

#[test]
fn a_process_whose_leader_exited_first_is_identified_by_its_other_threads() {
    let (resolver, mut client) = (Resolver::new(), Client::start());
    let va = client.ask("alloc 4096");
    let before = client.identify(&resolver).mm;
    let thread = Tid(client.ask("leaderless") as u32);
    assert!(File::open(format!("/proc/{}/mem", client.tid())).is_err(), "by the leader it cannot be reached");
    let identified = resolver.resolve(thread).unwrap();
    assert_eq!((identified.tgid.0, identified.mm), (client.child.id(), before));
    assert!(belongs(identified.tgid, thread));
    let mut bytes = [0; 2];
    File::from(identified.mem).read_exact_at(&mut bytes, va).unwrap();
    assert_eq!(bytes, [0, 1]);
}

#[test]
fn an_exec_is_another_address_space_of_the_same_process() {
    let (resolver, mut client) = (Resolver::new(), Client::start());
    client.ask("alloc 4096");
    let before = client.identify(&resolver);
    client.tell("exec");
    let comm = format!("/proc/{}/comm", client.tid());
    while std::fs::read_to_string(&comm).unwrap().trim() != "sleep" {
        std::thread::sleep(Duration::from_millis(1));
    }
    let after = client.identify(&resolver);
    assert_eq!(before.mm.pidfd_inode, after.mm.pidfd_inode);
    assert_ne!(before.mm, after.mm);
    assert_eq!(File::from(before.mem).read_at(&mut [0], 1 << 62).unwrap(), 0, "the old one reads as gone");
    assert!(File::from(after.mem).read_at(&mut [0], 1 << 62).is_err(), "the new one is there");
}

#[test]
fn without_randomisation_a_retired_address_space_is_told_from_its_successor() {
    let resolver = Resolver::new();
    let mut client = Client::start_under(&["setarch", "-R"]);
    client.ask("alloc 4096");
    let before = client.identify(&resolver).mm;
    assert_eq!(client.identify(&resolver).mm, before);
    resolver.retire(before);
    let after = client.identify(&resolver).mm;
    assert_ne!(before, after);
    assert_eq!(client.identify(&resolver).mm, after);
    resolver.exited(before);
    assert_eq!(resolver.retired(), 0);
}

// Keeps: pid-namespaces
#[test]
fn a_client_in_another_pid_namespace_is_identified_by_the_daemons_numbers() {
    let resolver = Resolver::new();
    let mut client = Client::start_under(&["unshare", "--pid", "--fork", "--kill-child"]);
    let va = client.ask("alloc 4096");
    let inner = client.ask("thread") as u32;
    assert!(inner < 100, "its own numbers begin anew: {inner}");
    let outer = client.child.id();
    let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
    let tgid: u32 = children.trim().parse().unwrap();
    for entry in std::fs::read_dir(format!("/proc/{tgid}/task")).unwrap().flatten() {
        let tid = Tid(entry.file_name().to_str().unwrap().parse().unwrap());
        let identified = resolver.resolve(tid).unwrap();
        assert_eq!(identified.tgid, Tgid(tgid));
        assert!(belongs(Tgid(tgid), tid));
        let mut bytes = [0; 2];
        File::from(identified.mem).read_exact_at(&mut bytes, va).unwrap();
        assert_eq!(bytes, [0, 1]);
    }
}

#[test]
fn a_thread_belongs_to_its_process_and_to_no_other() {
    let (mut client, other) = (Client::start(), Client::start());
    let thread = Tid(client.ask("thread") as u32);
    let tgid = Tgid(client.child.id());
    assert!(belongs(tgid, client.tid()) && belongs(tgid, thread));
    assert!(!belongs(Tgid(other.child.id()), thread));
    assert!(!belongs(Tgid(thread.0), client.tid()));
    assert!(!belongs(tgid, other.tid()));
    client.kill();
    assert!(!belongs(tgid, client.tid()) && !belongs(tgid, thread));
}

#[test]
fn identifying_leaves_no_descriptor_behind() {
    let (resolver, client) = (Resolver::new(), Client::start());
    let of_it = |target: &Path| {
        let target = target.to_string_lossy();
        target.starts_with(&format!("/proc/{}/", client.tid())) || target == format!("/proc/{}", client.tid())
    };
    let count = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| of_it(&target))).count()
    };
    for _ in 0..100 {
        let identified = client.identify(&resolver);
        assert_eq!(count(), 1, "the mem fd only");
        drop(identified);
        assert_eq!(count(), 0);
    }
}
