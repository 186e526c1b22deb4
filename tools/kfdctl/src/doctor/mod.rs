//! `kfdctl doctor`: what kfdd needs of this machine, one line each, with what to do.
//!
//! | module | what it looks at |
//! |---|---|
//! | [`check`] | one check and its line |
//! | [`kernel`] | version, /dev/fuse, io_uring, overlay |
//! | [`rights`] | capabilities, user namespaces, Yama |
//! | [`surroundings`] | the daemon, real GPUs, stale mounts, what clients need |
//!
//! Every check looks and changes nothing.

mod check;
mod kernel;
mod rights;
mod surroundings;

use crate::cli::{Doctor, run_dir};
use crate::output;
use check::{Check, Status};
use std::process::ExitCode;

/// Runs every check.
///
/// # Errors
/// Standard output cannot be written.
pub fn doctor(asked: &Doctor) -> anyhow::Result<ExitCode> {
    let daemon = surroundings::daemon(&run_dir(asked.run_dir.as_ref()));
    let answers = daemon.status == Status::Ok;
    let mut checks = vec![
        kernel::version(),
        kernel::fuse().excused(answers),
        kernel::io_uring().excused(answers),
        kernel::overlay(),
        rights::admin().excused(answers),
        rights::ptrace().excused(answers),
        rights::yama(),
        rights::user_namespaces(),
        daemon,
        surroundings::real_gpu(),
        surroundings::stale_mounts(),
        surroundings::paged_mem(),
    ];
    checks.extend(surroundings::lsmod());
    let ok = checks.iter().all(|check| check.status != Status::Missing);
    let text = if asked.json {
        serde_json::json!({ "ok": ok, "checks": checks }).to_string() + "\n"
    } else {
        checks.iter().map(Check::line).collect()
    };
    output::print(&text)?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
