//! How a domain is made: which reader's path, and what it tells of waits and floods.

use super::{
    Domain,
    lists::Lists,
    own::OWN,
    reader::{Layout, Readers},
    reader_kind::{ReaderKind, Unavailable, missing},
    stall::{OnStall, Patience, Places, Stall},
};
use crate::sync;
use std::{fmt, sync::Arc, time::Duration};

/// A domain to be made.
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    name: &'static str,
    kind: Option<ReaderKind>,
    places: bool,
    stall_after: Option<Duration>,
    on_stall: Option<OnStall>,
    flood_at: usize,
    follows: bool,
}

impl Builder {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            kind: None,
            places: false,
            stall_after: Some(Duration::from_secs(10)),
            on_stall: None,
            flood_at: 1 << 20,
            follows: true,
        }
    }

    /// Counts sections that way and no other. Left out: the first of [`ReaderKind::ALL`] that is available.
    pub fn reader(mut self, kind: ReaderKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// For finding a reader that stays: notes the thread and the place of every section, at the price of a lock
    /// and two allocations each. Sections may then not begin in signal handlers.
    pub fn record_places(mut self) -> Self {
        self.places = true;
        self
    }

    /// Waits longer than this are reported, and again whenever they have doubled; `None`: never. Ten seconds when
    /// left out.
    pub fn stall_after(mut self, threshold: impl Into<Option<Duration>>) -> Self {
        self.stall_after = threshold.into();
        self
    }

    /// Called with every report, on the thread that waits, in addition to the trace. It must not wait for this
    /// domain.
    pub fn on_stall(mut self, tell: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(Box::new(tell));
        self
    }

    /// A backlog of so many callbacks is a flood, and reported. A million when left out.
    pub fn flood_at(mut self, callbacks: usize) -> Self {
        self.flood_at = callbacks;
        self
    }

    /// Leaves the reclaimer to the scheduler. Left out, it binds itself to the CPU whose threads keep waking it (by
    /// sched_setaffinity(2), among the CPUs that the thread which makes the domain may use) and lets go when others do; in a
    /// flood of light callbacks it follows their caller. Callbacks then find their objects in that CPU's caches. What a
    /// callback starts, a thread or a process, inherits the binding; a domain whose callbacks do such things should leave its
    /// reclaimer free, and so should one whose callers are real-time threads that never pause.
    pub fn roaming(mut self) -> Self {
        self.follows = false;
        self
    }

    /// Makes it, with its reclaimer thread.
    ///
    /// # Errors
    /// When a kind was asked for that cannot be had here.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn build(self) -> Result<Arc<Domain>, Unavailable> {
        let kind = match self.kind {
            Some(kind) => kind,
            None => ReaderKind::ALL
                .into_iter()
                .find(|&kind| missing(kind).is_none())
                .expect("fenced readers need nothing"),
        };
        if let Some(why) = missing(kind) {
            return Err(Unavailable(kind, why));
        }
        Ok(self.assemble(kind, true))
    }

    /// For models: without a reclaimer, for bodies that queue nothing.
    #[cfg(loom)]
    #[doc(hidden)]
    #[must_use]
    pub fn build_alone(self) -> Arc<Domain> {
        self.assemble(ReaderKind::Fenced, false)
    }

    fn assemble(self, kind: ReaderKind, with_reclaimer: bool) -> Arc<Domain> {
        let processors = sync::processors() as u32;
        let rseq = matches!(kind, ReaderKind::Mixed | ReaderKind::PerCpu);
        let own = matches!(kind, ReaderKind::Mixed | ReaderKind::PerThread);
        let (cpus, rseq_offset) = match sync::rseq_offset() {
            Some(offset) if rseq => (processors, offset),
            _ => (0, 0),
        };
        let stripes = processors.next_power_of_two().min(64);
        let layout = Layout {
            own: if own { OWN } else { 0 },
            // Places are noted on the slow path, so there must be no other.
            cpus: if self.places { 0 } else { cpus },
            rseq_offset,
            shared: if cpus == 0 || self.places { stripes } else { 1 },
            fenced: kind == ReaderKind::Fenced,
        };
        let parts = Parts {
            name: self.name,
            kind,
            readers: Readers::new(layout, self.places.then(Places::default)),
            // Whoever may not be interrupted by a membarrier, or cannot be, does without lanes.
            lists: Lists::new(stripes, if layout.fenced { 0 } else { OWN }),
            patience: Patience { threshold: self.stall_after, tell: self.on_stall },
            flood_at: self.flood_at,
            follows: self.follows,
        };
        Domain::assemble(parts, with_reclaimer)
    }
}

/// What a domain is made of.
pub(super) struct Parts {
    pub(super) name: &'static str,
    pub(super) kind: ReaderKind,
    pub(super) readers: Readers,
    pub(super) lists: Lists,
    pub(super) patience: Patience,
    pub(super) flood_at: usize,
    pub(super) follows: bool,
}

/// What a model's domain has.
#[cfg(loom)]
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Stripes of their own for the first threads.
    pub own: usize,
    /// CPUs with counters of their own; with two, a section leaves on the other one than it entered on.
    pub cpus: u32,
    /// Shared stripes; with two, a section leaves through the other one than it entered by.
    pub shared: u32,
    /// Lanes for the callbacks of the first threads.
    pub lanes: usize,
    /// For bodies that queue callbacks.
    pub reclaimer: bool,
}

#[cfg(loom)]
impl Shape {
    pub(super) fn build(self) -> Arc<Domain> {
        let layout =
            Layout { own: self.own, cpus: self.cpus, rseq_offset: 0, shared: self.shared, fenced: true };
        let parts = Parts {
            name: "model",
            kind: ReaderKind::Fenced,
            readers: Readers::new(layout, None),
            lists: Lists::new(1, self.lanes),
            patience: Patience { threshold: None, tell: None },
            flood_at: usize::MAX,
            follows: false,
        };
        Domain::assemble(parts, self.reclaimer)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}
