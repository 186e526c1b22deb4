//! `kfdctl evict` and `kfdctl restore`: what they changed, as one JSON object.

use crate::cli::{Evict, Restore, run_dir};
use crate::output;
use anyhow::Context;
use kfd_core::ids::{Bytes, Tgid};
use kfdd::control::{Control, Request};
use std::path::PathBuf;
use std::process::ExitCode;

/// `kfdctl evict`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn evict(asked: &Evict) -> anyhow::Result<ExitCode> {
    let request = match (asked.tgid, asked.overdrawn) {
        (Some(tgid), _) => Request::Evict { tgid: Tgid(tgid) },
        (None, from) => Request::EvictOverdrawn { from: Bytes(from.unwrap_or(1)) },
    };
    ask(asked.run_dir.as_ref(), &request)
}

/// `kfdctl restore`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn restore(asked: &Restore) -> anyhow::Result<ExitCode> {
    ask(asked.run_dir.as_ref(), &Request::Restore { tgid: Tgid(asked.tgid) })
}

fn ask(run: Option<&PathBuf>, request: &Request) -> anyhow::Result<ExitCode> {
    let reply = Control::of(&run_dir(run)).ask(request)?;
    output::print(&format!("{}\n", serde_json::to_value(reply).context("cannot read the reply")?))?;
    Ok(ExitCode::SUCCESS)
}
