//! The auxiliary vector that `exec` gave a program: what tells the address spaces of one process apart.
//!
//! `/proc/TID/auxv` (proc(5)) shows the kernel's own copy, native words in pairs. Under randomisation it holds the places of the
//! program, its interpreter, the vdso and 16 random bytes on the stack (getauxval(3): AT_PHDR, AT_BASE,
//! AT_SYSINFO_EHDR, AT_RANDOM), each drawn anew by `exec`. Reading it touches no client memory.

use std::hash::Hash;

/// The bytes, as an opaque mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Auxv(Vec<u8>);

impl Auxv {
    /// `None` for a vector that ends before it begins: a kernel thread, or an `exec` that has not come so far.
    pub(super) fn new(bytes: Vec<u8>) -> Option<Self> {
        let filled = bytes.first_chunk::<8>().is_some_and(|word| *word != [0; 8]);
        filled.then_some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Auxv;

    #[test]
    fn a_vector_without_an_entry_marks_nothing() {
        assert_eq!(Auxv::new(vec![]), None);
        assert_eq!(Auxv::new(vec![0; 16]), None);
        assert_eq!(Auxv::new(vec![1; 7]), None);
        assert_ne!(Auxv::new(vec![1; 16]), None);
    }

    #[test]
    fn the_vector_of_a_living_program_is_stable() {
        let read = || Auxv::new(std::fs::read("/proc/self/auxv").unwrap()).unwrap();
        assert_eq!(read(), read());
    }
}
