//! Buffer objects: allocated, mapped for the host and mapped for the device.

use crate::command;
use crate::device::{ClientError, Device};
use crate::shm::Mapping;
use crate::sync::{AtomicU16, AtomicU32, AtomicU64};
use kfd_core::abi::kfd;

/// The page size this client assumes of the driver.
pub const PAGE: u64 = 4096;

/// Which memory a buffer lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Device memory that the host can map.
    Vram,
    /// Host memory that the driver allocates.
    Gtt,
}

/// A buffer object, mapped on both sides. Lives until the process's memory does unless [`Buffer::free`] is called.
#[derive(Debug)]
pub struct Buffer {
    handle: u64,
    va: u64,
    map: Mapping,
}

impl Buffer {
    /// Allocates `len` bytes (rounded up to pages), maps them for the device and for the host.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(device: &Device, kind: Kind, len: u64) -> Result<Self, ClientError> {
        Self::with(device, kind, len, 0)
    }

    /// The same for code, which the device may execute.
    ///
    /// # Errors
    /// The driver's.
    pub fn executable(device: &Device, kind: Kind, len: u64) -> Result<Self, ClientError> {
        Self::with(device, kind, len, kfd::ALLOC_MEM_FLAGS_EXECUTABLE)
    }

    fn with(device: &Device, kind: Kind, len: u64, flags: u32) -> Result<Self, ClientError> {
        let size = len.next_multiple_of(PAGE);
        let place = match kind {
            Kind::Vram => kfd::ALLOC_MEM_FLAGS_VRAM | kfd::ALLOC_MEM_FLAGS_PUBLIC,
            Kind::Gtt => kfd::ALLOC_MEM_FLAGS_GTT | kfd::ALLOC_MEM_FLAGS_COHERENT,
        };
        let mut alloc = kfd::AllocMemoryOfGpu {
            va_addr: device.take_va(size),
            size,
            gpu_id: device.gpu_id(),
            flags: place | kfd::ALLOC_MEM_FLAGS_WRITABLE | flags,
            ..Default::default()
        };
        device.call("ALLOC_MEMORY_OF_GPU", command::ALLOC_MEMORY_OF_GPU, &mut alloc)?;
        map_to_device(device, alloc.handle)?;
        let map = usize::try_from(size)
            .map_err(|_| std::io::Error::from_raw_os_error(libc::ENOMEM))
            .and_then(|size| Mapping::new(device.render(), alloc.mmap_offset, size))
            .map_err(|source| ClientError::Call { call: "mmap of the render node", source })?;
        Ok(Self { handle: alloc.handle, va: alloc.va_addr, map })
    }

    /// The device's address of byte `offset`.
    #[must_use]
    pub fn va(&self, offset: u64) -> u64 {
        self.va + offset
    }

    /// The driver's handle.
    #[must_use]
    pub fn handle(&self) -> u64 {
        self.handle
    }

    /// Size of the buffer in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.map.len()
    }

    /// This process's address of the first byte.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.map.address()
    }

    /// The 64-bit word at byte `offset`.
    ///
    /// # Panics
    /// It is not inside the buffer, aligned.
    #[must_use]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        self.map.word(offset)
    }

    /// The 16-bit word at byte `offset`.
    ///
    /// # Panics
    /// It is not inside the buffer, aligned.
    #[must_use]
    pub fn half(&self, offset: usize) -> &AtomicU16 {
        self.map.half(offset)
    }

    /// Stores words from byte `offset` on, relaxed.
    ///
    /// # Panics
    /// They are not inside the buffer, aligned.
    pub fn store_words(&self, offset: usize, words: &[u64]) {
        self.map.store_words(offset, words);
    }

    /// The 32-bit word at byte `offset`.
    ///
    /// # Panics
    /// It is not inside the buffer, aligned.
    #[must_use]
    pub fn dword(&self, offset: usize) -> &AtomicU32 {
        self.map.dword(offset)
    }

    /// Copies bytes in from byte `offset` on.
    ///
    /// # Panics
    /// They are not inside the buffer.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.map.write(offset, bytes);
    }

    /// Copies `len` bytes out from byte `offset` on.
    ///
    /// # Panics
    /// They are not inside the buffer.
    #[must_use]
    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        self.map.read(offset, len)
    }

    /// Maps the buffer into a further device of this process, at the same address.
    ///
    /// # Errors
    /// The driver's.
    pub fn map_to(&self, other: &Device) -> Result<(), ClientError> {
        map_to_device(other, self.handle)
    }

    /// Takes it off that device again.
    ///
    /// # Errors
    /// The driver's.
    pub fn unmap_from(&self, other: &Device) -> Result<(), ClientError> {
        unmap_from_device(other, self.handle)
    }

    /// Unmaps the buffer from the device and frees it; the host mapping goes with `self`.
    ///
    /// # Errors
    /// The driver's.
    pub fn free(self, device: &Device) -> Result<(), ClientError> {
        unmap_from_device(device, self.handle)?;
        let mut free = kfd::FreeMemoryOfGpu { handle: self.handle };
        device.call("FREE_MEMORY_OF_GPU", command::FREE_MEMORY_OF_GPU, &mut free)
    }
}

fn unmap_from_device(device: &Device, handle: u64) -> Result<(), ClientError> {
    let ids = [device.gpu_id()];
    let mut unmap = kfd::UnmapMemoryFromGpu {
        handle,
        device_ids_array_ptr: ids.as_ptr().expose_provenance() as u64,
        n_devices: 1,
        n_success: 0,
    };
    device.call("UNMAP_MEMORY_FROM_GPU", command::UNMAP_MEMORY_FROM_GPU, &mut unmap)
}

fn map_to_device(device: &Device, handle: u64) -> Result<(), ClientError> {
    let ids = [device.gpu_id()];
    let mut map = kfd::MapMemoryToGpu {
        handle,
        device_ids_array_ptr: ids.as_ptr().expose_provenance() as u64,
        n_devices: 1,
        n_success: 0,
    };
    device.call("MAP_MEMORY_TO_GPU", command::MAP_MEMORY_TO_GPU, &mut map)
}
