//! The client for C programs: the functions of `include/kfd_client.h`.
//!
//! Every function but the plain getters returns 0 or a negative errno, so that a refusal is what the driver said. Handles
//! are pointers that this library made and that the matching `_free`, `_destroy` or `_close` ends; a NULL handle is
//! -EINVAL (0 or NULL from a getter). A buffer or queue does not outlive its device. Not for: what the calls mean, which the
//! Rust crate `client` says.
//!
//! The header is held against the functions by the test `the_c_header_declares_what_the_library_has`.

mod sys;

/// What to link with, less the `-l`.
pub const LIBRARY: &str = "kfd_client";
