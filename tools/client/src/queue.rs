//! AQL queues: `amd_queue_t`, ring and signals each in a GTT buffer of their own, since the driver takes no ring and no
//! index words that are a part of a larger buffer; a save area; the doorbell on the kfd node.

use crate::command;
use crate::device::{ClientError, Device};
use crate::doorbell::Doorbell;
use crate::event::Event;
use crate::memory::{Buffer, Kind, PAGE};
use crate::save_area::SaveArea;
use crate::sync::Ordering;
use hsa_queue::layout::{amd_queue, amd_signal};
use kfd_core::abi::kfd;

/// Bytes of an AQL packet (hsa.h).
const PACKET: usize = 64;

/// `HSA_PACKET_TYPE_INVALID`.
const INVALID: u16 = 1;

/// `HSA_PACKET_TYPE_BARRIER_AND` with system-scope fences: bits 10:9 acquire, 12:11 release, scope 2.
const BARRIER_AND: u16 = 3 | 2 << 9 | 2 << 11;

/// `HSA_PACKET_TYPE_BARRIER_OR` with the same fences.
const BARRIER_OR: u16 = 5 | 2 << 9 | 2 << 11;

/// Signals that fit into one queue's signal buffer.
const SIGNALS: u64 = PAGE / amd_signal::BYTES;

/// A signal in shared memory: an offset into its queue's signal buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    offset: usize,
    /// The handle that packets name.
    pub handle: u64,
}

/// A user-mode AQL queue of this process.
#[derive(Debug)]
pub struct UserQueue {
    id: u32,
    packets: u64,
    /// `amd_queue_t`, which has the index words.
    state: Buffer,
    ring: Buffer,
    /// A page of signals, then their mailboxes.
    signals: Buffer,
    next_signal: u64,
    doorbell: Doorbell,
    save_area: SaveArea,
}

impl UserQueue {
    /// Makes a queue of `packets` slots, a power of two of at least 16.
    ///
    /// # Errors
    /// The driver's.
    pub fn create(device: &Device, packets: u32) -> Result<Self, ClientError> {
        let ring_bytes = u64::from(packets) * PACKET as u64;
        let state = Buffer::new(device, Kind::Gtt, PAGE)?;
        let ring = Buffer::new(device, Kind::Gtt, ring_bytes)?;
        let signals = Buffer::new(device, Kind::Gtt, 2 * PAGE)?;
        // Last: what is allocated after it makes the driver look at this process's memory again.
        let save_area = SaveArea::new(device)?;
        for slot in 0..packets as usize {
            ring.half(slot * PACKET).store(INVALID, Ordering::Relaxed);
        }
        state.word(at(amd_queue::BASE_ADDRESS)).store(ring.va(0), Ordering::Relaxed);
        // A u32 field; the upper half, compute_tmpring_size, stays zero.
        state
            .word(at(amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET))
            .store(amd_queue::READ_DISPATCH_ID, Ordering::Relaxed);
        let mut create = kfd::CreateQueue {
            ring_base_address: ring.va(0),
            write_pointer_address: state.va(amd_queue::WRITE_DISPATCH_ID),
            read_pointer_address: state.va(amd_queue::READ_DISPATCH_ID),
            ring_size: u32::try_from(ring_bytes).unwrap_or(u32::MAX),
            gpu_id: device.gpu_id(),
            queue_type: kfd::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: kfd::MAX_QUEUE_PERCENTAGE,
            queue_priority: 7,
            ..Default::default()
        };
        save_area.name_in(&mut create);
        device.call("CREATE_QUEUE", command::CREATE_QUEUE, &mut create)?;
        let doorbell = Doorbell::map(device, create.doorbell_offset)?;
        Ok(Self {
            id: create.queue_id,
            packets: packets.into(),
            state,
            ring,
            signals,
            next_signal: 0,
            doorbell,
            save_area,
        })
    }

    /// The driver's queue id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// A new signal with the value `initial`; with an event, its completion raises that. `None` when the queue's page of
    /// signals is full (64).
    #[must_use]
    pub fn signal(&mut self, initial: u64, event: Option<Event>) -> Option<Signal> {
        if self.next_signal == SIGNALS {
            return None;
        }
        let offset = self.next_signal * amd_signal::BYTES;
        self.next_signal += 1;
        let signal = Signal { offset: at(offset), handle: self.signals.va(offset) };
        self.signals.word(signal.offset + at(amd_signal::KIND)).store(1, Ordering::Relaxed);
        self.reset(signal, initial, event);
        Some(signal)
    }

    /// Sets a signal up again: value and event.
    pub fn reset(&self, signal: Signal, value: u64, event: Option<Event>) {
        let mailbox = |event: Event| self.signals.va(PAGE + u64::from(event.slot % 512) * 8);
        let (mailbox, id) = event.map_or((0, 0), |event| (mailbox(event), event.id));
        self.signals
            .word(signal.offset + at(amd_signal::EVENT_MAILBOX_PTR))
            .store(mailbox, Ordering::Relaxed);
        self.signals.word(signal.offset + at(amd_signal::EVENT_ID)).store(id.into(), Ordering::Relaxed);
        self.signals.word(signal.offset + at(amd_signal::VALUE)).store(value, Ordering::Release);
    }

    /// A signal's value.
    #[must_use]
    pub fn value(&self, signal: Signal) -> u64 {
        self.signals.word(signal.offset + at(amd_signal::VALUE)).load(Ordering::Acquire)
    }

    /// A signal's start and end timestamps, in ticks of the device's clock.
    #[must_use]
    pub fn timestamps(&self, signal: Signal) -> (u64, u64) {
        let stamp = |field| self.signals.word(signal.offset + at(field)).load(Ordering::Acquire);
        (stamp(amd_signal::START_TS), stamp(amd_signal::END_TS))
    }

    /// How many packets the processor has let go of.
    #[must_use]
    pub fn read_index(&self) -> u64 {
        self.state.word(at(amd_queue::READ_DISPATCH_ID)).load(Ordering::Acquire)
    }

    /// How many packets were submitted.
    #[must_use]
    pub fn write_index(&self) -> u64 {
        self.state.word(at(amd_queue::WRITE_DISPATCH_ID)).load(Ordering::Acquire)
    }

    /// Submits a BARRIER_AND packet and rings the doorbell. The caller sees to it that the ring is not full.
    pub fn submit_barrier(&self, deps: &[u64], done: Option<&Signal>) {
        self.submit(BARRIER_AND, &barrier_body(deps, done));
        self.ring_doorbell();
    }

    /// Submits a BARRIER_OR packet and rings the doorbell.
    pub fn submit_barrier_or(&self, deps: &[u64], done: Option<&Signal>) {
        self.submit(BARRIER_OR, &barrier_body(deps, done));
        self.ring_doorbell();
    }

    /// Puts one packet into the ring without ringing: body first, then the write index, then the header with release.
    /// `body` is the packet's words; the header's half word in it is ignored.
    pub fn submit(&self, header: u16, body: &[u64; 8]) {
        self.publish(self.reserve(1), header, body);
    }

    /// Takes `count` slots by raising the write index, and answers the first one's index. Their headers are INVALID
    /// until [`publish`](Self::publish): a processor must not go past them, whatever the write index says.
    pub fn reserve(&self, count: u64) -> u64 {
        self.state.word(at(amd_queue::WRITE_DISPATCH_ID)).fetch_add(count, Ordering::AcqRel)
    }

    /// Fills a reserved slot: body first, then the header with release.
    pub fn publish(&self, index: u64, header: u16, body: &[u64; 8]) {
        let slot = at(index % self.packets) * PACKET;
        // The first word but for the header, which stays INVALID until the rest is there.
        self.ring.word(slot).store((body[0] & !0xffff) | u64::from(INVALID), Ordering::Relaxed);
        self.ring.store_words(slot + 8, &body[1..]);
        // Release: pairs with the processor's acquire load of the header.
        self.ring.half(slot).store(header, Ordering::Release);
    }

    /// Fills a reserved slot with a BARRIER_AND packet.
    pub fn publish_barrier(&self, index: u64, deps: &[u64], done: Option<&Signal>) {
        self.publish(index, BARRIER_AND, &barrier_body(deps, done));
    }

    /// Rings: the doorbell's value is the index of the last packet.
    pub fn ring_doorbell(&self) {
        self.ring(self.write_index().wrapping_sub(1));
    }

    /// Rings with a value of the caller's choice; it is a hint, the write index decides.
    pub fn ring(&self, value: u64) {
        self.doorbell.ring(value);
    }

    /// Takes the device's global wave sync: what is dispatched is cooperative from now on.
    ///
    /// # Errors
    /// The driver's.
    pub fn take_wave_sync(&self, device: &Device) -> Result<(), ClientError> {
        let mut take = kfd::AllocQueueGws { queue_id: self.id, num_gws: 1, ..Default::default() };
        device.call("ALLOC_QUEUE_GWS", command::ALLOC_QUEUE_GWS, &mut take)
    }

    /// Ends the queue.
    ///
    /// # Errors
    /// The driver's.
    pub fn destroy(self, device: &Device) -> Result<(), ClientError> {
        let mut destroy = kfd::DestroyQueue { queue_id: self.id, pad: 0 };
        device.call("DESTROY_QUEUE", command::DESTROY_QUEUE, &mut destroy)?;
        self.state.free(device)?;
        self.ring.free(device)?;
        self.signals.free(device)?;
        self.save_area.free(device)
    }
}

/// The words of a barrier packet (hsa.h): dependencies at 8, completion signal at 56.
fn barrier_body(deps: &[u64], done: Option<&Signal>) -> [u64; 8] {
    let mut body = [0; 8];
    for (word, dep) in body[1..6].iter_mut().zip(deps) {
        *word = *dep;
    }
    body[7] = done.map_or(0, |signal| signal.handle);
    body
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("offsets in a queue's buffers are small")
}
