//! What a forked child sees of its parent's domain, and a process that may not use membarrier.
//!
//! One test: children of a process with several test threads would inherit locks that nobody gives back.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

mod sys;

use notifier::srcu::{Domain, ReaderKind};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

fn refusal(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("refused");
    *panic.downcast::<String>().expect("a formatted message")
}

/// Reads, frees and waits.
fn works(domain: &Domain) {
    let ran = Arc::new(AtomicUsize::new(0));
    let (count, section) = (ran.clone(), domain.read());
    domain.defer(move || _ = count.fetch_add(1, Ordering::SeqCst));
    drop(section);
    domain.synchronize();
    domain.barrier();
    assert_eq!((ran.load(Ordering::SeqCst), domain.pending()), (1, 0));
}

// Keeps: readers-forked
#[test]
fn a_forked_child_reads_but_does_not_wait_and_without_membarrier_readers_are_fenced() {
    std::panic::set_hook(Box::new(|_| ()));
    // First, while nobody in this process has asked for membarrier.
    let code = sys::in_child(|| {
        sys::refuse_membarrier();
        let domain = Domain::new("filtered");
        assert!(Domain::with_reader("filtered", ReaderKind::PerCpu).is_err());
        works(&domain);
        i32::from(domain.reader_kind() != ReaderKind::Fenced)
    });
    assert_eq!(code, 0, "without membarrier");

    let domain = Domain::new("parent");
    works(&domain);
    let section = domain.read();
    let code = sys::in_child(|| {
        drop(domain.read());
        for refused in [
            refusal(|| domain.synchronize()),
            refusal(|| domain.barrier()),
            refusal(|| domain.throttle(0)),
            refusal(|| _ = domain.start_poll()),
        ] {
            assert!(refused.contains("in a forked child"), "{refused}");
        }
        let kept = Arc::new(());
        let other = kept.clone();
        domain.defer(move || drop(other));
        assert_eq!(Arc::strong_count(&kept), 2, "neither run nor dropped");
        let own = Domain::new("child");
        works(&own);
        drop(own);
        0
    });
    assert_eq!(code, 0, "in the child");
    drop(section);

    // Its last handle may go in the child; that waits for nobody.
    let doomed = Domain::new("dropped");
    let mut slot = Some(doomed);
    assert_eq!(sys::in_child(|| i32::from(slot.take().is_none())), 0);
    works(slot.as_ref().unwrap());
    works(&domain);
}
