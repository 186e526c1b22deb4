//! The table of PM4 packets of type 3 that a compute queue takes.
//!
//! Sources: `soc15d.h` (gfx9) and `nvd.h` (gfx10 and later), amdgpu, which number them alike; the compute engine's layouts
//! (`pm4_mec`) where they differ from the graphics engine's. Dwords that a packet may have beyond those decoded are
//! passed over. A packet that is not here stops its queue.

/// A kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Opcode {
    /// Nothing, of any length.
    Nop,
    /// Waves, the grid in the packet.
    DispatchDirect,
    /// Waves, the grid in memory.
    DispatchIndirect,
    AtomicMem,
    /// The next dwords only if a dword in memory is not zero.
    CondExec,
    /// The next dwords only on some of the partition's dies (XCC); this processor is the first.
    PredExec,
    /// The packet's own dwords to memory or registers.
    WriteData,
    /// A wait for a dword.
    WaitRegMem,
    /// A wait for 64 bits.
    WaitRegMem64,
    /// An indirect buffer.
    IndirectBuffer,
    /// A word from somewhere to somewhere.
    CopyData,
    /// A pipeline event.
    EventWrite,
    /// Data and an interrupt after everything before.
    ReleaseMem,
    /// A copy or fill.
    DmaData,
    /// Registers of persistent state.
    SetShReg,
    /// Registers of user configuration.
    SetUconfigReg,
    /// A flush, invalidation or synchronisation: nothing here is cached or runs ahead.
    Sync,
}

/// An opcode that is known, and how its packets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Row {
    pub opcode: Opcode,
    /// Its number, bits 15:8 of the header (`PACKET3_*`).
    pub number: u8,
    /// Dwords that it has at least, the header included.
    pub least: u8,
    /// Dwords that are decoded, if it has them.
    pub decoded: u8,
}

const fn row(opcode: Opcode, number: u8, least: u8, decoded: u8) -> Row {
    Row { opcode, number, least, decoded }
}

/// Every packet of the command processor that has a meaning here.
pub const TABLE: &[Row] = &[
    row(Opcode::Nop, 0x10, 1, 1),
    row(Opcode::DispatchDirect, 0x15, 5, 5),
    row(Opcode::DispatchIndirect, 0x16, 4, 4),
    row(Opcode::AtomicMem, 0x1e, 9, 9),
    row(Opcode::CondExec, 0x22, 5, 5),
    row(Opcode::PredExec, 0x23, 2, 2),
    row(Opcode::WriteData, 0x37, 5, 6),
    row(Opcode::WaitRegMem, 0x3c, 7, 7),
    row(Opcode::IndirectBuffer, 0x3f, 4, 4),
    row(Opcode::CopyData, 0x40, 6, 6),
    // PFP_SYNC_ME
    row(Opcode::Sync, 0x42, 2, 1),
    // SURFACE_SYNC
    row(Opcode::Sync, 0x43, 2, 1),
    row(Opcode::EventWrite, 0x46, 2, 2),
    row(Opcode::ReleaseMem, 0x49, 7, 8),
    row(Opcode::DmaData, 0x50, 7, 7),
    // ACQUIRE_MEM
    row(Opcode::Sync, 0x58, 2, 1),
    // PRIME_UTCL2
    row(Opcode::Sync, 0x5d, 2, 1),
    row(Opcode::SetShReg, 0x76, 3, 2),
    row(Opcode::SetUconfigReg, 0x79, 3, 2),
    // SET_UCONFIG_REG_INDEX
    row(Opcode::SetUconfigReg, 0x7a, 3, 2),
    row(Opcode::WaitRegMem64, 0x93, 9, 9),
    // HDP_FLUSH
    row(Opcode::Sync, 0x95, 2, 1),
    // INVALIDATE_TLBS
    row(Opcode::Sync, 0x98, 2, 1),
    // SET_SH_REG_INDEX
    row(Opcode::SetShReg, 0x9b, 3, 2),
];

/// The row of a header of type 3.
#[must_use]
pub fn find(header: u32) -> Option<&'static Row> {
    let [_, number, ..] = header.to_le_bytes();
    TABLE.iter().find(|row| row.number == number)
}

/// A packet's header (`CP_PACKET_GET_TYPE`, `CP_PACKET_GET_COUNT`, `soc15d.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Type 2, a filler of one dword.
    Filler,
    /// A packet of type 3: an opcode and a body.
    Type3 {
        /// What it is.
        row: &'static Row,
        /// Dwords, the header included.
        total: u64,
    },
}

impl Header {
    /// A NOP with this count is one dword (`CP_PACKET3_NOP` of the compute engine, 0xffff1000).
    const ALONE: u32 = 0x3fff;

    /// Decodes a header; none for a packet that there is not.
    #[must_use]
    pub fn new(header: u32) -> Option<Self> {
        match header >> 30 {
            2 => Some(Self::Filler),
            3 => {
                let row = find(header)?;
                let count = header >> 16 & 0x3fff;
                let alone = row.opcode == Opcode::Nop && count == Self::ALONE;
                Some(Self::Type3 { row, total: if alone { 1 } else { u64::from(count) + 2 } })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_once() {
        assert!(TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(TABLE.iter().all(|row| row.least >= 1 && row.decoded >= 1));
    }

    #[test]
    fn a_header_says_its_length() {
        assert_eq!(Header::new(0x8000_0000), Some(Header::Filler));
        let total = |header| match Header::new(header) {
            Some(Header::Type3 { total, .. }) => total,
            other => panic!("{other:?}"),
        };
        assert_eq!((total(0xffff_1000), total(0xffff_1002), total(0xc000_1000)), (1, 1, 2));
        assert_eq!(total(0xc005_4900), 7);
        assert_eq!((Header::new(0), Header::new(0xc000_ff00)), (None, None));
    }
}
