//! What a client does until it is killed: attaches, makes queues and buffers, submits packets, waits.
//!
//! The seed chooses a role, so that deaths come at every stage of a life: parked in WAIT_EVENTS, in the middle of a
//! batch, between an allocation and its free, at the very start.

use crate::storm::Choices;
use client::memory::{Buffer, Kind};
use client::{ClientError, Device, UserQueue, WaitResult};
use std::process::ExitCode;

/// The first argument of a client process.
pub const MARKER: &str = "--victim";

/// Packets of each queue's ring.
const RING: u32 = 64;

/// Becomes a client when the arguments say so; returns only then, and only on an error.
pub fn enter_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != MARKER {
        return None;
    }
    let dev = arguments.next()?;
    let seed = arguments.next()?.to_str()?.parse().ok()?;
    match live(dev.as_ref(), seed) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("kfd-stress client: {:#}", anyhow::Error::from(error));
            Some(ExitCode::FAILURE)
        }
    }
}

enum Never {}

fn live(dev: &std::path::Path, seed: u64) -> Result<Never, ClientError> {
    let mut choices = Choices::new(seed);
    let device = Device::open(dev)?;
    let queues = [UserQueue::create(&device, RING)?, UserQueue::create(&device, RING)?];
    match choices.below(3) {
        0 => submit(&device, queues),
        1 => park(&device, &queues),
        _ => allocate(&device, &mut choices),
    }
}

/// Batches of packets whose last one has a signal that raises an event.
fn submit(device: &Device, queues: [UserQueue; 2]) -> Result<Never, ClientError> {
    let event = device.create_signal_event()?;
    let mut queues = queues;
    let mut signals = Vec::new();
    for queue in &mut queues {
        signals.push(queue.signal(0, Some(event)).expect("a new queue has room for a signal"));
    }
    loop {
        for (queue, signal) in queues.iter().zip(&signals) {
            queue.reset(*signal, 1, Some(event));
            for _ in 0..15 {
                queue.submit_barrier(&[], None);
            }
            queue.submit_barrier(&[], Some(signal));
            while queue.value(*signal) != 0 {
                if device.wait_event(event, 1000)? == WaitResult::Fail {
                    return Err(ClientError::Call {
                        call: "WAIT_EVENTS",
                        source: std::io::Error::other("the event failed"),
                    });
                }
            }
        }
    }
}

/// Parked for life, as every HSA runtime's own thread is, with a packet that waits on a signal nobody lowers.
fn park(device: &Device, queues: &[UserQueue; 2]) -> Result<Never, ClientError> {
    let event = device.create_signal_event()?;
    queues[0].submit_barrier(&[], None);
    loop {
        device.wait_event(event, u32::MAX - 1)?;
    }
}

/// Buffers of both kinds, touched and freed in turn.
fn allocate(device: &Device, choices: &mut Choices) -> Result<Never, ClientError> {
    let mut held = Vec::new();
    loop {
        let kind = if choices.below(2) == 0 { Kind::Vram } else { Kind::Gtt };
        let buffer = Buffer::new(device, kind, 4096 * (1 + choices.below(16)))?;
        buffer.store_words(0, &[1; 512]);
        held.push(buffer);
        if held.len() > 8 {
            let chosen = choices.below(held.len() as u64);
            held.swap_remove(usize::try_from(chosen).expect("an index into a short list")).free(device)?;
        }
    }
}
