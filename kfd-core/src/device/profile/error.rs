//! Why a profile was not taken, in the words of the text it came from.

/// The reason why a profile was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No compiled-in profile has that name.
    #[error("there is no profile `{name}`; there is: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names of the compiled-in profiles.
        known: String,
    },
    /// The machine cannot have that number of devices.
    #[error("{0}")]
    Gpus(String),
    /// The interface version is not served.
    #[error("{0}")]
    Interface(String),
    /// The text is not a valid profile.
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// The fault in that line.
        reason: String,
    },
}

impl ProfileError {
    /// Turns an error of the TOML reader, which has an offset in `text`, into one with a line.
    pub(super) fn at(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::Line { line, reason: error.message().to_owned() }
    }
}
