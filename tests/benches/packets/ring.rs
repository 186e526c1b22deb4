//! A ring that is filled at leisure and let go at once: the first header is the last store.

use crate::stage::shm::Shared;
use crate::stage::sync::{AtomicU16, AtomicU64, Ordering};
use anyhow::Context;
use client::memory::{Buffer, Kind};
use client::save_area::SaveArea;
use client::{ClientError, Device, command};
use hsa_queue::layout::amd_queue;
use kfd_core::abi::kfd;

/// Bytes of an AQL packet (hsa.h).
pub const PACKET: usize = 64;
/// `HSA_PACKET_TYPE_INVALID`.
pub const INVALID: u16 = 1;
/// BARRIER_AND with the barrier bit and system-scope fences.
pub const BARRIER: u16 = 3 | 1 << 8 | 2 << 9 | 2 << 11;
/// The ring lies one page behind its `amd_queue_t`.
pub const RING: usize = 4096;

/// Memory that a ring can lie in.
pub trait RingMemory {
    /// The 64-bit word at a byte offset.
    fn word(&self, at: usize) -> &AtomicU64;
    /// The 16-bit word at a byte offset.
    fn half(&self, at: usize) -> &AtomicU16;
}

/// Memory that the daemon allocated: `amd_queue_t` and the ring, a buffer each, as the driver wants them.
pub struct Allocated {
    state: Buffer,
    ring: Buffer,
}

impl RingMemory for Allocated {
    fn word(&self, at: usize) -> &AtomicU64 {
        if at < RING { self.state.word(at) } else { self.ring.word(at - RING) }
    }
    fn half(&self, at: usize) -> &AtomicU16 {
        if at < RING { self.state.half(at) } else { self.ring.half(at - RING) }
    }
}

impl RingMemory for Shared {
    fn word(&self, at: usize) -> &AtomicU64 {
        self.word(at)
    }
    fn half(&self, at: usize) -> &AtomicU16 {
        self.half(at)
    }
}

fn at(field: u64) -> usize {
    usize::try_from(field).expect("a field of a 256-byte structure")
}

/// A ring of barrier packets with null signals.
pub struct Ring<P> {
    memory: P,
    /// Slots, a power of two.
    pub packets: usize,
    written: usize,
}

impl<P: RingMemory> Ring<P> {
    /// An empty ring; the memory has room for it and is zero.
    pub fn new(memory: P, packets: usize) -> Self {
        for slot in 0..packets {
            memory.half(RING + slot * PACKET).store(INVALID, Ordering::Relaxed);
        }
        Self { memory, packets, written: 0 }
    }

    /// Bytes of memory that a ring of so many packets needs.
    pub const fn bytes(packets: usize) -> usize {
        RING + packets * PACKET
    }

    /// The header of a slot.
    pub fn header(&self, slot: usize) -> &AtomicU16 {
        self.memory.half(RING + slot * PACKET)
    }

    /// The words of a slot.
    pub fn word(&self, slot: usize, word: usize) -> &AtomicU64 {
        self.memory.word(RING + slot * PACKET + word * 8)
    }

    /// `read_dispatch_id`.
    pub fn read_index(&self) -> &AtomicU64 {
        self.memory.word(at(amd_queue::READ_DISPATCH_ID))
    }

    fn write_index(&self) -> &AtomicU64 {
        self.memory.word(at(amd_queue::WRITE_DISPATCH_ID))
    }

    /// Writes a whole ring of packets, all but the first one's header. The ring is empty.
    pub fn fill(&mut self) {
        for slot in 0..self.packets {
            for word in 1..8 {
                self.word(slot, word).store(0, Ordering::Relaxed);
            }
            if slot > 0 {
                self.word(slot, 0).store(BARRIER.into(), Ordering::Release);
            }
        }
        self.written += self.packets;
        self.write_index().store(self.written as u64, Ordering::Release);
    }

    /// The first header: the packets can be run from here on.
    pub fn let_go(&self) {
        self.header(0).store(BARRIER, Ordering::Release);
    }

    /// Whether every packet was run and its slot given back.
    pub fn is_drained(&self) -> bool {
        self.read_index().load(Ordering::Acquire) == self.written as u64
    }

    /// Packets of the ring that were run and given back since it was filled.
    pub fn taken(&self) -> usize {
        let read = usize::try_from(self.read_index().load(Ordering::Acquire)).unwrap_or(usize::MAX);
        self.packets - (self.written - read)
    }

    /// Submits as many packets as there is room for; how many.
    pub fn top_up(&mut self) -> usize {
        let read = usize::try_from(self.read_index().load(Ordering::Acquire)).unwrap_or(usize::MAX);
        let room = self.packets - (self.written - read);
        self.write_index().store((self.written + room) as u64, Ordering::Release);
        for id in self.written..self.written + room {
            // The body is zero since the ring was made: nobody writes there.
            self.header(id % self.packets).store(BARRIER, Ordering::Release);
        }
        self.written += room;
        room
    }
}

/// A queue of the daemon over a ring.
#[allow(missing_docs, reason = "the names say it")]
pub struct Queue<P> {
    pub ring: Ring<P>,
    doorbell: Shared,
    bell: usize,
    _save_area: SaveArea,
}

impl<P: RingMemory> Queue<P> {
    /// `state` and `va` are the device's addresses of `amd_queue_t` and of the ring.
    fn create(device: &Device, memory: P, state: u64, va: u64, packets: usize) -> anyhow::Result<Self> {
        let ring = Ring::new(memory, packets);
        ring.memory.word(at(amd_queue::BASE_ADDRESS)).store(va, Ordering::Relaxed);
        ring.memory
            .word(at(amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET))
            .store(amd_queue::READ_DISPATCH_ID, Ordering::Relaxed);
        let mut create = kfd::CreateQueue {
            ring_base_address: va,
            write_pointer_address: state + amd_queue::WRITE_DISPATCH_ID,
            read_pointer_address: state + amd_queue::READ_DISPATCH_ID,
            ring_size: u32::try_from(packets * PACKET)?,
            gpu_id: device.gpu_id(),
            queue_type: kfd::QUEUE_TYPE_COMPUTE_AQL,
            queue_percentage: kfd::MAX_QUEUE_PERCENTAGE,
            queue_priority: 7,
            ..Default::default()
        };
        let save_area = SaveArea::new(device)?;
        save_area.name_in(&mut create);
        device.call("CREATE_QUEUE", command::CREATE_QUEUE, &mut create)?;
        let doorbell = Shared::of(device.kfd(), create.doorbell_offset & !0xfff, 4096)
            .context("cannot map the doorbell page")?;
        let bell = usize::try_from(create.doorbell_offset & 0xfff)?;
        Ok(Self { ring, doorbell, bell, _save_area: save_area })
    }

    /// Rings the doorbell.
    pub fn ring_doorbell(&self) {
        self.doorbell.word(self.bell).store(self.ring.written as u64 - 1, Ordering::Release);
    }
}

/// A queue whose ring lies in memory that the daemon allocated and shares.
pub fn shared_queue(device: &Device, packets: usize) -> anyhow::Result<Queue<Allocated>> {
    let state = Buffer::new(device, Kind::Gtt, RING as u64)?;
    let ring = Buffer::new(device, Kind::Gtt, (packets * PACKET) as u64)?;
    let (at, va) = (state.va(0), ring.va(0));
    Queue::create(device, Allocated { state, ring }, at, va, packets)
}

/// A queue whose ring lies in this process's own memory.
pub fn userptr_queue(device: &Device, packets: usize) -> anyhow::Result<Queue<Shared>> {
    let memory = Shared::anonymous(Ring::<Shared>::bytes(packets))?;
    memory.touch(0);
    let address = memory.address();
    map_userptr(device, address, RING as u64)?;
    map_userptr(device, address + RING as u64, (memory.len() - RING) as u64)?;
    Queue::create(device, memory, address, address + RING as u64, packets)
}

fn map_userptr(device: &Device, address: u64, size: u64) -> Result<(), ClientError> {
    let mut alloc = kfd::AllocMemoryOfGpu {
        va_addr: address,
        size,
        mmap_offset: address,
        gpu_id: device.gpu_id(),
        flags: kfd::ALLOC_MEM_FLAGS_USERPTR | kfd::ALLOC_MEM_FLAGS_WRITABLE | kfd::ALLOC_MEM_FLAGS_COHERENT,
        ..Default::default()
    };
    device.call("ALLOC_MEMORY_OF_GPU", command::ALLOC_MEMORY_OF_GPU, &mut alloc)?;
    let ids = [device.gpu_id()];
    let mut map = kfd::MapMemoryToGpu {
        handle: alloc.handle,
        device_ids_array_ptr: ids.as_ptr().expose_provenance() as u64,
        n_devices: 1,
        n_success: 0,
    };
    device.call("MAP_MEMORY_TO_GPU", command::MAP_MEMORY_TO_GPU, &mut map)
}
