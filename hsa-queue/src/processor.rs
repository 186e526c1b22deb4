//! The processor of a queue, whatever its format.

use crate::clock::Clock;
use crate::memory::{GpuVa, MemoryView};
use crate::ring::Ring;
use crate::step::Turn;
use crate::{aql, pm4, sdma};

/// One queue's packet processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueProcessor {
    /// `KFD_IOC_QUEUE_TYPE_COMPUTE_AQL`.
    Aql(Box<aql::Processor>),
    /// `KFD_IOC_QUEUE_TYPE_COMPUTE`.
    Pm4(Box<pm4::Processor>),
    /// `KFD_IOC_QUEUE_TYPE_SDMA` and `KFD_IOC_QUEUE_TYPE_SDMA_XGMI`.
    Sdma(Box<sdma::Processor>),
}

impl QueueProcessor {
    /// Retires packets until `budget` of them are done, an event is to be raised, the turn's bytes are moved, or
    /// something has to be waited for.
    pub fn run<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, budget: u32) -> Turn {
        match self {
            Self::Aql(processor) => processor.run(view, clock, budget),
            Self::Pm4(processor) => processor.run(view, clock, budget),
            Self::Sdma(processor) => processor.run(view, clock, budget),
        }
    }

    /// Another ring for the same queue (`AMDKFD_IOC_UPDATE_QUEUE`); indices go on.
    pub fn set_ring(&mut self, ring: Ring) {
        match self {
            Self::Aql(processor) => processor.set_ring(ring),
            Self::Pm4(processor) => processor.set_ring(&ring),
            Self::Sdma(processor) => processor.set_ring(&ring),
        }
    }

    /// Whether the queue stopped for good.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        match self {
            Self::Aql(processor) => processor.has_stopped(),
            Self::Pm4(processor) => processor.has_stopped(),
            Self::Sdma(processor) => processor.has_stopped(),
        }
    }

    /// Read and write index as last seen, in the queue's own unit: packets (AQL), dwords (PM4), bytes (SDMA).
    #[must_use]
    pub fn indices(&self) -> (u64, u64) {
        match self {
            Self::Aql(processor) => (processor.read_id(), processor.write_id_seen()),
            Self::Pm4(processor) => (processor.feed().position(), processor.feed().limit()),
            Self::Sdma(processor) => {
                let feed = processor.feed();
                (feed.position().wrapping_mul(4), feed.limit().wrapping_mul(4))
            }
        }
    }

    /// Goes on at this read index, in the queue's own unit (as [`QueueProcessor::indices`] tells it): of a queue that ran
    /// elsewhere before. Only for a processor that has read nothing yet.
    pub fn seek(&mut self, read: u64) {
        match self {
            Self::Aql(processor) => processor.seek(read),
            Self::Pm4(processor) => processor.seek(read),
            Self::Sdma(processor) => processor.seek(read / 4),
        }
    }

    /// The words in memory that the packet in hand waits for; nothing unless parked.
    pub fn waiting_on(&self) -> impl Iterator<Item = GpuVa> + '_ {
        let (aql, word) = match self {
            Self::Aql(processor) => (Some(processor.waiting_on_words()), None),
            Self::Pm4(processor) => (None, processor.waiting_on()),
            Self::Sdma(processor) => (None, processor.waiting_on()),
        };
        aql.into_iter().flatten().chain(word)
    }
}
