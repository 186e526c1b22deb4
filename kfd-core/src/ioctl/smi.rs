//! The stream of a device's events.
//!
//! A FUSE door cannot return the descriptor that the stream would be (EOPNOTSUPP).

use super::{Ctx, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;

impl Ctx<'_> {
    pub(super) fn smi_events(&mut self) -> Handled {
        let args: abi::SmiEvents = self.read()?;
        self.device(args.gpuid)?;
        Err(Errno::OPNOTSUPP)
    }
}
