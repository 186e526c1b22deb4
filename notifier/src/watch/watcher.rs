//! The ring: one thread's only place to sleep.
//!
//! Ring set-up is `DEFER_TASKRUN | SINGLE_ISSUER`: the kernel does no work on the ring's behalf except
//! inside the loop's own calls. All polls on pidfds are one-shot; a multishot poll on a pidfd fires twice
//! (zombie, then reaped) and pins the file.
//!
//! A submitted poll holds its own reference to the file, so every `watch_*` submits before it returns and
//! the caller may close the descriptor at once: the number of watches is not bounded by the fd limit.
//!
//! Lock order: none; `!Send`. Not for reading what became ready.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{CompletionQueue, IoUring};

use super::clock::Monotonic;
use super::deadlines::Deadlines;
use super::event::{Event, Interest, Readiness};
use super::sys;
use super::token::{Op, Token};
use super::wake::WatchHandle;

/// Submission entries: the number of watches that one system call can add.
const SUBMISSIONS: u32 = 256;
/// Completion entries. More completions than that are kept by the kernel (`IORING_FEAT_NODROP`).
const COMPLETIONS: u32 = 4096;

/// When to wait for more deaths before those at hand are reported.
///
/// A single death is reported at once. Many at once (a session that ends, a container that is killed) are
/// a storm whose total time counts, not the latency of each; there one wake-up per `batch` deaths costs
/// half the CPU of one wake-up each. The loop lingers only when one look at the ring shows at least
/// `from` deaths and nothing else, so descriptors, deadlines and wake-ups are late by at most `at_most`,
/// and only in a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linger {
    /// Deaths in one look that count as a storm; 0 and 1 make every death wait.
    pub from: usize,
    /// Deaths after which to wait no longer.
    pub batch: usize,
    /// The longest to wait, from the first look.
    pub at_most: Duration,
}

impl Linger {
    /// Never wait for more.
    pub const NEVER: Self = Self { from: usize::MAX, batch: 0, at_most: Duration::ZERO };
}

impl Default for Linger {
    /// A storm is 4 deaths; 64 deaths or 1 ms.
    fn default() -> Self {
        Self { from: 4, batch: 64, at_most: Duration::from_millis(1) }
    }
}

/// Why there is no ring.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The kernel has no io_uring, or a sandbox hides it.
    #[error(
        "this kernel offers no io_uring (ENOSYS): Linux 6.1 or later built with CONFIG_IO_URING is needed"
    )]
    Missing,
    /// The kernel has it, but not for us.
    #[error(
        "io_uring is not permitted here: set the sysctl kernel.io_uring_disabled to 0, or allow io_uring_setup in the sandbox's seccomp filter"
    )]
    Forbidden,
    /// The kernel's io_uring lacks a feature that the loop cannot do without.
    #[error("this kernel's io_uring is too old: Linux 5.11 or later is needed ({0})")]
    TooOld(&'static str),
    /// Out of descriptors or memory.
    #[error("the event loop's ring cannot be set up")]
    Resources(#[source] io::Error),
}

/// The event loop's ring. Made, used and dropped on one thread.
pub struct Watcher {
    ring: IoUring,
    handle: WatchHandle,
    deadlines: Deadlines,
    /// Completions that were taken out only to make room.
    early: Vec<Event>,
    wake_armed: bool,
    linger: Linger,
    _one_thread: PhantomData<*const ()>,
}

impl Watcher {
    /// A watcher with its own [`WatchHandle`].
    ///
    /// # Errors
    /// The kernel offers no usable ring, or resources are short.
    pub fn new() -> Result<Self, SetupError> {
        Self::with_handle(WatchHandle::new().map_err(SetupError::Resources)?)
    }

    /// A watcher that `handle`, made before, wakes. For one watcher only: with two, either may take the
    /// wake-up.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_handle(handle: WatchHandle) -> Result<Self, SetupError> {
        Self::on(set_up()?, handle)
    }

    pub(super) fn on(ring: IoUring, handle: WatchHandle) -> Result<Self, SetupError> {
        for (has, what) in [
            (ring.params().is_feature_ext_arg(), "IORING_FEAT_EXT_ARG"),
            (ring.params().is_feature_nodrop(), "IORING_FEAT_NODROP"),
        ] {
            if !has {
                return Err(SetupError::TooOld(what));
            }
        }
        Ok(Self {
            ring,
            handle,
            deadlines: Deadlines::default(),
            early: Vec::new(),
            wake_armed: false,
            linger: Linger::default(),
            _one_thread: PhantomData,
        })
    }

    /// Sets when to wait for more deaths.
    pub fn set_linger(&mut self, linger: Linger) {
        self.linger = linger;
    }

    /// What other threads wake this watcher by.
    pub fn handle(&self) -> WatchHandle {
        self.handle.clone()
    }

    /// Reports [`Event::Died`] once when the last thread of the process has ended, at once if it has.
    ///
    /// The caller may close the pidfd after the return; the watch goes on.
    ///
    /// # Errors
    /// The kernel is out of memory. The token may then still be reported, as [`Event::Failed`].
    pub fn watch_death(&mut self, pidfd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.push(|ring| sys::poll_once(ring, pidfd, libc::POLLIN as u32, Op::Death(token)))?;
        self.submit()
    }

    /// [`Self::watch_death`] for many, with one system call per 256.
    ///
    /// # Errors
    /// As [`Self::watch_death`], for any of them.
    pub fn watch_deaths<'fd>(
        &mut self,
        watches: impl IntoIterator<Item = (BorrowedFd<'fd>, Token)>,
    ) -> io::Result<()> {
        for (pidfd, token) in watches {
            self.push(|ring| sys::poll_once(ring, pidfd, libc::POLLIN as u32, Op::Death(token)))?;
        }
        self.submit()
    }

    /// Reports [`Event::Ready`] once when the descriptor is ready, at once if it is. To be armed again
    /// after each event. Not for pidfds, whose death [`Self::watch_death`] reports.
    ///
    /// # Errors
    /// The kernel is out of memory. The token may then still be reported, as [`Event::Failed`].
    pub fn poll_fd(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.push(|ring| sys::poll_once(ring, fd, interest.mask(), Op::Ready(token)))?;
        self.submit()
    }

    /// Sets the token's deadline, in place of the one it had. Makes no system call.
    pub fn set_deadline(&mut self, token: Token, at: Monotonic) {
        self.deadlines.set(token, at);
    }

    /// Forgets the token's deadline; tells whether it had one.
    pub fn clear_deadline(&mut self, token: Token) -> bool {
        self.deadlines.clear(token)
    }

    /// Ends everything the token was armed for: death watch, descriptor, deadline. Nothing if there is
    /// nothing. An event that was already under way is still reported.
    ///
    /// # Errors
    /// The kernel is out of memory.
    pub fn cancel(&mut self, token: Token) -> io::Result<()> {
        self.deadlines.clear(token);
        for op in [Op::Death(token), Op::Ready(token)] {
            self.push(|ring| sys::remove_poll(ring, op))?;
        }
        // No descriptor is named, so the removals travel with the next wait.
        Ok(())
    }

    /// Sleeps until something has happened and appends at least one event.
    ///
    /// Without a deadline no timer runs. Events come in the order of their completion; deadlines last, in
    /// their order.
    ///
    /// # Errors
    /// The kernel is out of memory; nothing is lost, call again.
    pub fn wait(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        let first = events.len();
        events.append(&mut self.early);
        self.arm_wake()?;
        // What already is there is fetched even if deadlines are always due.
        if self.has_deferred_work() {
            self.enter(0, None)?;
        }
        loop {
            self.collect(events);
            self.expire(events);
            if events.len() > first {
                break;
            }
            self.arm_wake()?;
            self.enter(1, self.deadlines.earliest())?;
        }
        self.linger(first, events)
    }

    fn linger(&mut self, first: usize, events: &mut Vec<Event>) -> io::Result<()> {
        let at_hand = &events[first..];
        let deaths = at_hand.len();
        let storm = deaths >= self.linger.from.max(1)
            && deaths < self.linger.batch
            && at_hand.iter().all(|event| matches!(event, Event::Died(_)));
        if !storm {
            return Ok(());
        }
        let until = Monotonic::now() + self.linger.at_most;
        let until = self.deadlines.earliest().map_or(until, |earliest| earliest.min(until));
        self.enter(self.linger.batch - deaths, Some(until))?;
        self.collect(events);
        self.expire(events);
        Ok(())
    }

    fn arm_wake(&mut self) -> io::Result<()> {
        if !self.wake_armed {
            let handle = self.handle.clone();
            self.push(|ring| sys::poll_many(ring, handle.as_fd(), libc::POLLIN as u32, Op::Wake))?;
            self.submit()?;
            self.wake_armed = true;
        }
        Ok(())
    }

    fn has_deferred_work(&mut self) -> bool {
        let queue = self.ring.submission();
        queue.taskrun() || queue.cq_overflow() || !queue.is_empty()
    }

    /// Submits what is queued and waits for `want` completions, or until the given time.
    ///
    /// Returns early on a signal; the caller looks again.
    fn enter(&mut self, want: usize, until: Option<Monotonic>) -> io::Result<()> {
        let submitter = self.ring.submitter();
        let left = until.map(|until| until.since(Monotonic::now()));
        let result = match left {
            None => submitter.submit_and_wait(want),
            Some(Duration::ZERO) => submitter.submit(),
            Some(left) => {
                submitter.submit_with_args(want, &SubmitArgs::new().timespec(&Timespec::from(left)))
            }
        };
        match result {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINTR | libc::ETIME | libc::EBUSY)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Queues one entry, making room first if need be.
    fn push(&mut self, entry: impl Fn(&mut IoUring) -> bool) -> io::Result<()> {
        if entry(&mut self.ring) {
            return Ok(());
        }
        self.submit()?;
        if entry(&mut self.ring) { Ok(()) } else { Err(io::ErrorKind::ResourceBusy.into()) }
    }

    /// Hands everything queued to the kernel.
    fn submit(&mut self) -> io::Result<()> {
        while !self.ring.submission().is_empty() {
            self.enter(0, None)?;
            // The kernel refuses entries while completions that it had to keep are not fetched.
            if self.ring.submission().cq_overflow() {
                let mut early = std::mem::take(&mut self.early);
                self.collect(&mut early);
                self.early = early;
            }
        }
        Ok(())
    }

    /// Empties the completion queue. Makes no system call.
    fn collect(&mut self, events: &mut Vec<Event>) {
        let queue: CompletionQueue<'_> = self.ring.completion();
        for completion in queue {
            let result = completion.result();
            match Op::from_user_data(completion.user_data()) {
                Some(Op::Wake) => {
                    if !io_uring::cqueue::more(completion.flags()) {
                        self.wake_armed = false;
                    }
                    if self.handle.take() {
                        events.push(Event::Woken);
                    }
                }
                Some(Op::Death(token) | Op::Ready(token)) if result == -libc::ECANCELED => {
                    tracing::trace!(slot = token.slot(), "watch cancelled");
                }
                Some(Op::Death(token) | Op::Ready(token)) if result < 0 => {
                    events.push(Event::Failed(token, -result));
                }
                Some(Op::Death(token)) => events.push(Event::Died(token)),
                Some(Op::Ready(token)) => {
                    events.push(Event::Ready(token, Readiness(result.cast_unsigned())));
                }
                Some(Op::Removal) | None => {}
            }
        }
    }

    fn expire(&mut self, events: &mut Vec<Event>) {
        if self.deadlines.earliest().is_none() {
            return;
        }
        let now = Monotonic::now();
        while let Some(token) = self.deadlines.pop_expired(now) {
            events.push(Event::Expired(token));
        }
    }
}

fn set_up() -> Result<IoUring, SetupError> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(COMPLETIONS).setup_submit_all().setup_single_issuer();
    builder.setup_defer_taskrun().setup_taskrun_flag();
    let result = builder.build(SUBMISSIONS).or_else(|e| {
        if e.raw_os_error() != Some(libc::EINVAL) {
            return Err(e);
        }
        tracing::warn!("no DEFER_TASKRUN on this kernel (Linux 6.1): deaths cost more CPU");
        plain_ring()
    });
    result.map_err(|e| match e.raw_os_error() {
        Some(libc::ENOSYS) => SetupError::Missing,
        Some(libc::EPERM | libc::EACCES) => SetupError::Forbidden,
        Some(libc::EINVAL) => SetupError::TooOld("IORING_SETUP_CQSIZE"),
        _ => SetupError::Resources(e),
    })
}

/// The ring of kernels before 6.1: it behaves the same, but each completion interrupts the loop's thread.
pub(super) fn plain_ring() -> io::Result<IoUring> {
    IoUring::builder().setup_cqsize(COMPLETIONS).build(SUBMISSIONS)
}
