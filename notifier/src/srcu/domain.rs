//! One independent set of readers with its grace periods, its callbacks and its reclaimer thread.
//!
//! Readers of one domain never delay another. Life: `new → (read | synchronize | call)* → barrier → drop`; a
//! drop with a reader or a callback left is a bug of the user: it panics in debug builds, logs and drains in
//! release builds.
#![allow(unsafe_code)]

use super::{
    builder::{Builder, Parts},
    core::Core,
    grace::Grace,
    head::{Callback, Head},
    inside, own,
    queue::Queue,
    reader::{Entry, Readers},
    reader_kind::{ReaderKind, Unavailable},
    reclaimer,
    stall::Waiter,
};
use crate::sync::{self, JoinHandle, Mutant, ThreadId, mutant};
use std::{fmt, marker::PhantomData, panic::Location, ptr::NonNull, sync::Arc};

/// One `srcu_struct`: readers, grace periods and callbacks that concern nobody else.
///
/// # Forks
///
/// A forked child has the memory of its parent but only one of its threads: no reclaimer, and readers that will
/// never leave. There a domain that was made before the fork still gives read sections; whatever would wait
/// ([`synchronize`](Self::synchronize), [`barrier`](Self::barrier), [`throttle`](Self::throttle)) or poll panics and says
/// why; what is queued is kept for ever, and its drop waits for nobody. A domain made in the child is like any
/// other. Only forks by `fork(3)` are noticed, not bare clone(2) calls.
pub struct Domain {
    core: Arc<Core>,
    reclaimer: Option<(JoinHandle<()>, ThreadId)>,
}

impl Domain {
    /// A domain with its own reclaimer thread, named after it, and the fastest readers that are available.
    ///
    /// # Panics
    /// If the system refuses a thread.
    #[must_use]
    pub fn new(name: &'static str) -> Arc<Self> {
        Self::builder(name).build().expect("without a wish the builder takes what there is")
    }

    /// A domain with other than the usual properties.
    pub fn builder(name: &'static str) -> Builder {
        Builder::new(name)
    }

    /// A domain whose sections are counted in that way and no other.
    ///
    /// # Errors
    /// When this machine, kernel or C library cannot.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn with_reader(name: &'static str, kind: ReaderKind) -> Result<Arc<Self>, Unavailable> {
        Self::builder(name).reader(kind).build()
    }

    /// For models: a chosen number of shared stripes, and optionally no reclaimer, for bodies that queue nothing.
    #[cfg(loom)]
    #[doc(hidden)]
    pub fn model(stripes: u32, with_reclaimer: bool) -> Arc<Self> {
        Self::shaped(super::Shape { own: 0, cpus: 0, shared: stripes, lanes: 0, reclaimer: with_reclaimer })
    }

    /// A domain of that shape, for models.
    #[cfg(loom)]
    #[doc(hidden)]
    pub fn shaped(shape: super::Shape) -> Arc<Self> {
        shape.build()
    }

    pub(super) fn assemble(parts: Parts, with_reclaimer: bool) -> Arc<Self> {
        sync::count_forks();
        let name = parts.name;
        let core = Arc::new(Core {
            readers: parts.readers,
            name,
            id: sync::unique_id(),
            kind: parts.kind,
            grace: Grace::new(),
            queue: Queue::new(parts.lists, parts.flood_at),
            patience: parts.patience,
            follows: parts.follows,
            forks: sync::forks(),
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

    /// How its sections are counted.
    #[must_use]
    pub fn reader_kind(&self) -> ReaderKind {
        self.core.kind
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
    #[track_caller]
    #[must_use = "the section ends when the guard is dropped"]
    pub fn read(&self) -> Guard<'_> {
        inside::entered(self.core.id);
        let readers = &self.core.readers;
        Guard { domain: self, readers, entry: readers.enter(Location::caller()), _not_send: PhantomData }
    }

    /// Returns after every read section that began before the call has ended. Sections that begin later are
    /// not waited for. Always an expedited one, as Linux calls it: an interrupt instead of a wait for the scheduler.
    ///
    /// # Panics
    /// In debug builds, when called inside a read section of this domain: it would wait for itself.
    pub fn synchronize(&self) {
        self.may_wait("synchronize");
        self.core.synchronize();
    }

    /// Asks for a grace period without waiting: the reclaimer runs one if nobody else does.
    #[must_use]
    pub fn start_poll(&self) -> Cookie {
        self.must_be_here("start_poll");
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

    /// Runs `callback(head)` on the reclaimer after a grace period, never inline. Allocates nothing, waits for nobody, and is
    /// fit for signal handlers.
    ///
    /// A flood is cheapest from threads that have read in the domain, or retired something, once: the first sixteen of
    /// those in the process have lists of their own. The callbacks of one thread run in the order in which they were
    /// queued, but for those of its signal handlers and those from before or after it had its list.
    ///
    /// # Safety
    /// `head` is valid, not queued already, and touched by nobody else until the callback runs. The callback
    /// may be called on any thread, exactly once.
    pub unsafe fn call(&self, head: NonNull<Head>, callback: Callback) {
        debug_assert!(self.reclaimer.is_some(), "this model has no reclaimer");
        if self.is_elsewhere() {
            return self.keep_for_ever();
        }
        // SAFETY: the caller's contract gives exclusive access until the push.
        unsafe { Head::set_run(head, callback) };
        // SAFETY: the callback is set; the rest is the caller's contract.
        unsafe { self.core.queue.push(head) };
    }

    /// The calling thread will have callbacks: it should have a number by which to find its lane. Not fit for a signal
    /// handler the first time in a thread.
    #[inline]
    pub(super) fn ask_for_a_lane(&self) {
        if self.core.queue.has_lanes() {
            own::ask();
        }
    }

    /// Returns after every callback queued before the call has run. Not a mere grace period: those callbacks
    /// may free what the caller is about to unload.
    ///
    /// # Panics
    /// On the reclaimer itself (from within a callback), and in debug builds inside a read section of this
    /// domain: both would wait for themselves.
    pub fn barrier(&self) {
        self.may_wait("barrier");
        if mutant(Mutant::BarrierIsSynchronize) {
            return self.core.synchronize();
        }
        assert!(
            !self.on_reclaimer(),
            "barrier inside a callback of domain {} waits for itself",
            self.core.name
        );
        self.core.queue.barrier(&self.core.patience, &|waited| self.core.describe(Waiter::Barrier, waited));
    }

    /// Back-pressure: when more than `limit` callbacks are pending, returns when a quarter of them at least has
    /// gone. A producer that calls this before each [`Domain::call`] or so keeps what is pending bounded by the limit
    /// and the number of producers.
    ///
    /// On the reclaimer (from within a callback) it returns at once: it would wait for itself.
    ///
    /// # Panics
    /// In debug builds, inside a read section of this domain: the callbacks may be waiting for it.
    pub fn throttle(&self, limit: usize) {
        self.may_wait("throttle");
        if !self.on_reclaimer() {
            let describe = |waited| self.core.describe(Waiter::Throttle, waited);
            self.core.queue.throttle(limit, &self.core.patience, &describe);
        }
    }

    /// How often the backlog has grown to the flood threshold or doubled beyond it.
    #[must_use]
    pub fn floods(&self) -> u64 {
        self.core.queue.floods()
    }

    /// Callbacks queued and not yet finished.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.core.queue.pending()
    }

    fn on_reclaimer(&self) -> bool {
        self.reclaimer.as_ref().is_some_and(|(_, id)| *id == sync::current_thread())
    }

    /// Was it made before a fork, in another process than this one?
    #[inline]
    fn is_elsewhere(&self) -> bool {
        self.core.forks != sync::forks()
    }

    fn must_be_here(&self, what: &str) {
        assert!(
            !self.is_elsewhere(),
            "{what} on domain {} in a forked child: its reclaimer and its readers are in the parent",
            self.core.name
        );
    }

    #[cold]
    fn keep_for_ever(&self) {
        tracing::error!(domain = self.core.name, "queued in a forked child: no reclaimer will ever run it");
    }

    pub(crate) fn may_wait(&self, what: &str) {
        self.must_be_here(what);
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
        if self.is_elsewhere() {
            // Its threads are in the parent, and so is the duty to drain it. Not joined, not detached: forgotten.
            return std::mem::forget(self.reclaimer.take());
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
        // For the report; models only join.
        if !in_callback && self.reclaimer.is_some() && !cfg!(loom) {
            let describe = |waited| self.core.describe(Waiter::Drop, waited);
            self.core.queue.wait_for_the_end(&self.core.patience, &describe);
        }
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
    readers: &'d Readers,
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
        self.readers.leave(self.entry);
        inside::left(self.domain.core.id);
    }
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("domain", &self.domain.core.name).finish()
    }
}
