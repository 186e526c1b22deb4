//! Which core a thread of this program stays on: a peer "on the other core" must not end up on this one.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores this program may use, in order.
fn allowed() -> nix::Result<(CpuSet, Vec<usize>)> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let cores = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect();
    Ok((set, cores))
}

/// Two cores, and what to go back to.
pub struct Cores {
    all: CpuSet,
    pair: [usize; 2],
}

impl Cores {
    /// The first two that this program may use; on a machine with one core both are that.
    pub fn find() -> anyhow::Result<Self> {
        let (all, cores) = allowed()?;
        let first = cores.first().copied().unwrap_or(0);
        Ok(Self { all, pair: [first, cores.get(1).copied().unwrap_or(first)] })
    }

    /// The calling thread stays on the first (0) or second (1) of them.
    pub fn stay_on(&self, which: usize) -> anyhow::Result<()> {
        let mut one = CpuSet::new();
        one.set(self.pair[which])?;
        Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
    }

    /// The calling thread may run anywhere again.
    pub fn anywhere(&self) -> anyhow::Result<()> {
        Ok(sched_setaffinity(Pid::from_raw(0), &self.all)?)
    }
}
