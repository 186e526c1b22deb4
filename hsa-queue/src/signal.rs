//! The update of one HSA signal by a processor, as a small resumable machine.
//!
//! ```text
//! Event ──► Timestamps ──► Value ──► Mailbox ──► done (the event to raise, if any)
//!   └──────(no times)────────▲│
//!                             └─(no mailbox)──► done
//! ```
//!
//! Used for a packet's completion signal (timestamps, value lowered by one) and for a queue's inactive signal
//! (value replaced by an error code).
//!
//! Order. What a client may look at once it sees the new value is written before the value: the timestamps
//! (the value's update is a release). What is needed after the value is read before it: a client that polls may
//! destroy the signal, and its runtime hand the memory to the next one, the moment the value changes, so
//! afterwards the signal itself is not touched again. The mailbox word lives in the process's event page and
//! outlives the signal; it is stored after the value, so a client woken by the event finds the value changed.
//!
//! Not for: raising the event. The caller does that with the [`EventId`] it is given; the number is the
//! client's own word, and whoever raises it checks that the client has such an event.

use crate::layout::amd_signal;
use crate::memory::{Access, GpuVa, MemoryView};

/// An event's number as the client wrote it in its signal. Unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(pub u32);

impl EventId {
    /// What an interrupt carries that names no event (no event has the number 0): whoever raises it looks through the
    /// process's event page for slots that were written (`kfd_signal_event_interrupt`, `kfd_events.c`).
    pub const UNNAMED: Self = Self(0);
}

/// What is done to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Lower { start: u64, end: u64 },
    Store(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Event,
    Timestamps,
    Value,
    Mailbox,
}

/// One update of one signal, possibly under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalUpdate {
    signal: GpuVa,
    change: Change,
    stage: Stage,
    mailbox: GpuVa,
    event: EventId,
}

impl SignalUpdate {
    /// Completes a packet: timestamps in ticks, then the value lowered by one.
    #[must_use]
    pub const fn lower(signal: GpuVa, start: u64, end: u64) -> Self {
        Self::new(signal, Change::Lower { start, end })
    }

    /// Replaces the value.
    #[must_use]
    pub const fn store(signal: GpuVa, value: u64) -> Self {
        Self::new(signal, Change::Store(value))
    }

    const fn new(signal: GpuVa, change: Change) -> Self {
        Self { signal, change, stage: Stage::Event, mailbox: GpuVa::NULL, event: EventId(0) }
    }

    /// Whether it writes to any of the `len` bytes from `base` on, as far as is known yet: the mailbox is, once the first
    /// access was answered.
    #[must_use]
    pub fn writes_into(&self, base: GpuVa, len: u64) -> bool {
        let overlaps =
            |va: GpuVa, bytes: u64| va.0.wrapping_sub(base.0) < len || base.0.wrapping_sub(va.0) < bytes;
        overlaps(self.signal, amd_signal::BYTES) || !self.mailbox.is_null() && overlaps(self.mailbox, 8)
    }

    /// Goes on until the update is done (`Ready` with the event to raise) or an access is not.
    ///
    /// After `Ready` the update must not be stepped again; after `Fault` it is over, half done.
    pub fn step<V: MemoryView>(&mut self, view: &mut V) -> Access<Option<EventId>> {
        loop {
            match self.stage {
                Stage::Event => {
                    // One read for the mailbox and the id: both are constant while the signal lives.
                    let mut words = [0u8; 16];
                    match view.read(self.signal.offset(amd_signal::EVENT_MAILBOX_PTR), &mut words) {
                        Access::Ready(()) => {}
                        other => return other.map(|()| None),
                    }
                    let [m0, m1, m2, m3, m4, m5, m6, m7, e0, e1, e2, e3, ..] = words;
                    self.mailbox = GpuVa(u64::from_le_bytes([m0, m1, m2, m3, m4, m5, m6, m7]));
                    self.event = EventId(u32::from_le_bytes([e0, e1, e2, e3]));
                    self.stage = match self.change {
                        Change::Lower { .. } => Stage::Timestamps,
                        Change::Store(_) => Stage::Value,
                    };
                }
                Stage::Timestamps => {
                    if let Change::Lower { start, end } = self.change {
                        let mut times = [0u8; 16];
                        times[..8].copy_from_slice(&start.to_le_bytes());
                        times[8..].copy_from_slice(&end.to_le_bytes());
                        match view.write(self.signal.offset(amd_signal::START_TS), &times) {
                            Access::Ready(()) => {}
                            other => return other.map(|()| None),
                        }
                    }
                    self.stage = Stage::Value;
                }
                Stage::Value => {
                    let value = self.signal.offset(amd_signal::VALUE);
                    let done = match self.change {
                        Change::Lower { .. } => view.fetch_sub_u64(value, 1).map(|_| ()),
                        Change::Store(code) => view.store_u64(value, code),
                    };
                    match done {
                        Access::Ready(()) => {}
                        other => return other.map(|()| None),
                    }
                    if self.mailbox.is_null() {
                        return Access::Ready(None);
                    }
                    self.stage = Stage::Mailbox;
                }
                Stage::Mailbox => {
                    return view.store_u64(self.mailbox, u64::from(self.event.0)).map(|()| Some(self.event));
                }
            }
        }
    }
}
