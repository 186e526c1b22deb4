//! A queue lets go and ends, whoever asks for it.
//!
//! Not for: how one is made (`ioctl::queue`), and the end of all with their process (`process`).

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::core::Core;
use crate::core::doorbells::rearm;
use crate::device::Device;
use crate::ids::{QueueId, QueueKey};
use crate::notice::Post;
use crate::process::Process;
use crate::sync::{Arc, Ordering};

impl Core {
    /// A queue may run again; nothing happens to one that may already.
    pub(crate) fn resume_queue(&self, target: &Process, queue: QueueId, post: &mut Post) {
        let device = {
            let inner = target.inner.lock();
            let Some(entry) = inner.pqm.get(queue.0) else { return };
            entry.queue.device
        };
        if self.devices[device].dqm.resume(QueueKey { process: target.id(), queue }) {
            post.runnable();
        }
    }

    /// Stops all queues that a process has on the device, for good; when it returns no engine is in one. The caller has
    /// no lock of a queue or of the process.
    pub(crate) fn lose_queues(&self, device: &Device, process: &Process, post: &mut Post) {
        let lost = {
            // No queue comes meanwhile.
            let _inner = process.inner.lock();
            device.dqm.stop_all(process.id())
        };
        for queue in &lost {
            queue.stop();
            queue.quiesce();
            self.cancel_dispatch(process, queue, post);
        }
        self.wake_for_slots(post);
    }

    /// Takes a queue out of every look-up and off its device, and frees it.
    pub(crate) fn destroy_queue(&self, process: &Process, id: u32, post: &mut Post) -> Result<(), Errno> {
        let queue = {
            let inner = process.inner.lock();
            if inner.revoked {
                return Err(Errno::BADF);
            }
            Arc::clone(&inner.pqm.get(id).ok_or(Errno::INVAL)?.queue)
        };
        let device = &self.devices[queue.device];
        queue.stop();
        if let Some(page) = device.dqm.remove(queue.key) {
            post.add(rearm(device, queue.key.process, page));
        }
        queue.quiesce();
        self.cancel_dispatch(process, &queue, post);
        self.wake_for_slots(post);
        let mut inner = process.inner.lock();
        if inner.revoked {
            return Err(Errno::BADF);
        }
        // Another thread of the client may have destroyed it meanwhile, and made another of the same id.
        let same = inner.pqm.get(id).is_some_and(|entry| Arc::ptr_eq(&entry.queue, &queue));
        let entry = if same { inner.pqm.remove(id) } else { None };
        let entry = entry.ok_or(Errno::INVAL)?;
        if !queue.is_compute() {
            inner.bindings[queue.device].copied += queue.ran.load(Ordering::Relaxed);
        }
        let mut debug = process.debug.lock();
        debug.queue_gone(queue.key.queue);
        debug.raise_device(device.index, abi::ec_mask(abi::EC_DEVICE_QUEUE_DELETE), None, post);
        drop((debug, inner, entry));
        Ok(())
    }
}
