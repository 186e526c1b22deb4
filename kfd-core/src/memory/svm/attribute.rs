//! The attributes of a range of shared virtual memory, and what one ioctl attribute changes of them.
//!
//! Meanings are those of `svm_range_check_attr` and `svm_range_apply_attrs` (amdkfd/kfd_svm.c).

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::ids::GpuId;

/// The default migration granularity, as a power of two of pages: 2 MiB (`svm_range_set_default_attributes`).
const GRANULARITY: u8 = 9;
/// The largest granularity; larger ones are cut to it since Linux 6.7 (interface 1.15). Before, the value was kept as a
/// byte.
const GRANULARITY_MAX: u32 = 0x3f;

/// A set of devices by index, at most 64 (`MAX_GPU_INSTANCE`, amdkfd/kfd_priv.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DeviceSet(u64);

impl DeviceSet {
    /// Whether the device is in the set.
    pub(crate) fn has(self, device: usize) -> bool {
        self.0 & Self::bit(device) != 0
    }

    /// Puts the device into the set.
    pub(crate) fn add(&mut self, device: usize) {
        self.0 |= Self::bit(device);
    }

    /// Takes the device out of the set.
    pub(crate) fn remove(&mut self, device: usize) {
        self.0 &= !Self::bit(device);
    }

    /// The devices that are in both sets.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The devices that are in either set.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The indices of its devices, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |device| self.has(*device))
    }

    fn bit(device: usize) -> u64 {
        1u64.checked_shl(u32::try_from(device).unwrap_or(u32::MAX)).unwrap_or(0)
    }
}

impl FromIterator<usize> for DeviceSet {
    fn from_iter<T: IntoIterator<Item = usize>>(devices: T) -> Self {
        let mut set = Self::default();
        devices.into_iter().for_each(|device| set.add(device));
        set
    }
}

/// A memory location of an attribute (`KFD_IOCTL_SVM_LOCATION_*`, or a `gpu_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location {
    /// No location was set.
    Undefined,
    /// Host memory (`SYSMEM`).
    System,
    /// The memory of this device.
    Gpu(GpuId),
}

impl Location {
    fn of(value: u32) -> Self {
        match value {
            abi::SVM_LOCATION_SYSMEM => Self::System,
            abi::SVM_LOCATION_UNDEFINED => Self::Undefined,
            gpu => Self::Gpu(GpuId(gpu)),
        }
    }

    /// The location as the value of an attribute.
    pub(crate) fn value(self) -> u32 {
        match self {
            Self::Undefined => abi::SVM_LOCATION_UNDEFINED,
            Self::System => abi::SVM_LOCATION_SYSMEM,
            Self::Gpu(gpu) => gpu.0,
        }
    }
}

/// The attributes of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The preferred location, to which faults migrate the range.
    pub(crate) preferred: Location,
    /// The prefetch location, to which the range was last sent.
    pub(crate) prefetch: Location,
    /// The pages of one migration, as a power of two.
    pub(crate) granularity: u8,
    /// The range's flags, `SVM_FLAG_*`.
    pub(crate) flags: u32,
    /// Devices with the ACCESS attribute: they may access the range, wherever it lies.
    pub(crate) access: DeviceSet,
    /// Devices with the ACCESS_IN_PLACE attribute: they may access the range without a migration.
    pub(crate) in_place: DeviceSet,
}

impl Attributes {
    /// The attributes of unregistered memory. `access` is the set of devices that have access then: all of them where
    /// faults are retried, none otherwise (`svm_range_new`).
    pub(crate) fn unsaid(access: DeviceSet) -> Self {
        Self {
            preferred: Location::Undefined,
            prefetch: Location::Undefined,
            granularity: GRANULARITY,
            flags: abi::SVM_FLAG_HOST_ACCESS | abi::SVM_FLAG_COHERENT,
            access,
            in_place: DeviceSet::default(),
        }
    }

    /// The attributes with one of them changed.
    pub(crate) fn with(mut self, change: Change) -> Self {
        match change {
            Change::Preferred(location) => self.preferred = location,
            Change::Prefetch(location) => self.prefetch = location,
            Change::Access(device) => {
                self.access.add(device);
                self.in_place.remove(device);
            }
            Change::InPlace(device) => {
                self.access.remove(device);
                self.in_place.add(device);
            }
            Change::NoAccess(device) => {
                self.access.remove(device);
                self.in_place.remove(device);
            }
            Change::SetFlags(flags) => self.flags |= flags,
            Change::ClearFlags(flags) => self.flags &= !flags,
            Change::Granularity(pages) => self.granularity = pages,
        }
        self
    }

    /// Whether devices may execute the range (`SVM_FLAG_GPU_EXEC`).
    pub(crate) fn is_executable(&self) -> bool {
        self.flags & abi::SVM_FLAG_GPU_EXEC != 0
    }

    /// Whether devices may only read the range (`SVM_FLAG_GPU_RO`).
    pub(crate) fn is_read_only(&self) -> bool {
        self.flags & abi::SVM_FLAG_GPU_RO != 0
    }
}

/// One valid attribute of a SET_ATTR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// PREFERRED_LOC: where faults migrate the range to.
    Preferred(Location),
    /// PREFETCH_LOC: where the range is sent now.
    Prefetch(Location),
    /// ACCESS: this device, by index, may access the range.
    Access(usize),
    /// ACCESS_IN_PLACE: this device, by index, may access the range without a migration.
    InPlace(usize),
    /// NO_ACCESS: this device, by index, may not access the range.
    NoAccess(usize),
    /// SET_FLAGS: these `SVM_FLAG_*` are set.
    SetFlags(u32),
    /// CLR_FLAGS: these `SVM_FLAG_*` are cleared.
    ClearFlags(u32),
    /// GRANULARITY: the pages of one migration, as a power of two.
    Granularity(u8),
}

impl Change {
    /// Checks an attribute as the driver of that interface does; `supported` returns the index of the device with a
    /// `gpu_id`, if it has shared virtual memory.
    ///
    /// # Errors
    /// EINVAL for an unknown type, for a `gpu_id` of no supported device, and for a prefetch to the undefined location.
    pub(crate) fn of(
        attribute: &abi::SvmAttribute,
        interface_minor: u32,
        supported: impl Fn(GpuId) -> Option<usize>,
    ) -> Result<Self, Errno> {
        let value = attribute.value;
        let device = || supported(GpuId(value)).ok_or(Errno::INVAL);
        Ok(match attribute.kind {
            abi::SVM_ATTR_PREFERRED_LOC => {
                let location = Location::of(value);
                if let Location::Gpu(_) = location {
                    device()?;
                }
                Self::Preferred(location)
            }
            abi::SVM_ATTR_PREFETCH_LOC => {
                let location = Location::of(value);
                if location != Location::System {
                    device()?;
                }
                Self::Prefetch(location)
            }
            abi::SVM_ATTR_ACCESS => Self::Access(device()?),
            abi::SVM_ATTR_ACCESS_IN_PLACE => Self::InPlace(device()?),
            abi::SVM_ATTR_NO_ACCESS => Self::NoAccess(device()?),
            abi::SVM_ATTR_SET_FLAGS => Self::SetFlags(value),
            abi::SVM_ATTR_CLR_FLAGS => Self::ClearFlags(value),
            abi::SVM_ATTR_GRANULARITY if interface_minor < 15 => Self::Granularity(value as u8),
            abi::SVM_ATTR_GRANULARITY => Self::Granularity(value.min(GRANULARITY_MAX) as u8),
            _ => return Err(Errno::INVAL),
        })
    }
}
