//! The rows of magic `d`, in order of their numbers.

use crate::abi::spec::Ioctl;

/// The calls a render node answers.
pub const ROWS: &[Ioctl] = &[];
