//! Calls of every DRM driver (drm/drm.h).

use crate::abi::layout::wire_struct;

/// `DRM_CAP_PRIME`: how far buffers can be passed as dma-bufs.
pub const CAP_PRIME: u64 = 0x5;
/// `DRM_CAP_TIMESTAMP_MONOTONIC`: whether timestamps are of `CLOCK_MONOTONIC`.
pub const CAP_TIMESTAMP_MONOTONIC: u64 = 0x6;
/// `DRM_CAP_SYNCOBJ`: whether there are synchronisation objects.
pub const CAP_SYNCOBJ: u64 = 0x13;
/// `DRM_CAP_SYNCOBJ_TIMELINE`: whether those can be timelines.
pub const CAP_SYNCOBJ_TIMELINE: u64 = 0x14;

wire_struct! {
    /// The version and name of the driver. Each length is first the room for a string and then its true length; strings
    /// have no NUL.
    Version = "struct drm_version" {
        /// From the driver, the major version.
        version_major: i32,
        /// From the driver, the minor version.
        version_minor: i32,
        /// From the driver, the patch level.
        version_patchlevel: i32,
        /// Padding that C adds.
        pad: u32 = "",
        /// To the driver the room for the name, from the driver its length, bytes.
        name_len: u64,
        /// To the driver, the address where the name goes.
        name: u64,
        /// To the driver the room for the date, from the driver its length, bytes.
        date_len: u64,
        /// To the driver, the address where the date goes.
        date: u64,
        /// To the driver the room for the description, from the driver its length, bytes.
        desc_len: u64,
        /// To the driver, the address where the description goes.
        desc: u64,
    }

    /// The bus id of a node.
    Unique = "struct drm_unique" {
        /// To the driver the room for the bus id, from the driver its length, bytes.
        unique_len: u64,
        /// To the driver, the address where the bus id goes.
        unique: u64,
    }

    /// The token by which a master authenticates a client.
    Auth = "struct drm_auth" {
        /// From GET_MAGIC and to AUTH_MAGIC, the token.
        magic: u32,
    }

    /// The versions of interface and driver that a client asks for and is told; -1 asks for nothing.
    SetVersion = "struct drm_set_version" {
        /// To and from the driver, the major version of the interface.
        drm_di_major: i32,
        /// To and from the driver, the minor version of the interface.
        drm_di_minor: i32,
        /// To and from the driver, the major version of the driver.
        drm_dd_major: i32,
        /// To and from the driver, the minor version of the driver.
        drm_dd_minor: i32,
    }

    /// The facts that the driver has about a client.
    Client = "struct drm_client" {
        /// To the driver: 0, the caller itself.
        idx: i32,
        /// From the driver, non-zero when the client is authenticated.
        auth: i32,
        /// From the driver, the process id.
        pid: u64,
        /// From the driver, the user id.
        uid: u64,
        /// From the driver, 0.
        magic: u64,
        /// From the driver, 0.
        iocs: u64,
    }

    /// Closes a GEM handle.
    GemClose = "struct drm_gem_close" {
        /// To the driver, the GEM handle.
        handle: u32,
        pad: u32,
    }

    /// A capability of the driver.
    GetCap = "struct drm_get_cap" {
        /// To the driver, `CAP_*`.
        capability: u64,
        /// From the driver, the value of the capability.
        value: u64,
    }

    /// A capability of the client.
    SetClientCap = "struct drm_set_client_cap" {
        /// To the driver, the capability.
        capability: u64,
        /// To the driver, its value.
        value: u64,
    }

    /// A GEM handle and a dma-buf descriptor for the same memory.
    PrimeHandle = "struct drm_prime_handle" {
        /// To the driver for HANDLE_TO_FD, from it for FD_TO_HANDLE: the GEM handle.
        handle: u32,
        /// To the driver, the flags of the new descriptor.
        flags: u32,
        /// From the driver for HANDLE_TO_FD, to it for FD_TO_HANDLE: the descriptor.
        fd: i32,
    }
}
