//! Verbs about events and waits.

use crate::stage::{Answer, Stage, number};
use client::event::Event;
use client::{Device, WaitResult};
use std::sync::Arc;
use std::sync::mpsc::channel;

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "event" => create(stage, number(words, 0)),
        "unevent" => done(stage.device().destroy_event(event(words))),
        "set" => done(stage.device().set_event(event(words))),
        "wait" => wait(stage.device(), event(words), number(words, 1)),
        "park" => park(stage, event(words), number(words, 1)),
        "woken" => {
            let parked = stage.parked.pop().expect("`park` comes first");
            parked.join().expect("a parked thread does not panic")
        }
        _ => return None,
    })
}

fn event(words: &[&str]) -> Event {
    Event { id: number(words, 0), trigger: 0, slot: 0 }
}

fn done(result: Result<(), client::ClientError>) -> Answer {
    Ok(result.map(|()| String::new())?)
}

fn create(stage: &Stage, kind: u32) -> Answer {
    let event = stage.device().create_event(kind, true)?;
    Ok(event.id.to_string())
}

/// 0 complete, 1 timeout, 2 fail, as the interface numbers them.
fn wait(device: &Device, event: Event, timeout: u32) -> Answer {
    Ok(match device.wait_event(event, timeout)? {
        WaitResult::Complete => "0",
        WaitResult::Timeout => "1",
        WaitResult::Fail => "2",
    }
    .to_owned())
}

/// A thread of its own waits; its id. `woken` tells how the wait of the last such thread ended.
fn park(stage: &mut Stage, event: Event, timeout: u32) -> Answer {
    let device = Arc::clone(stage.device());
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        let _ = tell.send(nix::unistd::gettid());
        wait(&device, event, timeout)
    });
    stage.parked.push(thread);
    let tid = told.recv().expect("the thread tells its id first");
    Ok(tid.to_string())
}
