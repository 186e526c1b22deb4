//! A client's buffer objects.

use super::client::Client;
use super::gpu;
use kfd_core::abi::kfd as abi;
use kfd_core::call::Errno;

/// GTT memory that the client sees through its arena and its queues at `va`.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    pub handle: u64,
    pub va: u64,
    pub offset: u64,
    /// Buffer objects that it consists of, one handle after the other.
    pub parts: u64,
}

impl Client<'_> {
    pub fn alloc(&mut self, va: u64, size: u64, flags: u32) -> Result<Buffer, Errno> {
        let (gpu_id, _, _) = gpu();
        let mut arg = abi::AllocMemoryOfGpu { va_addr: va, size, gpu_id, flags, ..Default::default() };
        self.ioctl(0x16, &mut arg, vec![])?;
        Ok(Buffer { handle: arg.handle, va, offset: arg.mmap_offset, parts: 1 })
    }

    pub fn map(&mut self, handle: u64) -> Result<u32, Errno> {
        self.map_on(handle, gpu().0)
    }

    /// The same on another device.
    pub fn map_on(&mut self, handle: u64, gpu_id: u32) -> Result<u32, Errno> {
        let mut arg = abi::MapMemoryToGpu { handle, n_devices: 1, ..Default::default() };
        self.ioctl(0x18, &mut arg, vec![gpu_id.to_le_bytes().to_vec()])?;
        Ok(arg.n_success)
    }

    pub fn unmap(&mut self, handle: u64) -> Result<u32, Errno> {
        let (gpu_id, _, _) = gpu();
        let mut arg = abi::UnmapMemoryFromGpu { handle, n_devices: 1, ..Default::default() };
        self.ioctl(0x19, &mut arg, vec![gpu_id.to_le_bytes().to_vec()])?;
        Ok(arg.n_success)
    }

    pub fn free(&mut self, handle: u64) -> Result<(), Errno> {
        self.ioctl(0x17, &mut abi::FreeMemoryOfGpu { handle }, vec![]).map(drop)
    }

    /// GTT memory, mapped.
    pub fn buffer(&mut self, va: u64, size: u64) -> Buffer {
        let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let buffer = self.alloc(va, size, flags).expect("memory");
        assert_eq!(self.map(buffer.handle), Ok(1));
        buffer
    }

    /// GTT memory of several buffer objects one after the other: in the device's addresses, in the arena and by handle.
    pub fn cut(&mut self, va: u64, parts: &[u64]) -> Result<Buffer, Errno> {
        let flags = abi::ALLOC_MEM_FLAGS_GTT | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let mut spare = Vec::new();
        // Holes that others left may be in between: then it is tried behind them.
        let first = 'whole: loop {
            let mut row: Vec<Buffer> = Vec::new();
            for len in parts {
                let at = va + parts[..row.len()].iter().sum::<u64>();
                let part = self.alloc(at, *len, flags)?;
                let last = row.last().map(|last| (last.handle + 1, last.offset + part.va - last.va));
                row.push(part);
                if last.is_some_and(|follows| follows != (part.handle, part.offset)) {
                    spare.append(&mut row);
                    continue 'whole;
                }
            }
            for part in &row {
                self.map(part.handle)?;
            }
            break row[0];
        };
        for part in spare {
            self.free(part.handle)?;
        }
        Ok(Buffer { parts: parts.len() as u64, ..first })
    }

    /// Maps all parts on a further device.
    pub fn map_all_on(&mut self, memory: Buffer, gpu_id: u32) {
        for handle in memory.handle..memory.handle + memory.parts {
            self.map_on(handle, gpu_id).unwrap();
        }
    }

    /// Unmaps and frees all parts.
    pub fn give(&mut self, memory: Buffer) -> Result<(), Errno> {
        for handle in memory.handle..memory.handle + memory.parts {
            self.unmap(handle)?;
            self.free(handle)?;
        }
        Ok(())
    }

    /// USERPTR memory, mapped; the client's address is the GPU's.
    pub fn userptr(&mut self, va: u64, size: u64) -> Buffer {
        let (gpu_id, _, _) = gpu();
        let flags = abi::ALLOC_MEM_FLAGS_USERPTR | abi::ALLOC_MEM_FLAGS_WRITABLE;
        let mut arg =
            abi::AllocMemoryOfGpu { va_addr: va, size, mmap_offset: va, gpu_id, flags, ..Default::default() };
        self.ok(0x16, &mut arg);
        assert_eq!(self.map(arg.handle), Ok(1));
        Buffer { handle: arg.handle, va, offset: 0, parts: 1 }
    }

    /// USERPTR memory of several buffer objects one after the other.
    pub fn userptr_cut(&mut self, va: u64, parts: &[u64]) -> Buffer {
        let starts = parts.iter().scan(va, |at, len| Some(std::mem::replace(at, *at + len)));
        let made: Vec<_> = starts.zip(parts).map(|(at, len)| self.userptr(at, *len)).collect();
        Buffer { parts: made.len() as u64, ..made[0] }
    }
}
