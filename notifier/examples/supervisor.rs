//! An event loop that may never wait: it frees without a barrier, bounds its backlog and hears of execs.
//!
//! ```text
//! cargo run -p notifier --example supervisor
//! ```
//!
//! | what a loop must not do | what it does instead |
//! |---|---|
//! | wait for a grace period | ask for one (`start_poll`) and look at it between events (`is_elapsed`) |
//! | outrun the reclaimer | `throttle` where it produces, on a thread that may wait for it |
//! | wait for an exec's consequences | an `ExecListener`: with an inherited descriptor nothing else tells of an exec |

use notifier::srcu::Domain;
use notifier::watch::{Coverage, Event, ExecListener, Interest, Tgid, Token, Watcher};
use std::error::Error;
use std::os::fd::AsFd;
use std::process::Command;

/// Records that wait for the reclaimer at the most.
const BACKLOG: usize = 1000;
const EXECS: Token = Token::new(0, 0, 1);

fn main() -> Result<(), Box<dyn Error>> {
    let domain = Domain::new("supervisor");

    // A producer: a million records replaced, of which few are ever pending at once.
    let mut most = 0;
    for record in 0..1_000_000_u64 {
        domain.throttle(BACKLOG);
        domain.retire(Box::new(record));
        most = most.max(domain.pending());
    }
    println!("a million records retired, at most {most} pending");
    assert!(most <= BACKLOG + 1);

    // The loop: is everything that was read before this moment done with?
    let cookie = domain.start_poll();
    let mut rounds = 0_u64;
    while !domain.is_elapsed(cookie) {
        rounds += 1;
        std::thread::yield_now();
    }
    println!("a grace period went by in {rounds} rounds of the loop, which waited for none");

    match ExecListener::open() {
        Ok(listener) => hear_an_exec(&listener)?,
        Err(error) => println!("execs are not told here: {error}"),
    }
    domain.barrier();
    Ok(())
}

/// Starts a client that becomes another program, and hears of it though nothing of its ends.
fn hear_an_exec(listener: &ExecListener) -> Result<(), Box<dyn Error>> {
    let mut watcher = Watcher::new()?;
    watcher.poll_fd(listener.as_fd(), Interest::Read, EXECS)?;
    let mut client = Command::new("sh").args(["-c", "exec sleep 1"]).spawn()?;
    let (mut events, mut execs) = (Vec::new(), Vec::new());
    while !execs.contains(&Tgid(client.id())) {
        watcher.wait(&mut events)?;
        if events.drain(..).any(|event| matches!(event, Event::Ready(EXECS, _))) {
            if listener.drain(&mut execs)? == Coverage::Lost {
                println!("some execs were lost: every address space would have to be probed");
            }
            watcher.poll_fd(listener.as_fd(), Interest::Read, EXECS)?;
        }
    }
    println!("client {} has executed another program: its address space is gone", client.id());
    client.kill()?;
    client.wait()?;
    Ok(())
}
