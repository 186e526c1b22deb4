//! The memory work of one packet, as a small resumable machine: one access at a time that may be pending.

use crate::clock::Clock;
use crate::memory::{Access, GpuVa, MemoryView, Width};
use crate::stream::atomic::{Atomic, load, store};
use crate::stream::outcome::Outcome;
use crate::stream::sub_window::SubWindow;
use crate::stream::transfer::Transfer;

/// How a value is compared with a reference: the function field of WAIT_REG_MEM (`soc15d.h`) and of POLL_REGMEM
/// (`vega10_sdma_pkt_open.h`), which number them alike. Unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// 0.
    Always,
    /// 1.
    Less,
    /// 2.
    LessOrEqual,
    /// 3.
    Equal,
    /// 4.
    NotEqual,
    /// 5.
    GreaterOrEqual,
    /// 6.
    Greater,
}

impl Function {
    /// By number; 7 means nothing.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Always,
            1 => Self::Less,
            2 => Self::LessOrEqual,
            3 => Self::Equal,
            4 => Self::NotEqual,
            5 => Self::GreaterOrEqual,
            6 => Self::Greater,
            _ => return None,
        })
    }

    /// Whether a value meets it.
    #[must_use]
    pub const fn holds(self, value: u64, reference: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Less => value < reference,
            Self::LessOrEqual => value <= reference,
            Self::Equal => value == reference,
            Self::NotEqual => value != reference,
            Self::GreaterOrEqual => value >= reference,
            Self::Greater => value > reference,
        }
    }
}

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Op {
    /// A releasing store.
    Store {
        va: GpuVa,
        value: u64,
        width: Width,
    },
    /// A releasing store of the agent's clock, 64 bits.
    Stamp {
        va: GpuVa,
    },
    /// A word from one place to another.
    Move {
        src: GpuVa,
        dst: GpuVa,
        width: Width,
    },
    /// A wait for a word.
    Poll {
        va: GpuVa,
        width: Width,
        function: Function,
        /// Bits that count.
        mask: u64,
        reference: u64,
    },
    Atomic(Atomic),
    /// A copy or fill.
    Transfer(Transfer),
    /// A copy of a box between two images.
    SubWindow(SubWindow),
}

impl Op {
    /// The word that is waited for, if this is a wait.
    #[must_use]
    pub fn waits_on(&self) -> Option<GpuVa> {
        match self {
            Self::Poll { va, .. } => Some(*va),
            Self::Atomic(atomic) => atomic.waits_on(),
            _ => None,
        }
    }

    /// Goes on until it is done, has to wait for a value, uses up `quota`, or an access is not answered. After `Done` it
    /// must not be stepped again; after `Fault` it is over, half done.
    pub fn step<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        buffer: &mut Vec<u8>,
        quota: &mut u64,
    ) -> Access<Outcome> {
        loop {
            match self {
                Self::Store { va, value, width } => {
                    return store(view, *va, *width, *value).map(|()| Outcome::Done);
                }
                // From here on the same value, however often it is asked for.
                Self::Stamp { va } => {
                    *self = Self::Store { va: *va, value: clock.ticks(), width: Width::Eight };
                }
                Self::Move { src, dst, width } => match load(view, *src, *width) {
                    Access::Ready(value) => *self = Self::Store { va: *dst, value, width: *width },
                    other => return other.map(|_| Outcome::Done),
                },
                Self::Poll { va, width, function, mask, reference } => {
                    return load(view, *va, *width).map(|value| {
                        let met = function.holds(value & *mask, *reference);
                        if met { Outcome::Done } else { Outcome::Unmet }
                    });
                }
                Self::Atomic(atomic) => return atomic.step(view),
                Self::Transfer(transfer) => return transfer.step(view, buffer, quota),
                Self::SubWindow(window) => return window.step(view, buffer, quota),
            }
        }
    }
}
