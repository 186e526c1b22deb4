//! Queues that a debugger suspends and resumes.
//!
//! The array of ids comes back with a bit in each that was not one of the target's queues, or was new. A queue that the
//! debugger has not been told of (EC_QUEUE_NEW is raised) is not suspended (`suspend_single_queue`).

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::core::cwsr;
use crate::ids::QueueId;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::Process;
use crate::sync::Arc;
use zerocopy::IntoBytes;

/// The ids of the client's array, each marked as no queue until it is found.
struct Ids(Vec<u32>);

impl Ids {
    fn new(bytes: &[u8], count: u32) -> Result<Self, Errno> {
        let words = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
        let ids: Vec<u32> = words.map(|id| id | abi::DBG_QUEUE_INVALID_MASK).collect();
        if ids.len() < count as usize { Err(Errno::FAULT) } else { Ok(Self(ids)) }
    }

    fn find(&mut self, queue: QueueId) -> Option<&mut u32> {
        self.0.iter_mut().find(|id| **id & !abi::DBG_QUEUE_INVALID_MASK == queue.0)
    }
}

impl Ctx<'_> {
    pub(super) fn dbg_suspend(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapSuspendQueues = self.operation()?;
        let mut ids = Ids::new(self.input(0), args.num_queues)?;
        let mut held = Vec::new();
        {
            let inner = target.inner.lock();
            let mut debug = target.debug.lock();
            for device in self.core.devices.iter() {
                for entry in inner.pqm.on(device.index) {
                    let queue = entry.queue.key.queue;
                    let Some(id) = ids.find(queue) else { continue };
                    let state = debug.queues.entry(queue).or_default();
                    if !state.suspended && state.raised & abi::ec_mask(abi::EC_QUEUE_NEW) != 0 {
                        continue;
                    }
                    if !std::mem::replace(&mut state.suspended, true) {
                        held.push(Arc::clone(&entry.queue));
                    }
                    state.raised &= !args.exception_mask;
                    *id &= !abi::DBG_QUEUE_INVALID_MASK;
                    self.value += 1;
                }
            }
        }
        for queue in held {
            let device = &self.core.devices[queue.device];
            if !device.dqm.suspend(queue.key) {
                continue;
            }
            // An engine may be in its last turn.
            queue.quiesce();
            let inner = target.inner.lock();
            cwsr::save(&inner, target, device, &queue, &mut self.post);
        }
        self.core.wake_for_slots(&mut self.post);
        self.put(args.queue_array_ptr, ids.0.as_bytes());
        Ok(Flow::Done)
    }

    pub(super) fn dbg_resume(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapResumeQueues = self.operation()?;
        let all = args.queue_array_ptr == 0;
        let mut ids = if all { Ids(Vec::new()) } else { Ids::new(self.input(0), args.num_queues)? };
        let mut queues: Vec<QueueId> =
            target.inner.lock().pqm.iter().map(|entry| entry.queue.key.queue).collect();
        queues.retain(|queue| {
            let id = ids.find(*queue);
            let asked = all || id.is_some();
            if let Some(id) = id {
                *id &= !abi::DBG_QUEUE_INVALID_MASK;
            }
            asked
        });
        self.value = i32::try_from(queues.len()).unwrap_or(i32::MAX);
        for queue in queues {
            let destroys = target.debug.lock().resumed(queue);
            self.core.resume_queue(target, queue, &mut self.post);
            for (queue, waiting) in destroys {
                let result = self.core.destroy_queue(target, queue.0, &mut self.post);
                self.post.add(waiting.end(target.id(), result));
            }
        }
        self.put(args.queue_array_ptr, ids.0.as_bytes());
        Ok(Flow::Done)
    }
}
