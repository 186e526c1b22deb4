//! The members of a chain: counted listeners, the list that walkers read, and a pointer that publishes one of them.
//!
//! All that is unsafe about a chain is here. What a chain belongs to is a parameter ([`Space`]).

mod list;
mod node;
mod slot;

pub(crate) use list::List;
pub(crate) use node::{Counted, Sharing, Space};
pub use slot::Slot;
