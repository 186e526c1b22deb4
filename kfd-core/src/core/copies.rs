//! Copies between two processes: a worker's answer takes each a step further.
//!
//! Lock order: takes the process mutex for a look-up alone. Not for: the copy itself (`process::copies`).

use crate::abi::kfd as abi;
use crate::access::UserAnswer;
use crate::core::Core;
use crate::ids::{CallId, ProcessId};
use crate::notice::Post;
use crate::process::Process;
use crate::process::copies::{CopyEnd, Memory};
use crate::process::stage::Stage;

impl Memory for Core {
    fn find(&self, process: ProcessId, range: abi::MemoryRange, write: bool) -> Option<CopyEnd> {
        let process = self.process(process).filter(|process| process.stage() == Stage::Live)?;
        let inner = process.inner.lock();
        let mut bos = inner.bindings.iter().flat_map(|binding| binding.bos.iter());
        bos.find_map(|bo| CopyEnd::in_bo(bo, range, write))
    }
}

impl Core {
    /// A worker's answer to `Notice::Copy`. One that comes for a call that has ended is dropped.
    pub fn copy_answer(&self, process: ProcessId, call: CallId, answer: UserAnswer) {
        let mut post = Post::default();
        if let Some(process) = self.process(process) {
            self.go_on(&process, call, answer, &mut post);
        }
        self.post(post);
    }

    fn go_on(&self, process: &Process, call: CallId, answer: UserAnswer, post: &mut Post) {
        let Some(mut copy) = process.copies.take(call) else { return };
        let stepped = copy.answered(self, answer);
        process.copies.stepped(process.id(), copy, stepped, post);
    }
}
