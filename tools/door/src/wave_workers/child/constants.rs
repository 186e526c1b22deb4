//! Lines of memory that scalar loads have read: as a compute unit's constant cache, it does not see stores, and is dropped when
//! waves acquire.
//!
//! Each wave of a dispatch begins by loading the same arguments and the same packet. Not for: whether an address still means the
//! same, which `reach` asks first.

/// Bytes of a line.
pub(super) const LINE: usize = 64;
/// Lines: a kernel's arguments, its packet, and some tables.
const LINES: usize = 8;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Constants([Option<(u64, [u8; LINE])>; LINES]);

/// The line that an access lies in, and where in it, if it lies in one.
pub(super) fn place(va: u64, len: usize) -> Option<(u64, usize)> {
    let at = va as usize % LINE;
    (len > 0 && at + len <= LINE).then_some((va - at as u64, at))
}

const fn slot(line: u64) -> usize {
    line as usize / LINE % LINES
}

impl Constants {
    /// Copies what is there of a line; whether it is.
    #[inline]
    pub(super) fn copy(&self, line: u64, at: usize, into: &mut [u8]) -> bool {
        match &self.0[slot(line)] {
            Some((kept, bytes)) if *kept == line => {
                into.copy_from_slice(&bytes[at..at + into.len()]);
                true
            }
            _ => false,
        }
    }

    /// Keeps a line.
    pub(super) fn keep(&mut self, line: u64, bytes: [u8; LINE]) {
        self.0[slot(line)] = Some((line, bytes));
    }

    /// All of it is to be read anew.
    pub(super) fn forget(&mut self) {
        self.0.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Constants, LINE, LINES, place};

    #[test]
    fn an_access_lies_in_one_line_or_is_not_kept() {
        assert_eq!(place(0x1004, 4), Some((0x1000, 4)));
        assert_eq!(
            (place(0x103c, 4), place(0x103c, 8), place(0x1000, 64)),
            (Some((0x1000, 60)), None, Some((0x1000, 0)))
        );
        assert_eq!(
            (place(0x1000, 65), place(0x1000, 0), place(u64::MAX, 1)),
            (None, None, Some((u64::MAX - 63, 63)))
        );
    }

    #[test]
    fn lines_are_found_until_others_take_their_place_or_all_are_forgotten() {
        let mut constants = Constants::default();
        let mut into = [0; 4];
        assert!(!constants.copy(0, 0, &mut into), "nothing is there at first");
        constants.keep(0x1000, std::array::from_fn(|at| at as u8));
        assert!(constants.copy(0x1000, 60, &mut into));
        assert_eq!(into, [60, 61, 62, 63]);
        let other = 0x1000 + (LINE * LINES) as u64;
        assert!(!constants.copy(other, 60, &mut into));
        constants.keep(other, [7; LINE]);
        assert!(constants.copy(other, 0, &mut into) && !constants.copy(0x1000, 0, &mut into));
        constants.forget();
        assert!(!constants.copy(other, 0, &mut into));
    }
}
