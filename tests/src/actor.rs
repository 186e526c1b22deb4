//! A client under test: the program `kfd-actor`, which does what one line on its standard input says and answers with
//! one line, `ok VALUES…` or `errno N [STRUCT]`.
//!
//! The verbs are listed in that program's head. Not for: measuring packet rates, since each verb costs two pipe reads.

use crate::eventually::eventually;
use crate::program::program;
use crate::task;
use client::command::command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// How long an answer may take before the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running client; killed on drop.
#[derive(Debug)]
pub struct Actor {
    child: Child,
    pid: u32,
    tell: ChildStdin,
    hear: Receiver<String>,
    reaped: Option<ExitStatus>,
}

impl Actor {
    /// Starts one for the nodes in `dev`.
    #[must_use]
    pub fn start(dev: &Path) -> Self {
        let mut command = Command::new(program("kfd-actor"));
        command.arg(dev);
        Self::spawn(&mut command)
    }

    /// Starts one as the last arguments of another command, for instance `unshare`.
    #[must_use]
    pub fn start_under(prefix: &[&str], dev: &Path) -> Self {
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg(program("kfd-actor")).arg(dev);
        Self::spawn(&mut command)
    }

    /// Starts it by a command of the caller's making.
    ///
    /// # Panics
    /// It cannot be executed.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_elsewhere(command, |actor| u32::try_from(actor.ok("host-pid")[0]).expect("a process id"))
    }

    /// The same where it cannot tell its process id in this namespace, which `pid` finds.
    ///
    /// # Panics
    /// It cannot be executed.
    pub fn spawn_elsewhere(command: &mut Command, pid: impl FnOnce(&mut Self) -> u32) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let tell = child.stdin.take().expect("it was piped");
        let answers = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let (said, hear) = channel();
        std::thread::spawn(move || {
            for line in answers.map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let mut actor = Self { pid: child.id(), child, tell, hear, reaped: None };
        actor.pid = pid(&mut actor);
        actor
    }

    /// Its process id, in this namespace.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells it a line without waiting for the answer.
    ///
    /// # Panics
    /// It is gone.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.tell, "{line}").unwrap_or_else(|error| panic!("`{line}`: {error}"));
    }

    /// Its next answer, if it comes within `patience` before its end.
    pub fn hear(&mut self, patience: Duration) -> Result<String, RecvTimeoutError> {
        self.hear.recv_timeout(patience)
    }

    fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear(PATIENCE).unwrap_or_else(|error| panic!("`{line}`: {error} ({:?})", self.child.try_wait()))
    }

    /// Does it, which must succeed; the numbers answered.
    ///
    /// # Panics
    /// It was refused.
    pub fn ok(&mut self, line: &str) -> Vec<u64> {
        let answer = self.ask(line);
        let Some(values) = answer.strip_prefix("ok") else { panic!("`{line}`: {answer}") };
        let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("`{line}`: {answer}"));
        values.split_whitespace().map(number).collect()
    }

    /// Does it, which must succeed; the only or the first number answered.
    ///
    /// # Panics
    /// It was refused.
    pub fn one(&mut self, line: &str) -> u64 {
        self.ok(line)[0]
    }

    /// Does it, which must be refused; the errno.
    ///
    /// # Panics
    /// It succeeded.
    pub fn errno(&mut self, line: &str) -> i32 {
        let answer = self.ask(line);
        let errno = answer.strip_prefix("errno ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        errno.unwrap_or_else(|| panic!("`{line}`: {answer}, and not refused"))
    }

    /// An ioctl on kfd with a command word and bytes of the test's choice: what the driver returned and the bytes after.
    ///
    /// # Panics
    /// The answer is not one.
    pub fn ioctl(&mut self, cmd: u32, bytes: &[u8]) -> (Result<(), i32>, Vec<u8>) {
        self.ioctl_as("ioctl", cmd, bytes)
    }

    /// The same by another of its verbs that takes a command word and bytes.
    ///
    /// # Panics
    /// The answer is not one.
    pub fn ioctl_as(&mut self, verb: &str, cmd: u32, bytes: &[u8]) -> (Result<(), i32>, Vec<u8>) {
        let line = format!("{verb} {cmd} {}", hex(bytes));
        let answer = self.ask(&line);
        let words: Vec<&str> = answer.split(' ').collect();
        match words[..] {
            ["ok", after] => (Ok(()), unhex(after)),
            ["errno", errno, after] => (Err(errno.parse().expect("an errno is a number")), unhex(after)),
            _ => panic!("`{line}`: {answer}"),
        }
    }

    /// The call `name` of the ABI table with its struct.
    ///
    /// # Errors
    /// The driver's errno; the struct holds what the driver wrote all the same.
    ///
    /// # Panics
    /// The struct is not the call's.
    pub fn call<T: FromBytes + IntoBytes + Immutable>(&mut self, name: &str, arg: &mut T) -> Result<(), i32> {
        let (result, after) = self.ioctl(command(name), arg.as_bytes());
        arg.as_mut_bytes().copy_from_slice(&after);
        result
    }

    /// Copies words into its memory at an address that is mapped there.
    pub fn poke(&mut self, address: u64, bytes: &[u8]) {
        self.ok(&format!("poke {address} {}", hex(bytes)));
    }

    /// Bytes of its memory.
    pub fn peek(&mut self, address: u64, len: usize) -> Vec<u8> {
        let answer = self.ask(&format!("peek {address} {len}"));
        unhex(answer.strip_prefix("ok ").unwrap_or_else(|| panic!("peek: {answer}")))
    }

    /// Lets a forked child of it do a line, and waits for the child's end: what the child answered.
    ///
    /// # Errors
    /// The errno of the child's refusal.
    ///
    /// # Panics
    /// The child did not answer.
    pub fn in_child(&mut self, line: &str) -> Result<String, i32> {
        let answer = self.ask(&format!("fork {line}"));
        assert_eq!(self.hear(PATIENCE).as_deref(), Ok("ok 0"), "the child has ended");
        match answer.strip_prefix("errno ") {
            Some(rest) => Err(rest.split(' ').next().and_then(|errno| errno.parse().ok()).expect("a number")),
            None => Ok(answer),
        }
    }

    /// Parks a thread of it in WAIT_EVENTS on a fresh event; answers (thread id, event id) once it sleeps there.
    ///
    /// # Panics
    /// The thread does not come to sleep.
    pub fn park(&mut self) -> (u32, u64) {
        let event = self.one("event 0");
        let tid = u32::try_from(self.one(&format!("park {event} 4294967294"))).expect("a thread id");
        let pid = self.pid;
        assert!(eventually(PATIENCE, || is_parked(pid, tid).then_some(())).is_some(), "the thread parks");
        (tid, event)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid.try_into().expect("a process id"));
        kill(pid, signal).expect("the client is there");
    }

    /// Kills it by SIGKILL and waits for its end: how long that took, from just before the signal.
    ///
    /// # Panics
    /// It is not gone within half a minute: it hangs.
    pub fn kill(&mut self) -> Duration {
        let pidfd = self.pidfd();
        let before = Instant::now();
        self.signal(Signal::SIGKILL);
        assert!(task::has_ended(&pidfd, PATIENCE), "client {} does not die", self.pid);
        let took = before.elapsed();
        self.reap();
        took
    }

    /// A pidfd of it.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn pidfd(&self) -> OwnedFd {
        task::pidfd(self.pid).expect("the client is there")
    }

    /// Closes its input, at which it ends by itself.
    ///
    /// # Panics
    /// It does not end within half a minute.
    pub fn leave(mut self) -> ExitStatus {
        self.tell("quit");
        self.reap()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end within half a minute.
    pub fn reap(&mut self) -> ExitStatus {
        if let Some(status) = self.reaped {
            return status;
        }
        let ended = eventually(PATIENCE, || self.child.try_wait().expect("it is our child"));
        let status = ended.unwrap_or_else(|| panic!("client {} does not end", self.pid));
        self.reaped = Some(status);
        status
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if self.reaped.is_some() {
            return;
        }
        // The child and the actor differ where the actor runs under another command.
        let _ = kill(Pid::from_raw(self.pid.try_into().unwrap_or(i32::MAX)), Signal::SIGKILL);
        let _ = self.child.kill();
        let _ = eventually(PATIENCE, || self.child.try_wait().ok().flatten());
    }
}

/// Whether a thread sleeps inside an ioctl, interruptibly.
fn is_parked(pid: u32, tid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap_or_default();
    // x86-64 and aarch64 number ioctl 16 and 29; libc knows which.
    call.split(' ').next() == Some(&libc::SYS_ioctl.to_string()) && task::state(pid, tid) == Some('S')
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('-').as_bytes();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits.chunks(2).map(|pair| byte(pair).unwrap_or_else(|| panic!("{text}"))).collect()
}
