//! What devices reach of shared virtual memory, kept true: when attributes change, when buffer objects need the place, and when
//! memory goes or a door has looked at it.
//!
//! Not for: what the attributes of the SVM call mean (`ioctl::svm`, `memory::svm`).

use crate::access::{LACKS_MAX, Lack};
use crate::core::Core;
use crate::ids::{ProcessId, UserVa};
use crate::memory::svm::{Attributes, DeviceSet, Judge};
use crate::process::{Inner, Process};
use std::ops::Range;

impl Core {
    /// The attributes of memory that nothing was said of.
    pub(crate) fn unsaid(&self, inner: &Inner) -> Attributes {
        let all = self.devices.iter().filter(|device| inner.xnack && device.shares_memory());
        Attributes::unsaid(all.map(|device| device.index).collect::<DeviceSet>())
    }

    /// Tells every device's address map what it may do in `range` now.
    pub(crate) fn share(&self, process: &Process, inner: &Inner, range: Range<u64>) {
        for device in self.devices.iter().filter(|device| device.shares_memory()) {
            let same_hive =
                |gpu| self.device(gpu).is_some_and(|other| self.devices[device.index].same_hive(other));
            let judge =
                Judge { retry: inner.xnack, device: device.index, gpu: device.gpu(), same_hive: &same_hive };
            process.pdds[device.index].map.share(|reach| {
                reach.set(range.clone(), None);
                for (part, attributes) in inner.svm.attributes(range.clone()) {
                    reach.set(part, Some(judge.right(attributes)));
                }
                for part in inner.svm.locked(range.clone()) {
                    reach.restrict(part);
                }
            });
        }
    }

    /// The same for all memory, after faults have become retried or not.
    pub(crate) fn share_all(&self, process: &Process, inner: &Inner) {
        for device in self.devices.iter().filter(|device| device.shares_memory()) {
            let retried = if inner.xnack { device.aperture.clone() } else { 0..0 };
            process.pdds[device.index].map.share(|reach| reach.reset(retried));
        }
        self.share(process, inner, 0..u64::MAX);
    }

    /// Takes ranges out that are in the way of a buffer object, or whose memory is gone.
    pub(crate) fn give_way(&self, process: &Process, inner: &mut Inner, range: Range<u64>) {
        if inner.svm.unregister(&process.purse, range.clone()) {
            self.share(process, inner, range);
        }
    }

    /// The registered memory of a process, address and bytes, in order and apart: what a door asks the address space about
    /// before a call that depends on which memory is there. Empty for most processes.
    #[must_use]
    pub fn registered(&self, process: ProcessId) -> Vec<(UserVa, u64)> {
        let Some(process) = self.process(process) else { return Vec::new() };
        let inner = process.inner.lock();
        let mut memory: Vec<(UserVa, u64)> = Vec::new();
        for (range, _) in inner.svm.all() {
            match memory.last_mut() {
                Some((start, bytes)) if start.0 + *bytes == range.start => *bytes = range.end - start.0,
                _ => memory.push((UserVa(range.start), range.end - range.start)),
            }
        }
        memory
    }

    /// A door looked at a part of a process's memory, address and bytes, and this is what it lacks, in order: the first
    /// [`LACKS_MAX`] of that. What is no memory is registered no more, as amdkfd's MMU notifier has it; what may only be
    /// read, devices only read (`svm_range_validate_and_map`).
    pub fn surveyed(&self, process: ProcessId, part: (UserVa, u64), lacks: &[Lack]) {
        let Some(process) = self.process(process) else { return };
        let mut inner = process.inner.lock();
        let range = |va: UserVa, bytes: u64| va.0..va.0.saturating_add(bytes);
        for hole in lacks.iter().filter(|lack| lack.is_hole()) {
            self.give_way(&process, &mut inner, range(hole.va, hole.bytes));
        }
        let mut seen = range(part.0, part.1);
        if let Some(last) = lacks.last().filter(|_| lacks.len() >= LACKS_MAX) {
            seen.end = range(last.va, last.bytes).end;
        }
        let locked = lacks.iter().filter(|lack| !lack.is_hole()).map(|lack| range(lack.va, lack.bytes));
        if inner.svm.lock_pages(seen.clone(), locked) {
            self.share(&process, &inner, seen);
        }
    }
}
