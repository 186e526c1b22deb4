//! What a client does until it is killed: attaches, makes queues and buffers, submits packets, waits.
//!
//! The seed chooses a role, so that deaths come at every stage of a life: parked in WAIT_EVENTS, in the middle of a
//! batch, between an allocation and its free, at the very start.

use crate::storm::Choices;
use client::kernel::{Code, Kernel};
use client::memory::{Buffer, Kind};
use client::{ClientError, Device, UserQueue, WaitResult};
use std::process::ExitCode;
use std::time::Duration;

/// The first argument of a client process.
pub const MARKER: &str = "--victim";

/// The last argument of one that may run kernels.
pub const KERNELS: &str = "--kernels";

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
    let kernels = arguments.next().is_some_and(|argument| argument == KERNELS);
    match live(dev.as_ref(), seed, kernels) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("kfd-stress client: {:#}", anyhow::Error::from(error));
            Some(ExitCode::FAILURE)
        }
    }
}

enum Never {}

fn live(dev: &std::path::Path, seed: u64, kernels: bool) -> Result<Never, ClientError> {
    let mut choices = Choices::new(seed);
    let device = Device::open(dev)?;
    let queues = [UserQueue::create(&device, RING)?, UserQueue::create(&device, RING)?];
    match choices.below(if kernels { 6 } else { 3 }) {
        0 => submit(&device, queues),
        1 => park(&device, &queues),
        3.. => execute(&device, &mut choices, &queues),
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

/// Kernels that never end on one queue, and short ones on the other.
fn execute(device: &Device, choices: &mut Choices, queues: &[UserQueue; 2]) -> Result<Never, ClientError> {
    let endless = [Code::Counts, Code::Sleeps, Code::Stores];
    let chosen = usize::try_from(choices.below(endless.len() as u64)).unwrap_or_default();
    let endless = Kernel::new(device, endless[chosen])?;
    let short = Kernel::new(device, Code::StoresOnce)?;
    endless.dispatch(&queues[0], 1 + u32::try_from(choices.below(200)).unwrap_or_default(), None);
    loop {
        if queues[1].write_index() - queues[1].read_index() < u64::from(RING) / 2 {
            short.dispatch(&queues[1], 3, None);
        }
        std::thread::sleep(Duration::from_millis(1));
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
