//! One user-mode queue: its processor, and what its client said about it.
//!
//! The MQD's mutex is held by an engine for a turn and by whoever takes the queue off the device, who by taking it knows
//! that the engine has left. What bars it from running is looked at between chunks of packets.
//!
//! Lock order: the MQD's mutex is taken with no other lock of the core held. Not for: when a queue runs (`dqm`).
pub mod buffers;

pub(crate) mod dispatches;
pub(crate) mod dqm;
pub(crate) mod poll;
pub(crate) mod posted;
pub(crate) mod pqm;
pub(crate) mod save_area;
pub(crate) mod sdma;
pub(crate) mod view;

use crate::ids::{GpuVa, Nanos, QueueKey};
use crate::queue::dispatches::InHand;
use crate::queue::save_area::SaveArea;
use crate::queue::view::OpenAccess;
use crate::sync::{AtomicBool, AtomicU8, AtomicU64, Mutex, Ordering};
use hsa_queue::ring::{Ring, RingError};
use hsa_queue::sdma::Generation;
use hsa_queue::{QueueProcessor, QueueRegs, Waves, aql, pm4, sdma as sdma_packets};
use serde::{Deserialize, Serialize};

/// Which packets a queue takes, and on which kind of engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// Packets of HSA's architected queuing language, on compute slots.
    Aql,
    /// The command processor's own packets, on compute slots.
    Pm4,
    /// Copies, on an SDMA engine over PCIe.
    Sdma,
    /// Copies, on an SDMA engine for XGMI links.
    SdmaXgmi,
}

/// It ends, or its process does.
const STOPPED: u8 = 1;
/// It is off the run list.
const OFF: u8 = 2;

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) key: QueueKey,
    /// Index of its device.
    pub(crate) device: usize,
    /// Its doorbell's index in the process's slice.
    pub(crate) doorbell: u16,
    /// How many packets it has retired.
    pub(crate) packets: AtomicU64,
    /// How many nanoseconds it has had packets to run.
    pub(crate) ran: AtomicU64,
    pub(crate) made_at: Nanos,
    /// Where the client keeps the write index (`write_dispatch_id` of AQL).
    pub(crate) write_index: GpuVa,
    /// Where the read index is written (`read_dispatch_id` of AQL).
    pub(crate) read_index: GpuVa,
    /// Where its waves are saved.
    pub(crate) save_area: SaveArea,
    /// The dispatch that it waits for.
    pub(crate) in_hand: InHand,
    /// It has the device's global wave sync. Changed under the process mutex; its turns only read it.
    gws: AtomicBool,
    format: Format,
    /// Why no engine begins another chunk of its packets, a bit each; 0 while engines may.
    barred: AtomicU8,
    pub(crate) mqd: Mutex<Mqd>,
}

/// A queue's state block (memory queue descriptor): what is kept of its execution from one turn to the next.
#[derive(Debug)]
pub(crate) struct Mqd {
    /// Reads the packets; none until the queue has a ring.
    pub(crate) processor: Option<QueueProcessor>,
    /// The access to client memory that is under way, if one is.
    pub(crate) open: OpenAccess,
    /// Its client has been told of the error or fault that stopped it.
    pub(crate) reported: bool,
}

/// Which packets a queue takes, and what that kind of packet needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Aql(Waves),
    Pm4(Waves),
    Sdma(Generation),
    SdmaXgmi(Generation),
}

impl Format {
    /// A processor of such packets that has read none yet.
    fn processor(self, regs: QueueRegs) -> Result<QueueProcessor, RingError> {
        Ok(match self {
            Self::Aql(waves) => QueueProcessor::Aql(Box::new(aql::Processor::new(regs)?.with_waves(waves))),
            Self::Pm4(waves) => QueueProcessor::Pm4(Box::new(pm4::Processor::new(regs, waves)?)),
            Self::Sdma(generation) | Self::SdmaXgmi(generation) => {
                QueueProcessor::Sdma(Box::new(sdma_packets::Processor::new(regs, generation)?))
            }
        })
    }
}

/// Where a queue's indices lie, GPU addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Indices {
    pub(crate) write: GpuVa,
    pub(crate) read: GpuVa,
}

/// What CREATE_QUEUE and UPDATE_QUEUE say of a queue's running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Properties {
    /// Ring, GPU address; 0 makes it inactive.
    pub(crate) ring: GpuVa,
    /// Bytes; 0 makes it inactive.
    pub(crate) ring_bytes: u64,
    /// 0 to 100; 0 makes it inactive.
    pub(crate) percentage: u32,
    /// 0 to 15.
    pub(crate) priority: u32,
}

impl Properties {
    /// `QUEUE_IS_ACTIVE` (amdkfd/kfd_priv.h), evictions apart.
    pub(crate) fn active(&self) -> bool {
        self.ring.0 != 0 && self.ring_bytes != 0 && self.percentage != 0
    }
}

impl Queue {
    /// A queue that has read nothing yet and has no ring.
    pub(crate) fn new(
        key: QueueKey,
        device: usize,
        doorbell: u16,
        format: Format,
        indices: Indices,
        save_area: SaveArea,
        made_at: Nanos,
    ) -> Self {
        let mqd = Mutex::new(Mqd { processor: None, open: OpenAccess::default(), reported: false });
        let Indices { write: write_index, read: read_index } = indices;
        let (packets, barred) = (AtomicU64::new(0), AtomicU8::new(0));
        Self {
            key,
            device,
            doorbell,
            packets,
            ran: AtomicU64::new(0),
            made_at,
            write_index,
            read_index,
            save_area,
            in_hand: InHand::default(),
            gws: AtomicBool::new(false),
            format,
            barred,
            mqd,
        }
    }

    pub(crate) fn kind(&self) -> QueueKind {
        match self.format {
            Format::Aql(_) => QueueKind::Aql,
            Format::Pm4(_) => QueueKind::Pm4,
            Format::Sdma(_) => QueueKind::Sdma,
            Format::SdmaXgmi(_) => QueueKind::SdmaXgmi,
        }
    }

    /// Whether it has the device's global wave sync.
    pub(crate) fn has_gws(&self) -> bool {
        self.gws.load(Ordering::Relaxed)
    }

    /// Gives it the device's global wave sync, or takes that back. The caller holds the process mutex.
    pub(crate) fn set_gws(&self, has: bool) {
        self.gws.store(has, Ordering::Relaxed);
    }

    /// Whether it takes AQL packets.
    pub(crate) fn is_aql(&self) -> bool {
        matches!(self.format, Format::Aql(_))
    }

    /// Whether it runs on the compute slots of its device, not on an SDMA engine.
    pub(crate) fn is_compute(&self) -> bool {
        matches!(self.format, Format::Aql(_) | Format::Pm4(_))
    }

    /// Gives the queue a ring, its first or another; indices go on.
    ///
    /// # Errors
    /// [`RingError`] when it is not one.
    pub(crate) fn set_ring(&self, ring: GpuVa, size_bytes: u64) -> Result<(), RingError> {
        let new = Ring::new(ring, size_bytes)?;
        let mut mqd = self.mqd.lock();
        match &mut mqd.processor {
            Some(processor) => processor.set_ring(new),
            none => {
                let (write_index, read_index) = (self.write_index, self.read_index);
                *none =
                    Some(self.format.processor(QueueRegs { ring, size_bytes, write_index, read_index })?);
            }
        }
        Ok(())
    }

    /// Counts the tickets of its accesses to client memory from here on. For a queue that has made none.
    pub(crate) fn number_tickets(&self, from: u64) {
        self.mqd.lock().open = OpenAccess::after(from);
    }

    /// Goes on at a read index, in the queue's own unit, where the queue was when it was checkpointed.
    pub(crate) fn seek(&self, read: u64) {
        if let Some(processor) = &mut self.mqd.lock().processor {
            processor.seek(read);
        }
    }

    /// No engine begins another chunk of its packets.
    pub(crate) fn stop(&self) {
        self.barred.fetch_or(STOPPED, Ordering::Release);
    }

    /// Whether it never runs again.
    pub(crate) fn is_stopped(&self) -> bool {
        self.barred.load(Ordering::Acquire) & STOPPED != 0
    }

    /// It is off the run list, or on it again. Told by the dqm, under its lock.
    pub(in crate::queue) fn set_off(&self, off: bool) {
        if off {
            self.barred.fetch_or(OFF, Ordering::Release);
        } else {
            self.barred.fetch_and(!OFF, Ordering::Release);
        }
    }

    /// Whether an engine may begin a chunk of its packets, also one that had its turn before the queue was taken off.
    #[inline]
    pub(crate) fn may_run(&self) -> bool {
        self.barred.load(Ordering::Acquire) == 0
    }

    /// Returns when no engine is inside. Off the run list, none runs its packets after that: who holds a turn from before
    /// finds that it may not.
    pub(crate) fn quiesce(&self) {
        drop(self.mqd.lock());
    }
}
