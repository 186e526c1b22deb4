//! The ends of debug sessions: what a debugger held runs again, and the calls that waited for it go on.
//!
//! Not for: what a debugger asks for (`ioctl::debug`).

use crate::core::Core;
use crate::notice::Post;
use crate::process::Process;
use crate::process::debug::Left;

impl Core {
    /// A session is over: its queues run again and the calls that waited for its debugger go on.
    pub(crate) fn end_debug(&self, target: &Process, post: &mut Post) {
        let left = target.debug.lock().end();
        self.take_back(target, left, post);
    }

    /// The runtime of a process in a session goes: what the debugger set on the hardware is taken back.
    pub(crate) fn deactivate(&self, target: &Process, post: &mut Post) {
        let left = target.debug.lock().deactivate();
        self.take_back(target, left, post);
    }

    fn take_back(&self, target: &Process, left: Left, post: &mut Post) {
        let Left { suspended, runtime, destroys } = left;
        for queue in suspended {
            self.resume_queue(target, queue, post);
        }
        for waiting in runtime {
            post.add(waiting.end(target.id(), Ok(())));
        }
        for (queue, waiting) in destroys {
            let result = self.destroy_queue(target, queue.0, post);
            post.add(waiting.end(target.id(), result));
        }
    }

    /// The sessions of a debugger that dies.
    pub(crate) fn end_sessions_of(&self, debugger: &Process, post: &mut Post) {
        let targets = std::mem::take(&mut debugger.debug.lock().targets);
        for id in targets {
            let Some(target) = self.process(id) else { continue };
            let its = target
                .debug
                .lock()
                .session
                .as_ref()
                .is_some_and(|session| session.debugger == Some(debugger.id()));
            if its {
                self.end_debug(&target, post);
            }
        }
    }
}
