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
//! look), accesses (`view`).

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

/// The most pieces a migration to one device makes of a range: as many as fit the largest device, and one at each end.
const PIECES: u64 = 1024;

/// What a process has of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    attributes: Attributes,
    /// On which device it lies.
    stay: Option<Stay>,
}

/// What of a process's ranges a listing tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// Bytes registered.
    pub(crate) bytes: u64,
    /// Of these, bytes that lie on devices.
    pub(crate) on_devices: u64,
}

/// The ranges of a process.
#[derive(Debug, Default)]
pub(crate) struct Svm {
    ranges: Intervals<Held>,
    /// What of them the client itself may only read, when it was last looked at.
    locked: Intervals<()>,
    /// Bytes in ranges.
    bytes: u64,
    /// One for each range, or more while a change is under way.
    count: Option<Charge>,
    /// For the bytes, while faults are not retried.
    memory: Option<Charge>,
}

impl Svm {
    /// What is said of parts of `range`, in order.
    pub(crate) fn attributes(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, &Attributes)> {
        self.ranges.within(range).map(|(part, held)| (part, &held.attributes))
    }

    /// On which device parts of `range` lie, in order; `None` is the host.
    pub(crate) fn lies(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Option<usize>)> {
        self.ranges.within(range).map(|(part, held)| (part, held.stay.as_ref().and_then(Stay::device)))
    }

    /// All ranges.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Range<u64>, &Attributes)> {
        self.ranges.iter().map(|(range, held)| (range, &held.attributes))
    }

    /// What of `range` may only be read.
    pub(crate) fn locked(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        self.locked.within(range).map(|(part, ())| part)
    }

    /// Of `range`, these parts and no others may only be read. Whether that is news.
    pub(crate) fn lock_pages(&mut self, range: Range<u64>, parts: impl Iterator<Item = Range<u64>>) -> bool {
        let before: Vec<_> = self.locked(range.clone()).collect();
        self.locked.update(range.clone(), |_, _| None);
        for part in parts {
            self.locked.update(part.start.max(range.start)..part.end.min(range.end), |_, _| Some(()));
        }
        !before.into_iter().eq(self.locked(range))
    }

    /// How much there is.
    pub(crate) fn extent(&self) -> Extent {
        let there = |held: &Held| held.stay.as_ref().is_some_and(|stay| stay.device().is_some());
        let on_devices =
            self.ranges.iter().filter(|(_, held)| there(held)).map(|(range, _)| length(&range)).sum();
        Extent { bytes: self.bytes, on_devices }
    }

    /// Bytes that lie on the device with this index.
    pub(crate) fn on_device(&self, device: usize) -> u64 {
        let there = |held: &Held| held.stay.as_ref().and_then(Stay::device) == Some(device);
        self.ranges.iter().filter(|(_, held)| there(held)).map(|(range, _)| length(&range)).sum()
    }

    /// Changes what is said of `range`; parts of which nothing was said begin with `unsaid`. With `charge_bytes` false,
    /// faults are retried and the bytes cost nothing.
    ///
    /// # Errors
    /// [`Exhausted`]: nothing has changed.
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

    /// Moves `range` off every device, or onto one by `enter`, which is called for pieces of at most `piece` bytes, cut
    /// where amdkfd cuts giant ranges, and may refuse. What then was refused stays where it was; the last refusal.
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

    /// Forgets `range`: its memory is gone, or means something else now. Whether anything of it was known.
    pub(crate) fn forget(&mut self, purse: &Arc<Purse>, range: Range<u64>) -> bool {
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

    /// Begins to charge for the bytes, or stops.
    ///
    /// # Errors
    /// [`Exhausted`]: nothing has changed.
    pub(crate) fn charge_bytes(&mut self, purse: &Arc<Purse>, charged: bool) -> Result<(), Exhausted> {
        resize(&mut self.memory, purse, Resource::Userptr, if charged { self.bytes } else { 0 })
    }

    /// Gives back what is charged beyond what there is.
    pub(crate) fn settle(&mut self, purse: &Arc<Purse>) {
        // Less never fails.
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
