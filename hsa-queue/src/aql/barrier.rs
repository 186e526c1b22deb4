//! What a barrier packet waits for.
//!
//! - BARRIER_AND is met when each of its signals *has been seen* at 0, each at a moment of its own; a null handle
//!   counts as seen. A signal that has been seen is not looked at again, so it may be used for other things.
//! - BARRIER_OR is met when one of its signals is seen at 0; a null handle is a dependency not satisfied
//!   (`hsa.h`, `hsa_barrier_or_packet_t`), so one without any signal is never met.
//! - AMD's barrier-value packet is met when `(value & mask) cond operand`, signed; a null handle is met
//!   (`hsa_ext_amd.h`, `hsa_amd_barrier_value_packet_t`).
//!
//! Not for: when to look again. An unmet wait is a parked queue, and the caller's matter.

use crate::aql::packet::{BarrierPacket, BarrierValuePacket};
use crate::layout::amd_signal;
use crate::memory::{Access, GpuVa, MemoryView};

/// Result of a look at everything a packet waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The packet may complete.
    Met,
    /// Look again later.
    Unmet,
    /// It cannot be met, ever.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Equal,
    NotEqual,
    Less,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    All,
    Any,
    Value { condition: Condition, operand: i64, mask: i64 },
}

/// A wait, possibly in the middle of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    rule: Rule,
    signals: [GpuVa; 5],
    /// Bit i: signal i still counts.
    open: u8,
    /// The signal this look has come to.
    next: u8,
}

impl Wait {
    /// For a BARRIER_AND.
    #[must_use]
    pub fn all(packet: &BarrierPacket) -> Self {
        Self::on(Rule::All, packet.dep_signal)
    }

    /// For a BARRIER_OR.
    #[must_use]
    pub fn any(packet: &BarrierPacket) -> Self {
        Self::on(Rule::Any, packet.dep_signal)
    }

    /// For a barrier-value packet; none if its condition is not one.
    #[must_use]
    pub fn value(packet: &BarrierValuePacket) -> Option<Self> {
        let condition = match packet.cond {
            0 => Condition::Equal,
            1 => Condition::NotEqual,
            2 => Condition::Less,
            3 => Condition::GreaterOrEqual,
            _ => return None,
        };
        let rule = Rule::Value { condition, operand: packet.value, mask: packet.mask };
        Some(Self::on(rule, [packet.signal, 0, 0, 0, 0]))
    }

    fn on(rule: Rule, handles: [u64; 5]) -> Self {
        let open = handles.iter().enumerate().fold(0, |open, (i, &h)| open | u8::from(h != 0) << i);
        Self { rule, signals: handles.map(GpuVa), open, next: 0 }
    }

    /// The signals that still count.
    pub fn signals(&self) -> impl Iterator<Item = GpuVa> + '_ {
        self.signals.iter().enumerate().filter(|(i, _)| self.open & 1 << i != 0).map(|(_, &va)| va)
    }

    /// Looks once at each signal that still counts. At most five accesses, one open at a time.
    pub fn look<V: MemoryView>(&mut self, view: &mut V) -> Access<Verdict> {
        if self.open == 0 {
            return Access::Ready(if self.rule == Rule::Any { Verdict::Never } else { Verdict::Met });
        }
        self.look_at_signals(view)
    }

    fn look_at_signals<V: MemoryView>(&mut self, view: &mut V) -> Access<Verdict> {
        while let Some(&signal) = self.signals.get(usize::from(self.next)) {
            let bit = 1 << self.next;
            if self.open & bit != 0 {
                let value = match view.load_u64(signal.offset(amd_signal::VALUE)) {
                    Access::Ready(value) => value.cast_signed(),
                    other => return other.map(|_| Verdict::Unmet),
                };
                if self.rule.met_by(value) {
                    if self.rule != Rule::All {
                        return Access::Ready(Verdict::Met);
                    }
                    self.open &= !bit;
                }
            }
            self.next += 1;
        }
        self.next = 0;
        // Only the rule All takes signals out, so an empty set here is a set of which each has been seen.
        Access::Ready(if self.open == 0 { Verdict::Met } else { Verdict::Unmet })
    }
}

impl Rule {
    const fn met_by(self, value: i64) -> bool {
        match self {
            Self::All | Self::Any => value == 0,
            Self::Value { condition, operand, mask } => {
                let masked = value & mask;
                match condition {
                    Condition::Equal => masked == operand,
                    Condition::NotEqual => masked != operand,
                    Condition::Less => masked < operand,
                    Condition::GreaterOrEqual => masked >= operand,
                }
            }
        }
    }
}
