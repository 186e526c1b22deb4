//! Verbs about queues. Each names its queue by the index that `queue` answered.

use crate::stage::{Answer, Held, Stage, number};
use client::{Signal, UserQueue, WaitResult};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a completion signal starts from: far from 0, so that a packet that completes twice is seen.
const START: u64 = 1000;

/// How long packets may take that need nothing but their turn.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "queue" => create(stage, number(words, 0)),
        "unqueue" => destroy(stage, number(words, 0)),
        "run" => run(stage, number(words, 0), number(words, 1)),
        "stick" => {
            let held = stage.held(number(words, 0));
            held.queue.submit_barrier(&[held.stuck.handle], Some(&held.done));
            Ok(String::new())
        }
        "cross" => {
            // Completes what the other queue waits for once the other has completed what this one waits for.
            let (held, other) = (stage.held(number(words, 0)), stage.held(number(words, 1)));
            held.queue.submit_barrier(&[other.stuck.handle], Some(&held.stuck));
            Ok(String::new())
        }
        "unstick" => unstick(stage, number(words, 0)),
        "batch" => {
            batch(stage.held(number(words, 0)), number(words, 1));
            Ok(String::new())
        }
        "reserve" => Ok(stage.held(number(words, 0)).queue.reserve(number(words, 1)).to_string()),
        "publish" => {
            let held = stage.held(number(words, 0));
            held.queue.publish_barrier(number(words, 1), &[], Some(&held.done));
            Ok(String::new())
        }
        "bad-packet" => {
            // Type 7 does not exist (hsa.h, hsa_packet_type_t).
            let held = stage.held(number(words, 0));
            held.queue.submit(7, &[0; 8]);
            held.queue.ring_doorbell();
            Ok(String::new())
        }
        "ring" => {
            stage.held(number(words, 0)).queue.ring(number(words, 1));
            Ok(String::new())
        }
        "read-index" => Ok(stage.held(number(words, 0)).queue.read_index().to_string()),
        "completed" => {
            let held = stage.held(number(words, 0));
            Ok((START - held.queue.value(held.done)).to_string())
        }
        "storm" => {
            let queue = Arc::clone(&stage.held(number(words, 0)).queue);
            std::thread::spawn(move || {
                loop {
                    queue.ring(0);
                }
            });
            Ok(String::new())
        }
        "gws" => {
            let taken = stage.held(number(words, 0)).queue.take_wave_sync(stage.device());
            taken.map(|()| String::new()).map_err(Into::into)
        }
        "flood" => flood(stage, number(words, 0)),
        _ => return None,
    })
}

fn create(stage: &mut Stage, packets: u32) -> Answer {
    let device = stage.device();
    let mut queue = UserQueue::create(device, packets)?;
    let event = device.create_signal_event()?;
    let done: Signal = queue.signal(START, Some(event)).expect("a new queue has room for signals");
    let stuck = queue.signal(1, None).expect("a new queue has room for signals");
    let id = queue.id();
    stage.queues.push(Some(Held { queue: Arc::new(queue), event, done, stuck }));
    Ok(format!("{} {id}", stage.queues.len() - 1))
}

fn destroy(stage: &mut Stage, index: usize) -> Answer {
    let held = stage.queues[index].take().expect("the queue was not destroyed");
    let queue = Arc::into_inner(held.queue).expect("a flooding thread still uses the queue");
    queue.destroy(stage.device())?;
    stage.device().destroy_event(held.event)?;
    Ok(String::new())
}

/// N packets of which each lowers the completion signal: waits until as many have completed, in the kernel where it
/// can; answers how many completed and the read index.
fn run(stage: &Stage, index: usize, count: u64) -> Answer {
    let held = stage.held(index);
    held.queue.reset(held.done, START, Some(held.event));
    for _ in 0..count {
        held.queue.submit_barrier(&[], Some(&held.done));
    }
    let until = Instant::now() + PATIENCE;
    while held.queue.value(held.done) > START - count || held.queue.read_index() != held.queue.write_index() {
        if stage.device().wait_event(held.event, 10)? == WaitResult::Fail || Instant::now() > until {
            return Err(std::io::Error::from_raw_os_error(libc::ETIMEDOUT).into());
        }
    }
    Ok(format!("{} {}", START - held.queue.value(held.done), held.queue.read_index()))
}

/// Lowers the signal that holds packets back, and says so.
fn unstick(stage: &Stage, index: usize) -> Answer {
    let held = stage.held(index);
    held.queue.reset(held.stuck, 0, None);
    stage.device().set_event(held.event)?;
    Ok(String::new())
}

/// N packets, the middle one held back, the doorbell rung for the first only.
fn batch(held: &Held, count: u64) {
    let first = held.queue.reserve(count);
    for index in first..first + count {
        let dependency = [held.stuck.handle];
        let dependencies: &[u64] = if index - first == count / 2 { &dependency } else { &[] };
        held.queue.publish_barrier(index, dependencies, Some(&held.done));
    }
    held.queue.ring(first);
}

/// A thread that keeps the ring as full as it can, for ever.
fn flood(stage: &Stage, index: usize) -> Answer {
    let held = stage.held(index);
    let (queue, done) = (Arc::clone(&held.queue), held.done);
    std::thread::spawn(move || {
        loop {
            while queue.write_index() - queue.read_index() < 15 {
                queue.submit_barrier(&[], Some(&done));
            }
            std::hint::spin_loop();
        }
    });
    Ok(String::new())
}
