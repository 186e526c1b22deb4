//! Copies of a box of rows and slices between two pitched images, row by row.
//!
//! A row is a [`Transfer`]; what a turn may move is counted with a least cost for each row, so that a box of a million
//! rows of one byte is shared like one copy of as many cache lines.
//!
//! Not for: tilings; both images are linear.

use crate::memory::{Access, GpuVa, MemoryView};
use crate::stream::outcome::Outcome;
use crate::stream::transfer::Transfer;

/// Bytes that a row counts for at least: a cache line.
const ROW_COST: u64 = 64;

/// One of the two images, all in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// First byte of the box in it.
    pub corner: GpuVa,
    /// From a row to the next.
    pub pitch: u64,
    /// From a slice to the next.
    pub slice: u64,
}

impl Image {
    fn row(&self, y: u64, z: u64) -> GpuVa {
        self.corner.offset(self.pitch.wrapping_mul(y)).offset(self.slice.wrapping_mul(z))
    }
}

/// One copy, possibly under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubWindow {
    dst: Image,
    src: Image,
    row_bytes: u64,
    rows: u64,
    slices: u64,
    /// Row and slice in hand.
    at: (u64, u64),
    row: Option<Transfer>,
}

impl SubWindow {
    /// Copies a box of `slices` slices of `rows` rows of `row_bytes` bytes.
    #[must_use]
    pub const fn new(dst: Image, src: Image, row_bytes: u64, rows: u64, slices: u64) -> Self {
        Self { dst, src, row_bytes, rows, slices, at: (0, 0), row: None }
    }

    /// Goes on until it is done, `quota` bytes are used up, or an access is not answered.
    pub fn step<V: MemoryView>(
        &mut self,
        view: &mut V,
        buffer: &mut Vec<u8>,
        quota: &mut u64,
    ) -> Access<Outcome> {
        loop {
            let (y, z) = self.at;
            let mut row = match self.row {
                Some(row) => row,
                None if z >= self.slices || self.rows == 0 => return Access::Ready(Outcome::Done),
                None if *quota < ROW_COST => return Access::Ready(Outcome::More),
                None => Transfer::copy(self.dst.row(y, z), self.src.row(y, z), self.row_bytes),
            };
            let before = *quota;
            let answer = row.step(view, buffer, quota);
            self.row = Some(row);
            match answer {
                Access::Ready(Outcome::Done) => {
                    let moved = before - *quota;
                    *quota = quota.saturating_sub(ROW_COST.saturating_sub(moved));
                    self.row = None;
                    self.at = if y + 1 < self.rows { (y + 1, z) } else { (0, z + 1) };
                }
                other => return other,
            }
        }
    }
}
