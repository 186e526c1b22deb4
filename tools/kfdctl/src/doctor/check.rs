//! What one check found, and how it is told.

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// kfdd works, but something is worth knowing.
    Note,
    /// kfdd cannot serve.
    Missing,
}

/// What a check found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), advice: None }
    }

    pub fn note(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Note, found: found.into(), advice: Some(advice.into()) }
    }

    pub fn missing(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Missing, found: found.into(), advice: Some(advice.into()) }
    }

    /// What a running daemon has already and this caller does not need.
    pub fn excused(self, daemon_answers: bool) -> Self {
        match self.status {
            Status::Missing if daemon_answers => Self { status: Status::Note, ..self },
            _ => self,
        }
    }

    /// The line of a listing, and below it what to do.
    pub fn line(&self) -> String {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Note => "note",
            Status::Missing => "MISSING",
        };
        let advice = self.advice.as_ref().map_or_else(String::new, |advice| format!("\n{:36}{advice}", ""));
        format!("{status:<8}{:<28}{}{advice}\n", self.name, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Status};

    #[test]
    fn what_a_running_daemon_has_is_not_missing() {
        let check = Check::missing("fuse", "none", "load it");
        assert_eq!(check.clone().excused(true).status, Status::Note);
        assert_eq!(check.excused(false).status, Status::Missing);
    }

    #[test]
    fn a_line_says_what_to_do() {
        let text = Check::missing("fuse", "no /dev/fuse", "modprobe fuse").line();
        assert_eq!(text, format!("MISSING {:<28}no /dev/fuse\n{:36}modprobe fuse\n", "fuse", ""));
    }
}
