//! The table of SDMA packets.
//!
//! Sources: `vega10_sdma_pkt_open.h` (SDMA 4: gfx900, gfx942) and `navi10_sdma_pkt_open.h`, `sdma_v6_0_0_pkt_open.h`
//! (SDMA 5 and 6: gfx10, gfx1100), amdgpu. A header has the opcode in bits 7:0 and the sub-opcode in bits 15:8. A packet
//! that is not here stops its queue.

/// Which packets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// SDMA 4.x.
    V4,
    /// SDMA 5.0 and later.
    V5,
}

/// A kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Opcode {
    /// Nothing; its count field says how many dwords follow.
    Nop,
    /// Linear copy, to one place or two.
    CopyLinear,
    /// A copy of a box between two pitched images.
    CopyWindow,
    /// The packet's own dwords to memory.
    WriteLinear,
    /// An indirect buffer.
    Indirect,
    /// A dword to memory, after everything before it.
    Fence,
    Trap,
    /// A wait for a dword; without `mem_poll` for a register, and with `hdp_flush` the flush of the host data path.
    PollRegmem,
    /// The next dwords only if a dword in memory has a value.
    CondExe,
    Atomic,
    ConstFill,
    /// The clock to memory.
    TimestampGet,
    /// A register write, which the engine drops in a user's queue.
    SrbmWrite,
    /// The next dwords only on some engines of the same ring; there is one.
    PreExe,
    /// An interrupt that nobody gets.
    DummyTrap,
    /// An invalidation of translations.
    GpuvmInv,
    /// An invalidation or write-back of caches.
    GcrReq,
}

/// One row: what, which opcode and sub-opcode (none: any), dwords of its fixed part, and where there is such a packet
/// (none: everywhere).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Row {
    pub opcode: Opcode,
    /// Bits 7:0.
    pub op: u8,
    /// Bits 15:8, when they matter.
    pub sub_op: Option<u8>,
    /// Dwords that are decoded.
    pub dwords: u8,
    pub generation: Option<Generation>,
}

const fn row(opcode: Opcode, op: u8, sub_op: Option<u8>, dwords: u8) -> Row {
    Row { opcode, op, sub_op, dwords, generation: None }
}

const fn only(generation: Generation, row: Row) -> Row {
    Row { generation: Some(generation), ..row }
}

/// Every packet of the copy engines that has a meaning here.
pub const TABLE: &[Row] = &[
    row(Opcode::Nop, 0, None, 1),
    row(Opcode::CopyLinear, 1, Some(0), 7),
    row(Opcode::CopyWindow, 1, Some(4), 13),
    row(Opcode::WriteLinear, 2, Some(0), 5),
    row(Opcode::Indirect, 4, None, 6),
    row(Opcode::Fence, 5, None, 4),
    row(Opcode::Trap, 6, None, 2),
    row(Opcode::PollRegmem, 8, Some(0), 6),
    row(Opcode::CondExe, 9, None, 5),
    row(Opcode::Atomic, 10, None, 8),
    row(Opcode::ConstFill, 11, Some(0), 5),
    row(Opcode::TimestampGet, 13, Some(1), 3),
    row(Opcode::TimestampGet, 13, Some(2), 3),
    row(Opcode::SrbmWrite, 14, None, 3),
    row(Opcode::PreExe, 15, None, 2),
    only(Generation::V4, row(Opcode::DummyTrap, 16, None, 2)),
    only(Generation::V5, row(Opcode::GpuvmInv, 16, None, 4)),
    only(Generation::V5, row(Opcode::GcrReq, 17, None, 5)),
    only(Generation::V5, row(Opcode::DummyTrap, 32, None, 2)),
];

/// The row of a header.
#[must_use]
pub fn find(generation: Generation, header: u32) -> Option<&'static Row> {
    let [op, sub_op, ..] = header.to_le_bytes();
    TABLE.iter().find(|row| {
        row.op == op
            && row.sub_op.is_none_or(|sub| sub == sub_op)
            && row.generation.is_none_or(|only| only == generation)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_row_at_most() {
        for generation in [Generation::V4, Generation::V5] {
            for header in 0..=0xffffu32 {
                let [op, sub_op, ..] = header.to_le_bytes();
                let rows = TABLE.iter().filter(|row| {
                    row.op == op
                        && row.sub_op.is_none_or(|sub| sub == sub_op)
                        && row.generation.is_none_or(|only| only == generation)
                });
                assert!(rows.count() <= 1, "{header:#x}");
            }
        }
        assert_eq!(find(Generation::V4, 16).unwrap().opcode, Opcode::DummyTrap);
        assert_eq!(find(Generation::V5, 16).unwrap().opcode, Opcode::GpuvmInv);
        assert_eq!(find(Generation::V4, 17), None);
        assert_eq!(find(Generation::V4, 1 | 5 << 8), None, "a copy of a tiled window");
    }
}
