//! Bit fields of an encoding.

/// The words of an encoding: the first, and the second where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields(pub(crate) u64);

impl Fields {
    /// Bits `low` to `high`, both inclusive, of the 64.
    pub(crate) fn get(self, high: u32, low: u32) -> u32 {
        ((self.0 >> low) & ((1 << (high - low + 1)) - 1)) as u32
    }

    /// Bit `at`.
    pub(crate) fn bit(self, at: u32) -> bool {
        self.0 >> at & 1 != 0
    }
}
