//! Many attached clients that do nothing: wake-ups, and memory.

use crate::stage::client::{self, BUFFERS_PER_QUEUE, Shape};
use crate::stage::kfdd::Kfdd;
use crate::stage::proc;
use kfd_tests::measure::{Goal, absolute, progress, remark};
use std::time::Duration;

/// Clients that are attached while the daemon idles.
pub const CLIENTS: usize = 1000;
/// Each with two queues.
pub const SHAPE: Shape = Shape { queues: 2, buffers: 2 * BUFFERS_PER_QUEUE };
/// How long nothing happens.
const COUNTED: Duration = Duration::from_secs(3);
/// Clients that are there before memory is looked at: what the first ones cost once is not a client's.
const BEFORE: usize = 10;

/// See the module's head.
pub fn idle() -> anyhow::Result<()> {
    progress("idle clients");
    let daemon = Kfdd::start()?;
    let mut crowd = client::crowd(&daemon.dev_text(), SHAPE, BEFORE)?;
    let rss = |field| proc::status(daemon.id(), field).map(|kib| kib as f64);
    let (before, anonymous, shared) = (rss("VmRSS")?, rss("RssAnon")?, rss("RssShmem")?);
    crowd.extend(client::crowd(&daemon.dev_text(), SHAPE, CLIENTS - BEFORE)?);
    std::thread::sleep(Duration::from_millis(500));
    let more = (CLIENTS - BEFORE) as f64;
    let sleeps = || daemon.processes().into_iter().map(proc::sleeps).sum::<anyhow::Result<u64>>();
    let (first, cpu) = (sleeps()?, daemon.cpu_nanos()?);
    std::thread::sleep(COUNTED);
    let (last, cpu) = (sleeps()?, daemon.cpu_nanos()? - cpu);
    absolute(
        &format!("idle daemon, {CLIENTS} clients with 2 queues"),
        "wakes/s",
        (last - first) as f64 / COUNTED.as_secs_f64(),
        Goal::AtMost(0.0),
    );
    remark(&format!("  its CPU and its workers' in these {COUNTED:?}: {:.0} us", cpu as f64 / 1000.0));
    absolute(
        "memory per attached idle client with 2 queues",
        "KiB",
        (rss("VmRSS")? - before) / more,
        Goal::AtMost(12.0),
    );
    remark(&format!(
        "  of that {:.1} KiB anonymous, {:.1} KiB pages shared with the client",
        (rss("RssAnon")? - anonymous) / more,
        (rss("RssShmem")? - shared) / more
    ));
    drop(crowd);
    daemon.stop()
}
