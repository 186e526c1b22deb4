//! Read-modify-write of a word, as PM4's ATOMIC_MEM and SDMA's ATOMIC name it.
//!
//! The opcodes are those of the texture cache (`enum TC_OP`, `vega10_enum.h`): bits 4:0 the operation, bit 5 set for
//! 64 bits, bit 6 set when the old value is not wanted. ROCR's SDMA barrier uses 47, ADD of 64 bits
//! (`SDMA_ATOMIC_ADD64`, `sdma_registers.h`). The floating-point ones are not taken.
//!
//! ```text
//! Load ──► Exchange ──► done            atomic where the view has compare-and-exchange, else load and store
//!   ▲         │ (another value was there)
//!   └─────────┘
//! ```

use crate::atomic::AtomicKind as Kind;
use crate::memory::{Access, GpuVa, MemoryView, Width};
use crate::stream::outcome::Outcome;

/// Attempts in one turn before others get theirs.
const ATTEMPTS: u32 = 64;

/// Bits 4:0 of an opcode, and what they mean.
pub const KINDS: [(u32, Kind); 13] = [
    (0x07, Kind::Swap),
    (0x08, Kind::CompareSwap),
    (0x0f, Kind::Add),
    (0x10, Kind::Sub),
    (0x11, Kind::SMin),
    (0x12, Kind::UMin),
    (0x13, Kind::SMax),
    (0x14, Kind::UMax),
    (0x15, Kind::And),
    (0x16, Kind::Or),
    (0x17, Kind::Xor),
    (0x18, Kind::Inc),
    (0x19, Kind::Dec),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Load,
    Exchange { old: u64 },
}

/// One read-modify-write, possibly under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atomic {
    va: GpuVa,
    width: Width,
    kind: Kind,
    operand: u64,
    comparand: u64,
    /// A compare-and-swap that waits until it succeeds.
    until: bool,
    stage: Stage,
}

impl Atomic {
    /// By opcode; none for an opcode that there is not. `until`: a compare-and-swap waits until it succeeds.
    #[must_use]
    pub fn new(opcode: u32, va: GpuVa, operand: u64, comparand: u64, until: bool) -> Option<Self> {
        let &(_, kind) = KINDS.iter().find(|(bits, _)| *bits == opcode & 0x1f)?;
        let width = if opcode & 0x20 != 0 { Width::Eight } else { Width::Four };
        let (operand, comparand) = (width.cut(operand), width.cut(comparand));
        let until = until && kind == Kind::CompareSwap;
        Some(Self { va, width, kind, operand, comparand, until, stage: Stage::Load })
    }

    /// The word, while it is waited for.
    #[must_use]
    pub fn waits_on(&self) -> Option<GpuVa> {
        self.until.then_some(self.va)
    }

    /// Goes on until it is done, has to wait for the comparand, or an access is not answered.
    pub fn step<V: MemoryView>(&mut self, view: &mut V) -> Access<Outcome> {
        let sum = match self.kind {
            Kind::Add => Some(self.operand.wrapping_neg()),
            Kind::Sub => Some(self.operand),
            _ => None,
        };
        if let (Some(n), Width::Eight) = (sum, self.width) {
            return view.fetch_sub_u64(self.va, n).map(|_| Outcome::Done);
        }
        for _ in 0..ATTEMPTS {
            let old = match self.stage {
                Stage::Exchange { old } => old,
                Stage::Load => match load(view, self.va, self.width) {
                    Access::Ready(old) => old,
                    other => return other.map(|_| Outcome::Done),
                },
            };
            if self.kind == Kind::CompareSwap && old != self.comparand {
                self.stage = Stage::Load;
                return Access::Ready(if self.until { Outcome::Unmet } else { Outcome::Done });
            }
            self.stage = Stage::Exchange { old };
            let new = self.kind.apply(self.width, old, self.operand, self.comparand);
            match view.compare_exchange(self.va, self.width, old, new) {
                None => return store(view, self.va, self.width, new).map(|()| Outcome::Done),
                Some(Access::Ready(seen)) if seen == old => return Access::Ready(Outcome::Done),
                Some(Access::Ready(seen)) => self.stage = Stage::Exchange { old: seen },
                Some(other) => return other.map(|_| Outcome::Done),
            }
        }
        Access::Ready(Outcome::More)
    }
}

/// Acquiring load of a word.
pub(crate) fn load<V: MemoryView>(view: &mut V, va: GpuVa, width: Width) -> Access<u64> {
    match width {
        Width::Four => view.load_u32(va).map(u64::from),
        Width::Eight => view.load_u64(va),
    }
}

/// Releasing store of a word, cut to its width.
pub(crate) fn store<V: MemoryView>(view: &mut V, va: GpuVa, width: Width, value: u64) -> Access<()> {
    match width {
        Width::Four => view.store_u32(va, value as u32),
        Width::Eight => view.store_u64(va, value),
    }
}
