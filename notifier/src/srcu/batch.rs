//! Callbacks that the reclaimer has taken.
//!
//! A chain owns its members: from the moment they are appended until they are popped nobody else touches their heads.
#![allow(unsafe_code)]

use super::head::Head;
use std::ptr::NonNull;

/// Callbacks that were taken; owned by whoever holds the chain. Runs first what was appended first.
pub(super) struct Chain {
    first: Option<NonNull<Head>>,
    last: Option<NonNull<Head>>,
}

impl Chain {
    pub(super) fn empty() -> Self {
        Self { first: None, last: None }
    }

    /// # Safety
    /// The members from `first` to `last`, whose next is nothing, are exclusively the caller's and become the
    /// chain's.
    pub(super) unsafe fn append(&mut self, first: NonNull<Head>, last: NonNull<Head>) {
        match self.last.replace(last) {
            None => self.first = Some(first),
            // SAFETY: the chain's own member.
            Some(before) => unsafe { Head::set_next(before, Some(first)) },
        }
    }

    /// These, then those.
    pub(super) fn then(mut self, mut later: Self) -> Self {
        if let (Some(first), Some(last)) = (later.first.take(), later.last.take()) {
            // SAFETY: the other chain's members, which it has just given up.
            unsafe { self.append(first, last) };
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<Head>> {
        let head = self.first?;
        // SAFETY: the chain owns its members until they are popped.
        self.first = unsafe { Head::next(head) };
        Some(head)
    }
}

/// A chain and what it stands for.
pub(super) struct Batch {
    pub(super) chain: Chain,
    /// The last barrier asked for before they were taken.
    pub(super) covers: u64,
    /// In a flood, a lane that some of it was in.
    pub(super) lane: Option<usize>,
}
