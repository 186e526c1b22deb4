//! What a decoded instruction does, as its operands were found once: the fast forms, and the slow one that does everything.

use crate::sys::{Based, Holds, Loop, Masked, Narrow, Wide};
use gcn::Op;

/// A scalar source.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Register(u8),
    Pair(u8),
    Constant(u64),
}

/// A scalar destination.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Register(u8),
    Pair(u8),
}

/// When a branch is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Always,
    Scc(bool),
    /// VCC is zero, or is not.
    VccIsZero(bool),
    ExecIsZero(bool),
}

/// Where a register of a vector source is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Vector(u8),
    /// The same scalar register for all lanes.
    Scalar(u8),
    /// One of the block's constants.
    Constant(u16),
}

/// What has to be done to sources before an operation: a bit for each of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    pub abs: u8,
    pub neg: u8,
    /// Scalars and those whose sign changes.
    pub made: u8,
    /// Those of two registers, of which the high one has the sign.
    pub wide: u8,
}

/// Addresses of vector memory: in two registers, or in one that a pair of scalar ones is added to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub first: u8,
    pub base: Option<u8>,
    pub offset: i16,
    /// Some of them lead to the data share or to scratch.
    pub is_flat: bool,
}

/// See the module's head.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// As the instruction says, looked at anew.
    Slow,
    End,
    Barrier,
    /// What others stored is seen.
    Acquire,
    Binary {
        op: Op,
        to: To,
        a: From,
        b: From,
    },
    Unary {
        op: Op,
        to: To,
        a: From,
    },
    Move {
        to: To,
        a: From,
    },
    SaveExec {
        op: Op,
        to: u8,
        mask: From,
    },
    Compare {
        op: Op,
        a: From,
        b: From,
    },
    Immediate {
        op: Op,
        to: u8,
        half: u16,
    },
    CompareImmediate {
        op: Op,
        a: From,
        half: u16,
    },
    /// To an address in registers; the next one is kept.
    Jump {
        target: From,
        keeps: Option<(u8, u64)>,
    },
    Branch {
        when: When,
        target: u64,
    },
    /// Words from a base, a register's value and an offset into registers from `first` on.
    ScalarLoad {
        base: u8,
        added: Option<u8>,
        offset: i32,
        first: u8,
        words: u8,
    },
    /// Words of scratch at an offset that all lanes have in common, into vector registers or out of them.
    Scratch {
        stores: bool,
        descriptor: u8,
        scalar: From,
        offset: u16,
        first: u8,
        words: u8,
    },
    /// A lane of a register; none is the first that takes part.
    ReadLane {
        to: To,
        vector: u8,
        lane: Option<From>,
    },
    /// The same value in all lanes that take part.
    Fill {
        to: u8,
        value: From,
    },
    /// All sources are registers.
    Plain {
        f: Loop<Narrow>,
        to: u8,
        sources: [u8; 3],
    },
    Narrow {
        f: Loop<Narrow>,
        to: u8,
        sources: [Column; 3],
        changes: Changes,
    },
    /// Into two registers if the result is wide, and a mask into a pair of scalar ones.
    Wide {
        f: Loop<Wide>,
        to: u8,
        is_wide: bool,
        gives: Option<u8>,
        sources: [[Column; 2]; 3],
        changes: Changes,
    },
    /// Reads a mask and may give one, for the lanes that take part.
    Masked {
        f: Loop<Masked>,
        to: u8,
        sources: [Column; 2],
        changes: Changes,
        mask: From,
        gives: Option<u8>,
    },
    /// A sum of 64 bits whose carries go into a pair of scalar registers: an addition and one with carry.
    Sum {
        f: Loop<Wide>,
        to: [u8; 2],
        gives: u8,
        sources: [[Column; 2]; 2],
    },
    /// The same of two registers and what all lanes have.
    BasedSum {
        f: Loop<Based>,
        to: [u8; 2],
        gives: u8,
        base: [From; 2],
        sources: [u8; 2],
    },
    /// A pair of registers by 1 to 31 bits to the left.
    ShiftLeft {
        f: Loop<Based>,
        to: u8,
        by: u8,
        source: u8,
    },
    /// A mask of the lanes that take part, into a pair of registers, and EXEC.
    Holds {
        f: Loop<Holds>,
        to: u8,
        is_exec: bool,
        sources: [[Column; 2]; 2],
        changes: Changes,
    },
    /// From one or two places of the data share into registers that follow each other.
    ShareLoad {
        to: u8,
        at: u8,
        offsets: [u32; 2],
        places: u8,
        words: u8,
    },
    ShareStore {
        at: u8,
        offsets: [u32; 2],
        data: [u8; 2],
        places: u8,
        words: u8,
    },
    /// Whole words of memory.
    Load {
        reach: Reach,
        to: u8,
        words: u8,
    },
    /// Bytes or shorts of memory, with or without their signs.
    LoadPart {
        reach: Reach,
        to: u8,
        bytes: u8,
        is_signed: bool,
    },
    StorePart {
        reach: Reach,
        data: u8,
        bytes: u8,
    },
    Store {
        reach: Reach,
        data: u8,
        words: u8,
    },
    WriteLane {
        vector: u8,
        value: From,
        lane: From,
    },
}

/// An act and where its instruction is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub act: Act,
    /// Words of the block before it.
    pub at: u16,
    /// Instructions of the block before it.
    pub nth: u16,
}
