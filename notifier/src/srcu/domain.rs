//! One independent set of readers with its grace periods, its callbacks and its reclaimer thread.
//!
//! Readers of one domain never delay another. Life: `new → (read | synchronize | call)* → barrier → drop`; a
//! drop with a reader or a callback left is a bug of the user: it panics in debug builds, logs and drains in
//! release builds.
#![allow(unsafe_code)]

use super::{
    grace::Grace,
    head::{Callback, Head},
    queue::Queue,
    reader::{Entry, Readers},
    reclaimer, retire,
};
use crate::sync::{self, JoinHandle, Mutant, ThreadId, mutant};
use std::{fmt, marker::PhantomData, ptr::NonNull, sync::Arc};

/// What the reclaimer shares with the domain's owners.
pub(super) struct Core {
    pub(super) name: &'static str,
    id: u64,
    readers: Readers,
    grace: Grace,
    pub(super) queue: Queue,
}

impl Core {
    pub(super) fn synchronize(&self) {
        self.grace.synchronize(&self.readers);
    }
}

/// One `srcu_struct`: readers, grace periods and callbacks that concern nobody else.
pub struct Domain {
    core: Arc<Core>,
    reclaimer: Option<(JoinHandle<()>, ThreadId)>,
}

impl Domain {
    /// A domain with its own reclaimer thread, named after it.
    ///
    /// # Panics
    /// If the system refuses a thread.
    #[must_use]
    pub fn new(name: &'static str) -> Arc<Self> {
        let stripes = std::thread::available_parallelism().map_or(1, |n| n.get().next_power_of_two().min(64));
        Self::build(name, if cfg!(loom) { 1 } else { stripes }, true)
    }

    /// For models: a chosen number of stripes, and optionally no reclaimer, for bodies that queue nothing.
    #[cfg(loom)]
    #[doc(hidden)]
    pub fn model(stripes: usize, with_reclaimer: bool) -> Arc<Self> {
        Self::build("model", stripes, with_reclaimer)
    }

    fn build(name: &'static str, stripes: usize, with_reclaimer: bool) -> Arc<Self> {
        let core = Arc::new(Core {
            name,
            id: sync::unique_id(),
            readers: Readers::new(stripes),
            grace: Grace::new(),
            queue: Queue::new(),
        });
        let reclaimer = with_reclaimer.then(|| {
            let core = core.clone();
            let handle = sync::spawn(name, move || reclaimer::run(&core))
                .expect("a domain cannot exist without its reclaimer thread");
            let id = handle.thread().id();
            (handle, id)
        });
        Arc::new(Self { core, reclaimer })
    }

    /// The name given to [`Domain::new`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.core.name
    }

    /// A number that no other domain of this process has had.
    pub(crate) fn id(&self) -> u64 {
        self.core.id
    }

    /// Begins a read section. Sections nest, may sleep, and never wait; what they read stays valid until the
    /// guard is dropped.
    #[inline]
    #[must_use = "the section ends when the guard is dropped"]
    pub fn read(&self) -> Guard<'_> {
        inside::entered(self.core.id);
        Guard { domain: self, entry: self.core.readers.enter(), _not_send: PhantomData }
    }

    /// Returns after every read section that began before the call has ended. Sections that begin later are
    /// not waited for.
    ///
    /// # Panics
    /// In debug builds, when called inside a read section of this domain: it would wait for itself.
    pub fn synchronize(&self) {
        self.must_not_read("synchronize");
        self.core.synchronize();
    }

    /// As [`Domain::synchronize`]; every grace period here is already an expedited one.
    pub fn synchronize_expedited(&self) {
        self.synchronize();
    }

    /// Asks for a grace period without waiting: the reclaimer runs one if nobody else does.
    #[must_use]
    pub fn start_poll(&self) -> Cookie {
        let cookie = Cookie { domain: self.core.id, ticket: self.core.grace.ticket() };
        self.retire(Box::new(()));
        cookie
    }

    /// Has every read section that began before the cookie was made ended?
    ///
    /// # Panics
    /// When the cookie is another domain's.
    #[must_use]
    pub fn is_elapsed(&self, cookie: Cookie) -> bool {
        assert_eq!(cookie.domain, self.core.id, "a cookie is asked of the domain that made it");
        self.core.grace.reached(cookie.ticket)
    }

    /// Runs `callback(head)` on the reclaimer after a grace period, never inline. Allocates nothing.
    ///
    /// # Safety
    /// `head` is valid, not queued already, and touched by nobody else until the callback runs. The callback
    /// may be called on any thread, exactly once.
    pub unsafe fn call(&self, head: NonNull<Head>, callback: Callback) {
        debug_assert!(self.reclaimer.is_some(), "this model has no reclaimer");
        // SAFETY: the caller's contract gives exclusive access until the push.
        unsafe { Head::set_run(head, callback) };
        // SAFETY: the callback is set; the rest is the caller's contract.
        unsafe { self.core.queue.push(head) };
    }

    /// Drops the value on the reclaimer after a grace period. One small allocation;
    /// [`Retirable`](super::Retirable) needs none.
    pub fn retire<T: Send + 'static>(&self, value: Box<T>) {
        retire::Retirable::new(value).retire(self);
    }

    /// Runs `f` on the reclaimer after a grace period. One small allocation.
    pub fn defer(&self, f: impl FnOnce() + Send + 'static) {
        retire::defer(self, f);
    }

    /// Returns after every callback queued before the call has run. Not a mere grace period: those callbacks
    /// may free what the caller is about to unload.
    ///
    /// # Panics
    /// On the reclaimer itself (from within a callback), and in debug builds inside a read section of this
    /// domain: both would wait for themselves.
    pub fn barrier(&self) {
        self.must_not_read("barrier");
        if mutant(Mutant::BarrierIsSynchronize) {
            return self.core.synchronize();
        }
        assert!(
            !self.on_reclaimer(),
            "barrier inside a callback of domain {} waits for itself",
            self.core.name
        );
        self.core.queue.barrier();
    }

    /// Callbacks queued and not yet finished.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.core.queue.pending()
    }

    fn on_reclaimer(&self) -> bool {
        self.reclaimer.as_ref().is_some_and(|(_, id)| *id == sync::current_thread())
    }

    pub(crate) fn must_not_read(&self, what: &str) {
        assert!(
            !inside::is_inside(self.core.id),
            "{what} inside a read section of domain {} waits for itself",
            self.core.name
        );
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if cfg!(loom) && std::thread::panicking() {
            // The model has failed already and its threads will not run again.
            return;
        }
        let in_callback = self.on_reclaimer();
        let readers = self.core.readers.inside();
        // One that runs is not left over: it may be what dropped the last handle, and the join waits for it.
        let callbacks = self.core.queue.unstarted();
        if readers != 0 {
            // `&mut self` proves that the guards are forgotten, not alive: nobody reads, so nobody is waited
            // for.
            self.core.readers.close();
        }
        self.core.queue.stop();
        if let Some((handle, _)) = self.reclaimer.take()
            && !in_callback
            && handle.join().is_err()
        {
            tracing::error!(domain = self.core.name, "the reclaimer had panicked");
        }
        if readers != 0 || callbacks != 0 {
            tracing::error!(domain = self.core.name, readers, callbacks, "dropped with work left; drained");
            assert!(
                !cfg!(debug_assertions) || std::thread::panicking(),
                "domain {} dropped with {readers} readers and {callbacks} callbacks left: no barrier before the drop",
                self.core.name
            );
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("name", &self.core.name)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// A grace period asked for by [`Domain::start_poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    domain: u64,
    ticket: u64,
}

/// A read section. Ends when dropped; cannot change threads.
///
/// ```compile_fail,E0277
/// let domain = notifier::srcu::Domain::new("doc");
/// let guard = domain.read();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// ```
#[must_use = "the section ends when the guard is dropped"]
pub struct Guard<'d> {
    domain: &'d Domain,
    entry: Entry,
    _not_send: PhantomData<*const ()>,
}

impl<'d> Guard<'d> {
    /// The domain whose updaters wait for this section.
    #[must_use]
    pub fn domain(&self) -> &'d Domain {
        self.domain
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.domain.core.readers.leave(self.entry);
        inside::left(self.domain.core.id);
    }
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("domain", &self.domain.core.name).finish()
    }
}

/// Debug builds remember which domains this thread reads, to name a self-wait instead of hanging.
#[cfg(all(debug_assertions, not(loom)))]
mod inside {
    use std::cell::RefCell;

    std::thread_local! {
        static DOMAINS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn entered(id: u64) {
        let _ = DOMAINS.try_with(|domains| domains.borrow_mut().push(id));
    }

    pub(super) fn left(id: u64) {
        let _ = DOMAINS.try_with(|domains| {
            let mut domains = domains.borrow_mut();
            if let Some(at) = domains.iter().rposition(|&held| held == id) {
                domains.remove(at);
            }
        });
    }

    pub(super) fn is_inside(id: u64) -> bool {
        DOMAINS.try_with(|domains| domains.borrow().contains(&id)).unwrap_or(false)
    }
}

#[cfg(not(all(debug_assertions, not(loom))))]
mod inside {
    #[inline]
    pub(super) fn entered(_: u64) {}
    #[inline]
    pub(super) fn left(_: u64) {}
    #[inline]
    pub(super) fn is_inside(_: u64) -> bool {
        false
    }
}
