//! A copy by packets of an SDMA queue, beside memcpy of the same bytes.

use crate::latency::spin_until;
use anyhow::Context;
use client::Device;
use client::memory::{Buffer, Kind};
use client::sdma;
use client::stream::{Engine, StreamQueue};
use kfd_tests::measure::{Goal, Turns, alternate, progress, ratio};
use std::time::Instant;

/// Bytes of a copy: more than the caches hold.
const BYTES: usize = 64 << 20;
const ROUNDS: usize = 15;

/// Device memory to device memory, both touched before.
pub fn linear(device: &Device) -> anyhow::Result<()> {
    let memory = Buffer::new(device, Kind::Vram, 2 * BYTES as u64)?;
    memory.write(0, &vec![0x5a; 2 * BYTES]);
    let mut queue = StreamQueue::create(device, Engine::Sdma, 4096)?;
    let packets = sdma::copy(memory.va(BYTES as u64), memory.va(0), BYTES as u64);
    let (from, mut to) = (vec![0x5au8; BYTES], vec![0xa5u8; BYTES]);
    let speed = |started: Instant| BYTES as f64 / started.elapsed().as_secs_f64() / 1e9;
    progress("SDMA copies");
    let mut packet = || {
        let started = Instant::now();
        queue.submit(&packets).context("an empty ring has room")?;
        spin_until(|| queue.pending() == 0);
        Ok(speed(started))
    };
    let mut memcpy = || {
        let started = Instant::now();
        std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from));
        Ok(speed(started))
    };
    let Turns { own: [own], floors: [memcpy] } = alternate(ROUNDS, [&mut packet], [&mut memcpy])?;
    ratio("SDMA linear copy of 64 MiB", "GB/s", own.median(), "memcpy", &memcpy, Goal::AtLeast(1.0));
    queue.destroy(device)?;
    memory.free(device)?;
    Ok(())
}
