//! `kfdctl doctor`: what kfdd needs of this machine, one line each, with what to do.
//!
//! | module | what it looks at |
//! |---|---|
//! | [`kernel`] | version, /dev/fuse, io_uring, overlay |
//! | [`rights`] | capabilities, user namespaces, Yama |
//! | [`surroundings`] | the daemon, real GPUs, stale mounts, what clients need |
//!
//! Every check looks and changes nothing.

mod kernel;
mod rights;
mod surroundings;

use crate::cli::{Doctor, run_dir};
use crate::output;
use serde::Serialize;
use std::process::ExitCode;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// As it should be.
    Ok,
    /// kfdd works, but something is worth knowing.
    Note,
    /// kfdd cannot serve.
    Missing,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), advice: None }
    }

    fn note(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Note, found: found.into(), advice: Some(advice.into()) }
    }

    fn missing(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Missing, found: found.into(), advice: Some(advice.into()) }
    }

    /// What a running daemon has already and this caller does not need.
    fn excused(self, daemon_answers: bool) -> Self {
        match self.status {
            Status::Missing if daemon_answers => Self { status: Status::Note, ..self },
            _ => self,
        }
    }
}

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
        checks.iter().map(line).collect()
    };
    output::print(&text)?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(check: &Check) -> String {
    let status = match check.status {
        Status::Ok => "ok",
        Status::Note => "note",
        Status::Missing => "MISSING",
    };
    let advice = check.advice.as_ref().map_or_else(String::new, |advice| format!("\n{:36}{advice}", ""));
    format!("{status:<8}{:<28}{}{advice}\n", check.name, check.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_running_daemon_has_is_not_missing() {
        let check = Check::missing("fuse", "none", "load it");
        assert_eq!(check.clone().excused(true).status, Status::Note);
        assert_eq!(check.excused(false).status, Status::Missing);
    }

    #[test]
    fn a_line_says_what_to_do() {
        let text = line(&Check::missing("fuse", "no /dev/fuse", "modprobe fuse"));
        assert_eq!(text, format!("MISSING {:<28}no /dev/fuse\n{:36}modprobe fuse\n", "fuse", ""));
    }
}
