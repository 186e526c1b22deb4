//! Where the waves of a compute queue are saved: memory of this process that the device always has mapped, as the HSA
//! runtime gives it, or a buffer object where memory cannot be shared.

use crate::device::{ClientError, Device};
use crate::memory::{Buffer, Kind};
use crate::shm::Mapping;
use crate::svm::Attribute;
use kfd_core::abi::kfd;

#[derive(Debug)]
enum Memory {
    /// Registered as shared virtual memory.
    Own(Mapping),
    Object(Buffer),
}

/// The save area of one queue.
#[derive(Debug)]
pub struct SaveArea {
    memory: Memory,
    bytes: u32,
    control_stack: u32,
}

impl SaveArea {
    /// As large as the device's queues need it.
    ///
    /// # Errors
    /// The driver's, or the topology cannot be read.
    pub fn new(device: &Device) -> Result<Self, ClientError> {
        let node = device.node()?;
        let (bytes, control_stack) = (node.buffers.save_area, node.buffers.control_stack);
        let whole = node.buffers.whole_save_area(bytes);
        let memory = if node.shares_memory {
            let size = usize::try_from(whole).map_err(|_| std::io::Error::from_raw_os_error(libc::ENOMEM));
            let own = size.and_then(Mapping::own);
            let own = own.map_err(|source| ClientError::Call { call: "mmap of a save area", source })?;
            let attribute = |kind, value| Attribute { kind, value };
            let attributes = [
                attribute(kfd::SVM_ATTR_SET_FLAGS, kfd::SVM_FLAG_GPU_ALWAYS_MAPPED),
                attribute(kfd::SVM_ATTR_ACCESS, device.gpu_id()),
            ];
            device.set_svm(own.address(), whole, &attributes)?;
            Memory::Own(own)
        } else {
            Memory::Object(Buffer::new(device, Kind::Gtt, whole)?)
        };
        Ok(Self { memory, bytes, control_stack })
    }

    /// Names it in a CREATE_QUEUE.
    pub fn name_in(&self, create: &mut kfd::CreateQueue) {
        create.ctx_save_restore_address = match &self.memory {
            Memory::Own(own) => own.address(),
            Memory::Object(buffer) => buffer.va(0),
        };
        create.ctx_save_restore_size = self.bytes;
        create.ctl_stack_size = self.control_stack;
    }

    /// Gives the memory back; the queue has ended.
    ///
    /// # Errors
    /// The driver's.
    pub fn free(self, device: &Device) -> Result<(), ClientError> {
        match self.memory {
            Memory::Own(_) => Ok(()),
            Memory::Object(buffer) => buffer.free(device),
        }
    }
}
