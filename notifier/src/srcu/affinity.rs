//! Where the reclaimer runs: on the CPU of whoever keeps waking it.
//!
//! What it frees is in that CPU's caches, its allocator is not fought over by two CPUs, its membarrier finds nobody to
//! interrupt, and a barrier that waits for it need not wake a CPU that was halted: the wait is two changes of threads,
//! 5 µs, where the scheduler's own choice costs 30 to 200.
//!
//! States: `free → bound to a CPU` when two batches in a row come of wakes by that CPU's threads, `→ free` when another's
//! wake it. So a reclaimer that is woken from everywhere stays where the scheduler puts it. In a flood of light callbacks
//! nobody wakes it; it follows their caller, whom the scheduler moves off a CPU that two threads want: `bound → bound to
//! another CPU`. Only CPUs that the thread might use when it began are considered, and a refusal leaves it as it is.
//!
//! Not for the domain's other threads, nor for models.

use crate::sync::{self, Cpus};

/// What a reclaimer has made of its wakers.
pub(super) struct Affinity {
    /// What it may use at all; `None` when it is to stay out of the scheduler's way.
    allowed: Option<Cpus>,
    last: Option<usize>,
    bound: Option<usize>,
}

impl Affinity {
    /// The calling thread's; one that is not to follow anybody stays free.
    pub(super) fn new(follows: bool) -> Self {
        let allowed = if follows { sync::cpus_of_this_thread() } else { None };
        Self { allowed, last: None, bound: None }
    }

    /// The reclaimer has a batch because a thread on this CPU woke it, or because it was busy since. The CPU that it is
    /// bound to now.
    #[inline]
    pub(super) fn woken_by(&mut self, cpu: Option<usize>) -> Option<usize> {
        if self.last != cpu {
            self.last = cpu;
            self.let_go();
        } else if self.bound.is_none() {
            self.bind();
        }
        self.bound
    }

    /// A flood of light callbacks comes from that CPU. Binds at once: the caller moves once a tick at most.
    pub(super) fn follow(&mut self, cpu: usize) -> Option<usize> {
        if self.bound != Some(cpu) {
            self.last = Some(cpu);
            self.bind();
        }
        self.bound
    }

    fn let_go(&mut self) {
        if let (Some(_), Some(allowed)) = (self.bound, &self.allowed)
            && allowed.run_this_thread()
        {
            self.bound = None;
        }
    }

    fn bind(&mut self) {
        if let (Some(cpu), Some(allowed)) = (self.last, &self.allowed) {
            self.bound = allowed.only(cpu).filter(sync::Cpus::run_this_thread).map(|_| cpu);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Affinity, sync};

    /// Which of these CPUs the calling thread may use.
    fn among(cpus: &[usize]) -> Vec<usize> {
        let now = sync::cpus_of_this_thread().expect("a set that the test's machine fits into");
        cpus.iter().copied().filter(|&cpu| now.only(cpu).is_some()).collect()
    }

    // Keeps: reclaimer-place
    #[test]
    fn a_reclaimer_keeps_to_the_cpu_that_keeps_waking_it_and_lets_go_of_it() {
        let all = among(&Vec::from_iter(0..1024));
        let (first, last) = (all[0], all[all.len() - 1]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut affinity = Affinity::new(true);
                assert_eq!(affinity.woken_by(Some(first)), None, "once is no habit");
                assert_eq!(affinity.woken_by(Some(first)), Some(first));
                assert_eq!(among(&all), [first]);
                if last != first {
                    assert_eq!(affinity.woken_by(Some(last)), None);
                    assert_eq!(among(&all), all, "free again");
                    assert_eq!(affinity.woken_by(Some(last)), Some(last));
                }
                assert_eq!(affinity.woken_by(None), None);
                assert_eq!(among(&all), all);
                assert_eq!(affinity.follow(first), Some(first), "a flood is habit enough");
                assert_eq!(affinity.follow(last), Some(last));
                assert_eq!(among(&all), [last]);
                assert_eq!(affinity.woken_by(Some(last)), Some(last));
                assert_eq!(affinity.woken_by(None), None);
                assert_eq!(among(&all), all);
            });
            scope.spawn(|| {
                let mut roaming = Affinity::new(false);
                assert_eq!(roaming.woken_by(Some(first)), None);
                assert_eq!(roaming.woken_by(Some(first)), None);
                assert_eq!(roaming.follow(first), None);
                assert_eq!(among(&all), all);
            });
        });
    }
}
