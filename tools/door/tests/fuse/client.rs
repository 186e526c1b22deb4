//! A client process that does what it is told, line by line: the test's own program executed again.
//!
//! The parent writes a command, the client answers with a line that begins with `>>`.

use crate::sys::{self, Map};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set in the client's environment.
const ROLE: &str = "DOOR_TEST_CLIENT";

fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "client_role", "--nocapture", "--ignored", "--test-threads=1"]).env(ROLE, "1");
    command
}

/// A running client, seen from the test. Killed on drop.
pub struct Client {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    pub fn start() -> Self {
        let mut child = command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, commands, answers };
        assert_eq!(client.hear(), "ready");
        client
    }

    pub fn tgid(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command and waits for its answer.
    pub fn tell(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.commands, "{line}").unwrap();
    }

    /// The next answer; "" when the client has ended.
    pub fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).unwrap() == 0 {
                return String::new();
            }
            // libtest writes its own words on the same line.
            if let Some(at) = line.find(">> ") {
                return line[at + 3..].trim_end().to_owned();
            }
        }
    }

    /// Opens and expects success: the descriptor.
    pub fn open(&mut self, path: &Path) -> RawFd {
        let answer = self.tell(&format!("open {}", path.display()));
        answer.strip_prefix("fd ").unwrap_or_else(|| panic!("open {path:?}: {answer}")).parse().unwrap()
    }

    pub fn kill(&self) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.tgid() as i32), nix::sys::signal::SIGKILL)
            .unwrap();
    }

    /// Waits for the end; the signal that ended it, if any.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().signal()
    }

    /// Waits for the end with a bound; how long it took, and whether any thread was seen in D state meanwhile.
    pub fn reaped_within(&mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.child.try_wait().unwrap().is_some() {
                return Some(start.elapsed());
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        None
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(words: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    writeln!(out, ">> {words}").unwrap();
    out.flush().unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Makes a command word and its bytes into `ioctl` arguments.
fn raw_ioctl(fd: BorrowedFd<'_>, cmd: &str, bytes: &str) -> String {
    let cmd = u32::from_str_radix(cmd, 16).unwrap();
    let mut bytes = unhex(bytes);
    match sys::ioctl(fd, cmd, &mut bytes) {
        Ok(result) => format!("ret {result} {}", hex(&bytes)),
        Err(errno) => format!("err {errno} {}", hex(&bytes)),
    }
}

/// The client's side. Returns at the end of its input.
pub fn run() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let mut files: HashMap<RawFd, Arc<File>> = HashMap::new();
    let mut maps: Vec<Option<Map>> = Vec::new();
    let mut ballast: Vec<Vec<u8>> = Vec::new();
    answer(format_args!("ready"));
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        let file = |at: usize| Arc::clone(&files[&(number(at) as RawFd)]);
        match words[0] {
            "open" => match OpenOptions::new().read(true).write(true).open(words[1]) {
                Ok(opened) => {
                    let fd = opened.as_raw_fd();
                    files.insert(fd, Arc::new(opened));
                    answer(format_args!("fd {fd}"));
                }
                Err(error) => answer(format_args!("err {}", error.raw_os_error().unwrap())),
            },
            "close" => {
                files.remove(&(number(1) as RawFd));
                answer(format_args!("ok"));
            }
            "dup_close" => {
                drop(file(1).try_clone().unwrap());
                answer(format_args!("ok"));
            }
            "system" => {
                assert!(Command::new("true").status().unwrap().success());
                answer(format_args!("ok"));
            }
            "ioctl" => {
                let reply = raw_ioctl(file(1).as_fd(), words[2], words.get(3).unwrap_or(&""));
                answer(format_args!("{reply}"));
            }
            // The same from a forked child: its errno is the exit status, 0 for success.
            "fork_ioctl" => {
                let (file, cmd) = (file(1), u32::from_str_radix(words[2], 16).unwrap());
                let mut bytes = unhex(words[3]);
                let code = sys::in_child(|| sys::ioctl(file.as_fd(), cmd, &mut bytes).err().unwrap_or(0));
                answer(format_args!("exit {code}"));
            }
            // Reopens its descriptor in a forked child.
            "fork_reopen" => {
                let path = std::ffi::CString::new(format!("/proc/self/fd/{}", number(1))).unwrap();
                let code = sys::in_child(|| {
                    match nix::fcntl::open(
                        path.as_c_str(),
                        nix::fcntl::OFlag::O_RDWR,
                        nix::sys::stat::Mode::empty(),
                    ) {
                        Ok(_) => 0,
                        Err(errno) => errno as i32,
                    }
                });
                answer(format_args!("exit {code}"));
            }
            "fork_sleeper" => answer(format_args!("pid {}", sys::forked_sleeper())),
            // From a thread of its own: `tid N` at once, the result when it comes.
            "park" => {
                let (file, cmd, bytes) = (file(1), words[2].to_owned(), words[3].to_owned());
                std::thread::spawn(move || {
                    answer(format_args!("tid {}", sys::gettid()));
                    let reply = raw_ioctl(file.as_fd(), &cmd, &bytes);
                    answer(format_args!("{reply}"));
                });
            }
            "handle" => {
                sys::handle_usr1(words[1] == "restart");
                answer(format_args!("ok"));
            }
            "map" => match Map::new(file(1).as_fd(), number(2), number(3) as usize) {
                Ok(map) => {
                    maps.push(Some(map));
                    answer(format_args!("map {}", maps.len() - 1));
                }
                Err(errno) => answer(format_args!("err {errno}")),
            },
            "truncate" => {
                let result = file(1).set_len(number(2) as u64);
                answer(format_args!("{}", result.map_or_else(|error| error.raw_os_error().unwrap(), |()| 0)));
            }
            "write" => {
                let result = std::os::unix::fs::FileExt::write_at(&*file(1), &[1; 8], number(2) as u64);
                answer(format_args!("{}", result.map_or_else(|error| error.raw_os_error().unwrap(), |_| 0)));
            }
            "bench_open" => {
                let rounds = number(2) as u32;
                let start = Instant::now();
                for _ in 0..rounds {
                    drop(OpenOptions::new().read(true).write(true).open(words[1]).unwrap());
                }
                answer(format_args!("{}", start.elapsed().as_nanos() / u128::from(rounds)));
            }
            "unmap" => {
                maps[number(1) as usize] = None;
                answer(format_args!("ok"));
            }
            "store" => {
                let map = maps[number(1) as usize].as_ref().unwrap();
                map.store(number(2) as usize, number(3) as u64);
                answer(format_args!("ok"));
            }
            // Stores at a given time (CLOCK_MONOTONIC of the store, nanoseconds).
            "timed_store" => {
                let map = maps[number(1) as usize].as_ref().unwrap();
                let before = now();
                map.store(number(2) as usize, number(3) as u64);
                answer(format_args!("{before} {}", now()));
            }
            "load" => {
                let value = maps[number(1) as usize].as_ref().unwrap().load(number(2) as usize);
                answer(format_args!("{value}"));
            }
            "address" => {
                // A word of the client's own memory, for ioctls with pointers.
                let bytes = unhex(words[1]);
                let at = bytes.as_ptr() as usize;
                ballast.push(bytes);
                answer(format_args!("{at}"));
            }
            "peek" => {
                let found = ballast.iter().find(|bytes| bytes.as_ptr() as usize == number(1) as usize);
                // Written by another process behind the compiler's back.
                let bytes: Vec<u8> = std::hint::black_box(found.unwrap()).clone();
                answer(format_args!("{}", hex(&bytes)));
            }
            "touch" => {
                ballast.push(vec![1; number(1) as usize]);
                answer(format_args!("ok"));
            }
            "bench" => {
                let (file, cmd) = (file(1), u32::from_str_radix(words[2], 16).unwrap());
                let mut bytes = unhex(words[3]);
                let rounds = number(4) as u32;
                let start = Instant::now();
                for _ in 0..rounds {
                    let _ = sys::ioctl(file.as_fd(), cmd, &mut bytes);
                }
                answer(format_args!("{}", start.elapsed().as_nanos() / u128::from(rounds)));
            }
            "exec" => {
                if words.len() > 1 {
                    sys::keep_over_exec(file(1).as_fd());
                }
                let error = command().exec();
                answer(format_args!("err {error}"));
            }
            // A descriptor that an exec left behind.
            "inherited" => {
                let path = format!("/proc/self/fd/{}", number(1));
                answer(format_args!("{}", std::fs::read_link(path).map_or(0, |_| 1)));
            }
            "adopt_ioctl" => {
                let reply = sys::with_borrowed(number(1) as RawFd, |fd| raw_ioctl(fd, words[2], words[3]));
                answer(format_args!("{reply}"));
            }
            other => panic!("no such command: {other}"),
        }
    }
}

/// CLOCK_MONOTONIC, nanoseconds.
pub fn now() -> i64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}
