//! Memory that threads share as a client's is shared: everybody copies, nobody holds a reference.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use waves::{Access, AtomicOp, Fault, GpuVa, Host};

/// Bytes from an address on.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    base: u64,
    bytes: *mut u8,
    len: usize,
    lives: PhantomData<&'a mut [u8]>,
}

// SAFETY: the bytes are reached by copies only, for as long as they are borrowed; what threads do to the same bytes at once is
// in the kernel's hands, and kernels here store to places of their own.
unsafe impl Send for Memory<'_> {}

impl<'a> Memory<'a> {
    pub fn new(base: u64, bytes: &'a mut [u8]) -> Self {
        Self { base, bytes: bytes.as_mut_ptr(), len: bytes.len(), lives: PhantomData }
    }

    #[inline]
    fn at(&self, va: u64, len: usize, write: bool) -> Result<*mut u8, Fault> {
        let at = va.wrapping_sub(self.base);
        if at > self.len as u64 || len as u64 > self.len as u64 - at {
            return Err(Fault { va: GpuVa(va), len: len as u64, write });
        }
        // SAFETY: it lies within the bytes, as was compared.
        Ok(unsafe { self.bytes.add(at as usize) })
    }
}

impl Host for Memory<'_> {
    #[inline]
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        match self.at(va, into.len(), false) {
            Ok(from) => {
                // SAFETY: so many bytes are there from this place on; `into` is another memory.
                unsafe { std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
                Access::Ready(())
            }
            Err(fault) => Access::Fault(fault),
        }
    }

    #[inline]
    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        match self.at(va, bytes.len(), true) {
            Ok(to) => {
                // SAFETY: as in `load`.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
                Access::Ready(())
            }
            Err(fault) => Access::Fault(fault),
        }
    }

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        // No kernel here has one.
        Access::Fault(Fault { va: GpuVa(va), len: change.width.bytes(), write: true })
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        let (mut first, mut second) = ([0; 4], [0; 4]);
        match self.load(va, &mut first) {
            Access::Ready(()) => {
                let more = matches!(self.load(va + 4, &mut second), Access::Ready(()));
                Access::Ready((u32::from_le_bytes(first), more.then_some(u32::from_le_bytes(second))))
            }
            Access::Pending(ticket) => Access::Pending(ticket),
            Access::Fault(fault) => Access::Fault(fault),
        }
    }

    fn clock(&mut self) -> u64 {
        0
    }

    fn interrupt(&mut self, _: u32) {}
}
