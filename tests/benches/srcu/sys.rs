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

/// The first two CPUs that this process may use, if there are two.
pub fn two_cpus() -> Option<[usize; 2]> {
    let size = size_of::<libc::cpu_set_t>();
    let mut set = empty_set();
    // SAFETY: the set is as large as is said.
    if unsafe { libc::sched_getaffinity(0, size, &raw mut set) } != 0 {
        return None;
    }
    // SAFETY: the index is below the set's size.
    let mut allowed = (0..size * 8).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) });
    Some([allowed.next()?, allowed.next()?])
}

fn empty_set() -> libc::cpu_set_t {
    // SAFETY: a set is plain bits.
    unsafe { std::mem::zeroed() }
}

/// From now on this thread runs on these CPUs only.
pub fn pin(cpus: &[usize]) -> std::io::Result<()> {
    let mut set = empty_set();
    for &cpu in cpus {
        // SAFETY: an index beyond the set is refused by a panic.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the set is as large as is said.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
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
        crate::measure::samples::nanos_per_call(calls, || {
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
