//! Why a core could not be made of what it was given.

/// The reason why a core could not be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Two devices have the same id or node.
    #[error("two devices have the same {0}")]
    Duplicate(&'static str),
    /// The profile has no device.
    #[error("there is no device to serve")]
    NoDevice,
    /// A limit is 0, which leaves nothing to serve with.
    #[error("the limit `{0}` must not be zero")]
    ZeroLimit(&'static str),
}
