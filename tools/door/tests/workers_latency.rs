//! How long a job takes, against a bare socket round trip with the same pread. Run by hand, on a quiet machine:
//! `cargo test --release -p door --test workers_latency -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod client;
#[path = "workers/pool.rs"]
#[allow(dead_code, reason = "shared with the other worker tests")]
mod pool;

use client::Client;
use door::identity::{Resolver, belongs};
use door::workers::Workers;
use kfd_core::ids::{ProcessId, Tgid};
use kfd_core::notice::UserAnswer;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use pool::{Pool, read};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

const ROUNDS: usize = 20_000;
const PONG: &str = "DOOR_TEST_PONG";

#[test]
fn client_process() {
    client::serve();
}

/// The bare other end: reads a packet, preads 64 bytes, writes a packet.
#[test]
fn pong_process() {
    let Some(asked) = std::env::var_os(PONG) else { return };
    let asked = asked.into_string().unwrap();
    let (pid, va) = asked.split_once(' ').unwrap();
    let (memory, va) = (File::open(format!("/proc/{pid}/mem")).unwrap(), va.parse().unwrap());
    let mut socket = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut packet = [0; 64];
    while socket.read(&mut packet).is_ok_and(|len| len > 0) {
        memory.read_exact_at(&mut packet, va).unwrap();
        socket.write_all(&packet).unwrap();
    }
    std::process::exit(0);
}

#[test]
#[ignore = "measures; by hand"]
fn one_job_against_a_bare_round_trip() {
    let mut client = Client::start();
    let va = client.ask("alloc 65536");
    let pool = Pool::start();
    let process = pool.attach(&client, 0);

    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
    let mut pong = Command::new(std::env::current_exe().unwrap())
        .args(["pong_process", "--exact", "--nocapture"])
        .env(PONG, format!("{} {va}", client.child.id()))
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut socket = File::from(ours);

    for turn in 0..3 {
        let bare = measure(|| {
            let begun = Instant::now();
            let mut packet = [0; 64];
            socket.write_all(&packet).unwrap();
            socket.read_exact(&mut packet).unwrap();
            begun.elapsed()
        });
        let job = measure(|| round_trip(&pool, process, va));
        let chain = chain(&pool, process, va);
        println!(
            "turn {turn}: bare {} · job {} ({:.2} of bare) · chained jobs {} ({:.2})",
            show(&bare),
            show(&job),
            ratio(&job, &bare),
            show(&chain),
            ratio(&chain, &bare)
        );
    }

    let begun = Instant::now();
    let (tell, told) = channel();
    for _ in 0..ROUNDS {
        let tell = tell.clone();
        pool.workers.submit(
            process,
            vec![read(va, 64)],
            Box::new(move |answers| tell.send(answers).unwrap()),
        );
    }
    let good = (0..ROUNDS).filter(|_| matches!(told.recv().unwrap()[0], UserAnswer::Done(_))).count();
    println!("{good} jobs of 64 bytes at once: {:?} each", begun.elapsed() / ROUNDS as u32);
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(pool.run(process, vec![read(va, 65_536)]).len(), 1);
    }
    println!("64 KiB, one after another: {:?} each", begun.elapsed() / 1000);

    let resolver = Resolver::new();
    let mut identities = Vec::new();
    for _ in 0..2000 {
        let begun = Instant::now();
        drop(resolver.resolve(client.tid()).unwrap());
        identities.push(begun.elapsed());
    }
    let tgid = Tgid(client.child.id());
    let begun = Instant::now();
    for _ in 0..100_000 {
        assert!(belongs(tgid, client.tid()));
    }
    println!("resolve {} · belongs {:?}", show(&identities), begun.elapsed() / 100_000);
    drop(socket);
    pong.wait().unwrap();
}

/// From the submission on this thread to the continuation on the link thread: what a door's call sees.
fn round_trip(pool: &Pool, process: ProcessId, va: u64) -> Duration {
    let (tell, told) = channel();
    let begun = Instant::now();
    pool.workers.submit(process, vec![read(va, 64)], Box::new(move |_| tell.send(Instant::now()).unwrap()));
    told.recv().unwrap() - begun
}

/// Each job submitted by the continuation of the one before: one thread here, one there, as in the bare round trip.
fn chain(pool: &Pool, process: ProcessId, va: u64) -> Vec<Duration> {
    fn link(
        workers: &Arc<Workers>,
        process: ProcessId,
        va: u64,
        mut times: Vec<Duration>,
        end: Sender<Vec<Duration>>,
    ) {
        if times.len() == ROUNDS {
            return end.send(times).unwrap();
        }
        let begun = Instant::now();
        let next = Arc::clone(workers);
        let done = Box::new(move |_| {
            times.push(begun.elapsed());
            link(&next, process, va, times, end);
        });
        workers.submit(process, vec![read(va, 64)], done);
    }
    let (end, ended) = channel();
    link(&pool.workers, process, va, Vec::with_capacity(ROUNDS), end);
    ended.recv().unwrap()
}

fn measure(mut once: impl FnMut() -> Duration) -> Vec<Duration> {
    (0..ROUNDS).map(|_| once()).collect()
}

fn at(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() as f64 * part) as usize]
}

fn show(times: &[Duration]) -> String {
    format!("p50 {:?} p99 {:?}", at(times, 0.5), at(times, 0.99))
}

fn ratio(one: &[Duration], other: &[Duration]) -> f64 {
    at(one, 0.5).as_secs_f64() / at(other, 0.5).as_secs_f64()
}
