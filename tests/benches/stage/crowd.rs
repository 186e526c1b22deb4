//! Thousands of attached clients: each a child that a nursery process forks, so that it costs what fork costs and not a
//! program's start, and all of them one descriptor here.

use super::actor::{self, Actor};
use super::client::{self, Shape};
use super::sys;
use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use std::io::{Read, Write};

/// The nursery; its arguments are the device folder, queues and buffers of each, and how many.
pub const ROLE: actor::Role = ("crowd", raise);

/// Attached clients that sleep; they end with this.
pub struct Crowd {
    _nursery: Actor,
}

impl Crowd {
    /// Starts `count` of this shape; all are attached.
    pub fn start(dev: &str, shape: Shape, count: usize) -> anyhow::Result<Self> {
        let [queues, buffers, count] = [shape.queues, shape.buffers, count].map(|number| number.to_string());
        let nursery = Actor::start(ROLE.0, &[dev, &queues, &buffers, &count], None)?;
        Ok(Self { _nursery: nursery.until_ready()? })
    }
}

fn raise(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, queues, buffers, count] = arguments else { bail!("dev, queues, buffers, count") };
    let shape = Shape { queues: queues.parse()?, buffers: buffers.parse()? };
    let (mut told, tell) = std::io::pipe()?;
    for _ in 0..count.parse::<usize>()? {
        if sys::fork()?.is_none() {
            // Not inherited over fork.
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            drop(told);
            let held = client::attach(dev, shape);
            (&tell).write_all(if held.is_ok() { b"d" } else { b"f" })?;
            let _held = held?;
            actor::sleep_for_ever()
        }
        // One at a time: what a crowd costs its daemon is not measured by how it comes.
        let mut word = [0];
        told.read_exact(&mut word).context("a client ended early")?;
        if word != *b"d" {
            bail!("a client of the crowd could not attach");
        }
    }
    actor::ready()?;
    actor::sleep_for_ever()
}
