//! Why a profile was not taken, in the words of the text it came from.

/// Why a profile was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// There is no compiled-in profile of that name.
    #[error("there is no profile `{name}`; there is: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Not so many devices.
    #[error("{0}")]
    Gpus(String),
    /// Not an interface that is served.
    #[error("{0}")]
    Interface(String),
    /// The text is not a profile.
    #[error("line {line}: {reason}")]
    Line {
        /// Counts from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl ProfileError {
    /// What the TOML reader says, with the offset in `text` turned into a line.
    pub(super) fn at(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::Line { line, reason: error.message().to_owned() }
    }
}
