//! What /proc and the CPU clocks say of a process.

use anyhow::Context;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::fs;

/// CPU used so far by all threads of a process, those that ended included; nanoseconds.
pub fn cpu_nanos(pid: u32) -> anyhow::Result<u64> {
    let time = clock_gettime(ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into()?))?)?;
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// CPU used so far by the calling thread, nanoseconds.
pub fn thread_cpu_nanos() -> anyhow::Result<u64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// A line of `/proc/PID/status` in its own unit (kB for sizes).
pub fn status(pid: u32, field: &str) -> anyhow::Result<u64> {
    number(&fs::read_to_string(format!("/proc/{pid}/status"))?, field)
}

/// How often the threads of a process went to sleep so far: each sleep that ended was a wake-up.
pub fn sleeps(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        sum += number(&fs::read_to_string(task?.path().join("status"))?, "voluntary_ctxt_switches")?;
    }
    Ok(sum)
}

fn number(text: &str, field: &str) -> anyhow::Result<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("no {field} in a status file"))
}
