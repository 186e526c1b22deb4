//! The death of a process as a linear token.
//!
//! ```text
//! Core::doom → Doom<Doomed> → stop_queues → Doom<QueuesStopped> → answer_waiters → Doom<WaitersAnswered> → unpublish
//! ```
//! Whoever sees the first sure sign wins the only [`Doom<Doomed>`]; each step consumes the token of the step before
//! it, so a teardown in the wrong order or a second one does not compile. A token that is dropped on the way is a
//! process that stays half dead for ever: a panic in debug builds, an error in the log otherwise.
//!
//! The steps run on the event loop, hold no lock between them and never wait for the client: `stop_queues` waits for
//! an engine to end one bounded step, the others for nothing.

use crate::core::Core;
use crate::ids::{ProcessId, Tgid};
use crate::process::Process;
pub use crate::process::obituary::{Cause, Obituary};
use crate::process::stage::Stage;
use notifier::Ref;
use std::marker::PhantomData;

/// The first sure sign of death was seen.
#[derive(Debug)]
pub enum Doomed {}
/// Its queues run no more.
#[derive(Debug)]
pub enum QueuesStopped {}
/// Its parked calls have their answers.
#[derive(Debug)]
pub enum WaitersAnswered {}

/// The only right to take a process's teardown one step further. See the module's head.
#[must_use = "a dropped token leaves a process half dead"]
pub struct Doom<S> {
    process: Option<Ref<Process>>,
    stage: PhantomData<fn() -> S>,
}

impl<S> Doom<S> {
    fn new(process: Ref<Process>) -> Self {
        Self { process: Some(process), stage: PhantomData }
    }

    fn held(&self) -> &Ref<Process> {
        self.process.as_ref().expect("invariant: only the consuming steps take it")
    }

    fn take(mut self) -> Ref<Process> {
        self.process.take().expect("invariant: only the consuming steps take it")
    }

    /// The process object that dies.
    #[must_use]
    pub fn process(&self) -> ProcessId {
        self.held().id()
    }

    /// The thread group of the process that dies.
    #[must_use]
    pub fn tgid(&self) -> Tgid {
        self.held().tgid()
    }

    /// The first sign of its death that was seen.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.held()
            .cause()
            .expect("invariant: the winner of Live → Doomed wrote it before the token was made")
    }
}

impl Doom<Doomed> {
    /// Called by the winner of `Live → Doomed` only.
    pub(crate) fn won(process: Ref<Process>) -> Self {
        Self::new(process)
    }

    /// Runs the release walk of its address space: queues off the device, addresses and doorbells out of every
    /// lookup, engines out of its rings.
    pub fn stop_queues(self, core: &Core) -> Doom<QueuesStopped> {
        let process = self.take();
        Ref::mm(&process).exit();
        core.engines_left(&process);
        process.leave(Stage::Doomed, core.now());
        Doom::new(process)
    }
}

impl Doom<QueuesStopped> {
    /// Answers every parked call of the process with EIO.
    pub fn answer_waiters(self, core: &Core) -> Doom<WaitersAnswered> {
        let process = self.take();
        core.answer_waiters(&process);
        process.leave(Stage::QueuesStopped, core.now());
        Doom::new(process)
    }
}

impl Doom<WaitersAnswered> {
    /// Takes it out of every index and puts the index's reference and the token's. The last put, here or in a call
    /// that is still inside, queues the free behind a grace period.
    pub fn unpublish(self, core: &Core) {
        let process = self.take();
        let published = core.unpublish(&process);
        process.leave(Stage::WaitersAnswered, core.now());
        drop((published, process));
    }
}

impl<S> std::fmt::Debug for Doom<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Doom").field(&self.process).finish()
    }
}

impl<S> Drop for Doom<S> {
    fn drop(&mut self) {
        let Some(process) = &self.process else { return };
        tracing::error!(process = %process.id(), tgid = %process.tgid(), "a death was abandoned half way");
        assert!(
            !cfg!(debug_assertions) || std::thread::panicking(),
            "the Doom token of process {} was dropped unconsumed",
            process.id()
        );
    }
}
