//! What has no safe face: the allocation-free `call`, the peers' retirement, membarrier(2), the allocator's figures.
#![allow(unsafe_code)]

use super::sync::{AtomicU64, Ordering};
use notifier::srcu::{Domain, Head};
use std::ptr::NonNull;

/// What is freed in the rates: as large as a small object with a callback head, for every side.
pub type Payload = [u64; 4];

/// An object with a callback head, as users embed it.
#[repr(C)]
#[derive(Default)]
pub struct Object {
    head: Head,
    payload: Payload,
}

/// Preallocated objects. They may be queued again once the domain's barrier has returned.
pub struct Objects(Vec<Object>);

impl Objects {
    /// So many, touched.
    pub fn new(count: usize) -> Self {
        Self((0..count).map(|_| Object::default()).collect())
    }

    /// Leaves them as a caller does that has just unlinked them: looked at and written to.
    pub fn leave(&mut self) {
        for object in &mut self.0 {
            object.payload[0] = std::hint::black_box(object.payload[0]).wrapping_add(1);
        }
    }

    /// Queues every object; `Domain::barrier` must return before the next turn and before the drop. The borrow of
    /// `self` is exclusive, so nobody else looks at the heads meanwhile.
    pub fn call_all(&mut self, domain: &Domain) {
        for object in &mut self.0 {
            // SAFETY: the head is valid and not queued (the caller's barrier after the last turn); it stays in place,
            // since the vector is neither grown nor dropped before the next barrier.
            unsafe { domain.call(NonNull::from(&mut object.head), nothing) };
        }
    }
}

/// A callback that does nothing; runs as often as it was queued.
fn nothing(_: NonNull<Head>) {
    RAN.store(RAN.load(Ordering::Relaxed) + 1, Ordering::Release);
}

/// Callbacks run by whichever thread runs them; a plain increment, as only one does at a time.
static RAN: AtomicU64 = AtomicU64::new(0);

/// How many callbacks of [`Objects`] have run.
pub fn ran() -> u64 {
    RAN.load(Ordering::Acquire)
}

/// Retires a box by seize, to be freed as a box.
pub fn seize_retire(guard: &seize::LocalGuard<'_>, value: Box<Payload>) {
    // SAFETY: the pointer comes from the box given away here and was never shared.
    unsafe { seize::Guard::defer_retire(guard, Box::into_raw(value), seize::reclaim::boxed) };
}

/// Retires a box by crossbeam-epoch.
pub fn crossbeam_retire(guard: &crossbeam_epoch::Guard, value: Payload) {
    let shared = crossbeam_epoch::Owned::new(value).into_shared(guard);
    // SAFETY: the pointer was made here and never shared.
    unsafe { guard.defer_destroy(shared) };
}

/// A payload as kovan wants it: its own head first.
#[repr(C)]
struct Node {
    retired: kovan::RetiredNode,
    payload: Payload,
}

/// Retires an allocation by kovan.
pub fn kovan_retire(payload: Payload) {
    let node = kovan::alloc_node(Node { retired: kovan::RetiredNode::new(), payload });
    // SAFETY: made just now as a `repr(C)` struct that begins with its `RetiredNode`, never published, retired once.
    unsafe { kovan::retire_node(node) };
}

/// A value whose drop says that everything retired before it is freed.
pub struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        LAST.fetch_add(1, Ordering::Release);
    }
}

static LAST: AtomicU64 = AtomicU64::new(0);

/// How many of [`Last`] were dropped.
pub fn last_freed() -> u64 {
    LAST.load(Ordering::Acquire)
}

/// Retires one [`Last`] by kovan.
pub fn kovan_retire_last() {
    #[repr(C)]
    struct End {
        retired: kovan::RetiredNode,
        last: Last,
    }
    let node = kovan::alloc_node(End { retired: kovan::RetiredNode::new(), last: Last });
    // SAFETY: as in `kovan_retire`.
    unsafe { kovan::retire_node(node) };
}

/// The domain's reclaimer, a thread of this name, does not preempt whoever wakes it (SCHED_BATCH): what it is to run is
/// still pending when its caller goes on to wait for it.
pub fn reclaimer_waits_its_turn(name: &str) -> std::io::Result<()> {
    let mut found = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if std::fs::read_to_string(path.join("comm"))?.trim_end() != name {
            continue;
        }
        let tid = path.file_name().and_then(|tid| tid.to_str()?.parse().ok());
        let parameter = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameter is plain and only read.
        let result = unsafe {
            libc::sched_setscheduler(tid.unwrap_or(-1), libc::SCHED_BATCH, std::ptr::from_ref(&parameter))
        };
        if result != 0 {
            return Err(std::io::Error::last_os_error());
        }
        found += 1;
    }
    if found == 1 { Ok(()) } else { Err(std::io::Error::other(format!("{found} threads are called {name}"))) }
}

/// membarrier(2) PRIVATE_EXPEDITED; its registration is `register`.
fn membarrier(command: libc::c_int) -> std::io::Result<()> {
    // SAFETY: a system call with three integers.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// Registers this process for [`expedited`].
pub fn register_membarrier() -> std::io::Result<()> {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// One bare membarrier.
pub fn expedited() -> std::io::Result<()> {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// Bytes that the allocator has handed out in this process.
pub fn allocated() -> usize {
    // SAFETY: a query without arguments.
    unsafe { libc::mallinfo2() }.uordblks
}

/// A value behind a hazard pointer.
pub struct Hazard(haphazard::AtomicPtr<u64>);

impl Hazard {
    /// A published value.
    pub fn new() -> Self {
        Self(haphazard::AtomicPtr::from(Box::new(1)))
    }

    /// Nanoseconds to protect and release it, with one hazard pointer kept for all looks: haphazard at its best.
    pub fn nanos(&self, calls: u32) -> f64 {
        let mut pointer = haphazard::HazardPointer::new();
        let value = std::hint::black_box(&self.0);
        kfd_tests::measure::samples::nanos_per_call(calls, || {
            let _ = value.safe_load(&mut pointer);
            pointer.reset_protection();
        })
    }
}

impl Drop for Hazard {
    fn drop(&mut self) {
        let empty = haphazard::AtomicPtr::from(Box::new(0));
        // SAFETY: taken out of the only place that held it, and retired once.
        unsafe { std::mem::replace(&mut self.0, empty).retire() };
    }
}
