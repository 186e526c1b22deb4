//! Waiting for what comes when it comes: a test bounds it, and never sleeps for a guess.

use std::time::{Duration, Instant};

/// Looks every few milliseconds until `look` says something, at most `patience`.
pub fn eventually<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
