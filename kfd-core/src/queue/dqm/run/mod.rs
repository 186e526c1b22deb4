//! The states of a queue, and what each event makes of each.
//!
//! ```text
//!          doorbell, rearmed             begin
//!   Idle ─────────────────────► Ready ───────────► Running
//!    ▲                          ▲ ▲ ▲                 │ ended
//!    │                          │ │ └─────────────────┤ budget spent, or ring dry and still hot (polled)
//!    │                          │ │ answered          │
//!    │                          │ └────── Waiting ◄───┤ access to client memory
//!    │                          │ recheck             │
//!    │                          └──────── Parked ◄────┤ unmet dependency
//!    │                          │ dispatch over       │
//!    │                          └──── Dispatched ◄────┤ a dispatch whose waves run
//!    │                            (also: slice over)   │
//!    └────────────────────────────────────────────────┤ ring dry
//!                                                     ▼
//!   any ── hold ─────► Held ────── release ──► Ready  Stopped: error, fault; from any state by stop
//!   any ── disable ──► Disabled ── enable ───► Ready, or Held
//! ```
//! A dispatch may run for ever. So its queue is not busy: the other queues of its doorbell page come to rest beside it, and
//! the page is re-armed for them. It keeps its slot for its slice. Off the run list, it is in the state of whatever took it off; what its
//! engine answers then is kept for the turn after.
//!
//! An event is a method of [`Run`]; one that means nothing in a state leaves it as it is. Each answers what its caller
//! has to act on: a queue that *became ready* goes on the run list, one that is off leaves it.
//!
//! Not for: the lists, slots and doorbell pages that follow from a state, which the scheduler keeps.

#[cfg(test)]
mod tests;

use crate::ids::Nanos;

/// Where a queue stands with its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// By its client: it has no ring, or percentage 0.
    Disabled,
    /// Against its client's wish: its process is evicted, or a debugger has suspended it.
    Held,
    /// For good: by an error of its own, or since its process ends.
    Stopped,
    /// Its ring is empty and nobody looks at it until its doorbell rings.
    Idle,
    /// It wants a turn.
    Ready {
        /// Its ring was dry at the end of its last turn, and the next one is one more look.
        polled: bool,
        heat: Heat,
    },
    /// An engine runs its packets.
    Running {
        /// What this turn asked for, of client memory or of an engine of waves, has been answered before the turn was over.
        answered: bool,
        heat: Heat,
    },
    /// An access to client memory is open.
    Waiting { heat: Heat },
    /// The packet in hand is a dispatch, and an engine of waves has it.
    Dispatched { heat: Heat },
    /// The packet in hand has a dependency that is not met.
    Parked { heat: Heat },
}

/// How long a dry ring is polled before its queue becomes idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heat {
    /// A ring that is dry from then on makes its queue idle; at 0 the first look does.
    pub(super) until: Nanos,
    /// Something happened that the turn under way, or a turn that is due, may not see: the queue gets one more turn
    /// instead of its rest.
    again: bool,
}

impl Heat {
    /// One look, after its doorbell page was dropped or while it was off: what was stored before is in the ring by then.
    const LAST_LOOK: Self = Self::until(Nanos(0));

    const fn until(until: Nanos) -> Self {
        Self { until, again: false }
    }
}

/// What a doorbell changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// Nothing that is acted on now.
    Unchanged,
    /// The queue became ready.
    Ready,
    /// It was ready to be polled, and is ready for packets now.
    Fresh,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The queue may have more to do: its budget was spent, or its MQD was taken.
    Busy,
    /// Its ring ran dry.
    Empty {
        /// Looking again is not worth it: it was looked at for its whole poll window, or its ring is in client memory,
        /// where each look is a question.
        rests: bool,
    },
    /// The packet in hand has a dependency that is not met.
    Parked,
    /// An access to client memory was opened.
    Waiting,
    /// The packet in hand is a dispatch whose waves run.
    Dispatched,
    /// For good.
    Stopped,
}

impl Run {
    /// The state of a new queue: `active` as its client says, `held` as its process is.
    pub(super) const fn new(active: bool, held: bool) -> Self {
        match (active, held) {
            (false, _) => Self::Disabled,
            (true, false) => Self::Idle,
            (true, true) => Self::Held,
        }
    }

    const fn ready(heat: Heat) -> Self {
        Self::Ready { polled: false, heat }
    }

    /// It is ready, and not merely to be polled.
    pub(super) const fn is_fresh(self) -> bool {
        matches!(self, Self::Ready { polled: false, .. })
    }

    /// It is ready, but its ring was dry a moment ago.
    pub(super) const fn is_polled(self) -> bool {
        matches!(self, Self::Ready { polled: true, .. })
    }

    /// It has or wants an engine.
    pub(super) const fn is_active(self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Running { .. })
    }

    /// It keeps the slot that it is on, whoever waits for one.
    pub(super) const fn holds_slot(self) -> bool {
        self.is_active() || matches!(self, Self::Dispatched { .. })
    }

    /// It comes to an end of its own; its doorbell page is not re-armed before.
    pub(super) const fn is_busy(self) -> bool {
        self.is_active() || matches!(self, Self::Waiting { .. })
    }

    /// Nothing that its client stores to its ring or doorbell makes it run.
    pub(super) const fn is_off(self) -> bool {
        matches!(self, Self::Disabled | Self::Held | Self::Stopped)
    }
}

/// Events that come from outside a turn.
impl Run {
    /// A store hit its doorbell page, from when on the client's stores go unseen: its ring is polled until `until`.
    pub(super) fn doorbell(&mut self, until: Nanos) -> Rung {
        match self {
            Self::Idle => {
                *self = Self::ready(Heat::until(until));
                Rung::Ready
            }
            Self::Ready { polled, heat } => {
                heat.until = until;
                if std::mem::take(polled) { Rung::Fresh } else { Rung::Unchanged }
            }
            Self::Running { heat, .. }
            | Self::Waiting { heat }
            | Self::Dispatched { heat }
            | Self::Parked { heat } => {
                heat.again = true;
                Rung::Unchanged
            }
            Self::Disabled | Self::Held | Self::Stopped => Rung::Unchanged,
        }
    }

    /// Its doorbell page was dropped: stores hit the page again from now on, and earlier ones are looked for once.
    /// Whether it became ready.
    pub(super) fn rearmed(&mut self) -> bool {
        match self {
            Self::Idle => {
                *self = Self::ready(Heat::LAST_LOOK);
                true
            }
            Self::Ready { heat, .. }
            | Self::Running { heat, .. }
            | Self::Waiting { heat }
            | Self::Dispatched { heat }
            | Self::Parked { heat } => {
                heat.again = true;
                false
            }
            Self::Disabled | Self::Held | Self::Stopped => false,
        }
    }

    /// Its dependency may have been met. Whether it became ready.
    pub(super) fn recheck(&mut self) -> bool {
        let Self::Parked { heat } = *self else { return false };
        *self = Self::ready(heat);
        true
    }

    /// A dependency may have been met after the turn under way looked at it, and before it parks the queue.
    pub(super) fn overtaken(&mut self) {
        if let Self::Running { heat, .. } | Self::Waiting { heat } = self {
            heat.again = true;
        }
    }

    /// Its access to client memory was answered. Whether it became ready.
    pub(super) fn answered(&mut self) -> bool {
        match self {
            Self::Waiting { heat } => {
                *self = Self::ready(*heat);
                true
            }
            Self::Running { answered, .. } => {
                *answered = true;
                false
            }
            _ => false,
        }
    }

    /// Its dispatch is over. Whether it became ready.
    pub(super) fn dispatch_over(&mut self) -> bool {
        match self {
            Self::Dispatched { heat } => {
                *self = Self::ready(*heat);
                true
            }
            Self::Running { answered, .. } => {
                *answered = true;
                false
            }
            _ => false,
        }
    }
}

/// What the end of a slice does.
impl Run {
    /// An engine of waves has its dispatch.
    pub(super) const fn is_dispatched(self) -> bool {
        matches!(self, Self::Dispatched { .. })
    }

    /// Its slice is over and its slot another's while its dispatch runs. Whether that is so: it is ready then, to look at its
    /// dispatch once it has a slot.
    pub(super) fn slice_over(&mut self) -> bool {
        let Self::Dispatched { heat } = *self else { return false };
        *self = Self::ready(heat);
        true
    }
}

/// Events that take a queue off the run list and back; a doorbell that rings meanwhile leads nowhere.
impl Run {
    /// Its client gives it a ring and a percentage; `held` when it may not run yet. Whether it became ready.
    pub(super) fn enable(&mut self, held: bool) -> bool {
        if *self != Self::Disabled {
            return false;
        }
        *self = if held { Self::Held } else { Self::ready(Heat::LAST_LOOK) };
        !held
    }

    /// Its client takes its ring, or sets percentage 0. Whether it is off the run list by that.
    pub(super) fn disable(&mut self) -> bool {
        let stopped = *self == Self::Stopped;
        if !stopped {
            *self = Self::Disabled;
        }
        !stopped
    }

    /// It is evicted or suspended. Whether it is off the run list by that.
    pub(super) fn hold(&mut self) -> bool {
        let was_on = !self.is_off();
        if was_on {
            *self = Self::Held;
        }
        was_on
    }

    /// Nothing holds it any more. Whether it became ready.
    pub(super) fn release(&mut self) -> bool {
        let held = *self == Self::Held;
        if held {
            *self = Self::ready(Heat::LAST_LOOK);
        }
        held
    }

    /// It is off the run list for good.
    pub(super) fn stop(&mut self) -> bool {
        *self = Self::Stopped;
        true
    }
}

/// A turn's beginning and end.
impl Run {
    /// An engine takes it. Until when its ring is polled if it runs dry; `None` when it was not ready.
    pub(super) fn begin(&mut self) -> Option<Nanos> {
        let Self::Ready { heat, .. } = *self else { return None };
        *self = Self::Running { answered: false, heat };
        Some(heat.until)
    }

    /// The turn is over at `now`; it `worked` when it retired packets, and its ring is polled until `hot_until` then.
    /// False when the queue was taken from the engine meanwhile.
    pub(super) fn ended(&mut self, how: Ended, worked: bool, now: Nanos, hot_until: Nanos) -> bool {
        let Self::Running { answered, mut heat } = *self else { return false };
        if worked {
            heat.until = hot_until;
        }
        *self = match how {
            Ended::Busy => Self::ready(heat),
            Ended::Waiting | Ended::Dispatched if answered => Self::ready(heat),
            Ended::Waiting => Self::Waiting { heat },
            Ended::Dispatched => Self::Dispatched { heat },
            Ended::Empty { .. } | Ended::Parked if heat.again => Self::ready(Heat::until(hot_until)),
            Ended::Empty { rests: false } if now < heat.until => Self::Ready { polled: true, heat },
            Ended::Empty { .. } => Self::Idle,
            Ended::Parked => Self::Parked { heat },
            Ended::Stopped => Self::Stopped,
        };
        true
    }
}
