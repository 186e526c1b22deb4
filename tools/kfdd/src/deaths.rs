//! The record of finished lives: the last [`KEPT`] obituaries, for listings, stress reports and tests.
//!
//! Lock order: innermost; nothing is called while it is held.

use kfd_core::death::Obituary;
use kfd_core::sync::Mutex;
use std::collections::VecDeque;
use std::sync::{Condvar, PoisonError};
use std::time::{Duration, Instant};

/// How many obituaries are kept: 10^5 deaths are the long stress run, at about 100 bytes each.
pub const KEPT: usize = 100_000;

/// The obituaries, in the order in which the objects were freed.
#[derive(Debug, Default)]
pub struct Deaths {
    rows: Mutex<Rows>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Rows {
    /// The serial of `kept[0]`; serials count from 0 over the daemon's life.
    first: u64,
    kept: VecDeque<Obituary>,
}

impl Deaths {
    /// Adds one; the oldest goes when there are more than [`KEPT`].
    pub fn add(&self, obituary: Obituary) {
        let mut rows = self.rows.lock();
        if rows.kept.len() == KEPT {
            rows.kept.pop_front();
            rows.first += 1;
        }
        rows.kept.push_back(obituary);
        drop(rows);
        self.freed.notify_all();
    }

    /// The obituaries with serial `since` and later, and the serial that comes next.
    #[must_use]
    pub fn since(&self, since: u64) -> (Vec<Obituary>, u64) {
        let rows = self.rows.lock();
        let skip = usize::try_from(since.saturating_sub(rows.first)).unwrap_or(usize::MAX);
        let next = rows.first + rows.kept.len() as u64;
        (rows.kept.iter().skip(skip).copied().collect(), next)
    }

    /// Waits until `count` objects have been freed since the start, at most `limit`; says whether they have.
    #[must_use]
    pub fn wait_for(&self, count: u64, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut rows = self.rows.lock();
        while rows.first + (rows.kept.len() as u64) < count {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            rows = self.freed.wait_timeout(rows, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
