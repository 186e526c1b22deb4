//! Calls of every DRM driver (drm/drm.h).

use crate::abi::layout::wire_struct;

/// `DRM_CAP_PRIME`.
pub const CAP_PRIME: u64 = 0x5;
/// `DRM_CAP_TIMESTAMP_MONOTONIC`.
pub const CAP_TIMESTAMP_MONOTONIC: u64 = 0x6;
/// `DRM_CAP_SYNCOBJ`.
pub const CAP_SYNCOBJ: u64 = 0x13;
/// `DRM_CAP_SYNCOBJ_TIMELINE`.
pub const CAP_SYNCOBJ_TIMELINE: u64 = 0x14;

wire_struct! {
    /// Version and name of the driver. A length is in the room of a string, out its true length; strings have no
    /// NUL.
    Version = "struct drm_version" {
        /// From the driver.
        version_major: i32,
        /// From the driver.
        version_minor: i32,
        /// From the driver.
        version_patchlevel: i32,
        /// Padding that C adds.
        pad: u32 = "",
        /// To and from the driver, bytes.
        name_len: u64,
        /// To the driver, where the name goes.
        name: u64,
        /// To and from the driver, bytes.
        date_len: u64,
        /// To the driver, where the date goes.
        date: u64,
        /// To and from the driver, bytes.
        desc_len: u64,
        /// To the driver, where the description goes.
        desc: u64,
    }

    /// The bus id of a node.
    Unique = "struct drm_unique" {
        /// To and from the driver, bytes.
        unique_len: u64,
        /// To the driver, where the string goes.
        unique: u64,
    }

    /// The token of an unauthenticated client.
    Auth = "struct drm_auth" {
        /// From the driver.
        magic: u32,
    }

    /// Versions of interface and driver, asked for and told; -1 asks for nothing.
    SetVersion = "struct drm_set_version" {
        /// To and from the driver.
        drm_di_major: i32,
        /// To and from the driver.
        drm_di_minor: i32,
        /// To and from the driver.
        drm_dd_major: i32,
        /// To and from the driver.
        drm_dd_minor: i32,
    }

    /// What the driver knows of a client.
    Client = "struct drm_client" {
        /// To the driver: 0, this one.
        idx: i32,
        /// From the driver, non-zero when it may use what needs authentication.
        auth: i32,
        /// From the driver.
        pid: u64,
        /// From the driver.
        uid: u64,
        /// From the driver, 0.
        magic: u64,
        /// From the driver, 0.
        iocs: u64,
    }

    /// Ends a handle.
    GemClose = "struct drm_gem_close" {
        /// To the driver.
        handle: u32,
        /// Padding.
        pad: u32,
    }

    /// One capability of the driver.
    GetCap = "struct drm_get_cap" {
        /// To the driver, `CAP_*`.
        capability: u64,
        /// From the driver.
        value: u64,
    }

    /// One capability of the client.
    SetClientCap = "struct drm_set_client_cap" {
        /// To the driver.
        capability: u64,
        /// To the driver.
        value: u64,
    }

    /// A handle and a descriptor for the same memory.
    PrimeHandle = "struct drm_prime_handle" {
        /// One way to, the other from the driver.
        handle: u32,
        /// To the driver.
        flags: u32,
        /// One way from, the other to the driver.
        fd: i32,
    }
}
