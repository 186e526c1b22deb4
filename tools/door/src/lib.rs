//! Skeleton.
pub mod view;
pub mod gather;
pub mod identity;
pub mod workers;
