//! What a buffer's maker wrote on it (GEM_METADATA), for whoever imports it.

/// The metadata of a buffer (`struct drm_amdgpu_gem_metadata`).
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    /// The tiling word, opaque to the driver.
    pub(crate) tiling: u64,
    /// The flags that the maker set, opaque to the driver.
    pub(crate) flags: u64,
    /// The bytes that the maker wrote, at most 256.
    pub(crate) bytes: Vec<u8>,
}
