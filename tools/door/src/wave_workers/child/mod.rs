//! The body of a wave worker: threads that run the dispatches of one client.
//!
//! ```text
//! socket ──listen──► Turns ──turn──► Job { waves::Dispatch } ──Host──► Reach ──► Arena (the client's arena)
//!    ▲                                                                  │
//!    └────────────── Over, Rang, Interrupt, Translate, Far ─────────────┘
//! ```
//! [`serve`] runs it, in a process of its own or, for tests, on threads of this one. All that waves stored is in memory before
//! their end is told: the thread that tells it is the one that stored, or has the dispatch from it under the lock of `turns`.
//!
//! Not for: the process, its rights and limits.

mod ahead;
mod arena;
mod behind;
mod constants;
mod gate;
mod job;
mod kernels;
mod lanes;
mod limits;
mod map;
mod reach;
mod shm;
mod sync;
mod turn;
mod turns;
mod whole;
mod worker;

pub use limits::{DeviceLimits, Limits};
pub(super) use turn::TURN;

use super::wire::Malformed;
use arena::Arena;
use gate::Gate;
use reach::Reach;
use shm::{DEVICES, Epochs};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waves::Blocks;
use worker::Worker;

/// Bytes of a thread's stack: an instruction's operands are the most that is on it.
const STACK: usize = 512 << 10;

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The daemon says what is no order.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// There are no threads or no room for the arena.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the dispatches that come by `socket`, until it ends. `arena` is the client's memfd, `epochs` the page in which the core
/// counts a device's unmappings, one word in 64 bytes. `begins` is called when everything is mapped and all threads are there, and
/// before any order is read.
///
/// # Errors
/// [`ServeError`].
pub fn serve(
    socket: OwnedFd,
    arena: OwnedFd,
    epochs: OwnedFd,
    limits: Limits,
    begins: impl FnOnce() -> io::Result<()>,
) -> Result<(), ServeError> {
    if limits.threads == 0 || limits.devices.len() > DEVICES {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    }
    let threads = limits.threads;
    let worker = Worker::new(socket, Arena::map(arena)?, Epochs::map(epochs.as_fd())?, limits);
    drop(epochs);
    let gate = Gate::default();
    std::thread::scope(|scope| {
        for seat in 1..threads {
            let builder = std::thread::Builder::new().name("kfdd-wave".to_owned()).stack_size(STACK);
            let (worker, gate) = (&worker, &gate);
            let body = move || {
                if gate.wait() {
                    run(worker, seat);
                }
            };
            builder.spawn_scoped(scope, body).inspect_err(|_| gate.close())?;
        }
        gate.open(threads - 1, begins)?;
        run(&worker, 0);
        Ok::<_, io::Error>(())
    })?;
    if worker.heard_nonsense() {
        return Err(Malformed.into());
    }
    Ok(())
}

/// What one thread does.
fn run(worker: &Worker, seat: usize) {
    let mut reach = Reach::new(worker, seat);
    let mut blocks: Vec<Blocks> = worker.codes.iter().map(Blocks::of).collect();
    worker.turns.work(seat, worker, |ticket, job, wish, first| {
        job.turn(ticket, wish, first, worker, &mut reach, &mut blocks)
    });
}
