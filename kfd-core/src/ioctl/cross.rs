//! CROSS_MEMORY_COPY: who may copy between which processes. The copy itself is [`crate::process::copies`]'s.
//!
//! The rule is that of process_vm_readv(2): the caller may whom it could attach to as a tracer, as far as credentials
//! say, which the door looks up; security modules are not asked. The checks come in the driver's order.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::Errno;
use crate::process::copies::{Cross, Stepped};
use zerocopy::FromBytes;

impl Ctx<'_> {
    pub(super) fn cross_memory_copy(&mut self) -> Handled {
        let mut args: abi::CrossMemoryCopy = self.read()?;
        args.bytes_copied = 0;
        self.answer(&args);
        if args.src_mem_array_size == 0 || args.dst_mem_array_size == 0 {
            return Err(Errno::INVAL);
        }
        let source = self.ranges(0, args.src_mem_array_size)?;
        let target = self.ranges(1, args.dst_mem_array_size)?;
        let task = self.gathered.task.ok_or(Errno::SRCH)?;
        let itself = task.tgid == self.process.tgid();
        if !itself && !self.gathered.attaches {
            return Err(Errno::PERM);
        }
        let (own, other) = (self.process.id(), self.core.find(task.tgid, Some(task.mm)).ok_or(Errno::INVAL)?);
        let (from, to) = if args.flags & abi::CROSS_MEMORY_WRITE != 0 { (own, other) } else { (other, own) };
        let mut copy = Cross::new(self.caller.call, self.arg, (from, source), (to, target));
        let stepped = copy.step(self.core);
        self.arg = copy.told();
        match stepped {
            Stepped::Ended(result) => result.map(|()| Flow::Done),
            Stepped::Asks(memory, access) => {
                copy.charge = Some(self.charge(Resource::Parked, 1)?);
                self.process.copies.wait(own, copy, (memory, access), &mut self.post)?;
                Ok(Flow::Parked)
            }
        }
    }

    fn ranges(&self, pointer: usize, count: u64) -> Result<Vec<abi::MemoryRange>, Errno> {
        let bytes = self.input(pointer).chunks_exact(size_of::<abi::MemoryRange>());
        let ranges: Vec<_> =
            bytes.filter_map(|bytes| abi::MemoryRange::read_from_bytes(bytes).ok()).collect();
        if ranges.len() as u64 == count { Ok(ranges) } else { Err(Errno::FAULT) }
    }
}
