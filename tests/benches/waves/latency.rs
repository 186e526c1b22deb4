//! A kernel of one instruction, from the doorbell's store to the completion that the client sees, beside a barrier packet of
//! the same queue.

use anyhow::Context;
use client::kernel::{Code, Kernel};
use client::{Device, Signal, UserQueue};
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::{
    Floor, Goal, Samples, Turns, absolute, alternate, beyond, information, progress, remark,
};
use std::time::{Duration, Instant};

/// Rounds, packets of a round on an active queue and on an idle one, and how long that is left alone before each.
const ROUNDS: usize = 15;
const PACKETS: u32 = 1000;
const IDLE_PACKETS: u32 = 20;
const REST: Duration = Duration::from_millis(2);
/// What a dispatch may take; on an idle queue, what it may take more than a barrier packet.
const BOUND_US: f64 = 20.0;

/// See the module's head. The client stays on the first CPU; daemon and worker on the second, as an engine does that polls
/// while its client does.
pub fn latency(cpus: &Cpus) -> anyhow::Result<()> {
    let daemon = crate::daemon()?;
    {
        let device = Device::open(daemon.dev())?;
        cpus.stay(Place::First)?;
        daemon.keep(cpus, Place::Second)?;
        let mut case = Case::new(&device)?;
        case.active()?;
        case.idle()?;
        case.queue.destroy(&device)?;
        cpus.stay(Place::Anywhere)?;
    }
    daemon.stop()
}

struct Case {
    queue: UserQueue,
    done: Signal,
    kernel: Kernel,
}

/// Waits until it is so; gives the core away every few microseconds.
fn spin_until(what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
    let (mut turns, started) = (0u32, Instant::now());
    while !done() {
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(64) {
            std::thread::yield_now();
            anyhow::ensure!(started.elapsed() < Duration::from_secs(10), "{what} does not complete");
        } else {
            std::hint::spin_loop();
        }
    }
    Ok(())
}

impl Case {
    fn new(device: &Device) -> anyhow::Result<Self> {
        let mut queue = UserQueue::create(device, 64)?;
        let done = queue.signal(1, None).context("a new queue has room for signals")?;
        let case = Self { queue, done, kernel: Kernel::new(device, Code::Ends)? };
        // The first makes the worker.
        case.dispatch()?;
        Ok(case)
    }

    /// Microseconds of a packet.
    fn timed(&self, what: &str, submit: impl FnOnce()) -> anyhow::Result<f64> {
        self.queue.reset(self.done, 1, None);
        let started = Instant::now();
        submit();
        spin_until(what, || self.queue.value(self.done) == 0)?;
        Ok(started.elapsed().as_secs_f64() * 1e6)
    }

    fn dispatch(&self) -> anyhow::Result<f64> {
        self.timed("a dispatch", || self.kernel.dispatch(&self.queue, 1, Some(&self.done)))
    }

    fn barrier(&self) -> anyhow::Result<f64> {
        self.timed("a barrier packet", || self.queue.submit_barrier(&[], Some(&self.done)))
    }

    /// Dispatches in turns with barrier packets, so many of a kind in a row and so far apart; the medians of the rounds, and
    /// every single dispatch.
    fn compared(&self, packets: u32, rest: Option<Duration>) -> anyhow::Result<(Samples, Floor, Samples)> {
        let round = |packet: &dyn Fn() -> anyhow::Result<f64>| {
            let mut round = Samples::default();
            for _ in 0..packets {
                rest.into_iter().for_each(std::thread::sleep);
                round.add(packet()?);
            }
            anyhow::Ok(round)
        };
        let mut single = Samples::default();
        let mut dispatches = || {
            let round = round(&|| self.dispatch())?;
            single.extend(&round);
            Ok(round.median())
        };
        let mut barriers = || Ok(round(&|| self.barrier())?.median());
        let Turns { own: [own], floors: [barrier] } = alternate(ROUNDS, [&mut dispatches], [&mut barriers])?;
        Ok((own, barrier, single))
    }

    /// On a queue that the daemon polls, with a worker that has just run something.
    fn active(&mut self) -> anyhow::Result<()> {
        progress("empty dispatches of an active queue");
        let (own, barrier, single) = self.compared(PACKETS, None)?;
        let name = "empty dispatch, doorbell store to completion, active queue";
        absolute(name, "us", own.median(), Goal::AtMost(BOUND_US));
        information(name, "us", own.median(), "barrier packet, the same queue", &barrier);
        remark(&format!("  of all: p50 {:.1} us, p99 {:.1} us", single.median(), single.at(0.99)));
        Ok(())
    }

    /// On a queue whose doorbell page is a trap.
    fn idle(&mut self) -> anyhow::Result<()> {
        progress("empty dispatches of an idle queue");
        let (own, barrier, single) = self.compared(IDLE_PACKETS, Some(REST))?;
        let name = "empty dispatch, doorbell store to completion, idle queue";
        let value = barrier.median() + barrier.exceeded_by(&own);
        beyond(name, "us", value, "barrier packet, the same queue", &barrier, BOUND_US);
        remark(&format!("  of all: p50 {:.1} us, p99 {:.1} us", single.median(), single.at(0.99)));
        Ok(())
    }
}
