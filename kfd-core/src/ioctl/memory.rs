//! Calls about buffer objects: made, mapped, unmapped, freed.
//!
//! The errno are those of `kfd_chardev.c` and `amdgpu_amdkfd_gpuvm.c`: an exhausted limit is ENOMEM, a mapped BO is not
//! freed (EBUSY), nor is the event page (EPERM), an address that is taken or not a page's is EINVAL at the mapping, and
//! MAP and UNMAP tell in `n_success` how far they came. Client memory named by a USERPTR must be there to be read and
//! written when it is named; what is gone later is a memory exception of the queue that uses it.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::access::Missing;
use crate::account::{Charge, Resource};
use crate::call::Errno;
use crate::device::Device;
use crate::ids::{GpuId, GpuVa, Handle, UserVa};
use crate::memory::address::{Span, Target};
use crate::memory::arena::PAGE;
use crate::memory::bo::{self, Backing, Bo};
use crate::memory::pins::Pins;
use crate::memory::share::Look;
use crate::process::Inner;
use crate::sync::Arc;
use hsa_queue::doorbell::SLICE_BYTES;
use std::collections::BTreeMap;

/// What the client asked for, by its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vram,
    Gtt,
    Userptr,
    Doorbell,
    Mmio,
}

impl Kind {
    /// The order in which amdgpu looks at the flags decides when several are set.
    fn of(flags: u32) -> Option<Self> {
        let kinds = [
            (abi::ALLOC_MEM_FLAGS_VRAM, Self::Vram),
            (abi::ALLOC_MEM_FLAGS_GTT, Self::Gtt),
            (abi::ALLOC_MEM_FLAGS_USERPTR, Self::Userptr),
            (abi::ALLOC_MEM_FLAGS_DOORBELL, Self::Doorbell),
            (abi::ALLOC_MEM_FLAGS_MMIO_REMAP, Self::Mmio),
        ];
        kinds.into_iter().find_map(|(flag, kind)| (flags & flag != 0).then_some(kind))
    }
}

/// Where a BO lies in a device's address space. A BO for an AQL ring has half the memory its size says and is mapped
/// twice in a row.
fn spans(bo: &Bo) -> Option<Vec<Span>> {
    let twice = bo.flags & abi::ALLOC_MEM_FLAGS_AQL_QUEUE_MEM != 0;
    let len = backed(bo.size, bo.flags);
    let writable = bo.flags & abi::ALLOC_MEM_FLAGS_WRITABLE != 0;
    let executable = bo.flags & abi::ALLOC_MEM_FLAGS_EXECUTABLE != 0;
    let target = match &bo.backing {
        Backing::Arena { arena, offset, .. } => Target::Arena(Arc::clone(arena), *offset),
        Backing::Shared(share) => Target::Arena(Arc::clone(&share.range.arena), share.range.offset),
        Backing::User(va) => Target::User(*va),
        Backing::Device if Kind::of(bo.flags) == Some(Kind::Doorbell) => Target::Doorbells,
        Backing::Device => Target::Registers,
    };
    if !bo.va.0.is_multiple_of(PAGE) || len == 0 {
        return None;
    }
    let mut spans = vec![Span { start: bo.va.0, len, target: target.clone(), writable, executable }];
    if twice {
        spans.push(Span { start: bo.va.0.checked_add(len)?, len, target, writable, executable });
    }
    // `amdgpu_vm_bo_map`: neither end may wrap.
    bo.va.0.checked_add(len.checked_mul(if twice { 2 } else { 1 })?)?;
    Some(spans)
}

/// Bytes behind a BO, whole pages.
fn backed(size: u64, flags: u32) -> u64 {
    let half = flags & abi::ALLOC_MEM_FLAGS_AQL_QUEUE_MEM != 0;
    let bytes = if half { size / 2 } else { size };
    bytes.checked_next_multiple_of(PAGE).unwrap_or(0)
}

impl<'a> Ctx<'a> {
    pub(super) fn alloc_memory(&mut self) -> Handled {
        let mut args: abi::AllocMemoryOfGpu = self.read()?;
        self.core.sweep_descriptors(Look::BY_CALL);
        if args.size == 0 {
            return Err(Errno::INVAL);
        }
        let device = self.device(args.gpu_id)?;
        self.core.reconcile(self.process, &mut self.post);
        let kind = Kind::of(args.flags);
        kind.map_or(Ok(()), |kind| self.check(device, kind, &args))?;
        let mut inner = self.lock_bound(device, Errno::NODEV)?;
        let kind = kind.ok_or(Errno::INVAL)?;
        let (bo, offset) = self.make(device, kind, &args)?;
        self.displace_shared(&mut inner, kind, &args);
        let index = inner.bindings[device.index].bos.insert(bo).ok_or(Errno::NOMEM)?;
        drop(inner);
        args.handle = bo::handle(device.gpu(), index).0;
        args.mmap_offset = offset;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// amdkfd refuses (EADDRINUSE) an address or client memory that is registered as shared virtual memory, because it
    /// sees when that is unmapped. Here the range may be stale: the newer claim goes before.
    fn displace_shared(&self, inner: &mut Inner, kind: Kind, args: &abi::AllocMemoryOfGpu) {
        // VRAM without an address is never mapped.
        if args.va_addr != 0 || kind != Kind::Vram {
            self.core.give_way(self.process, inner, args.va_addr..args.va_addr.saturating_add(args.size));
        }
        if kind == Kind::Userptr {
            let end = args.mmap_offset.saturating_add(args.size);
            self.core.give_way(self.process, inner, args.mmap_offset..end);
        }
    }

    /// A BO made once more under its index; the offset at which its node is mapped for it.
    pub(super) fn make_again(
        &self,
        device: &'a Device,
        args: &abi::AllocMemoryOfGpu,
        index: u32,
    ) -> Result<u64, Errno> {
        let kind = Kind::of(args.flags).ok_or(Errno::INVAL)?;
        self.check(device, kind, args)?;
        let mut inner = self.lock_bound(device, Errno::NODEV)?;
        let (bo, offset) = self.make(device, kind, args)?;
        let made = inner.bindings[device.index].bos.insert_at(index, bo);
        if made { Ok(offset) } else { Err(Errno::NOMEM) }
    }

    /// Maps a BO that was made once more.
    pub(super) fn map_again(&self, device: &Device, index: u32, peer: &Device) -> Result<(), Errno> {
        let mut inner = self.lock_bound(peer, Errno::NODEV)?;
        let bo = inner.bindings[device.index].bos.get_mut(index).ok_or(Errno::INVAL)?;
        self.map_on(peer, bo)
    }

    fn map_on(&self, peer: &Device, bo: &mut Bo) -> Result<(), Errno> {
        let (spans, pins) = (spans(bo).ok_or(Errno::INVAL)?, Pins::default());
        if !self.process.pdds[peer.index].map.map(&spans, &pins) {
            return Err(Errno::INVAL);
        }
        bo.mapped.insert(peer.index, pins);
        Ok(())
    }

    /// What a size or a flag of a kind must be.
    fn check(&self, device: &Device, kind: Kind, args: &abi::AllocMemoryOfGpu) -> Result<(), Errno> {
        let public = args.flags & abi::ALLOC_MEM_FLAGS_PUBLIC != 0;
        match kind {
            Kind::Vram if public && !device.is_large_bar() => Err(Errno::INVAL),
            Kind::Doorbell if args.size != SLICE_BYTES => Err(Errno::INVAL),
            Kind::Mmio if args.size != PAGE => Err(Errno::INVAL),
            _ if args.size == 0 => Err(Errno::INVAL),
            _ => Ok(()),
        }
    }

    /// A BO of that kind and the offset at which its node is mapped for it.
    fn make(&self, device: &Device, kind: Kind, args: &abi::AllocMemoryOfGpu) -> Result<(Bo, u64), Errno> {
        let charge = self.charge(Resource::Bo, 1)?;
        let mut bytes = None;
        let len = backed(args.size, args.flags);
        let (backing, offset) = match kind {
            Kind::Vram | Kind::Gtt => {
                if len == 0 {
                    return Err(Errno::NOMEM);
                }
                bytes = Some(match kind {
                    Kind::Vram => self.charge_vram(device, len)?,
                    _ => self.charge(Resource::Gtt, len)?,
                });
                let arena = self.process.arena(self.core.limits.arena_bytes).map_err(|error| {
                    tracing::error!(process = %self.process.id(), %error, "an arena could not be made");
                    Errno::NOMEM
                })?;
                let offset = arena.take(len).ok_or(Errno::NOMEM)?;
                (Backing::Arena { arena, offset, len }, offset)
            }
            Kind::Userptr => {
                if args.mmap_offset == 0 {
                    return Err(Errno::INVAL);
                }
                args.mmap_offset.checked_add(args.size).ok_or(Errno::FAULT)?;
                bytes = Some(self.charge(Resource::Userptr, len)?);
                self.user_pages()?;
                // Nothing is to be mapped: the client has the memory. The kernel's offset for it leads nowhere either.
                (Backing::User(UserVa(args.mmap_offset)), 0)
            }
            Kind::Doorbell => (Backing::Device, device.doorbells()),
            Kind::Mmio => (Backing::Device, device.mmio()),
        };
        let (va, size, flags) = (GpuVa(args.va_addr), args.size, args.flags);
        Ok((Bo { va, size, flags, backing, mapped: BTreeMap::new(), _charge: charge, bytes }, offset))
    }

    /// What `init_user_pages` (amdgpu/amdgpu_amdkfd_gpuvm.c) meets first, whatever the buffer's own flags: `hmm_range_fault`
    /// (mm/hmm.c) asks for pages to be written, EFAULT where nothing is mapped or what is may not be read, EPERM where it
    /// may only be read. A restored process's pages are not looked at before it runs (`criu_resume`), and no door looks then.
    fn user_pages(&self) -> Result<(), Errno> {
        match self.gathered.lacks.iter().flatten().next().map(|lack| lack.what) {
            None => Ok(()),
            Some(Missing::Write) => Err(Errno::PERM),
            Some(Missing::Memory | Missing::Read) => Err(Errno::FAULT),
        }
    }

    /// VRAM, for which graphics buffers give way. Other processes' KFD memory does not: amdkfd hands out no more than
    /// there is.
    fn charge_vram(&self, device: &Device, len: u64) -> Result<Charge, Errno> {
        let vram = Resource::Vram(device.index);
        let take = || self.charge(vram, len);
        take().or_else(|full| self.core.push_gems_out(device.index, || take().ok()).ok_or(full))
    }

    /// A charge, of which there is perhaps enough once what was closed is taken back.
    pub(super) fn charge(&self, what: Resource, amount: u64) -> Result<Charge, Errno> {
        let take = || self.process.purse.charge(what, amount).map_err(|_| Errno::NOMEM);
        let again = |full| {
            match what {
                Resource::Vram(_) | Resource::Gtt => self.core.reclaim(),
                Resource::Descriptor => self.core.sweep_descriptors(Look::All),
                _ => return Err(full),
            }
            take()
        };
        take().or_else(again)
    }

    pub(super) fn free_memory(&mut self) -> Handled {
        let args: abi::FreeMemoryOfGpu = self.read()?;
        let (gpu, index) = bo::split(Handle(args.handle));
        let device = self.device(gpu.0)?;
        let bo = {
            let mut inner = self.lock()?;
            let bos = &mut inner.bindings[device.index].bos;
            let bo = bos.get(index).ok_or(Errno::INVAL)?;
            if self.process.events.lock().page.as_ref().is_some_and(|page| page.handle.0 == args.handle) {
                return Err(Errno::PERM);
            }
            if !bo.mapped.is_empty() {
                return Err(Errno::BUSY);
            }
            bos.remove(index).ok_or(Errno::INVAL)?
        };
        // Punching a large range takes its time: not under the process mutex.
        bo.free(self.core.domain());
        Ok(Flow::Done)
    }

    /// The part that MAP and UNMAP share: the device array, and how far `each` came in it.
    fn each_device(
        &mut self,
        handle: u64,
        devices: (u32, u32),
        absent: Errno,
        mut each: impl FnMut(&Self, &'a Device, &mut Bo) -> Result<(), Errno>,
    ) -> (u32, Result<(), Errno>) {
        let (count, mut done) = devices;
        let mut run = || {
            let (gpu, index) = bo::split(Handle(handle));
            let device = self.device(gpu.0)?;
            if count == 0 || done > count {
                return Err(Errno::INVAL);
            }
            let ids: Vec<u32> =
                self.input(0).as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect();
            if ids.len() < count as usize {
                return Err(Errno::FAULT);
            }
            let mut inner = self.lock_bound(device, absent)?;
            for id in &ids[done as usize..count as usize] {
                let peer = self.core.device(GpuId(*id)).ok_or(Errno::INVAL);
                // amdkfd answers ENOMEM to a handle that leads nowhere here, before it looks at the devices.
                let bound: Vec<_> = inner.bindings.iter().map(|binding| binding.vm).collect();
                let bo = inner.bindings[device.index].bos.get_mut(index).ok_or(Errno::NOMEM)?;
                let peer = peer?;
                if !bound[peer.index] {
                    return Err(Errno::NODEV);
                }
                each(self, peer, bo)?;
                done += 1;
            }
            inner.bindings[device.index].bos.get(index).ok_or(Errno::NOMEM)?;
            Ok(())
        };
        let result = run();
        (done, result)
    }

    pub(super) fn map_memory(&mut self) -> Handled {
        let mut args: abi::MapMemoryToGpu = self.read()?;
        let devices = (args.n_devices, args.n_success);
        let (done, result) = self.each_device(args.handle, devices, Errno::NODEV, |ctx, peer, bo| {
            if bo.mapped.contains_key(&peer.index) { Ok(()) } else { ctx.map_on(peer, bo) }
        });
        args.n_success = done;
        self.answer(&args);
        result.map(|()| Flow::Done)
    }

    pub(super) fn unmap_memory(&mut self) -> Handled {
        let mut args: abi::UnmapMemoryFromGpu = self.read()?;
        let devices = (args.n_devices, args.n_success);
        let (done, result) = self.each_device(args.handle, devices, Errno::INVAL, |ctx, peer, bo| {
            // `unmap_bo_from_gpuvm` (amdgpu/amdgpu_amdkfd_gpuvm.c).
            if bo.mapped.get(&peer.index).ok_or(Errno::INVAL)?.any() {
                return Err(Errno::BUSY);
            }
            bo.mapped.remove(&peer.index);
            let spans = spans(bo).unwrap_or_default();
            ctx.process.pdds[peer.index].map.unmap(spans.iter().map(|span| span.start));
            Ok(())
        });
        args.n_success = done;
        self.answer(&args);
        result.map(|()| Flow::Done)
    }

    pub(super) fn available_memory(&mut self) -> Handled {
        let mut args: abi::GetAvailableMemory = self.read()?;
        let device = self.device(args.gpu_id)?;
        drop(self.lock_bound(device, Errno::NODEV)?);
        self.core.reclaim();
        args.available = self.core.account.vram_available(self.process.uid(), device.index);
        self.answer(&args);
        Ok(Flow::Done)
    }
}
