//! Shared virtual memory: this process's own memory, at its own addresses, for the device.

use crate::command;
use crate::device::{ClientError, Device};
use kfd_core::abi::kfd;
use zerocopy::{FromBytes, IntoBytes};

/// One attribute: `SVM_ATTR_*` and its value.
pub type Attribute = kfd::SvmAttribute;

impl Device {
    /// Sets attributes of the pages `[start, start + bytes)`.
    ///
    /// # Errors
    /// The driver's.
    pub fn set_svm(&self, start: u64, bytes: u64, attributes: &[Attribute]) -> Result<(), ClientError> {
        self.svm(kfd::SVM_OP_SET_ATTR, start, bytes, &mut attributes.to_vec())
    }

    /// Asks for attributes of those pages: each is answered in place; an access attribute by its type.
    ///
    /// # Errors
    /// The driver's.
    pub fn get_svm(&self, start: u64, bytes: u64, attributes: &mut [Attribute]) -> Result<(), ClientError> {
        self.svm(kfd::SVM_OP_GET_ATTR, start, bytes, attributes)
    }

    /// Says whether this process's page faults on devices are retried.
    ///
    /// # Errors
    /// The driver's.
    pub fn set_xnack(&self, retried: bool) -> Result<(), ClientError> {
        let mut mode = kfd::SetXnackMode { xnack_enabled: retried.into() };
        self.call("SET_XNACK_MODE", command::SET_XNACK_MODE, &mut mode)
    }

    /// The attributes follow the struct, and the command's size grows with them.
    fn svm(&self, op: u32, start: u64, bytes: u64, attributes: &mut [Attribute]) -> Result<(), ClientError> {
        let nattr = u32::try_from(attributes.len()).unwrap_or(u32::MAX);
        let fixed = kfd::Svm { start_addr: start, size: bytes, op, nattr };
        let mut arg = [fixed.as_bytes(), attributes.as_bytes()].concat();
        let grown = u32::try_from(attributes.as_bytes().len()).unwrap_or(u32::MAX) << SIZE_SHIFT;
        let called = self.call_raw(command::SVM + grown, &mut arg);
        called.map_err(|source| ClientError::Call { call: "SVM", source })?;
        let answered = arg[size_of::<kfd::Svm>()..].chunks_exact(size_of::<Attribute>());
        for (to, bytes) in attributes.iter_mut().zip(answered) {
            *to = Attribute::read_from_bytes(bytes).expect("it has an attribute's size");
        }
        Ok(())
    }
}

/// `_IOC_SIZESHIFT` (asm-generic/ioctl.h).
const SIZE_SHIFT: u32 = 16;
