//! Words of a client's own memory that its waves change, one after the other: each is read, changed and written back by a
//! memory worker, and no other of the same client comes between.
//!
//! The client's threads are not kept out; DIFFERENCES says so.

use door::workers::Workers;
use kfd_core::ids::ProcessId;
use kfd_core::notice::{UserAccess, UserAnswer};
use kfd_core::sync::{Arc, Mutex};
use kfd_core::waves::Change;
use std::collections::VecDeque;

/// Called with the old word, or with none when the memory is not there.
type Then = Box<dyn FnOnce(Option<Vec<u8>>) + Send>;

/// Those of one client that wait; the first is under way.
#[derive(Default, Clone)]
pub(super) struct Changes(Arc<Mutex<VecDeque<(Change, Then)>>>);

impl Changes {
    /// Makes a change after those before it.
    pub(super) fn make(&self, workers: &Arc<Workers>, process: ProcessId, change: Change, then: Then) {
        let mut waiting = self.0.lock();
        waiting.push_back((change, then));
        if waiting.len() == 1 {
            drop(waiting);
            self.read(workers, process);
        }
    }

    fn read(&self, workers: &Arc<Workers>, process: ProcessId) {
        let Some(change) = self.0.lock().front().map(|(change, _)| *change) else { return };
        let (own, pool) = (self.clone(), Arc::clone(workers));
        let read = UserAccess::Read { va: change.va, len: change.width.bytes() as u32 };
        let done = move |mut answers: Vec<UserAnswer>| match answers.pop() {
            Some(UserAnswer::Done(old)) => own.write(&pool, process, &change, old),
            Some(UserAnswer::Failed) | None => own.over(&pool, process, None),
        };
        workers.submit(process, vec![read], Box::new(done));
    }

    fn write(&self, workers: &Arc<Workers>, process: ProcessId, change: &Change, old: Vec<u8>) {
        let (own, pool) = (self.clone(), Arc::clone(workers));
        let bytes = change.apply(&old);
        let done = move |mut answers: Vec<UserAnswer>| {
            let written = matches!(answers.pop(), Some(UserAnswer::Done(_)));
            own.over(&pool, process, written.then_some(old));
        };
        workers.submit(process, vec![UserAccess::Write { va: change.va, bytes }], Box::new(done));
    }

    fn over(&self, workers: &Arc<Workers>, process: ProcessId, old: Option<Vec<u8>>) {
        let (first, more) = {
            let mut waiting = self.0.lock();
            (waiting.pop_front(), !waiting.is_empty())
        };
        if let Some((_, then)) = first {
            then(old);
        }
        if more {
            self.read(workers, process);
        }
    }
}
