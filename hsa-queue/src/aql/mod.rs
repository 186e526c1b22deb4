//! AQL queues: HSA's own packet format.
//!
//! [`packet`] is what lies in the ring, [`barrier`] what a packet may wait for, [`dispatch`] what must
//! hold of a dispatch, [`report`] how a queue in error tells its client,
//! [`processor`] the machine that puts them in order.

pub mod barrier;
pub mod dispatch;
pub mod packet;
pub mod processor;
pub mod report;

pub use processor::{MAX_FAR_LAG, Processor};
