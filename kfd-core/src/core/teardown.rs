//! The steps of a death that need the whole core, and the shutdown that is the death of all.

use crate::call::Errno;
use crate::core::Core;
use crate::core::death::{Cause, Doom, Doomed};
use crate::core::leak::{LeakReport, Totals};
use crate::ids::ProcessId;
use crate::memory::share::Look;
use crate::notice::{Notice, Post};
use crate::process::stage::Stage;
use crate::process::{Process, owned};
use crate::sync::Ordering;
use notifier::Ref;
use std::time::Duration;

/// How long [`Core::barrier`] waits for calls that are still inside; each is bounded and none waits for a client.
const LAST_CALLS: Duration = Duration::from_secs(5);

impl Core {
    /// A sure sign of death was seen. The first of all triggers gets the token; to the others the process is dying
    /// already, or gone.
    #[must_use]
    pub fn doom(&self, process: ProcessId, cause: Cause) -> Option<Doom<Doomed>> {
        let process = self.process(process)?;
        if !process.doom(cause, self.now()) {
            return None;
        }
        tracing::debug!(process = %process.id(), tgid = %process.tgid(), ?cause, "doomed");
        Some(Doom::won(process))
    }

    /// Ends every parked call of a process with EIO, as amdkfd ends a wait whose events are destroyed, and lets none
    /// begin any more.
    pub(crate) fn answer_waiters(&self, process: &Process) {
        let mut post = Post::default();
        for waiting in process.debug.lock().close() {
            post.add(waiting.end(process.id(), Err(Errno::IO)));
        }
        self.end_sessions_of(process, &mut post);
        process.copies.close(process.id(), &mut post);
        {
            let mut table = process.events.lock();
            table.close();
            let calls: Vec<_> = table.waits.keys().copied().collect();
            for call in calls {
                if let Some(wait) = process.end_wait(&mut table, call, &self.deadlines) {
                    let outcome = wait.fail(Errno::IO);
                    post.add(Notice::Complete { call, process: process.id(), outcome });
                }
            }
        }
        self.post(post);
    }

    /// Takes a process out of every index; the table's reference to it.
    pub(crate) fn unpublish(&self, process: &Ref<Process>) -> Option<Ref<Process>> {
        let published = self.table.unpublish(process);
        for file in self.files.close_all(process.id()) {
            self.end_primary(file);
        }
        self.sweep_descriptors(Look::BY_DEATH);
        published
    }

    /// The process objects that are alive and not doomed.
    #[must_use]
    pub fn live(&self) -> Vec<ProcessId> {
        self.published().into_iter().filter(|process| self.is_live(*process)).collect()
    }

    /// The process objects that have not been unpublished yet, doomed ones included.
    #[must_use]
    pub fn published(&self) -> Vec<ProcessId> {
        self.table.ids()
    }

    /// Whether this process object is alive and not doomed.
    #[must_use]
    pub fn is_live(&self, process: ProcessId) -> bool {
        self.process(process).is_some_and(|process| process.stage() == Stage::Live)
    }

    /// Refuses every further open. After it returns no process object comes that [`Core::live`] does not list.
    pub fn shutdown_begin(&self) {
        let _index = self.table.index();
        self.closing.store(true, Ordering::Release);
    }

    /// Returns when every process object that was unpublished has been freed: after every call inside has left and
    /// every callback queued has run. Not to be called in a read section.
    pub fn barrier(&self) {
        if self.is_closing() {
            self.end_descriptors();
        }
        self.notifier.barrier();
        let published = self.table.ids().len() as u64;
        if !self.vitals.wait_until_left(published, LAST_CALLS) {
            tracing::error!(
                alive = self.vitals.alive(),
                published,
                "process objects are held beyond the barrier"
            );
        }
        self.notifier.barrier();
    }

    /// How much of everything exists now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            published: self.table.ids().len() as u64,
            processes: self.vitals.alive(),
            files: self.files.total(),
            arena_fds: self.vitals.arena_fds.load(Ordering::Acquire),
            queues_scheduled: self.devices.iter().map(|device| device.dqm.len() as u64).sum(),
            callbacks: self.domain().pending() as u64,
            freed: self.vitals.freed.load(Ordering::Acquire),
            holds: self.account.total(),
        }
    }

    /// What is left. After [`Core::shutdown_begin`], the teardown of all and [`Core::barrier`] it must be empty.
    #[must_use]
    pub fn leak_report(&self) -> LeakReport {
        let has = |id| Some((id, owned::counts(&*self.process(id)?)));
        LeakReport {
            totals: self.totals(),
            processes: self.processes(),
            objects: self.published().into_iter().filter_map(has).collect(),
            users: self.account.users(),
        }
    }
}
