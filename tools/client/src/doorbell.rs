//! A queue's doorbell: a word on a page of the kfd node, stored to and never read.

use crate::device::{ClientError, Device};
use crate::memory::PAGE;
use crate::shm::Mapping;
use crate::sync::Ordering;

/// One doorbell of 64 bits.
#[derive(Debug)]
pub struct Doorbell {
    page: Mapping,
    at: usize,
}

impl Doorbell {
    /// Maps the page that CREATE_QUEUE's `doorbell_offset` names: on SOC15 and later the page's mmap offset plus the
    /// doorbell's place in it (`kfd_ioctl_create_queue`, amdkfd/kfd_chardev.c).
    ///
    /// # Errors
    /// The page cannot be mapped.
    pub fn map(device: &Device, offset: u64) -> Result<Self, ClientError> {
        let small = |bytes: u64| usize::try_from(bytes).expect("a page fits the address space");
        let page = Mapping::new(device.kfd(), offset & !(PAGE - 1), small(PAGE))
            .map_err(|source| ClientError::Call { call: "mmap of the doorbell page", source })?;
        Ok(Self { page, at: small(offset & (PAGE - 1)) })
    }

    /// Stores `value` after everything stored before.
    pub fn ring(&self, value: u64) {
        // Release: pairs with the processor's acquire load of the write index.
        self.page.word(self.at).store(value, Ordering::Release);
    }
}
