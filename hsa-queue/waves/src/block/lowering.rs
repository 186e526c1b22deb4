//! What the acts of a block need beside the wave, as it is found out instruction by instruction.

use crate::sys::Level;
use crate::wave::{LANES, Lanes, ZERO};

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Lowering {
    /// What loops are compiled for; none are known for other processors.
    pub level: Option<Level>,
    /// Constants in all lanes, zero first.
    pub constants: Vec<Lanes>,
    /// Vector registers that the fast forms use.
    pub vectors: usize,
}

impl Lowering {
    pub(crate) fn new(level: Option<Level>) -> Self {
        Self { level, constants: vec![ZERO], vectors: 0 }
    }

    pub(crate) fn uses(&mut self, vector: usize) {
        self.vectors = self.vectors.max(vector + 1);
    }

    pub(crate) fn constant(&mut self, value: u32) -> u16 {
        let found = self.constants.iter().position(|lanes| lanes.0[0] == value);
        found.unwrap_or_else(|| {
            self.constants.push(Lanes([value; LANES]));
            self.constants.len() - 1
        }) as u16
    }
}
