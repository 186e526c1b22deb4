//! What GET_ATTR says of a range that may be many: the intersection, by the rules of `svm_range_get_attr`
//! (amdkfd/kfd_svm.c).
//!
//! | attribute | answer |
//! |---|---|
//! | PREFERRED_LOC, PREFETCH_LOC | the location, if it is said and the same everywhere; else undefined |
//! | ACCESS | its *type* becomes what the device has everywhere: ACCESS, else ACCESS_IN_PLACE, else NO_ACCESS |
//! | SET_FLAGS | the flags that are set everywhere |
//! | CLR_FLAGS | the flags that are set nowhere |
//! | GRANULARITY | the smallest |
//!
//! Memory that nothing was said of is looked at only when nothing was said of any of it.

use super::attribute::{Attributes, DeviceSet, Location};
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::ids::GpuId;

/// The intersection of the attributes of the ranges seen so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    preferred: Location,
    prefetch: Location,
    granularity: u8,
    set_everywhere: u32,
    set_somewhere: u32,
    access: DeviceSet,
    in_place: DeviceSet,
}

impl Common {
    /// The intersection over `ranges`, or the attributes `unsaid` where there are none.
    pub(crate) fn of<'a>(ranges: impl Iterator<Item = &'a Attributes>, unsaid: &Attributes) -> Self {
        ranges.map(Self::one).reduce(Self::and).unwrap_or_else(|| Self::one(unsaid))
    }

    fn one(attributes: &Attributes) -> Self {
        Self {
            preferred: attributes.preferred,
            prefetch: attributes.prefetch,
            granularity: attributes.granularity,
            set_everywhere: attributes.flags,
            set_somewhere: attributes.flags,
            access: attributes.access,
            in_place: attributes.in_place,
        }
    }

    fn and(self, other: Self) -> Self {
        let same = |one: Location, other| if one == other { one } else { Location::Undefined };
        Self {
            preferred: same(self.preferred, other.preferred),
            prefetch: same(self.prefetch, other.prefetch),
            granularity: self.granularity.min(other.granularity),
            set_everywhere: self.set_everywhere & other.set_everywhere,
            set_somewhere: self.set_somewhere | other.set_somewhere,
            access: self.access.and(other.access),
            in_place: self.in_place.and(other.in_place),
        }
    }

    /// Fills in the answer to one attribute; `device` returns the index of the device with a `gpu_id`.
    ///
    /// # Errors
    /// EINVAL for an access attribute of a device that does not exist.
    pub(crate) fn fill(
        &self,
        attribute: &mut abi::SvmAttribute,
        device: impl Fn(GpuId) -> Option<usize>,
    ) -> Result<(), Errno> {
        match attribute.kind {
            abi::SVM_ATTR_PREFERRED_LOC => attribute.value = self.preferred.value(),
            abi::SVM_ATTR_PREFETCH_LOC => attribute.value = self.prefetch.value(),
            abi::SVM_ATTR_SET_FLAGS => attribute.value = self.set_everywhere,
            abi::SVM_ATTR_CLR_FLAGS => attribute.value = !self.set_somewhere,
            abi::SVM_ATTR_GRANULARITY => attribute.value = self.granularity.into(),
            _ => {
                let device = device(GpuId(attribute.value)).ok_or(Errno::INVAL)?;
                attribute.kind = if self.access.has(device) {
                    abi::SVM_ATTR_ACCESS
                } else if self.in_place.has(device) {
                    abi::SVM_ATTR_ACCESS_IN_PLACE
                } else {
                    abi::SVM_ATTR_NO_ACCESS
                };
            }
        }
        Ok(())
    }
}

/// Whether GET_ATTR answers this attribute. Of the three access attributes only ACCESS can be asked for; it is answered
/// with one of them.
pub(crate) fn can_be_asked(kind: u32) -> bool {
    matches!(
        kind,
        abi::SVM_ATTR_PREFERRED_LOC
            | abi::SVM_ATTR_PREFETCH_LOC
            | abi::SVM_ATTR_ACCESS
            | abi::SVM_ATTR_SET_FLAGS
            | abi::SVM_ATTR_CLR_FLAGS
            | abi::SVM_ATTR_GRANULARITY
    )
}
