//! The one table of every ioctl this driver knows, and its look-up.
//!
//! A look-up goes by magic and number alone: a command whose size or direction differs is the same call, with the
//! struct cut or filled up as [`Ioctl::admit`] says. Not for: what a call does.

mod drm;
mod kfd;
mod markdown;
mod operations;
mod row;

use super::ioc;
use super::spec::Ioctl;

pub use drm::ROWS as DRM;
pub use kfd::ROWS as KFD;
pub use markdown::markdown;

/// The number of slots of an index, one for each number of a magic; `ABSENT` where no row has that number.
const SLOTS: usize = 256;
const ABSENT: u8 = u8::MAX;

const fn index(rows: &[Ioctl]) -> [u8; SLOTS] {
    let mut slots = [ABSENT; SLOTS];
    let mut row = 0;
    while row < rows.len() {
        let slot = rows[row].number() as usize;
        assert!(slots[slot] == ABSENT, "two rows have the same number");
        assert!(row < ABSENT as usize, "an index is one byte");
        slots[slot] = row as u8;
        row += 1;
    }
    slots
}

static KFD_INDEX: [u8; SLOTS] = index(KFD);
static DRM_INDEX: [u8; SLOTS] = index(DRM);

/// The row of a command word, whatever its size and direction; `None` is ENOTTY (for DRM: EINVAL, as `drm_ioctl`
/// answers a number it does not know).
#[must_use]
pub fn lookup(cmd: u32) -> Option<&'static Ioctl> {
    let (rows, index) = match ioc::magic(cmd) {
        super::kfd::MAGIC => (KFD, &KFD_INDEX),
        super::drm::MAGIC => (DRM, &DRM_INDEX),
        _ => return None,
    };
    rows.get(usize::from(index[usize::from(ioc::number(cmd))]))
}

/// Every row, magic by magic, in order of number.
pub fn rows() -> impl Iterator<Item = &'static Ioctl> {
    KFD.iter().chain(DRM)
}
