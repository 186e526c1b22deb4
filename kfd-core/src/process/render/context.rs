//! Contexts: what submissions are numbered in, ring by ring, and what became of them.
//!
//! A submission has ended when its call returns, so every number up to the last is done; the errors of the last few are
//! remembered for whoever waits for them (`amdgpu_ctx_get_fence` knows `amdgpu_sched_jobs` of them).

use super::numbered::Numbered;
use crate::call::Errno;
use std::collections::{BTreeMap, VecDeque};

/// `amdgpu_sched_jobs` (amdgpu/amdgpu_drv.c): the number of a ring's submissions whose errors are remembered.
const REMEMBERED: usize = 32;

/// The contexts of a file.
pub(crate) type Contexts = Numbered<Context>;

/// A ring: the kind of engine (`AMDGPU_HW_IP_*`), and its ring.
pub(crate) type RingId = (u32, u32);

/// The submissions of a context to one ring.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    last: u64,
    failed: VecDeque<(u64, Errno)>,
}

impl Ring {
    /// Counts a submission that has ended with this result. Returns its number, from 1 on.
    pub(crate) fn ended(&mut self, result: Result<(), Errno>) -> u64 {
        self.last += 1;
        if let Err(errno) = result {
            self.failed.push_back((self.last, errno));
        }
        while self.failed.front().is_some_and(|(number, _)| number + REMEMBERED as u64 <= self.last) {
            self.failed.pop_front();
        }
        self.last
    }

    /// The result of a submission; EINVAL for a number that was not given out.
    pub(crate) fn outcome(&self, number: u64) -> Result<(), Errno> {
        if number > self.last {
            return Err(Errno::INVAL);
        }
        self.failed.iter().find(|(failed, _)| *failed == number).map_or(Ok(()), |(_, errno)| Err(*errno))
    }

    /// The number of the last submission.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}

/// A context of submissions.
#[derive(Debug, Default)]
pub(crate) struct Context {
    rings: BTreeMap<RingId, Ring>,
    /// The number of its submissions that hung.
    pub(crate) hangs: u32,
    /// Whether the client has queried the last hang.
    pub(crate) told: bool,
}

impl Context {
    /// The context's submissions to a ring.
    pub(crate) fn ring(&mut self, ring: RingId) -> &mut Ring {
        self.rings.entry(ring).or_default()
    }

    /// Counts a submission that hung.
    pub(crate) fn hung(&mut self) {
        self.hangs += 1;
        self.told = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, Ring};
    use crate::call::Errno;

    #[test]
    fn a_submission_that_failed_is_remembered_for_as_long_as_amdgpu_does() {
        let mut ring = Ring::default();
        assert_eq!(ring.outcome(1), Err(Errno::INVAL), "not made yet");
        assert_eq!(ring.ended(Err(Errno::IO)), 1);
        for number in 2..=REMEMBERED as u64 {
            assert_eq!(ring.ended(Ok(())), number);
            assert_eq!(ring.outcome(number), Ok(()));
        }
        assert_eq!(ring.outcome(1), Err(Errno::IO));
        ring.ended(Ok(()));
        assert_eq!(ring.outcome(1), Ok(()), "forgotten");
    }
}
