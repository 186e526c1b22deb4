//! Benches of parts that need nothing of each other: all are measured, or those that the arguments name.

use anyhow::bail;

/// A part: its name, and what measures it.
pub type Part<'a> = (&'static str, &'a dyn Fn() -> anyhow::Result<()>);

/// Measures the parts that the arguments name, in the order in which they stand; all when they name none.
///
/// # Errors
/// An unknown name, and what fails.
pub fn measure(parts: &[Part<'_>]) -> anyhow::Result<()> {
    // Cargo passes one option of its own, `--bench`.
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = asked.iter().find(|name| parts.iter().all(|(part, _)| part != name)) {
        let known: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        bail!("no part is called {unknown}; there are: {}", known.join(", "));
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    parts.iter().filter(|(name, _)| wanted(name)).try_for_each(|(_, measure)| measure())
}
