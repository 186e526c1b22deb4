//! SDMA and PM4 queues: a ring of dwords, two indices in a page of their own, a doorbell; PM4 has a save area too.
//!
//! The write index counts for ever: bytes of an SDMA ring, dwords of a PM4 ring. The read index is the engine's: an SDMA
//! engine stores bytes for ever, a command processor a dword that wraps with the ring (CP_HQD_PQ_RPTR).

use crate::command;
use crate::device::{ClientError, Device};
use crate::doorbell::Doorbell;
use crate::memory::{Buffer, Kind, PAGE};
use crate::save_area::SaveArea;
use crate::sync::Ordering;
use kfd_core::abi::kfd;
use std::time::{Duration, Instant};

/// Where the write index lies in the page before the ring; the read index a cache line after it.
const WRITE_INDEX: usize = 0;
const READ_INDEX: usize = 64;

/// Which engine a queue feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The command processor: PM4 packets ([`crate::pm4`]).
    Compute,
    /// A DMA engine: SDMA packets ([`crate::sdma`]).
    Sdma,
    /// A DMA engine beside the links between devices.
    SdmaXgmi,
}

impl Engine {
    const fn queue_type(self) -> u32 {
        match self {
            Self::Compute => kfd::QUEUE_TYPE_COMPUTE,
            Self::Sdma => kfd::QUEUE_TYPE_SDMA,
            Self::SdmaXgmi => kfd::QUEUE_TYPE_SDMA_XGMI,
        }
    }

    /// What a packet that does nothing and ends here is, of one dword.
    const fn nop(self) -> u32 {
        match self {
            Self::Compute => crate::pm4::NOP,
            Self::Sdma | Self::SdmaXgmi => crate::sdma::NOP,
        }
    }

    /// Index units in a dword.
    const fn unit(self) -> u64 {
        match self {
            Self::Compute => 1,
            Self::Sdma | Self::SdmaXgmi => 4,
        }
    }
}

/// Why a submission was not made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SubmitError {
    /// The ring has no room for it now: [`StreamQueue::wait_idle`] first.
    #[error("the ring has {free} dwords free and the packets have {needed}")]
    Full {
        /// Dwords of the ring that are free.
        free: u64,
        /// Dwords of the packets.
        needed: u64,
    },
}

/// A user-mode SDMA or PM4 queue of this process. One thread submits at a time.
#[derive(Debug)]
pub struct StreamQueue {
    id: u32,
    engine: Engine,
    dwords: u64,
    written: u64,
    indices: Buffer,
    ring: Buffer,
    /// What a command processor's queue has and a DMA engine's has not: the end-of-pipe buffer and the save area.
    compute: Option<(Buffer, SaveArea)>,
    doorbell: Doorbell,
}

impl StreamQueue {
    /// Makes a queue whose ring has `dwords` dwords, a power of two of at least 1024 (a page).
    ///
    /// # Errors
    /// The driver's.
    pub fn create(device: &Device, engine: Engine, dwords: u32) -> Result<Self, ClientError> {
        let bytes = u64::from(dwords) * 4;
        let indices = Buffer::new(device, Kind::Gtt, PAGE)?;
        let ring = Buffer::new(device, Kind::Gtt, bytes)?;
        let compute = match engine {
            Engine::Compute => {
                let end_of_pipe = device.node()?.buffers.end_of_pipe;
                Some((Buffer::new(device, Kind::Vram, end_of_pipe.into())?, SaveArea::new(device)?))
            }
            Engine::Sdma | Engine::SdmaXgmi => None,
        };
        let mut create = kfd::CreateQueue {
            ring_base_address: ring.va(0),
            write_pointer_address: indices.va(WRITE_INDEX as u64),
            read_pointer_address: indices.va(READ_INDEX as u64),
            ring_size: u32::try_from(bytes).unwrap_or(u32::MAX),
            gpu_id: device.gpu_id(),
            queue_type: engine.queue_type(),
            queue_percentage: kfd::MAX_QUEUE_PERCENTAGE,
            queue_priority: 7,
            ..Default::default()
        };
        if let Some((end_of_pipe, save_area)) = &compute {
            create.eop_buffer_address = end_of_pipe.va(0);
            create.eop_buffer_size = end_of_pipe.size() as u64;
            save_area.name_in(&mut create);
        }
        device.call("CREATE_QUEUE", command::CREATE_QUEUE, &mut create)?;
        let doorbell = Doorbell::map(device, create.doorbell_offset)?;
        let (id, dwords) = (create.queue_id, dwords.into());
        Ok(Self { id, engine, dwords, written: 0, indices, ring, compute, doorbell })
    }

    /// The driver's queue id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Dwords that the engine has not consumed yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        match self.engine {
            Engine::Compute => {
                let read = u64::from(self.indices.dword(READ_INDEX).load(Ordering::Acquire));
                self.written.wrapping_sub(read) % self.dwords
            }
            Engine::Sdma | Engine::SdmaXgmi => {
                self.written.wrapping_sub(self.indices.word(READ_INDEX).load(Ordering::Acquire) / 4)
            }
        }
    }

    /// Puts whole packets into the ring and rings. A packet does not cross the ring's end: NOPs fill it up before.
    ///
    /// # Errors
    /// The ring is too full.
    pub fn submit(&mut self, packets: &[u32]) -> Result<(), SubmitError> {
        let needed = packets.len() as u64;
        let at = self.written % self.dwords;
        let fill = if at + needed > self.dwords { self.dwords - at } else { 0 };
        // One dword stays free: a full ring would look like an empty one.
        let free = self.dwords - 1 - self.pending();
        if needed + fill > free {
            return Err(SubmitError::Full { free, needed: needed + fill });
        }
        for _ in 0..fill {
            self.put(self.engine.nop());
        }
        for word in packets {
            self.put(*word);
        }
        let index = self.written * self.engine.unit();
        // Release: pairs with the processor's acquire load of the write index.
        self.indices.word(WRITE_INDEX).store(index, Ordering::Release);
        self.doorbell.ring(index);
        Ok(())
    }

    fn put(&mut self, word: u32) {
        let slot = usize::try_from(self.written % self.dwords * 4).expect("a ring fits the address space");
        self.ring.dword(slot).store(word, Ordering::Relaxed);
        self.written += 1;
    }

    /// Sleeps in small steps until everything is consumed. Whether it was before `limit` had passed.
    #[must_use]
    pub fn wait_idle(&self, limit: Duration) -> bool {
        let start = Instant::now();
        while self.pending() != 0 {
            if start.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        true
    }

    /// Ends the queue and frees its memory.
    ///
    /// # Errors
    /// The driver's.
    pub fn destroy(self, device: &Device) -> Result<(), ClientError> {
        let mut destroy = kfd::DestroyQueue { queue_id: self.id, pad: 0 };
        device.call("DESTROY_QUEUE", command::DESTROY_QUEUE, &mut destroy)?;
        if let Some((end_of_pipe, save_area)) = self.compute {
            end_of_pipe.free(device)?;
            save_area.free(device)?;
        }
        self.ring.free(device)?;
        self.indices.free(device)
    }
}
