//! The stream of a device's events.
//!
//! A door that cannot put a descriptor into its caller's table cannot answer the stream (EOPNOTSUPP).

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::Errno;
use crate::event::smi::Stream;
use crate::sync::Arc;

impl Ctx<'_> {
    pub(super) fn smi_events(&mut self) -> Handled {
        let args: abi::SmiEvents = self.read()?;
        let device = self.device(args.gpuid)?;
        if !self.gathered.passes {
            return Err(Errno::OPNOTSUPP);
        }
        let mut inner = self.lock()?;
        // What was closed is given back first, so that opening and closing costs one stream.
        inner.close_streams();
        let charge = self.charge(Resource::Descriptor, 1)?;
        let root = self.process.uid().0 == 0;
        let (stream, theirs) = Stream::new(device.gpu(), self.process.tgid(), root)
            .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::ENOMEM)))?;
        let stream = Arc::new(stream);
        self.core.vitals.smi.add(&stream);
        inner.streams.push((stream, charge));
        drop(inner);
        self.fds.push(theirs);
        Ok(Flow::Done)
    }
}
