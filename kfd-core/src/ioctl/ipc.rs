//! The IPC pair that libhsakmt uses: a buffer object gets a key, and whoever knows the key makes a buffer object of the
//! same memory (`kfd_ipc.c` of AMD's out-of-tree driver).
//!
//! The importer's buffer object leads into the exporter's arena ([`crate::memory::share`]), which the importer's host mappings
//! cannot reach: the offset that an import answers lies beyond the end of the importer's own arena, so that a touch is a
//! SIGBUS and never another page. Its queues reach the memory as they reach their own. A process that imports what it
//! has exported itself gets the real offset.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::account::Resource;
use crate::call::Errno;
use crate::device::Device;
use crate::ids::{GpuVa, Handle};
use crate::memory::bo::{self, Backing, Bo};
use crate::memory::share::{Hold, Owner, Range, ShareKey, Shared, Shares};
use crate::sync::Arc;
use std::collections::BTreeMap;

/// What the other buffer object's flags say of an imported one (`import_obj_create`, amdgpu_amdkfd_gpuvm.c): which
/// memory it is. A device may always write and execute it.
const KEPT: u32 = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_GTT;
const GIVEN: u32 = abi::ALLOC_MEM_FLAGS_WRITABLE | abi::ALLOC_MEM_FLAGS_EXECUTABLE;

impl Ctx<'_> {
    pub(super) fn ipc_export(&mut self) -> Handled {
        let mut args: abi::IpcExportHandle = self.read()?;
        let device = self.device(args.gpu_id)?;
        let (_, index) = bo::split(Handle(args.handle));
        let share = self.share(device, index)?;
        share.tell(args.flags);
        args.share_handle = share.key().0;
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn ipc_import(&mut self) -> Handled {
        let mut args: abi::IpcImportHandle = self.read()?;
        let device = self.device(args.gpu_id)?;
        let share = self.core.vitals.shares.find(ShareKey(args.share_handle)).ok_or(Errno::INVAL)?;
        args.flags = share.told();
        (args.handle, args.mmap_offset) = self.import(device, share, GpuVa(args.va_addr))?;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// The share of a buffer object: the one it has, else a new one.
    pub(super) fn share(&self, device: &Device, index: u32) -> Result<Hold, Errno> {
        let key = Shares::fresh_key().map_err(|error| {
            tracing::error!(process = %self.process.id(), %error, "no random bits for a key");
            Errno::NOMEM
        })?;
        let mut inner = self.lock_bound(device, Errno::NODEV)?;
        let bo = inner.bindings[device.index].bos.get_mut(index).ok_or(Errno::INVAL)?;
        let range = match &bo.backing {
            Backing::Shared(share) => return Ok(share.clone()),
            Backing::Arena { arena, offset, len } => {
                Range { arena: Arc::clone(arena), offset: *offset, len: *len }
            }
            // `amdgpu_gem_prime_export`: memory of the client is not exported.
            Backing::User(_) => return Err(Errno::PERM),
            Backing::Device => return Err(Errno::INVAL),
        };
        range.arena.share(range.offset, range.len, bo.bytes.take());
        let owner = self.owner(device);
        let shared = Shared { owner, range, size: bo.size, flags: bo.flags };
        let share = self.core.vitals.shares.add(key, shared);
        bo.backing = Backing::Shared(share.clone());
        Ok(share)
    }

    /// This process on `device`, as the owner of what it shares.
    pub(super) fn owner(&self, device: &Device) -> Owner {
        Owner {
            process: self.process.id(),
            tgid: self.process.tgid(),
            uid: self.process.uid(),
            gpu: device.gpu(),
            minor: device.minor(),
        }
    }

    /// A buffer object of this process on `device` for memory that somebody has exported: its handle, and the offset at
    /// which the device's node is mapped for it.
    pub(super) fn import(&self, device: &Device, share: Hold, va: GpuVa) -> Result<(u64, u64), Errno> {
        let mut inner = self.lock_bound(device, Errno::NODEV)?;
        let charge = self.charge(Resource::Bo, 1)?;
        let arena = self.process.arena(self.core.limits.arena_bytes).map_err(|error| {
            tracing::error!(process = %self.process.id(), %error, "an arena could not be made");
            Errno::NOMEM
        })?;
        let own = Arc::ptr_eq(&arena, &share.range.arena);
        let offset = if own { share.range.offset } else { arena.size() };
        let (size, flags) = (share.range.len, share.flags & KEPT | GIVEN);
        let backing = Backing::Shared(share);
        let bo = Bo { va, size, flags, backing, mapped: BTreeMap::new(), _charge: charge, bytes: None };
        let index = inner.bindings[device.index].bos.insert(bo).ok_or(Errno::NOMEM)?;
        Ok((bo::handle(device.gpu(), index).0, offset))
    }
}
