//! Packets a second: a full ring is let go at once, and only its draining is timed.
//!
//! The packets come from this core's cache to the other core in both cases. Before a ring is let go the doorbell has
//! been rung over an unfinished first packet, so that the engine is awake, as the peer thread is.

use crate::latency::spin_until;
use crate::ring::{Allocated, INVALID, PACKET, Queue, Ring, RingMemory as Lies, shared_queue, userptr_queue};
use crate::stage::shm::Shared;
use crate::stage::sync::{AtomicU64, Ordering};
use anyhow::ensure;
use client::Device;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::samples::nanos_per_call;
use kfd_tests::measure::{Goal, Samples, Turns, alternate, information, progress, ratio};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Slots of a ring in shared memory: 1 MiB, so that the start of a drain does not count.
const PACKETS: usize = 16 * 1024;
/// Slots of a ring in the client's memory: its draining is a hundred times as long as a look at whether it is drained.
const USERPTR_PACKETS: usize = 64 * 1024;
/// Bytes of a page, which is what the daemon reads of such a ring at once.
const PAGE: usize = 4096;
/// Reads that are timed together.
const RUN: u32 = 32;
const ROUNDS: usize = 30;
const USERPTR_ROUNDS: usize = 10;
/// From the doorbell to the release of the ring: the engine is awake by then and still polls.
const AWAKE: Duration = Duration::from_micros(15);

/// What the rates are measured with.
pub struct Rates<'d> {
    device: &'d Device,
    queue: Queue<Allocated>,
}

/// Between two looks at a ring in client memory, whose draining takes the cores that a spinning client would take.
const LOOK: Duration = Duration::from_micros(50);

/// Packets of a ring in shared memory before the clock starts: more than what runs on the thread that takes a trap, so that an
/// engine is at it, however long it took to wake.
const UNDER_WAY: usize = 256;

/// Lets a full ring go and waits in this way for each further look; millions of packets a second, from the moment on that
/// `under_way` of them are done.
fn drain<P: Lies>(queue: &mut Queue<P>, under_way: usize, wait: impl Fn(&Queue<P>)) -> f64 {
    loop {
        queue.ring.fill();
        queue.ring_doorbell();
        let woken = Instant::now();
        spin_until(|| woken.elapsed() >= AWAKE);
        let mut started = Instant::now();
        queue.ring.let_go();
        // Should the engine have gone to sleep again, this wakes it; on a polled queue it is a plain store.
        queue.ring_doorbell();
        let mut done = 0;
        if under_way > 0 {
            spin_until(|| queue.ring.taken() >= under_way);
            (started, done) = (Instant::now(), queue.ring.taken());
        }
        wait(queue);
        let (left, seconds) = (queue.ring.packets - done, started.elapsed().as_secs_f64());
        // This thread may have slept through the most of it.
        if left >= queue.ring.packets / 2 {
            return left as f64 / seconds / 1e6;
        }
    }
}

fn spinning<P: Lies>(queue: &Queue<P>) {
    spin_until(|| queue.ring.is_drained());
}

fn sleeping<P: Lies>(queue: &Queue<P>) {
    while !queue.ring.is_drained() {
        std::thread::sleep(LOOK);
    }
}

impl<'d> Rates<'d> {
    /// A queue with a large ring.
    pub fn new(device: &'d Device) -> anyhow::Result<Self> {
        Ok(Self { device, queue: shared_queue(device, PACKETS)? })
    }

    /// The one-queue figure: `rounds` rings.
    pub fn one_queue(&mut self, rounds: usize) -> Samples {
        (0..rounds).map(|_| drain(&mut self.queue, UNDER_WAY, spinning)).collect()
    }

    /// One queue in shared memory, beside a thread that reads and invalidates the same packets.
    pub fn shared(&mut self, cpus: &Cpus) -> anyhow::Result<()> {
        let memory = memfd_create("bench", MFdFlags::MFD_CLOEXEC)?;
        let bytes = Ring::<Shared>::bytes(PACKETS);
        nix::unistd::ftruncate(&memory, bytes.try_into()?)?;
        let mut filled = Ring::new(Shared::of(memory.as_fd(), 0, bytes)?, PACKETS);
        let seen = Shared::of(memory.as_fd(), 0, bytes)?;
        // 0: rest, 1: read a ring, 2: end.
        let order = AtomicU64::new(0);
        progress("rings in shared memory");
        let Turns { own: [own], floors: [peer] } = std::thread::scope(|scope| {
            let peer = scope.spawn(|| {
                cpus.stay(Place::Second)?;
                let mut ring = 0;
                loop {
                    spin_until(|| order.load(Ordering::Acquire) != 0);
                    if order.load(Ordering::Acquire) == 2 {
                        return anyhow::Ok(());
                    }
                    order.store(0, Ordering::Release);
                    ring += 1;
                    read_and_invalidate(&seen, ring);
                }
            });
            let mut read = || {
                filled.fill();
                order.store(1, Ordering::Release);
                spin_until(|| order.load(Ordering::Acquire) == 0);
                let started = Instant::now();
                filled.let_go();
                spin_until(|| filled.is_drained());
                Ok(PACKETS as f64 / started.elapsed().as_secs_f64() / 1e6)
            };
            let measured =
                alternate(ROUNDS, [&mut || Ok(drain(&mut self.queue, UNDER_WAY, spinning))], [&mut read]);
            order.store(2, Ordering::Release);
            peer.join().map_err(|_| anyhow::anyhow!("the peer thread panicked"))??;
            measured
        })?;
        ratio(
            "AQL barrier packets, one queue, shared memory",
            "M/s",
            own.median(),
            "a thread that reads and invalidates them",
            &peer,
            Goal::AtLeast(1.0),
        );
        Ok(())
    }

    /// A ring in this process's own memory: a packet beside one read of as many bytes of the mem file, which is how anybody
    /// else gets at them.
    pub fn userptr(&mut self, cpus: &Cpus) -> anyhow::Result<()> {
        progress("a ring in USERPTR memory");
        let mut own = userptr_queue(self.device, USERPTR_PACKETS)?;
        let memory = Shared::anonymous(Ring::<Shared>::bytes(USERPTR_PACKETS))?;
        memory.touch(1);
        let file = File::open("/proc/self/mem")?;
        // On the engine's CPU, over as much memory as the ring has.
        let reads = |size| cpus.at(Place::Second, || read_through(&file, &memory, size));
        let Turns { own: [own], floors: [packet, page] } = alternate(
            USERPTR_ROUNDS,
            [&mut || Ok(1e3 / drain(&mut own, 0, sleeping))],
            [&mut || reads(PACKET), &mut || reads(PAGE)],
        )?;
        cpus.stay(Place::First)?;
        let (name, unit) = ("AQL barrier packet, ring in USERPTR memory", "ns");
        ratio(
            name,
            unit,
            own.median(),
            "a pread of its 64 bytes of the mem file",
            &packet,
            Goal::AtMost(0.05),
        );
        information(name, unit, own.median(), "a pread of 4 KiB of the mem file", &page);
        Ok(())
    }
}

/// Reads all of this memory but its first page through the mem file, `size` bytes at a time; nanoseconds a read, the middle
/// of runs of [`RUN`], so that a run that was interrupted does not count.
fn read_through(file: &File, memory: &Shared, size: usize) -> anyhow::Result<f64> {
    let mut buffer = vec![0; size];
    let mut at = memory.address() + PAGE as u64;
    let mut short = false;
    // What was between two turns has left other things in the caches, which a lone run has not.
    file.read_at(&mut vec![0; memory.len() - PAGE], at)?;
    let runs = (memory.len() - PAGE) / size / RUN as usize;
    let timed = (0..runs).map(|_| {
        nanos_per_call(RUN, || {
            short |= file.read_at(&mut buffer, at).ok() != Some(size);
            at += size as u64;
        })
    });
    let nanos = timed.collect::<Samples>().median();
    ensure!(!short, "this program reads its own memory");
    Ok(nanos)
}

/// The peer: reads each packet whole, invalidates it, and stores the read index as often as a processor does.
fn read_and_invalidate(memory: &Shared, ring: usize) {
    let place = |slot: usize| crate::ring::RING + slot * crate::ring::PACKET;
    let mut sum = 0u64;
    for slot in 0..PACKETS {
        let header = memory.half(place(slot));
        spin_until(|| header.load(Ordering::Acquire) != INVALID);
        for word in 0..8 {
            sum = sum.wrapping_add(memory.word(place(slot) + word * 8).load(Ordering::Relaxed));
        }
        header.store(INVALID, Ordering::Release);
        if (slot + 1).is_multiple_of(64) {
            let done = (ring - 1) * PACKETS + slot + 1;
            memory.word(128).store(done as u64, Ordering::Release);
        }
    }
    std::hint::black_box(sum);
}
