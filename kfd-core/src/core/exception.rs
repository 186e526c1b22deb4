//! Who is told of what goes wrong: each exception goes to its receiver (`debug::receiver` has the table).
//!
//! Not for: what raises one (engine, `ras`), or what a debugger does with it (`ioctl::debug`).

use crate::abi::kfd as abi;
use crate::access::{MemoryRequest, UserAccess, UserAnswer};
use crate::core::Core;
use crate::device::Device;
use crate::event::smi::SmiKind;
use crate::ids::{EventId, GpuVa, QueueId, QueueKey};
use crate::memory::address::{Span, Target};
use crate::memory::arena::PAGE;
use crate::notice::{Notice, Post};
use crate::process::Process;
use crate::process::debug::{Deliveries, Delivery, Exception, Receiver};
use crate::queue::Queue;
use hsa_queue::{Fault, QueueError};

impl Core {
    /// A queue met a packet that it cannot run, and has stopped.
    pub(crate) fn packet_exception(
        &self,
        process: &Process,
        queue: &Queue,
        error: QueueError,
        post: &mut Post,
    ) {
        let exception = if queue.is_aql() { Exception::Aql } else { Exception::Stream };
        let mask = abi::ec_mask(error.exception_code());
        let standing = {
            let mut debug = process.debug.lock();
            let subscribed = debug.raise_queue(queue.key.queue, mask, post);
            debug.standing(subscribed, queue.save_area.base.0 != 0)
        };
        let receiver = exception.receiver(standing);
        tracing::debug!(queue = queue.key.queue.0, process = %queue.key.process, %error, ?receiver, "a queue stopped at a packet it cannot run");
        match receiver {
            Receiver::SaveArea => self.tell_runtime(process, queue, mask, post),
            Receiver::HardwareEvents => self.signal_hardware(process, post),
            Receiver::Debugger | Receiver::MemoryEvents | Receiver::Nobody => {}
        }
    }

    /// A queue hit an address that its process does not have, and has stopped. The caller has no lock of a queue.
    pub(crate) fn memory_exception(
        &self,
        device: &Device,
        process: &Process,
        queue: QueueKey,
        fault: Fault,
        post: &mut Post,
    ) {
        let found = process.pdds[device.index].map.find(fault.va, 1);
        let mapped = found.is_some();
        // Memory of an arena that is mapped can be read: a read of it that failed was to fetch instructions.
        let is_code = |span: &Span| !span.executable && matches!(span.target, Target::Arena(..));
        let no_execute = !fault.write && found.is_some_and(|(span, _)| is_code(&span));
        // The fault status has a page, not a byte (`kfd_vm_fault_info.page_addr`, amdkfd/kfd_events.h).
        let va = GpuVa(fault.va.0 & !(PAGE - 1));
        let data = abi::MemoryExceptionData {
            failure: abi::MemoryExceptionFailure {
                not_present: u32::from(!mapped),
                read_only: u32::from(mapped && fault.write),
                no_execute: no_execute.into(),
                imprecise: 0,
            },
            va: va.0,
            gpu_id: device.gpu().0,
            error_type: abi::MEM_ERR_NO_RAS,
        };
        let mask = abi::ec_mask(abi::EC_DEVICE_MEMORY_VIOLATION);
        let standing = {
            let mut debug = process.debug.lock();
            let subscribed = debug.raise_device(device.index, mask, Some(data), post);
            debug.standing(subscribed, false)
        };
        let receiver = Exception::Violation.receiver(standing);
        tracing::debug!(queue = queue.queue.0, process = %queue.process, tgid = %process.tgid(), %fault, ?receiver, "memory exception");
        // A debugger that asked for it says itself when it is the process's.
        if receiver == Receiver::MemoryEvents {
            self.violated(device, process, data, post);
        }
        self.smi(device.gpu(), process.tgid(), SmiKind::VmFault, post);
        post.add(Notice::MemoryException { queue, uid: process.uid(), va });
    }

    /// A memory violation is its process's: what that has on the device stops for good, and its memory events say why
    /// (`kfd_dqm_evict_pasid`, `kfd_signal_vm_fault_event`).
    pub(crate) fn violated(
        &self,
        device: &Device,
        process: &Process,
        data: abi::MemoryExceptionData,
        post: &mut Post,
    ) {
        self.lose_queues(device, process, post);
        self.signal_memory(process, data, post);
    }

    /// Sets a process's memory events.
    fn signal_memory(&self, process: &Process, data: abi::MemoryExceptionData, post: &mut Post) {
        let mut table = process.events.lock();
        let woken = table.set_all(abi::EVENT_MEMORY, |event| event.memory = data);
        process.settle(&mut table, woken, &self.deadlines, post);
    }

    /// Sets a process's hardware exception events.
    fn signal_hardware(&self, process: &Process, post: &mut Post) {
        let mut table = process.events.lock();
        let woken = table.set_all(abi::EVENT_HW_EXCEPTION, |_| ());
        process.settle(&mut table, woken, &self.deadlines, post);
    }

    /// Tells the runtime of a queue's exceptions (`kfd_send_exception_to_runtime`). When it returns they are told, or on
    /// their way by a worker.
    pub(crate) fn tell_runtime(&self, process: &Process, queue: &Queue, mask: u64, post: &mut Post) {
        let area = queue.save_area.base;
        let begun = process.debug.lock().deliver(queue.key.queue, queue.device, area, mask);
        if let Some(delivery) = begun {
            self.deliver(process, queue.key.queue, delivery, post);
        }
    }

    /// Goes on with a delivery as far as no worker is needed. No lock of the process is held.
    fn deliver(&self, process: &Process, queue: QueueId, mut delivery: Delivery, post: &mut Post) {
        loop {
            let access = delivery.access();
            let Some(bytes) = at_once(process, delivery.device, &access) else {
                if process.debug.lock().deliveries.put_off(queue, &mut delivery) {
                    let queue = QueueKey { process: process.id(), queue };
                    let ticket = delivery.ticket;
                    post.add(Notice::Memory(MemoryRequest { process: process.id(), queue, ticket, access }));
                }
                return;
            };
            match self.take_step(process, queue, &mut delivery, &bytes, post) {
                Some(next) => delivery = next,
                None => return,
            }
        }
    }

    /// A worker's answer to a delivery. A late one is dropped.
    pub(crate) fn delivery_answer(
        &self,
        process: &Process,
        queue: QueueId,
        ticket: u64,
        answer: &UserAnswer,
        post: &mut Post,
    ) {
        let Some(mut delivery) = process.debug.lock().deliveries.waiting(queue, ticket) else { return };
        let bytes = match answer {
            UserAnswer::Done(bytes) => &bytes[..],
            UserAnswer::Failed => {
                tracing::debug!(queue = queue.0, process = %process.id(), access = ?delivery.access(), "the runtime's memory is not there: it is not told of an exception");
                process.debug.lock().deliveries.cancel(queue);
                return;
            }
        };
        if let Some(next) = self.take_step(process, queue, &mut delivery, bytes, post) {
            self.deliver(process, queue, next, post);
        }
    }

    /// One access of a delivery was answered: what goes on, if anything.
    fn take_step(
        &self,
        process: &Process,
        queue: QueueId,
        delivery: &mut Delivery,
        bytes: &[u8],
        post: &mut Post,
    ) -> Option<Delivery> {
        match delivery.took(bytes) {
            Ok(None) => return Some(*delivery),
            Ok(Some(event)) => self.set_from_host(process, event, post),
            Err(()) => tracing::debug!(queue = queue.0, process = %process.id(), "no head of a save area"),
        }
        process.debug.lock().deliveries.end(queue, delivery)
    }

    /// `kfd_set_event`: signal events only.
    fn set_from_host(&self, process: &Process, event: EventId, post: &mut Post) {
        let mut table = process.events.lock();
        if table.events.get(&event.0).is_some_and(|event| event.kind == abi::EVENT_SIGNAL) {
            let woken = table.set(event.0);
            process.settle(&mut table, woken, &self.deadlines, post);
        }
    }

    /// Whether a worker's answer under this ticket is a delivery's.
    pub(crate) fn is_delivery(ticket: u64) -> bool {
        Deliveries::is_ticket(ticket)
    }
}

/// The answer to an access that lies in an arena as the process's own device sees it; host and device have a buffer at the
/// same address. Everything else is a worker's to answer.
fn at_once(process: &Process, device: usize, access: &UserAccess) -> Option<Vec<u8>> {
    let map = &process.pdds[device].map;
    let arena = |va: u64, len: usize, write: bool| {
        let (span, _) = map.find(GpuVa(va), len as u64)?;
        match span.target {
            Target::Arena(arena, offset) if span.writable || !write => {
                Some((arena, offset + (va - span.start)))
            }
            _ => None,
        }
    };
    match access {
        UserAccess::Read { va, len } => {
            let mut bytes = vec![0; *len as usize];
            let (arena, at) = arena(va.0, bytes.len(), false)?;
            arena.read(at, &mut bytes)?;
            Some(bytes)
        }
        UserAccess::Write { va, bytes } => {
            let (arena, at) = arena(va.0, bytes.len(), true)?;
            arena.write(at, bytes)?;
            Some(Vec::new())
        }
        _ => None,
    }
}
