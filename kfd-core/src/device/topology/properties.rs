//! A `properties` file: one name and one number a line, as amdkfd's `sysfs_show_32bit_prop` writes them.
//!
//! Readers scan it with `"%s %llu\n"` and stop at the first line that is anything else.

use std::fmt::Write as _;

/// The text of a `properties` file in the making.
#[derive(Default)]
pub(super) struct Properties(String);

impl Properties {
    /// Adds a line with a name and a number.
    pub(super) fn with(mut self, name: &str, value: impl Into<u64>) -> Self {
        let value: u64 = value.into();
        writeln!(self.0, "{name} {value}").expect("a String takes every write");
        self
    }

    /// Adds a line if the kernel has that property.
    pub(super) fn with_if(self, told: bool, name: &str, value: impl Into<u64>) -> Self {
        if told { self.with(name, value) } else { self }
    }

    /// Adds a line with a bit map: a bit and a comma each, least significant bit of the first byte first.
    pub(super) fn with_bits(mut self, name: &str, map: &[u8]) -> Self {
        let bits: Vec<_> = map
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| if byte >> bit & 1 == 1 { "1" } else { "0" }))
            .collect();
        writeln!(self.0, "{name} {}", bits.join(",")).expect("a String takes every write");
        self
    }

    /// The text of the file so far.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
