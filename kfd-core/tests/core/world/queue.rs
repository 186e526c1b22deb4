//! A client's AQL queues, their signals and packets.

use super::client::Client;
use super::gpu;
use super::memory::Buffer;
use hsa_queue::layout::{amd_queue, amd_signal};
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;
use zerocopy::FromBytes;

/// An AQL queue in memory of parts ([`AQL`]): `amd_queue_t` at 0, signals from 4096, the ring from 8192, another one after
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Aql {
    pub id: u32,
    pub doorbell: u64,
    pub memory: Buffer,
    pub packets: u64,
}

/// The parts of an AQL queue's memory: a driver takes no ring and no index words that are a part of a larger buffer.
pub const AQL: [u64; 4] = [4096; 4];

impl Aql {
    /// What a CREATE_QUEUE with its parts in `memory` was answered.
    pub fn made(answer: &abi::CreateQueue, memory: Buffer) -> Self {
        Self { id: answer.queue_id, doorbell: answer.doorbell_offset, memory, packets: 0 }
    }
}

/// The CREATE_QUEUE of a queue of 64 packets whose parts lie in `memory`; it names no save area.
pub fn create(memory: Buffer) -> abi::CreateQueue {
    abi::CreateQueue {
        ring_base_address: memory.va + 8192,
        write_pointer_address: memory.va + amd_queue::WRITE_DISPATCH_ID,
        read_pointer_address: memory.va + amd_queue::READ_DISPATCH_ID,
        ring_size: 64 * 64,
        gpu_id: gpu().0,
        queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
        queue_percentage: 100,
        queue_priority: 7,
        ..Default::default()
    }
}

impl Client<'_> {
    /// Names a save area in a CREATE_QUEUE of a compute queue that has none, as every client gives one.
    pub(super) fn complete(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let arg = abi::CreateQueue::mut_from_bytes(bytes).expect("the struct of CREATE_QUEUE");
        let compute = [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_COMPUTE_AQL].contains(&arg.queue_type);
        if !compute || arg.ctx_save_restore_address != 0 {
            return Ok(());
        }
        let devices = self.core().profile().devices.clone();
        let found = devices.iter().enumerate().find(|(_, device)| device.gpu_id.0 == arg.gpu_id);
        let (index, device) = found.ok_or(Errno::INVAL)?;
        let sizes = device.queue_buffers();
        let va = match self.save_areas.get(&arg.gpu_id) {
            Some(va) => *va,
            None => {
                let va = 0x7c00_0000_0000 + (self.lane << 40) + ((index as u64) << 32);
                let size = sizes.whole_save_area(sizes.save_area);
                let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
                let area = self.alloc(va, size, flags)?;
                self.map_on(area.handle, arg.gpu_id)?;
                self.save_areas.insert(arg.gpu_id, va);
                va
            }
        };
        arg.ctx_save_restore_address = va;
        (arg.ctx_save_restore_size, arg.ctl_stack_size) = (sizes.save_area, sizes.control_stack);
        Ok(())
    }

    /// A queue of 64 packets whose parts all lie in `memory`, which is cut as [`AQL`] is.
    pub fn queue_in(&mut self, memory: Buffer) -> Result<Aql, Errno> {
        self.queue_on(memory, gpu().0)
    }

    /// The same on another device.
    pub fn queue_on(&mut self, memory: Buffer, gpu_id: u32) -> Result<Aql, Errno> {
        let mut arg = abi::CreateQueue { gpu_id, ..create(memory) };
        self.ioctl(0x02, &mut arg, vec![])?;
        Ok(Aql::made(&arg, memory))
    }

    pub fn queue(&mut self, va: u64) -> Aql {
        let memory = self.cut(va, &AQL).expect("memory");
        self.queue_in(memory).expect("a queue")
    }

    pub fn destroy(&mut self, queue_id: u32) -> Result<(), Errno> {
        self.ioctl(0x03, &mut abi::DestroyQueue { queue_id, pad: 0 }, vec![]).map(drop)
    }

    /// Signal number `index` of a queue's buffer, at `value`, with an event behind it or none.
    pub fn signal(&self, aql: &Aql, index: u64, value: i64, event: Option<(u64, u32)>) -> u64 {
        let at = aql.memory.offset + 4096 + index * amd_signal::BYTES;
        self.poke(at, &[0; amd_signal::BYTES as usize]);
        self.poke(at + amd_signal::VALUE, &value.to_le_bytes());
        if let Some((mailbox, id)) = event {
            self.poke(at + amd_signal::EVENT_MAILBOX_PTR, &mailbox.to_le_bytes());
            self.poke(at + amd_signal::EVENT_ID, &id.to_le_bytes());
        }
        aql.memory.va + 4096 + index * amd_signal::BYTES
    }

    pub fn signal_value(&self, aql: &Aql, index: u64) -> i64 {
        self.peek(aql.memory.offset + 4096 + index * amd_signal::BYTES + amd_signal::VALUE).cast_signed()
    }

    /// Writes a packet and advances the write index; the doorbell is another matter.
    pub fn push(&self, aql: &mut Aql, packet: &[u8; 64]) {
        let slot = aql.memory.offset + 8192 + aql.packets % 64 * 64;
        self.poke(slot + 2, &packet[2..]);
        self.poke(slot, &packet[..2]);
        aql.packets += 1;
        self.poke(aql.memory.offset + amd_queue::WRITE_DISPATCH_ID, &aql.packets.to_le_bytes());
    }

    /// The client's store hits the doorbell page, which is absent.
    pub fn ring(&self, aql: &Aql) {
        self.store_at(aql.doorbell);
    }

    /// A store to that byte of the kfd node, whose page is absent.
    pub fn store_at(&self, doorbell: u64) {
        let core = self.core();
        core.trapped(core.trap(self.process, doorbell & !4095));
    }

    pub fn read_index(&self, aql: &Aql) -> u64 {
        self.peek(aql.memory.offset + amd_queue::READ_DISPATCH_ID)
    }
}

/// A BARRIER_AND packet (type 3).
pub fn barrier(dependencies: &[u64], completion: u64) -> [u8; 64] {
    let mut packet = [0; 64];
    packet[..2].copy_from_slice(&3u16.to_le_bytes());
    for (index, signal) in dependencies.iter().enumerate() {
        packet[8 + index * 8..][..8].copy_from_slice(&signal.to_le_bytes());
    }
    packet[56..].copy_from_slice(&completion.to_le_bytes());
    packet
}
