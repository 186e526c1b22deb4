//! What has been raised: asked for by the debugger, and passed on by it to the target's runtime.

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::ids::{GpuId, QueueId};
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::Process;
use crate::sync::Arc;
use zerocopy::IntoBytes;

impl Ctx<'_> {
    /// EAGAIN when nothing that the debugger wants has been raised. Queues come first, then devices, then the process.
    pub(super) fn dbg_query_event(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapQueryDebugEvent = self.operation()?;
        let clear = args.exception_mask;
        let mut found = abi::DbgTrapQueryDebugEvent::default();
        {
            let inner = target.inner.lock();
            let mut guard = target.debug.lock();
            let debug = &mut *guard;
            let wanted = debug.session.as_ref().ok_or(Errno::NODATA)?.wanted;
            let mut take = |raised: &mut u64, gpu_id, queue_id| {
                if found.exception_mask == 0 && *raised & wanted != 0 {
                    found = abi::DbgTrapQueryDebugEvent { exception_mask: *raised, gpu_id, queue_id };
                    *raised &= !clear;
                }
            };
            for entry in inner.pqm.iter() {
                let gpu = self.core.devices[entry.queue.device].gpu().0;
                if let Some(state) = debug.queues.get_mut(&entry.queue.key.queue) {
                    take(&mut state.raised, gpu, entry.queue.key.queue.0);
                }
            }
            for (index, state) in &mut debug.devices {
                take(&mut state.raised, self.core.devices[*index].gpu().0, 0);
            }
            take(&mut debug.raised, 0, 0);
        }
        self.answer_operation(&found);
        if found.exception_mask == 0 { Err(Errno::AGAIN) } else { Ok(Flow::Done) }
    }

    /// EINVAL for no buffer, for what is no exception, and for a source that there is not; ENODATA for what has not been
    /// raised.
    pub(super) fn dbg_query_info(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapQueryExceptionInfo = self.operation()?;
        if args.info_ptr == 0 {
            return Err(Errno::INVAL);
        }
        let (mask, clear) = (abi::ec_mask(args.exception_code), args.clear_exception != 0);
        let mut info = Vec::new();
        {
            let inner = target.inner.lock();
            let mut guard = target.debug.lock();
            let debug = &mut *guard;
            let raised = if mask & abi::EC_MASK_QUEUE != 0 {
                inner.pqm.get(args.source_id).ok_or(Errno::INVAL)?;
                &mut debug.queues.entry(QueueId(args.source_id)).or_default().raised
            } else if mask & abi::EC_MASK_DEVICE != 0 {
                let device = self.core.device(GpuId(args.source_id)).ok_or(Errno::INVAL)?;
                let state = debug.devices.entry(device.index).or_default();
                if state.raised & mask != 0 && args.exception_code == abi::EC_DEVICE_MEMORY_VIOLATION {
                    let fault = if clear { state.fault.take() } else { state.fault };
                    info = fault.map_or_else(Vec::new, |fault| fault.as_bytes().to_vec());
                }
                &mut state.raised
            } else if mask & abi::EC_MASK_PROCESS != 0 {
                if args.exception_code == abi::EC_PROCESS_RUNTIME {
                    info = debug.runtime.as_bytes().to_vec();
                }
                &mut debug.raised
            } else {
                return Err(Errno::INVAL);
            };
            if *raised & mask == 0 {
                return Err(Errno::NODATA);
            }
            if clear {
                *raised &= !mask;
            }
        }
        let room = info.len().min(args.info_size as usize);
        self.put(args.info_ptr, &info[..room]);
        args.info_size = info.len() as u32;
        self.answer_operation(&args);
        Ok(Flow::Done)
    }

    /// A memory violation that is passed on is the target's from then on, as if no debugger had asked for it
    /// (`kfd_dbg_send_exception_to_runtime`). ENODEV for one of a device that there is not. A queue that there is not is none of the caller's
    /// mistakes.
    pub(super) fn dbg_send_runtime_event(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapSendRuntimeEvent = self.operation()?;
        let (violation, runtime) =
            (abi::ec_mask(abi::EC_DEVICE_MEMORY_VIOLATION), abi::ec_mask(abi::EC_PROCESS_RUNTIME));
        if args.exception_mask & violation != 0 {
            let device = self.core.device(GpuId(args.gpu_id)).ok_or(Errno::NODEV)?;
            let known = target.debug.lock().devices.get(&device.index).and_then(|state| state.fault);
            let of_device = abi::MemoryExceptionData { gpu_id: args.gpu_id, ..Default::default() };
            self.core.violated(device, target, known.unwrap_or(of_device), &mut self.post);
        }
        if args.exception_mask & runtime != 0 {
            let freed = target.debug.lock().permit();
            if let Some(waiting) = freed {
                self.post.add(waiting.end(target.id(), Ok(())));
            }
        }
        let rest = args.exception_mask & !(violation | runtime);
        if rest != 0 {
            let queue = target.inner.lock().pqm.get(args.queue_id).map(|entry| Arc::clone(&entry.queue));
            if let Some(queue) = queue {
                self.core.tell_runtime(target, &queue, rest, &mut self.post);
            }
        }
        Ok(Flow::Done)
    }
}
