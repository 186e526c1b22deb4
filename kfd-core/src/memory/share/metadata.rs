//! What a buffer's maker wrote on it (GEM_METADATA), for whoever imports it.

/// What a buffer's maker wrote on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    /// How it is tiled.
    pub(crate) tiling: u64,
    /// The maker's flags.
    pub(crate) flags: u64,
    /// The maker's words.
    pub(crate) bytes: Vec<u8>,
}
