//! What shared virtual memory lets one device do at each address.
//!
//! Where faults are not retried, that is nothing but in registered ranges; where they are, everything but what
//! registered ranges take away. Only what differs from the rule is kept, so neighbouring memory of one right is one
//! interval, whatever ranges it consists of, and an access may cross them.
//!
//! Not for: buffer objects, which go before all of this (`memory::address`).

use super::attribute::{Attributes, Location};
use super::interval::Intervals;
use crate::ids::GpuId;
use std::ops::Range;

/// A device's right to shared virtual memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Right {
    /// No access: every access faults.
    #[default]
    None,
    /// The device may read.
    Read,
    /// The device may read and write.
    Write,
    /// The device may read and execute.
    ReadExecute,
    /// The device may read, write and execute.
    WriteExecute,
}

impl Right {
    /// Whether the device may write.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteExecute)
    }

    /// Whether the device may execute.
    pub(crate) const fn executes(self) -> bool {
        matches!(self, Self::ReadExecute | Self::WriteExecute)
    }

    /// The same without the right to write.
    const fn to_read(self) -> Self {
        match self {
            Self::Write => Self::Read,
            Self::WriteExecute => Self::ReadExecute,
            Self::None | Self::Read | Self::ReadExecute => self,
        }
    }
}

/// The device and the mode that a range's rights depend on besides its attributes.
pub(crate) struct Judge<'a> {
    /// Whether faults are retried (XNACK).
    pub(crate) retry: bool,
    /// The device's index.
    pub(crate) device: usize,
    /// The device's id.
    pub(crate) gpu: GpuId,
    /// Whether the device with that id is in this device's hive, so that its memory is accessible to it.
    pub(crate) same_hive: &'a dyn Fn(GpuId) -> bool,
}

impl Judge<'_> {
    /// The device's right to a range with these attributes. Where faults are retried, a preferred location that the
    /// device can access is enough (`svm_range_best_restore_location`).
    pub(crate) fn right(&self, attributes: &Attributes) -> Right {
        let preferred = match attributes.preferred {
            Location::Undefined => false,
            Location::System => true,
            Location::Gpu(gpu) => gpu == self.gpu || (self.same_hive)(gpu),
        };
        let said = attributes.access.or(attributes.in_place).has(self.device);
        if !(said || (self.retry && preferred)) {
            return Right::None;
        }
        let right = if attributes.is_executable() { Right::WriteExecute } else { Right::Write };
        if attributes.is_read_only() { right.to_read() } else { right }
    }
}

/// The rights of one device to shared virtual memory.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// The addresses where the rule is [`Right::Write`]: the device's aperture while faults are retried, else none.
    /// Elsewhere the rule is [`Right::None`].
    rule: Range<u64>,
    /// The intervals whose right differs from the rule.
    exceptions: Intervals<Right>,
}

impl Reach {
    /// Whether the device has no right anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.rule.is_empty() && self.exceptions.len() == 0
    }

    /// Discards every right. Addresses in `retried` get the right to write, because faults there are retried.
    pub(crate) fn reset(&mut self, retried: Range<u64>) {
        *self = Self { rule: retried, exceptions: Intervals::default() };
    }

    /// Sets the device's right in a range; `None` sets it to the rule's.
    pub(crate) fn set(&mut self, range: Range<u64>, right: Option<Right>) {
        let rule = self.rule.clone();
        for (part, usual) in [
            (range.start..range.end.min(rule.start), Right::None),
            (range.start.max(rule.start)..range.end.min(rule.end), Right::Write),
            (range.start.max(rule.end)..range.end, Right::None),
        ] {
            self.exceptions.update(part, |_, _| right.filter(|right| *right != usual));
        }
    }

    /// Reduces the right to write to the right to read in a range.
    pub(crate) fn restrict(&mut self, range: Range<u64>) {
        let mut at = range.start;
        while at < range.end {
            let (held, right) = self.at(at);
            let part = at..held.end.min(range.end);
            if right.writes() {
                self.set(part.clone(), Some(right.to_read()));
            }
            at = part.end;
        }
    }

    /// The device's right at `va`, and the interval around it with the same right.
    pub(crate) fn at(&self, va: u64) -> (Range<u64>, Right) {
        if let Some((range, right)) = self.exceptions.at(va) {
            return (range, *right);
        }
        let gap = self.exceptions.gap(va);
        if self.rule.contains(&va) {
            (gap.start.max(self.rule.start)..gap.end.min(self.rule.end), Right::Write)
        } else {
            let below = va < self.rule.start;
            let range = if below {
                gap.start..gap.end.min(self.rule.start)
            } else {
                gap.start.max(self.rule.end)..gap.end
            };
            (range, Right::None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Judge, Reach, Right};
    use crate::ids::GpuId;
    use crate::memory::svm::attribute::{Attributes, Change, DeviceSet, Location};

    #[test]
    fn neighbours_of_one_right_are_one_interval_whatever_the_rule() {
        let mut reach = Reach::default();
        reach.set(0x2000..0x3000, Some(Right::Write));
        reach.set(0x3000..0x4000, Some(Right::Write));
        reach.set(0x4000..0x5000, Some(Right::Read));
        assert_eq!(reach.at(0x2fff), (0x2000..0x4000, Right::Write));
        assert_eq!(reach.at(0x4000), (0x4000..0x5000, Right::Read));
        assert_eq!((reach.at(0x1fff).1, reach.at(0x5000).1), (Right::None, Right::None));
        reach.set(0x2000..0x5000, None);
        assert!(reach.is_empty());

        reach.reset(0x1000..0x10_000);
        reach.set(0..0x3000, Some(Right::Write));
        assert_eq!(reach.at(0x800), (0..0x1000, Right::Write), "outside of where faults are retried");
        assert_eq!(reach.at(0x8000), (0x1000..0x10_000, Right::Write), "registered and not, in one");
        reach.set(0x4000..0x5000, Some(Right::None));
        reach.set(0x5000..0x6000, Some(Right::Read));
        assert_eq!(reach.at(0x3fff), (0x1000..0x4000, Right::Write));
        assert_eq!(reach.at(0x4fff), (0x4000..0x5000, Right::None));
        assert_eq!(reach.at(0x5fff), (0x5000..0x6000, Right::Read));
        assert_eq!(reach.at(0x6000), (0x6000..0x10_000, Right::Write));
        assert_eq!(reach.at(0x10_000).1, Right::None);
        reach.restrict(0x3000..0x8000);
        assert_eq!(reach.at(0x3000), (0x3000..0x4000, Right::Read));
        assert_eq!(reach.at(0x4fff), (0x4000..0x5000, Right::None), "no right is given");
        assert_eq!(reach.at(0x5000), (0x5000..0x8000, Right::Read));
        assert_eq!(reach.at(0x8000), (0x8000..0x10_000, Right::Write));
    }

    #[test]
    fn a_preferred_location_in_reach_is_access_only_where_faults_are_retried() {
        let near = |gpu: GpuId| gpu == GpuId(7);
        let judge = |retry| Judge { retry, device: 1, gpu: GpuId(5), same_hive: &near };
        let unsaid = Attributes::unsaid(DeviceSet::default());
        let said = |change| unsaid.with(change);
        for (attributes, off, on) in [
            (unsaid, Right::None, Right::None),
            (said(Change::Access(0)), Right::None, Right::None),
            (said(Change::Access(1)), Right::Write, Right::Write),
            (said(Change::InPlace(1)), Right::Write, Right::Write),
            (said(Change::InPlace(1)).with(Change::NoAccess(1)), Right::None, Right::None),
            (said(Change::Access(1)).with(Change::SetFlags(8)), Right::Read, Right::Read),
            (said(Change::Access(1)).with(Change::SetFlags(16)), Right::WriteExecute, Right::WriteExecute),
            (said(Change::Access(1)).with(Change::SetFlags(24)), Right::ReadExecute, Right::ReadExecute),
            (said(Change::Preferred(Location::System)), Right::None, Right::Write),
            (said(Change::Preferred(Location::Gpu(GpuId(5)))), Right::None, Right::Write),
            (said(Change::Preferred(Location::Gpu(GpuId(7)))), Right::None, Right::Write),
            (said(Change::Preferred(Location::Gpu(GpuId(6)))), Right::None, Right::None),
        ] {
            assert_eq!((judge(false).right(&attributes), judge(true).right(&attributes)), (off, on));
        }
    }
}
