//! Shared virtual memory: ranges with attributes. The struct is followed by `nattr` attributes, and the command's
//! size field grows with them.

use crate::abi::layout::wire_struct;

/// `KFD_IOCTL_SVM_OP_SET_ATTR`.
pub const SVM_OP_SET_ATTR: u32 = 0;
/// `KFD_IOCTL_SVM_OP_GET_ATTR`.
pub const SVM_OP_GET_ATTR: u32 = 1;

/// `KFD_IOCTL_SVM_LOCATION_SYSMEM`.
pub const SVM_LOCATION_SYSMEM: u32 = 0;
/// `KFD_IOCTL_SVM_LOCATION_UNDEFINED`.
pub const SVM_LOCATION_UNDEFINED: u32 = 0xffff_ffff;

/// `KFD_IOCTL_SVM_FLAG_HOST_ACCESS`: the host guarantees access.
pub const SVM_FLAG_HOST_ACCESS: u32 = 1;
/// `KFD_IOCTL_SVM_FLAG_COHERENT`: fine grained coherency between all devices with access.
pub const SVM_FLAG_COHERENT: u32 = 2;
/// `KFD_IOCTL_SVM_FLAG_GPU_RO`: devices only read.
pub const SVM_FLAG_GPU_RO: u32 = 8;
/// `KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED`: devices with access keep it mapped.
pub const SVM_FLAG_GPU_ALWAYS_MAPPED: u32 = 0x40;

/// `KFD_IOCTL_SVM_ATTR_PREFERRED_LOC`.
pub const SVM_ATTR_PREFERRED_LOC: u32 = 0;
/// `KFD_IOCTL_SVM_ATTR_PREFETCH_LOC`.
pub const SVM_ATTR_PREFETCH_LOC: u32 = 1;
/// `KFD_IOCTL_SVM_ATTR_ACCESS`.
pub const SVM_ATTR_ACCESS: u32 = 2;
/// `KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE`.
pub const SVM_ATTR_ACCESS_IN_PLACE: u32 = 3;
/// `KFD_IOCTL_SVM_ATTR_NO_ACCESS`.
pub const SVM_ATTR_NO_ACCESS: u32 = 4;
/// `KFD_IOCTL_SVM_ATTR_SET_FLAGS`.
pub const SVM_ATTR_SET_FLAGS: u32 = 5;
/// `KFD_IOCTL_SVM_ATTR_CLR_FLAGS`.
pub const SVM_ATTR_CLR_FLAGS: u32 = 6;
/// `KFD_IOCTL_SVM_ATTR_GRANULARITY`.
pub const SVM_ATTR_GRANULARITY: u32 = 7;

wire_struct! {
    /// The fixed part of an SVM call; [`SvmAttribute`]s follow it.
    Svm = "struct kfd_ioctl_svm_args" {
        /// To KFD.
        start_addr: u64,
        /// To KFD, bytes.
        size: u64,
        /// To KFD, `SVM_OP_*`.
        op: u32,
        /// To KFD, how many attributes follow.
        nattr: u32,
    }

    /// One attribute.
    SvmAttribute = "struct kfd_ioctl_svm_attribute" {
        /// `SVM_ATTR_*`; answered with another for access attributes.
        kind: u32 = "type",
        /// Its value.
        value: u32,
    }
}
