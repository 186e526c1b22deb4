//! Which CPUs threads and processes stay on: a floor and its subject on the same, and a peer "on the other CPU" not on this one.
//!
//! A daemon is started with all CPUs (it looks how many there are) and moved afterwards; threads and children that it makes
//! later stay where the one is that makes them.

use crate::task;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Where something may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the first CPU only.
    First,
    /// On the second only.
    Second,
    /// On all that this program was started with.
    Anywhere,
}

/// The CPUs that this program was started with.
#[derive(Debug, Clone)]
pub struct Cpus {
    all: CpuSet,
    pair: [usize; 2],
    count: usize,
}

impl Cpus {
    /// The first two that this thread may use; on a machine with one both are that.
    ///
    /// # Errors
    /// The kernel's.
    pub fn find() -> anyhow::Result<Self> {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        let mut allowed = (0..CpuSet::count()).filter(|cpu| all.is_set(*cpu).unwrap_or(false));
        let first = allowed.next().unwrap_or(0);
        let second = allowed.next();
        let count = 1 + usize::from(second.is_some()) + allowed.count();
        Ok(Self { all, pair: [first, second.unwrap_or(first)], count })
    }

    /// Whether there are two.
    #[must_use]
    pub fn are_two(&self) -> bool {
        self.count >= 2
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    fn set(&self, place: Place) -> nix::Result<CpuSet> {
        let cpu = match place {
            Place::First => self.pair[0],
            Place::Second => self.pair[1],
            Place::Anywhere => return Ok(self.all),
        };
        let mut one = CpuSet::new();
        one.set(cpu)?;
        Ok(one)
    }

    /// The calling thread stays there, and what it starts from now on.
    ///
    /// # Errors
    /// The kernel's.
    pub fn stay(&self, place: Place) -> anyhow::Result<()> {
        Ok(sched_setaffinity(Pid::from_raw(0), &self.set(place)?)?)
    }

    /// `what` is done with the calling thread there; afterwards it may run anywhere again.
    ///
    /// # Errors
    /// Those of `what`, and the kernel's.
    pub fn at<T>(&self, place: Place, what: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.stay(place)?;
        let done = what();
        self.stay(Place::Anywhere)?;
        done
    }

    /// All threads of these processes stay there.
    ///
    /// # Errors
    /// The kernel's, but for a thread that has ended.
    pub fn keep(&self, processes: &[u32], place: Place) -> anyhow::Result<()> {
        let set = self.set(place)?;
        for process in processes {
            // A thread that is being made while the list is read inherits the old place: looked for until there is none.
            let mut placed = Vec::new();
            loop {
                let mut fresh = task::threads(*process);
                fresh.retain(|tid| !placed.contains(tid));
                if fresh.is_empty() {
                    break;
                }
                for tid in &fresh {
                    match sched_setaffinity(Pid::from_raw(i32::try_from(*tid)?), &set) {
                        Ok(()) | Err(Errno::ESRCH) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                placed.append(&mut fresh);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cpus, Place};
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::{Pid, gettid};

    fn allowed(tid: i32) -> usize {
        let set = sched_getaffinity(Pid::from_raw(tid)).expect("a live thread");
        (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).count()
    }

    #[test]
    fn a_thread_stays_on_one_cpu_for_as_long_as_it_is_told_to() {
        let cpus = Cpus::find().expect("an affinity");
        cpus.at(Place::First, || {
            assert_eq!(allowed(0), 1);
            Ok(())
        })
        .expect("a place");
        assert_eq!(allowed(0), cpus.count());
    }

    #[test]
    fn all_threads_of_a_process_are_kept_where_it_is_told() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep(1)");
        let cpus = Cpus::find().expect("an affinity");
        cpus.keep(&[child.id()], Place::Second).expect("a place");
        assert_eq!(allowed(i32::try_from(child.id()).expect("a pid")), 1);
        cpus.keep(&[child.id()], Place::Anywhere).expect("a place");
        assert_eq!(allowed(i32::try_from(child.id()).expect("a pid")), cpus.count());
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        assert_eq!(allowed(gettid().as_raw()), cpus.count(), "nobody else was moved");
    }
}
