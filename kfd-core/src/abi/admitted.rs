//! A call as it is admitted: the row of its command, the struct as the driver sees it, and where its pointers lead.
//!
//! A door makes it once; the gather and the core work with what it found. Not for: whether the caller may make the call.

use super::spec::{Extent, Ioctl, Pointer};
use crate::call::Arg;

/// The most pointers of one call.
const POINTERS: usize = 4;

/// See the module's head. `'t` is how long the table lives: for the driver's own, always.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'t> {
    row: &'t Ioctl,
    arg: Arg,
    /// In the order of the call's pointers.
    extents: [Result<Extent, i32>; POINTERS],
}

impl<'t> Admitted<'t> {
    /// Admits a call with `bytes` as its struct, by the rule of [`Ioctl::admit`].
    ///
    /// `None` when `bytes` are more than the core takes.
    ///
    /// # Panics
    /// The row has more pointers than any call of the driver's table.
    #[must_use]
    pub fn new(row: &'t Ioctl, bytes: &[u8]) -> Option<Self> {
        let arg = row.admit(bytes)?;
        let pointers = row.pointers_of(arg.bytes());
        assert!(pointers.len() <= POINTERS, "{}: {} pointers", row.name, pointers.len());
        let extent =
            |nth| pointers.get(nth).map_or(Ok(Extent::NONE), |pointer: &Pointer| pointer.extent(arg.bytes()));
        Some(Self { row, arg, extents: std::array::from_fn(extent) })
    }

    /// The table's row of the command.
    #[must_use]
    pub fn row(&self) -> &'t Ioctl {
        self.row
    }

    /// The struct as the driver sees it.
    #[must_use]
    pub fn arg(&self) -> &Arg {
        &self.arg
    }

    /// Each pointer of the call with what it covers, or with the errno for a count above its cap.
    pub fn pointers(&self) -> impl Iterator<Item = (&'static Pointer, Result<Extent, i32>)> {
        self.row.pointers_of(self.arg.bytes()).iter().zip(self.extents)
    }

    /// The errno of the first count that is above what the kernel allocates for, also where only the answer is written
    /// through that pointer.
    #[must_use]
    pub fn over(&self) -> Option<i32> {
        self.extents.iter().find_map(|extent| extent.err())
    }
}

#[cfg(test)]
mod tests {
    use super::{Admitted, POINTERS};
    use crate::abi::table;

    #[test]
    fn there_is_room_for_the_pointers_of_every_call_of_the_table() {
        for row in table::rows() {
            let of_operations =
                row.variants.iter().flat_map(|variants| variants.rows).map(|op| op.pointers.len());
            let most = of_operations.chain([row.pointers.len()]).max().unwrap_or(0);
            assert!(most <= POINTERS, "{} has {most}", row.name);
            assert!(
                Admitted::new(row, &[]).is_some_and(|admitted| admitted.over().is_none()),
                "{}",
                row.name
            );
        }
    }
}
