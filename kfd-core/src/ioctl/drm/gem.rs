//! Calls about GEM buffers.
//!
//! The errno are those of amdgpu/amdgpu_gem.c and drm_gem.c: a handle that leads nowhere is ENOENT (EINVAL to GEM_CLOSE),
//! flags and domains that nobody knows are EINVAL, memory that is not there is ENOMEM. A buffer of VRAM that finds no
//! room there, even after KFD's processes have been evicted for it, lies in system memory.

use crate::abi::drm as abi;
use crate::account::{Charge, Resource};
use crate::call::Errno;
use crate::device::Device;
use crate::ids::Bytes;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::memory::arena::PAGE;
use crate::memory::share::Metadata;
use crate::process::render::Gem;
use crate::sync::Arc;
use zerocopy::IntoBytes;

/// What GEM_CREATE takes of a client (`amdgpu_gem_create_ioctl`).
const FLAGS: u64 = abi::GEM_CREATE_CPU_ACCESS_REQUIRED
    | abi::GEM_CREATE_NO_CPU_ACCESS
    | abi::GEM_CREATE_CPU_GTT_USWC
    | abi::GEM_CREATE_VRAM_CLEARED
    | abi::GEM_CREATE_VM_ALWAYS_VALID
    | abi::GEM_CREATE_EXPLICIT_SYNC
    | abi::GEM_CREATE_DISCARDABLE;

/// On-chip memories that are handed out like buffers; no device here has any.
const ON_CHIP: u64 = abi::GEM_DOMAIN_GDS | abi::GEM_DOMAIN_GWS | abi::GEM_DOMAIN_OA;
const MEMORY: u64 = abi::GEM_DOMAIN_CPU | abi::GEM_DOMAIN_GTT | abi::GEM_DOMAIN_VRAM;

impl Ctx<'_> {
    pub(super) fn gem_create(&mut self) -> Handled {
        let args: abi::GemCreate = self.read()?;
        if args.domain_flags & !FLAGS != 0 || args.domains & !(MEMORY | ON_CHIP) != 0 || args.bo_size == 0 {
            return Err(Errno::INVAL);
        }
        if args.domains & ON_CHIP != 0 {
            return Err(Errno::NOMEM);
        }
        let (device, file) = self.render()?;
        let len = args.bo_size.checked_next_multiple_of(PAGE).ok_or(Errno::NOMEM)?;
        let charge = self.charge(Resource::Bo, 1)?;
        // Nothing is held: making room takes other processes' locks.
        let bytes = self.place(device, args.domains, len)?;
        let arena = self.process.arena(self.core.limits.arena_bytes).map_err(|_| Errno::NOMEM)?;
        let offset = arena.take(len).ok_or(Errno::NOMEM)?;
        let changing = Gem::placed(bytes, args.domains);
        let gem = Gem::new((arena, offset, len), (args.alignment, args.domain_flags), changing, charge);
        let handle = file.gems.insert(file.id, Arc::new(gem)).ok_or(Errno::NOMEM)?;
        self.answer(&abi::GemCreate::made(handle));
        Ok(Flow::Done)
    }

    fn place(&self, device: &Device, domains: u64, len: u64) -> Result<Charge, Errno> {
        if domains & abi::GEM_DOMAIN_VRAM != 0 {
            let vram = || self.charge(Resource::Vram(device.index), len);
            let made_room = || self.core.make_room(device.index, Bytes(len), self.process.id());
            if let Ok(charge) = vram().or_else(|full| if made_room() { vram() } else { Err(full) }) {
                return Ok(charge);
            }
        }
        self.charge(Resource::Gtt, len)
    }

    pub(super) fn gem(&self, handle: u32) -> Result<Arc<Gem>, Errno> {
        let (_, file) = self.render()?;
        file.gems.get(file.id, handle).ok_or(Errno::NOENT)
    }

    pub(super) fn gem_close(&mut self) -> Handled {
        let args: abi::GemClose = self.read()?;
        let (_, file) = self.render()?;
        let gem = file.gems.remove(file.id, args.handle).ok_or(Errno::INVAL)?;
        self.process.render.unmap_buffer(&gem);
        // Its range is given back with nothing held, unless a list still names it.
        drop(gem);
        Ok(Flow::Done)
    }

    pub(super) fn gem_mmap(&mut self) -> Handled {
        let args: abi::GemMmap = self.read()?;
        let gem = self.gem(args.addr_ptr as u32)?;
        if !gem.is_mappable() {
            return Err(Errno::PERM);
        }
        // As of KFD's imports: what lies in another's arena has an offset beyond the end of this one.
        let arena = self.process.arena(self.core.limits.arena_bytes).map_err(|_| Errno::NOMEM)?;
        let addr_ptr = if Arc::ptr_eq(&arena, gem.arena()) { gem.offset() } else { arena.size() };
        self.answer(&abi::GemMmap { addr_ptr });
        Ok(Flow::Done)
    }

    /// A submission has ended when its call returns: no buffer is ever busy.
    pub(super) fn gem_wait_idle(&mut self) -> Handled {
        let args: abi::GemWaitIdle = self.read()?;
        self.gem(args.handle)?;
        self.answer(&abi::GemWaitIdle::default());
        Ok(Flow::Done)
    }

    pub(super) fn gem_metadata(&mut self) -> Handled {
        let mut args: abi::GemMetadata = self.read()?;
        let gem = self.gem(args.handle)?;
        match args.op {
            abi::GEM_METADATA_OP_GET_METADATA => {
                let Metadata { tiling, flags, bytes } = gem.written(|written| written.clone());
                (args.tiling_info, args.flags, args.data_size_bytes) = (tiling, flags, bytes.len() as u32);
                args.data.as_mut_bytes()[..bytes.len()].copy_from_slice(&bytes);
                self.answer(&args);
                Ok(Flow::Done)
            }
            abi::GEM_METADATA_OP_SET_METADATA => {
                let len = args.data_size_bytes as usize;
                let bytes = args.data.as_bytes().get(..len).ok_or(Errno::INVAL)?.to_vec();
                let metadata = Metadata { tiling: args.tiling_info, flags: args.flags, bytes };
                gem.written(|written| *written = metadata);
                Ok(Flow::Done)
            }
            _ => Err(Errno::INVAL),
        }
    }

    pub(super) fn gem_op(&mut self) -> Handled {
        let args: abi::GemOp = self.read()?;
        let gem = self.gem(args.handle)?;
        match args.op {
            abi::GEM_OP_GET_GEM_CREATE_INFO => {
                let info = abi::GemCreate {
                    bo_size: gem.len,
                    alignment: gem.alignment,
                    domains: gem.change(|changing| changing.preferred),
                    domain_flags: gem.flags,
                };
                self.put(args.value, info.as_bytes());
                Ok(Flow::Done)
            }
            abi::GEM_OP_SET_PLACEMENT => {
                gem.change(|changing| changing.preferred = args.value & MEMORY);
                Ok(Flow::Done)
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// Charges the buffers of a submission to VRAM again where it has room and they would rather be there.
    pub(super) fn bring_in(&self, device: &Device, gems: &[Arc<Gem>]) {
        let vram = |len: u64| -> Option<Charge> { self.charge(Resource::Vram(device.index), len).ok() };
        gems.iter().for_each(|gem| gem.move_in(vram));
    }
}
