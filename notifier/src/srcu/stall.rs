//! Who waits too long and for whom: the counterpart of the kernel's RCU stall warnings.
//!
//! The waiting side finds the stall, so a reader's fast path pays nothing: an updater that sleeps longer than
//! the domain's threshold reports, and again whenever the wait has doubled. *Which* section it waits for is known
//! only in a domain built with [`Builder::record_places`](super::Builder::record_places): there each section notes its thread and the
//! place that opened it under a lock (some 100 ns), and the counters are locked ones.
//!
//! Lock order: the table of places is innermost; recording is not fit for signal handlers.

use crate::sync::{self, Instant, Mutant, Mutex, mutant};
use std::{fmt, panic::Location, time::Duration};

/// The kind of wait that lasts too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A grace period, for read sections.
    GracePeriod,
    /// [`Domain::barrier`](super::Domain::barrier), for callbacks.
    Barrier,
    /// [`Domain::throttle`](super::Domain::throttle), for callbacks.
    Throttle,
    /// The domain's drop, for the reclaimer to run what is left.
    Drop,
}

/// What the reclaimer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaimer {
    /// Nothing is pending, or it gathers callbacks for a moment.
    Idle,
    /// It waits for read sections that began before its batch was taken.
    InGracePeriod,
    /// It is inside a callback.
    RunningCallbacks,
}

/// A read section that has not ended.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct OpenSection {
    /// The thread's id.
    pub tid: i32,
    pub thread: String,
    /// The call of [`Domain::read`](super::Domain::read).
    pub place: &'static Location<'static>,
    /// How long ago.
    pub age: Duration,
}

/// A wait that has lasted longer than the domain's threshold.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Stall {
    /// The domain's name.
    pub domain: &'static str,
    pub waiter: Waiter,
    /// How long it has waited.
    pub waited: Duration,
    /// Callbacks queued and not finished.
    pub pending: usize,
    /// What the reclaimer is doing.
    pub reclaimer: Reclaimer,
    /// Read sections entered and not left, approximately.
    pub open: u64,
    /// Those that began before the wait; empty unless places are recorded.
    pub sections: Vec<OpenSection>,
}

/// Called with each stall, on the thread that waits.
pub(super) type OnStall = Box<dyn Fn(&Stall) + Send + Sync>;

/// Makes the report of a wait that has lasted so long.
pub(super) type Describe<'d> = &'d dyn Fn(Duration) -> Stall;

/// How long a domain's waiters wait in silence, and whom they tell then.
pub(super) struct Patience {
    pub(super) threshold: Option<Duration>,
    pub(super) tell: Option<OnStall>,
}

pub(super) struct Wait<'d> {
    patience: &'d Patience,
    /// When it began and after how long it is to be reported; `None` when it never is.
    due: Option<(Instant, Duration)>,
}

impl Patience {
    pub(super) fn begin(&self) -> Wait<'_> {
        Wait { patience: self, due: self.threshold.map(|threshold| (Instant::now(), threshold)) }
    }
}

impl Wait<'_> {
    /// How long to sleep at most.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.due.map(|(began, due)| due.saturating_sub(began.elapsed()).max(Duration::from_millis(1)))
    }

    /// Reports when it is time.
    pub(super) fn report(&mut self, describe: Describe<'_>) {
        let Some((began, due)) = self.due else { return };
        let waited = began.elapsed();
        if waited < due {
            return;
        }
        if mutant(Mutant::SilentStall) {
            self.due = None;
            return;
        }
        self.due = Some((began, waited.max(due) * 2));
        let stall = describe(waited);
        tracing::warn!(
            domain = stall.domain,
            waiter = ?stall.waiter,
            waited_ms = stall.waited.as_millis() as u64,
            pending = stall.pending,
            reclaimer = ?stall.reclaimer,
            open = stall.open,
            "waits too long"
        );
        for section in &stall.sections {
            tracing::warn!(
                domain = stall.domain,
                tid = section.tid,
                thread = section.thread,
                place = %section.place,
                age_ms = section.age.as_millis() as u64,
                "this read section is still open"
            );
        }
        if let Some(tell) = &self.patience.tell {
            tell(&stall);
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} of domain {} has waited {:?}: {} callbacks pending, reclaimer {:?}, {} sections open",
            self.waiter, self.domain, self.waited, self.pending, self.reclaimer, self.open
        )?;
        for section in &self.sections {
            write!(
                f,
                "; {} ({}) reads since {:?}, from {}",
                section.thread, section.tid, section.age, section.place
            )?;
        }
        Ok(())
    }
}

struct Open {
    tid: i32,
    thread: String,
    place: &'static Location<'static>,
    since: Instant,
}

/// The open sections of a domain that records them.
#[derive(Default)]
pub(super) struct Places {
    open: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    rows: Vec<Option<Open>>,
    free: Vec<usize>,
}

impl Places {
    /// The section's number, never zero.
    pub(super) fn entered(&self, place: &'static Location<'static>) -> usize {
        let (tid, thread) = sync::this_thread();
        let open = Some(Open { tid, thread, place, since: Instant::now() });
        let mut table = sync::lock(&self.open);
        let row = if let Some(row) = table.free.pop() {
            table.rows[row] = open;
            row
        } else {
            table.rows.push(open);
            table.rows.len() - 1
        };
        row + 1
    }

    pub(super) fn left(&self, number: usize) {
        let row = number - 1;
        let mut table = sync::lock(&self.open);
        table.rows[row] = None;
        table.free.push(row);
    }

    /// Sections at least so old, the oldest first.
    pub(super) fn older_than(&self, age: Duration) -> Vec<OpenSection> {
        let table = sync::lock(&self.open);
        let mut sections: Vec<_> = table
            .rows
            .iter()
            .flatten()
            .map(|open| OpenSection {
                tid: open.tid,
                thread: open.thread.clone(),
                place: open.place,
                age: open.since.elapsed(),
            })
            .filter(|section| section.age >= age)
            .collect();
        drop(table);
        sections.sort_by_key(|section| std::cmp::Reverse(section.age));
        sections
    }
}
