//! Shared virtual memory: ranges with attributes. The struct is followed by `nattr` attributes, and the command's
//! size field grows with them.

use crate::abi::layout::wire_struct;

/// `KFD_IOCTL_SVM_OP_SET_ATTR`: sets attributes of a range.
pub const SVM_OP_SET_ATTR: u32 = 0;
/// `KFD_IOCTL_SVM_OP_GET_ATTR`: tells attributes of a range.
pub const SVM_OP_GET_ATTR: u32 = 1;

/// `KFD_IOCTL_SVM_LOCATION_SYSMEM`: host memory.
pub const SVM_LOCATION_SYSMEM: u32 = 0;
/// `KFD_IOCTL_SVM_LOCATION_UNDEFINED`: no location, or several.
pub const SVM_LOCATION_UNDEFINED: u32 = 0xffff_ffff;

/// `KFD_IOCTL_SVM_FLAG_HOST_ACCESS`: the host guarantees access.
pub const SVM_FLAG_HOST_ACCESS: u32 = 1;
/// `KFD_IOCTL_SVM_FLAG_COHERENT`: fine grained coherency between all devices with access.
pub const SVM_FLAG_COHERENT: u32 = 2;
/// `KFD_IOCTL_SVM_FLAG_GPU_RO`: devices only read.
pub const SVM_FLAG_GPU_RO: u32 = 8;
/// `KFD_IOCTL_SVM_FLAG_GPU_EXEC`: devices may execute it.
pub const SVM_FLAG_GPU_EXEC: u32 = 0x10;
/// `KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED`: devices with access keep it mapped.
pub const SVM_FLAG_GPU_ALWAYS_MAPPED: u32 = 0x40;

/// `KFD_IOCTL_SVM_ATTR_PREFERRED_LOC`: the preferred location.
pub const SVM_ATTR_PREFERRED_LOC: u32 = 0;
/// `KFD_IOCTL_SVM_ATTR_PREFETCH_LOC`: the location to move the range to at once.
pub const SVM_ATTR_PREFETCH_LOC: u32 = 1;
/// `KFD_IOCTL_SVM_ATTR_ACCESS`: a device that may access the range.
pub const SVM_ATTR_ACCESS: u32 = 2;
/// `KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE`: a device that may access the range where it lies.
pub const SVM_ATTR_ACCESS_IN_PLACE: u32 = 3;
/// `KFD_IOCTL_SVM_ATTR_NO_ACCESS`: a device that may not access the range.
pub const SVM_ATTR_NO_ACCESS: u32 = 4;
/// `KFD_IOCTL_SVM_ATTR_SET_FLAGS`: the flags to set.
pub const SVM_ATTR_SET_FLAGS: u32 = 5;
/// `KFD_IOCTL_SVM_ATTR_CLR_FLAGS`: the flags to clear.
pub const SVM_ATTR_CLR_FLAGS: u32 = 6;
/// `KFD_IOCTL_SVM_ATTR_GRANULARITY`: the pages of a migration, as a power of two.
pub const SVM_ATTR_GRANULARITY: u32 = 7;

wire_struct! {
    /// The fixed part of an SVM call; [`SvmAttribute`]s follow it.
    Svm = "struct kfd_ioctl_svm_args" {
        /// To KFD, the address of the range.
        start_addr: u64,
        /// To KFD, the length of the range, bytes.
        size: u64,
        /// To KFD, the operation, `SVM_OP_*`.
        op: u32,
        /// To KFD, the number of attributes that follow.
        nattr: u32,
    }

    /// One attribute of a range.
    SvmAttribute = "struct kfd_ioctl_svm_attribute" {
        /// The kind, `SVM_ATTR_*`; an access attribute is answered with the kind that holds.
        kind: u32 = "type",
        /// The value; for an access attribute the device.
        value: u32,
    }
}
