//! What an operation does to one lane, where that is more than an operator of Rust's.

pub(crate) mod convert;
pub(crate) mod exact;
pub(crate) mod float;
pub(crate) mod half;
pub(crate) mod integer;
pub(crate) mod moded;
pub(crate) mod trig;
