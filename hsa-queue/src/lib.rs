//! HSA user-mode queues. In progress: the memory seam first.
pub mod memory;
