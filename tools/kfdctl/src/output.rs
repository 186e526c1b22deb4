//! Standard output that may be a closed pipe: `kfdctl ps | head -1` ends quietly, not with a panic.

use anyhow::Context;
use std::io::{self, Write};

/// Writes `text` to standard output.
///
/// # Errors
/// The write's, but not a reader that went away.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
