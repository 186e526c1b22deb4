//! Shared virtual memory of one process: ranges of the client's memory with attributes, and the devices that reach them at
//! the client's own addresses.
//!
//! | part | what it holds |
//! |---|---|
//! | `interval` | values over ranges, split and joined |
//! | `attribute` | what is said of a range, and what one ioctl attribute changes of it |
//! | `query` | the intersection that GET_ATTR tells |
//! | `reach` | what each device may do where |
//! | `residency` | what lies on a device |
//!
//! A range is charged as one of its process's ranges and, while faults are not retried, for its bytes as USERPTR memory
//! is, which is amdkfd's limit for it too. Where it lies says nothing about where its bytes are: those stay in the
//! client's pages, and a touch by the host, which would move them back, is not seen.
//!
//! Lives under the process mutex. Not for: what the ioctl refuses (`ioctl::svm`), whether there is memory at all (doors
//! look), accesses (`queue::view`).

mod attribute;
mod interval;
mod query;
mod reach;
mod residency;

pub(crate) use attribute::{Attributes, Change, DeviceSet, Location};
pub(crate) use query::{Common, can_be_asked};
pub(crate) use reach::{Judge, Reach, Right};
pub(crate) use residency::{Residency, Stay};

use crate::account::{Charge, Exhausted, Purse, Resource};
use crate::sync::Arc;
use interval::Intervals;
use std::ops::Range;

/// The largest number of pieces into which one migration cuts a range: as many as fit the largest device, and one at
/// each end.
const PIECES: u64 = 1024;

/// The attributes of a range and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    attributes: Attributes,
    /// The migration by which it lies on a device; `None` while it lies on the host.
    stay: Option<Stay>,
}

/// The sums of a process's ranges, for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// Bytes in registered ranges.
    pub(crate) bytes: u64,
    /// Bytes of registered ranges that lie on devices.
    pub(crate) on_devices: u64,
}

/// The registered ranges of a process.
#[derive(Debug, Default)]
pub(crate) struct Svm {
    ranges: Intervals<Held>,
    /// Parts of ranges that the client itself may only read, as of the last survey of its address space.
    locked: Intervals<()>,
    /// Bytes in registered ranges.
    bytes: u64,
    /// The charge for the number of ranges; larger than that while a change is under way.
    count: Option<Charge>,
    /// The charge for the bytes as USERPTR memory, while faults are not retried.
    memory: Option<Charge>,
}

impl Svm {
    /// The attributes of the registered parts of `range`, in order of address.
    pub(crate) fn attributes(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, &Attributes)> {
        self.ranges.within(range).map(|(part, held)| (part, &held.attributes))
    }

    /// The device on which each registered part of `range` lies, in order of address; `None` is the host.
    pub(crate) fn lies(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Option<usize>)> {
        self.ranges.within(range).map(|(part, held)| (part, held.stay.as_ref().and_then(Stay::device)))
    }

    /// Every registered range with its attributes.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Range<u64>, &Attributes)> {
        self.ranges.iter().map(|(range, held)| (range, &held.attributes))
    }

    /// The parts of `range` that the client may only read.
    pub(crate) fn locked(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        self.locked.within(range).map(|(part, ())| part)
    }

    /// Records that these parts of `range`, and no others in it, may only be read. True when that changes anything.
    pub(crate) fn lock_pages(&mut self, range: Range<u64>, parts: impl Iterator<Item = Range<u64>>) -> bool {
        let before: Vec<_> = self.locked(range.clone()).collect();
        self.locked.update(range.clone(), |_, _| None);
        for part in parts {
            self.locked.update(part.start.max(range.start)..part.end.min(range.end), |_, _| Some(()));
        }
        !before.into_iter().eq(self.locked(range))
    }

    /// The sums that a listing shows.
    pub(crate) fn extent(&self) -> Extent {
        let there = |held: &Held| held.stay.as_ref().is_some_and(|stay| stay.device().is_some());
        let on_devices =
            self.ranges.iter().filter(|(_, held)| there(held)).map(|(range, _)| length(&range)).sum();
        Extent { bytes: self.bytes, on_devices }
    }

    /// Bytes of registered ranges that lie on the device with this index.
    pub(crate) fn on_device(&self, device: usize) -> u64 {
        let there = |held: &Held| held.stay.as_ref().and_then(Stay::device) == Some(device);
        self.ranges.iter().filter(|(_, held)| there(held)).map(|(range, _)| length(&range)).sum()
    }

    /// Changes the attributes of `range`; unregistered parts of it begin with the attributes `unsaid`. `charge_bytes`
    /// is false where faults are retried: then the bytes cost nothing.
    ///
    /// # Errors
    /// [`Exhausted`] when a limit is hit; nothing has changed then.
    pub(crate) fn set(
        &mut self,
        purse: &Arc<Purse>,
        range: Range<u64>,
        changes: &[Change],
        unsaid: Attributes,
        charge_bytes: bool,
    ) -> Result<(), Exhausted> {
        let known: u64 = self.ranges.within(range.clone()).map(|(part, _)| length(&part)).sum();
        let gaps = self.ranges.within(range.clone()).count() as u64 + 1;
        let added = length(&range) - known;
        self.charge_count(purse, self.ranges.len() as u64 + gaps + 2 + PIECES)?;
        if charge_bytes
            && let Err(exhausted) = resize(&mut self.memory, purse, Resource::Userptr, self.bytes + added)
        {
            self.settle(purse);
            return Err(exhausted);
        }
        self.ranges.update(range, |_, held| {
            let mut held = held.unwrap_or(Held { attributes: unsaid, stay: None });
            held.attributes =
                changes.iter().fold(held.attributes, |attributes, change| attributes.with(*change));
            Some(held)
        });
        self.bytes += added;
        Ok(())
    }

    /// Moves `range` to the host, or onto a device by `enter`, which is called for pieces of at most `piece` bytes, cut
    /// where amdkfd cuts giant ranges. A piece that `enter` refuses stays where it was; the last refusal is returned.
    pub(crate) fn migrate<E>(
        &mut self,
        range: Range<u64>,
        piece: u64,
        mut enter: impl FnMut(u64) -> Result<Option<Stay>, E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min((at / piece + 1).saturating_mul(piece));
            match enter(end - at) {
                Ok(stay) => self.ranges.update(at..end, |part, held| {
                    let held = held?;
                    if let Some(old) = &held.stay {
                        old.leave(length(&part));
                    }
                    Some(Held { stay: stay.clone(), ..held })
                }),
                Err(error) => result = Err(error),
            }
            at = end;
        }
        result
    }

    /// Unregisters `range`, whose memory is gone or was replaced. True when any of it was registered.
    pub(crate) fn unregister(&mut self, purse: &Arc<Purse>, range: Range<u64>) -> bool {
        let mut gone = 0;
        self.locked.update(range.clone(), |_, _| None);
        self.ranges.update(range, |part, held| {
            if let Some(held) = held {
                gone += length(&part);
                if let Some(stay) = held.stay {
                    stay.leave(length(&part));
                }
            }
            None
        });
        self.bytes -= gone;
        self.settle(purse);
        gone > 0
    }

    /// Begins or stops charging for the bytes.
    ///
    /// # Errors
    /// [`Exhausted`] when a limit is hit; nothing has changed then.
    pub(crate) fn charge_bytes(&mut self, purse: &Arc<Purse>, charged: bool) -> Result<(), Exhausted> {
        resize(&mut self.memory, purse, Resource::Userptr, if charged { self.bytes } else { 0 })
    }

    /// Gives back what is charged for ranges that are not there any more.
    pub(crate) fn settle(&mut self, purse: &Arc<Purse>) {
        // A smaller charge never fails.
        let _ = self.charge_count(purse, self.ranges.len() as u64);
        if self.memory.is_some() {
            let _ = resize(&mut self.memory, purse, Resource::Userptr, self.bytes);
        }
    }

    fn charge_count(&mut self, purse: &Arc<Purse>, count: u64) -> Result<(), Exhausted> {
        resize(&mut self.count, purse, Resource::SvmRange, count)
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

fn resize(
    charge: &mut Option<Charge>,
    purse: &Arc<Purse>,
    what: Resource,
    amount: u64,
) -> Result<(), Exhausted> {
    match charge {
        _ if amount == 0 => *charge = None,
        Some(charge) => charge.resize(amount)?,
        None => *charge = Some(purse.charge(what, amount)?),
    }
    Ok(())
}
