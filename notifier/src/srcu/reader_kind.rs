//! The ways in which sections can be counted, and which can be had here.

use crate::sync;

/// How sections are counted. Each works with any number of threads, under migration, in signal handlers (but
/// for a thread's first section) and in threads that begin and end at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReaderKind {
    /// [`PerThread`](Self::PerThread) for the first 16 threads of the process that read, [`PerCpu`](Self::PerCpu) for
    /// all others and for sections inside another.
    Mixed,
    /// Plain increments of this CPU's counters in a restartable sequence. Needs x86-64, an rseq registration by
    /// glibc 2.35 or later, and membarrier (Linux 4.14).
    PerCpu,
    /// Plain stores to a word that one thread owns, on any architecture; locked increments for threads beyond the
    /// sixteenth and for sections inside another. Needs membarrier (Linux 4.14).
    PerThread,
    /// Locked increments and full fences on both sides. Needs nothing, and its updaters interrupt nobody.
    Fenced,
}

impl ReaderKind {
    /// In the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::Mixed, Self::PerCpu, Self::PerThread, Self::Fenced];
}

/// This machine, kernel or C library cannot count sections that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} readers are not available here: {1}")]
pub struct Unavailable(pub ReaderKind, pub(super) &'static str);

/// What a kind needs and this machine, kernel or C library has not.
pub(super) fn missing(kind: ReaderKind) -> Option<&'static str> {
    let needs_rseq = matches!(kind, ReaderKind::Mixed | ReaderKind::PerCpu);
    if kind != ReaderKind::Fenced && !sync::has_membarrier() {
        return Some("membarrier(2) is refused");
    }
    if needs_rseq && sync::rseq_offset().is_none() {
        return Some("no rseq registration by the C library");
    }
    None
}
