//! The identities of the core, each its own type so that no two can be confused.
//!
//! Ids of things that are reused carry a slot and a generation; addresses say whose space they are in.
//! Not for: the wire form of an id, which `abi` gives.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

pub use hsa_queue::memory::GpuVa;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// A thread group id, as the daemon's pid namespace numbers it. Never a thread's id.
    Tgid(u32)
);
number!(
    /// A thread id, as the daemon's pid namespace numbers it.
    Tid(u32)
);
number!(
    /// A user id in the initial user namespace.
    Uid(u32)
);
number!(
    /// An address in the client's own address space, as the client wrote it: a claim, not a pointer.
    UserVa(u64)
);
number!(
    /// The id amdkfd gives a device in the topology (`gpu_id`), non-zero.
    GpuId(u32)
);
number!(
    /// A queue's id within its process (`queue_id` of CREATE_QUEUE).
    QueueId(u32)
);
number!(
    /// An event's id within its process (`event_id` of CREATE_EVENT).
    EventId(u32)
);
number!(
    /// A buffer object's handle (`handle` of ALLOC_MEMORY_OF_GPU): device in the upper half, index in the lower.
    Handle(u64)
);
number!(
    /// A DRM render minor, 128 to 191.
    RenderMinor(u32)
);
number!(
    /// A length or an amount of memory, in bytes.
    Bytes(u64)
);
number!(
    /// A point or a span of `CLOCK_MONOTONIC`, in nanoseconds.
    Nanos(u64)
);

impl Nanos {
    /// The point `span` nanoseconds later, or the last that there is.
    pub(crate) const fn after(self, span: u64) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// A process object: the slot it occupies in the process table and which of the slot's tenants it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// The index into the process table.
    pub slot: u32,
    /// The number of this tenant of the slot, from 1.
    pub generation: u32,
}

impl Serialize for ProcessId {
    /// Writes the id as it is displayed: `slot.generation`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProcessId {
    /// Reads an id of the form `slot.generation`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let parsed = text.split_once('.').and_then(|(slot, generation)| {
            Some(Self { slot: slot.parse().ok()?, generation: generation.parse().ok()? })
        });
        parsed.ok_or_else(|| serde::de::Error::custom("a process id is `slot.generation`"))
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// The id of one open of a node, numbered by the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// The key of a queue in the whole daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// The process that made the queue.
    pub process: ProcessId,
    /// The queue's id within its process.
    pub queue: QueueId,
}

/// The id of one call, given by its door: unique among the calls under way.
///
/// The door chooses it and registers it before it calls the core, so a completion can never overtake the
/// registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The number of the door that the call came by.
    pub door: u16,
    /// The number that the door gave the call; for FUSE the request's `unique`.
    pub serial: u64,
}
