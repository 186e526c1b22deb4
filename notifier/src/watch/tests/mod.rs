//! The facts about the kernel that this module relies on (each with a test of its own), and its promises.

mod deadlines;
mod deaths;
mod exec;
mod fds;
mod idle;
mod mem;
mod pidfd;
mod scale;
mod setup;
mod sharers;
mod status;
mod sys;
mod wakes;

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Event, Monotonic, Pidfd, Tgid, Token, Watcher};

/// Long enough for anything that has to happen, in a loaded machine.
const SOON: Duration = Duration::from_secs(10);
/// Long enough for something wrong to show.
const A_WHILE: Duration = Duration::from_millis(100);
const GUARD: Token = Token::new(Token::MAX_SLOT, u32::MAX, Token::MAX_TAG);

const fn token(slot: u32) -> Token {
    Token::new(slot, 1, 0)
}

/// A child that sleeps; killed and reaped at the end of the test.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().expect("sleep starts"))
    }

    fn tgid(&self) -> Tgid {
        Tgid(self.0.id())
    }

    fn pidfd(&self) -> Pidfd {
        Pidfd::open(self.tgid()).expect("an unreaped child has a pidfd")
    }

    fn kill(&mut self) {
        self.0.kill().expect("a child can be killed");
    }

    fn reap(&mut self) {
        self.kill();
        self.0.wait().expect("a child can be reaped");
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.reap();
    }
}

/// Waits until there are `want` events or the time is over.
fn collect(watcher: &mut Watcher, want: usize, within: Duration) -> Vec<Event> {
    watcher.set_deadline(GUARD, Monotonic::now() + within);
    let mut events = Vec::new();
    while events.len() < want {
        watcher.wait(&mut events).expect("the ring waits");
        if events.contains(&Event::Expired(GUARD)) {
            break;
        }
    }
    watcher.clear_deadline(GUARD);
    events.retain(|&event| event != Event::Expired(GUARD));
    events
}

/// Runs the calling test, given by its full name, alone in a process of its own. True in that process.
fn alone(test: &str) -> bool {
    const MARK: &str = "NOTIFIER_TEST_ALONE";
    if env::var_os(MARK).is_some() {
        return true;
    }
    let program = env::current_exe().expect("the test has a program");
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .stdin(Stdio::null())
        .output()
        .expect("the test program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the test must have run: {text}");
    // What a soak adds up.
    for counts in text.lines().filter_map(|line| line.find("counts ").map(|at| &line[at..])) {
        println!("{counts}");
    }
    false
}
