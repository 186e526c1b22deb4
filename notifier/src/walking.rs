//! What this thread is inside of, so that a call that would wait for itself is named instead of hanging.

use crate::{chain::sys::Space, sync};
use std::{cell::RefCell, ptr};

/// Rule 3, as the panic message says it.
pub(crate) const RULE_3: &str = "rule 3: a release hook never unlinks itself or a sibling";

/// What a thread can be inside of, per mm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// A release hook, called by exit or by `unregister`.
    Walk,
    /// The `make` of `Notifier::get`.
    Make,
}

sync::thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static STACK: RefCell<Vec<(usize, Inside)>> = RefCell::new(Vec::new());
}

/// Runs `body` with the mark set; the mark goes also when `body` unwinds.
///
/// The bound keeps an `Arc` of the mm, which lies elsewhere, from being taken for it.
pub(crate) fn enter<M: Space, R>(mm: &M, what: Inside, body: impl FnOnce() -> R) -> R {
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            STACK.with(|stack| stack.borrow_mut().pop());
        }
    }
    STACK.with(|stack| stack.borrow_mut().push((ptr::from_ref(mm).addr(), what)));
    let _pop = Pop;
    body()
}

/// Is this thread inside that, for this mm?
pub(crate) fn is_inside<M: Space>(mm: &M, what: Inside) -> bool {
    // During the thread's teardown the stack is gone, and nothing runs inside anything.
    STACK.try_with(|stack| stack.borrow().contains(&(ptr::from_ref(mm).addr(), what))).unwrap_or(false)
}
