//! What the pointers inside an ioctl's struct point at, as accesses for the memory workers: pure functions of the ABI table.
//!
//! The struct's bytes are the client's claim, read once by the kernel. [`Plan::new`] turns them into bounded reads,
//! [`Plan::collect`] turns the answers into the core's [`Gathered`]; [`scatter`] turns the core's writes into accesses.
//! Not for: any access itself, and no judgement of values beyond counts and addresses.
//!
//! A struct shorter than the table's is read as if zeros followed (`_IOC_SIZE`: copy the smaller, zero the rest).

use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::chain::Chain;
use kfd_core::abi::spec::Extent;
use kfd_core::call::{Errno, Gathered, UserWrite};
use kfd_core::ids::{Tgid, UserVa};
use kfd_core::notice::{Lack, UserAccess, UserAnswer};

/// The most bytes of one access: [`UserAccess`]'s own bound.
pub const PIECE: usize = 64 * 1024;

const EFAULT: Errno = Errno(libc::EFAULT);

/// What to read before the core is called.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    accesses: Vec<UserAccess>,
    /// Bytes per pointer of the spec, in its order; 0 for what is not read.
    lengths: Vec<usize>,
    /// Whether the last access looks at the memory that the call is about.
    looks: bool,
}

impl Plan {
    /// Plans the reads of every `In` and `InOut` pointer of a call.
    ///
    /// # Errors
    /// The spec's own errno for more elements than its cap; EFAULT for a null pointer with a count, and for a range
    /// that wraps around.
    pub fn new(call: &Admitted<'_>) -> Result<Self, Errno> {
        let mut plan = Self::default();
        for (pointer, extent) in call.pointers() {
            // A call that always ends with one errno needs nothing read: its other checks would not change that errno.
            let read = pointer.flow.is_gathered() && call.row().refused.is_none();
            let len = if read { plan.read_extent(extent.map_err(Errno)?)? } else { 0 };
            plan.lengths.push(len);
        }
        Ok(plan)
    }

    /// Also looks whether the memory is there that the call is about, in the caller's address space.
    #[must_use]
    pub fn looking(mut self, call: &Admitted<'_>, tgid: Tgid) -> Self {
        if let Some((va, bytes)) = call.row().memory_of(call.arg().bytes()) {
            self.accesses.push(UserAccess::Survey { tgid, va, bytes });
            self.looks = true;
        }
        self
    }

    /// Plans what a chain's entries point at further; what has no bytes there is an entry at once.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn further(chain: Chain, entries: &mut Vec<Vec<u8>>) -> Result<Self, Errno> {
        loop {
            let mut plan = Self::default();
            for extent in chain.next(entries).map_err(Errno)? {
                let len = plan.read_extent(extent)?;
                plan.lengths.push(len);
            }
            if plan.lengths.is_empty() || !plan.is_empty() {
                return Ok(plan);
            }
            entries.extend(plan.lengths.iter().map(|_| Vec::new()));
        }
    }

    /// The reads, in order; taken out to be submitted.
    pub fn take_accesses(&mut self) -> Vec<UserAccess> {
        std::mem::take(&mut self.accesses)
    }

    /// Whether there is nothing to read, so that the core can be called at once with [`Plan::collect`] of no answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.looks && self.lengths.iter().all(|&len| len == 0)
    }

    /// Puts the answers, one per access and in their order, together.
    ///
    /// # Errors
    /// EFAULT when any of them failed, is missing or has another length than was asked for.
    pub fn collect(&self, answers: Vec<UserAnswer>) -> Result<Gathered, Errno> {
        let mut answers = answers.into_iter();
        let mut entries = Vec::with_capacity(self.lengths.len());
        for &len in &self.lengths {
            let mut entry = Vec::new();
            while entry.len() < len {
                let Some(UserAnswer::Done(bytes)) = answers.next() else { return Err(EFAULT) };
                if bytes.len() != PIECE.min(len - entry.len()) {
                    return Err(EFAULT);
                }
                if entry.is_empty() {
                    entry = bytes;
                } else {
                    entry.extend_from_slice(&bytes);
                }
            }
            entries.push(entry);
        }
        let lacks = match answers.next().filter(|_| self.looks) {
            Some(told @ UserAnswer::Done(_)) => Some(Lack::of(&told)),
            Some(UserAnswer::Failed) | None => None,
        };
        Ok(Gathered { lacks, ..Gathered::from(entries) })
    }

    fn read_extent(&mut self, extent: Extent) -> Result<usize, Errno> {
        let (va, len) = (extent.va.0, extent.bytes);
        if len == 0 {
            return Ok(0);
        }
        if va == 0 || va.checked_add(len as u64).is_none() {
            return Err(EFAULT);
        }
        for start in (0..len).step_by(PIECE) {
            let piece = PIECE.min(len - start) as u32;
            self.accesses.push(UserAccess::Read { va: UserVa(va + start as u64), len: piece });
        }
        Ok(len)
    }
}

/// The core's writes as accesses of at most [`PIECE`] bytes, in order. A range that wraps around the end is left to the
/// worker, which fails it.
#[must_use]
pub fn scatter(writes: Vec<UserWrite>) -> Vec<UserAccess> {
    let mut accesses = Vec::with_capacity(writes.len());
    for UserWrite { mut va, mut bytes } in writes {
        while bytes.len() > PIECE {
            let rest = bytes.split_off(PIECE);
            let next = UserVa(va.0.wrapping_add(PIECE as u64));
            accesses.push(UserAccess::Write { va, bytes: std::mem::replace(&mut bytes, rest) });
            va = next;
        }
        if !bytes.is_empty() {
            accesses.push(UserAccess::Write { va, bytes });
        }
    }
    accesses
}

/// Whether all writes of a scatter arrived.
///
/// # Errors
/// EFAULT when one did not.
pub fn scattered(answers: &[UserAnswer]) -> Result<(), Errno> {
    let failed = answers.iter().any(|answer| matches!(answer, UserAnswer::Failed));
    if failed { Err(EFAULT) } else { Ok(()) }
}
