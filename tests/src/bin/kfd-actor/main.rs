//! `kfd-actor DEV [FD]`: a client process that does what each line on its standard input says and answers each by one line on its
//! standard output, `ok VALUES…` or `errno N [STRUCT]`. Its harness is `kfd_tests::Actor`.
//!
//! | verbs | module |
//! |---|---|
//! | `open` `open-kfd` `close` `version` `kfd-fd` `ioctl` `ioctl-render` `mmap` `dup` `system` | [`node`] |
//! | `event` `unevent` `set` `wait` `park` `woken` | [`event`] |
//! | `queue` `unqueue` `run` `stick` `cross` `unstick` `batch` `reserve` `publish` `bad-packet` `ring` `read-index` `completed` `storm` `flood` | [`queue`] |
//! | `kernel` `aim` `dispatch` `stored` | [`waves`] |
//! | `alloc` `fill` `free` `touch` `anon` `hole` `unmap` `hide` `map` `poke` `peek` | [`memory`] |
//! | `fork` `fork-hold` `exec` `listen` `give` `take` `ioctl-taken` `handle` `interrupt` `leader-exit` `host-pid` `quit` | [`life`] |
//!
//! The lines are read by a thread that is not the leader, so that the leader can exit first. With FD the program was
//! executed by its former self and inherited that descriptor of kfd.

#![allow(missing_docs, reason = "a program of the tests")]

mod event;
mod life;
mod memory;
mod node;
mod queue;
mod stage;
mod sys;
mod waves;

use stage::{Answer, Refusal, Stage};
use std::io::{BufRead, Write};

fn main() {
    // A line that makes no sense ends the actor, so that the test does not wait for an answer.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
    let mut arguments = std::env::args_os().skip(1);
    let dev = arguments.next().expect("usage: kfd-actor DEV [FD]");
    let inherited =
        arguments.next().map(|fd| fd.to_str().and_then(|fd| fd.parse().ok()).expect("a descriptor"));
    let mut stage = Stage::new(dev.into(), inherited);
    if inherited.is_some() || std::env::var_os(life::REBORN).is_some() {
        say(&Ok(String::new()));
    }
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            say(&act(&mut stage, &line));
        }
        std::process::exit(0);
    });
    loop {
        std::thread::park();
    }
}

fn say(answer: &Answer) {
    let line = match answer {
        Ok(values) => format!("ok {values}"),
        Err(Refusal { errno, after }) => format!("errno {errno} {after}"),
    };
    // Nobody hears when the test is over.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", line.trim_end());
    let _ = out.flush();
}

fn act(stage: &mut Stage, line: &str) -> Answer {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    node::act(stage, verb, &words)
        .or_else(|| event::act(stage, verb, &words))
        .or_else(|| queue::act(stage, verb, &words))
        .or_else(|| waves::act(stage, verb, &words))
        .or_else(|| memory::act(stage, verb, &words))
        .or_else(|| life::act(stage, verb, rest, &words))
        .unwrap_or_else(|| panic!("no such verb: {line}"))
}
