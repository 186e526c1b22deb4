//! GEM buffers as dma-bufs (`drm_prime.c`, amdgpu/amdgpu_dma_buf.c): a handle becomes a descriptor, and back.
//!
//! The descriptor is a token, as KFD's are (`ioctl::dmabuf`), so a buffer of graphics is imported by KFD and one of KFD's
//! by graphics. A process that imports the same memory again gets the handle that it has.

use crate::abi::{drm as abi, kfd};
use crate::account::Resource;
use crate::call::Errno;
use crate::device::Device;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::memory::share::{Hold, Look, Range, Shared, Shares};
use crate::process::render::Gem;
use crate::sync::Arc;

/// `DRM_CLOEXEC` and `DRM_RDWR` (drm/drm.h).
const FLAGS: u32 = (libc::O_CLOEXEC | libc::O_RDWR) as u32;

impl Ctx<'_> {
    pub(super) fn prime_export(&mut self) -> Handled {
        let args: abi::PrimeHandle = self.read()?;
        if args.flags & !FLAGS != 0 {
            return Err(Errno::INVAL);
        }
        let gem = self.render()?.1.gems.get_by_any(args.handle).ok_or(Errno::NOENT)?;
        if gem.flags & abi::GEM_CREATE_VM_ALWAYS_VALID != 0 {
            return Err(Errno::PERM);
        }
        if !self.gathered.passes {
            return Err(Errno::OPNOTSUPP);
        }
        self.core.sweep_descriptors(Look::BY_CALL);
        let (device, _) = self.render()?;
        let share = self.shared(device, &gem)?;
        let descriptor = self.descriptor(&share)?;
        self.fds.push(descriptor);
        Ok(Flow::Done)
    }

    /// The share that a buffer of this process is from now on.
    fn shared(&self, device: &Device, gem: &Gem) -> Result<Hold, Errno> {
        let key = Shares::fresh_key().map_err(|_| Errno::NOMEM)?;
        let owner = self.owner(device);
        let vram = gem.change(|changing| changing.preferred & abi::GEM_DOMAIN_VRAM != 0);
        let public = gem.flags & abi::GEM_CREATE_CPU_ACCESS_REQUIRED != 0;
        let kind = if vram { kfd::ALLOC_MEM_FLAGS_VRAM } else { kfd::ALLOC_MEM_FLAGS_GTT };
        let flags = kind | if public { kfd::ALLOC_MEM_FLAGS_PUBLIC } else { 0 };
        Ok(gem.share(|charge| {
            let range = Range { arena: Arc::clone(gem.arena()), offset: gem.offset(), len: gem.len };
            range.arena.share(range.offset, range.len, charge);
            self.core.vitals.shares.add(key, Shared { owner, range, size: gem.len, flags })
        }))
    }

    pub(super) fn prime_import(&mut self) -> Handled {
        let mut args: abi::PrimeHandle = self.read()?;
        let share = self.named()?;
        let (_, file) = self.render()?;
        let preferred = match share.flags & kfd::ALLOC_MEM_FLAGS_VRAM {
            0 => abi::GEM_DOMAIN_GTT,
            _ => abi::GEM_DOMAIN_VRAM,
        };
        let charge = self.charge(Resource::Bo, 1)?;
        let gem = Arc::new(Gem::imported(share.clone(), preferred, charge));
        let is_it = |gem: &Gem| gem.shared().is_some_and(|of| of.is(&share));
        args.handle = file.gems.take_in(is_it, &gem).ok_or(Errno::NOMEM)?;
        self.answer(&args);
        Ok(Flow::Done)
    }
}
