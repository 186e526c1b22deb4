//! From the start of the process to the first answered call, and the memory it then has.

use crate::stage::kfdd::Kfdd;
use crate::stage::{proc, sys};
use client::command;
use kfd_core::abi::kfd;
use kfd_tests::measure::{Goal, Samples, absolute, progress, remark};
use kfd_tests::task;
use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;
use zerocopy::IntoBytes;

const ROUNDS: usize = 11;
/// How often a client tries.
const TRY: Duration = Duration::from_micros(200);

/// See the module's head.
pub fn start() -> anyhow::Result<()> {
    let (mut first, mut idle, mut workers) = (Samples::default(), Samples::default(), Samples::default());
    progress("daemons starting");
    for _ in 0..ROUNDS {
        let daemon = Kfdd::launch()?;
        let path = daemon.dev().join("kfd");
        let took = loop {
            if version(&path).is_some() {
                break daemon.started().elapsed();
            }
            anyhow::ensure!(daemon.started().elapsed() < Duration::from_secs(10), "kfdd does not start");
            std::thread::sleep(TRY);
        };
        first.add(took.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(50));
        idle.add(proc::status(daemon.id(), "VmRSS")? as f64 / 1024.0);
        workers.add(
            task::children(daemon.id())
                .into_iter()
                .map(|worker| proc::status(worker, "VmRSS"))
                .sum::<anyhow::Result<u64>>()? as f64
                / 1024.0,
        );
        daemon.stop()?;
    }
    absolute("daemon start to first GET_VERSION", "ms", first.median(), Goal::AtMost(10.0));
    absolute("daemon, idle RSS", "MiB", idle.median(), Goal::AtMost(8.0));
    remark(&format!(
        "  its memory workers are processes of their own: {:.1} MiB RSS in all",
        workers.median()
    ));
    Ok(())
}

fn version(path: &std::path::Path) -> Option<u32> {
    let file = File::options().read(true).write(true).open(path).ok()?;
    let mut version = kfd::GetVersion::default();
    sys::ioctl(file.as_fd(), command::GET_VERSION, version.as_mut_bytes()).ok()?;
    Some(version.major_version)
}
