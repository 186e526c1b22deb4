//! A client process for tests: the test program itself, executed again to run its test `client_process`, which then
//! obeys lines on standard input.
//!
//! `alloc N` → the address of N bytes with a pattern · `hole` → an address that is not mapped · `peek A` → the word
//! there, by its own eyes · `map PATH` → the address of a file's first page, untouched · `userfault` → the address of a page that only
//! a userfaultfd could fill · `thread` → the tid of a fresh thread · `leaderless` → the tid of a thread
//! that goes on after the leader has exited · `exec` → becomes `sleep`.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod sys;

use door::identity::{Identified, IdentityError, Resolver};
use kfd_core::ids::Tid;
use memmap2::{MmapMut, MmapOptions};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ASKED: &str = "DOOR_TEST_CLIENT";

/// A running client; killed on drop.
pub struct Client {
    pub child: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Client {
    pub fn start() -> Self {
        Self::start_under(&[])
    }

    /// Starts it as the last argument of another command, for instance `unshare`.
    pub fn start_under(prefix: &[&str]) -> Self {
        let own = std::env::current_exe().unwrap();
        let own = own.to_str().unwrap();
        let line: Vec<&str> =
            prefix.iter().copied().chain([own, "client_process", "--exact", "--nocapture"]).collect();
        let mut child = Command::new(line[0])
            .args(&line[1..])
            .env(ASKED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (tell, hear) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, tell, hear };
        client.ask("hole");
        client
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.tell, "{line}").unwrap();
    }

    pub fn ask(&mut self, line: &str) -> u64 {
        self.tell(line);
        loop {
            let mut answer = String::new();
            assert_ne!(self.hear.read_line(&mut answer).unwrap(), 0, "the client is there");
            if let Some(number) = answer.strip_prefix('@') {
                return number.trim().parse().unwrap();
            }
        }
    }

    pub fn tid(&self) -> Tid {
        Tid(self.child.id())
    }

    /// A client with a request pending cannot be in the middle of an exec; this one can, and is then asked again.
    pub fn identify(&self, resolver: &Resolver) -> Identified {
        for _ in 0..1000 {
            match resolver.resolve(self.tid()) {
                Err(IdentityError::Gone(_)) => std::thread::sleep(std::time::Duration::from_millis(1)),
                other => return other.unwrap(),
            }
        }
        panic!("the client is gone");
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // Not for ever: a test that failed may leave it in a sleep that only the end of its mount ends.
        for _ in 0..1000 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// The body of every test program's `client_process`: nothing at all in the test program itself.
pub fn serve() {
    if std::env::var_os(ASKED).is_none() {
        return;
    }
    let mut memories: Vec<MmapMut> = Vec::new();
    let mut kept = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "alloc" => {
                let mut memory = MmapMut::map_anon(rest.parse().unwrap()).unwrap();
                memory.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at % 251) as u8);
                memories.push(memory);
                memories.last().unwrap().as_ptr() as u64
            }
            "hole" => MmapMut::map_anon(1 << 20).unwrap().as_ptr() as u64,
            "peek" => {
                let va: u64 = rest.parse().unwrap();
                let offset = |memory: &MmapMut| va.checked_sub(memory.as_ptr() as u64).map(|at| at as usize);
                let memory =
                    memories.iter().find(|memory| offset(memory).is_some_and(|at| at < memory.len()));
                let at = offset(memory.unwrap()).unwrap();
                u64::from_le_bytes(memory.unwrap()[at..at + 8].try_into().unwrap())
            }
            "map" => {
                kept.push(
                    MmapOptions::new().len(4096).map_raw_read_only(&File::open(rest).unwrap()).unwrap(),
                );
                kept.last().unwrap().as_ptr() as u64
            }
            "userfault" => sys::userfault_page().unwrap_or(0),
            "thread" => {
                let (tell, told) = std::sync::mpsc::channel();
                std::thread::spawn(move || {
                    tell.send(nix::unistd::gettid()).unwrap();
                    std::thread::park();
                });
                told.recv().unwrap().as_raw() as u64
            }
            "leaderless" => {
                sys::end_leader();
                nix::unistd::gettid().as_raw() as u64
            }
            "exec" => panic!("{}", Command::new("sleep").arg("1000").stdin(Stdio::null()).exec()),
            _ => panic!("{line}"),
        };
        println!("\n@{answer}");
    }
    std::process::exit(0);
}
