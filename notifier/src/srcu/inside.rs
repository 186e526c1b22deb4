//! Debug builds remember which domains this thread reads, to name a self-wait instead of hanging. Release builds
//! and models do not.

pub(super) use imp::{entered, is_inside, left};

#[cfg(all(debug_assertions, not(loom)))]
mod imp {
    use std::cell::RefCell;

    std::thread_local! {
        static DOMAINS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    // `try_borrow_mut`: a signal handler may find the list in use, and then leaves it alone.
    pub(in super::super) fn entered(id: u64) {
        let _ = DOMAINS.try_with(|domains| domains.try_borrow_mut().map(|mut domains| domains.push(id)));
    }

    pub(in super::super) fn left(id: u64) {
        let _ = DOMAINS.try_with(|domains| {
            let Ok(mut domains) = domains.try_borrow_mut() else { return };
            if let Some(at) = domains.iter().rposition(|&held| held == id) {
                domains.remove(at);
            }
        });
    }

    pub(in super::super) fn is_inside(id: u64) -> bool {
        DOMAINS.try_with(|domains| domains.borrow().contains(&id)).unwrap_or(false)
    }
}

#[cfg(not(all(debug_assertions, not(loom))))]
mod imp {
    #[inline]
    pub(in super::super) fn entered(_: u64) {}
    #[inline]
    pub(in super::super) fn left(_: u64) {}
    #[inline]
    pub(in super::super) fn is_inside(_: u64) -> bool {
        false
    }
}
