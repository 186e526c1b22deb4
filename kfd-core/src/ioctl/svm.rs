//! Shared virtual memory: attributes of ranges of the client's memory, and whether its faults are retried.
//!
//! The order of refusals is amdkfd's (`kfd_ioctl_svm`, kfd_svm.c): the struct (EINVAL), for a SET the attributes (EINVAL),
//! the range (EFAULT where a door found that it is not memory, EADDRINUSE where a buffer object is mapped), for a GET the
//! attributes, then limits (ENOMEM), then migration (ENOSPC; the attributes are set all the same).
//!
//! A client that unmaps memory tells nobody here. Doors look at calls that depend on it ([`Core::registered`],
//! [`Core::surveyed`]), and a buffer object of the client takes the place of a range that is in its way.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::access::Lack;
use crate::call::Errno;
use crate::device::Device;
use crate::event::smi::{Migration, SmiKind};
use crate::ids::GpuId;
use crate::memory::svm::{Attributes, Change, Common, Location, can_be_asked};
use crate::process::Inner;
use std::ops::Range;
use zerocopy::{FromBytes, IntoBytes};

/// What a call's range and attributes are counted in.
const PAGE: u64 = crate::memory::arena::PAGE;
/// The end of a client's address space (`TASK_SIZE_MAX` of x86-64 with four levels): what reaches over it is no memory.
const USER_END: u64 = (1 << 47) - PAGE;
/// `clamp` of `svm_range_set_max_pages`: giant ranges are cut at a 32nd of the smallest device's memory, in between.
const PIECE: std::ops::RangeInclusive<u64> = 2 << 20..=1 << 30;

/// `KFD_SUPPORT_XNACK_PER_PROCESS` (amdkfd/kfd_priv.h): gfx90a, gfx94x and gfx950.
fn retries_per_process(device: &Device) -> bool {
    matches!(device.profile.gfx_target_version, 90_010 | 90_400..=90_402 | 90_500)
}

impl Ctx<'_> {
    pub(super) fn svm(&mut self) -> Handled {
        let args: abi::Svm = self.read()?;
        let mut attributes = self.attributes(args.nattr)?;
        let aligned = args.start_addr.is_multiple_of(PAGE) && args.size.is_multiple_of(PAGE);
        if !aligned || args.start_addr == 0 || args.size == 0 {
            return Err(Errno::INVAL);
        }
        match args.op {
            abi::SVM_OP_SET_ATTR => {
                let supported = |gpu| self.supported(gpu).map(|device| device.index);
                let minor = self.core.profile.interface_minor;
                let changes: Result<Vec<_>, _> =
                    attributes.iter().map(|attribute| Change::of(attribute, minor, supported)).collect();
                let changes = changes?;
                let mut moves = Vec::new();
                let set = self.set_attributes(self.memory(&args)?, &changes, &mut moves);
                for (gpu, what) in moves {
                    self.core.smi(gpu, self.process.tgid(), what, &mut self.post);
                }
                set?;
            }
            abi::SVM_OP_GET_ATTR => {
                self.get_attributes(self.memory(&args)?, &mut attributes)?;
                let to = &mut self.arg.bytes_mut()[size_of::<abi::Svm>()..];
                let bytes = attributes.as_bytes();
                to[..bytes.len()].copy_from_slice(bytes);
            }
            // `svm_ioctl` means to refuse it, but returns the number without its sign: a call that succeeds and says 22.
            _ => self.value = libc::EINVAL,
        }
        Ok(Flow::Done)
    }

    /// The attributes behind the struct. More than came with it is EINVAL (`kfd_ioctl_svm_validate`).
    fn attributes(&self, count: u32) -> Result<Vec<abi::SvmAttribute>, Errno> {
        let bytes = self.arg.bytes().get(size_of::<abi::Svm>()..).unwrap_or_default();
        let each = bytes.as_chunks::<{ size_of::<abi::SvmAttribute>() }>().0;
        let wanted = each.get(..count as usize).ok_or(Errno::INVAL)?;
        wanted.iter().map(|one| abi::SvmAttribute::read_from_bytes(one).map_err(|_| Errno::INVAL)).collect()
    }

    /// The call's range, if it can be the client's memory.
    fn memory(&self, args: &abi::Svm) -> Result<Range<u64>, Errno> {
        let end =
            args.start_addr.checked_add(args.size).filter(|end| *end <= USER_END).ok_or(Errno::FAULT)?;
        let range = args.start_addr..end;
        if self.gathered.lacks.iter().flatten().any(Lack::is_hole) {
            return Err(Errno::FAULT);
        }
        if self.process.pdds.iter().any(|pdd| pdd.map.is_taken(&range)) {
            return Err(Errno::ADDRINUSE);
        }
        Ok(range)
    }

    fn supported(&self, gpu: GpuId) -> Option<&Device> {
        self.core.device(gpu).filter(|device| device.shares_memory())
    }

    /// Sets attributes; what moves because of them is added to `moves`.
    fn set_attributes(
        &self,
        range: Range<u64>,
        changes: &[Change],
        moves: &mut Vec<(GpuId, SmiKind)>,
    ) -> Result<(), Errno> {
        let mut guard = self.lock()?;
        let inner = &mut *guard;
        for change in changes {
            if let Change::Access(device) | Change::InPlace(device) = *change
                && !inner.xnack
                && !inner.bindings[device].vm
            {
                return Err(Errno::INVAL);
            }
        }
        let (purse, unsaid) = (&self.process.purse, self.core.unsaid(inner));
        let set = inner.svm.set(purse, range.clone(), changes, unsaid, !inner.xnack);
        set.map_err(|_| Errno::NOMEM)?;
        let migrated = self.migrate(inner, range.clone(), moves);
        inner.svm.settle(purse);
        self.core.share(self.process, inner, range);
        migrated
    }

    /// Brings what lies in `range` to where it was last sent (`svm_range_trigger_migration`).
    fn migrate(
        &self,
        inner: &mut Inner,
        range: Range<u64>,
        moves: &mut Vec<(GpuId, SmiKind)>,
    ) -> Result<(), Errno> {
        let parts: Vec<_> =
            inner.svm.attributes(range).map(|(part, attributes)| (part, *attributes)).collect();
        let mut result = Ok(());
        for (part, attributes) in parts {
            let best = self.best_prefetch(inner, &attributes);
            let mut told = Vec::new();
            if let Some(to) = best
                && self.core.vitals.smi.has_listeners()
            {
                self.moves(inner, part.clone(), to, &attributes, &mut told);
            }
            let moved = match best {
                None => Ok(()),
                Some(None) => inner.svm.migrate(part, u64::MAX, |_| Ok(None)),
                Some(Some(device)) => self.send(inner, part, device),
            };
            let errno = moved.err().map_or(0, |Errno(errno)| errno);
            for (gpu, migration) in told {
                moves.push((gpu, SmiKind::MigrateStart(migration)));
                moves.push((gpu, SmiKind::MigrateEnd(migration, errno)));
            }
            result = moved.and(result);
        }
        result
    }

    /// What a prefetch of `range` moves, each with the device that tells of it: from one device to another by way of the
    /// host (`svm_migrate_vram_to_vram`).
    fn moves(
        &self,
        inner: &Inner,
        range: Range<u64>,
        to: Option<&Device>,
        attributes: &Attributes,
        moves: &mut Vec<(GpuId, Migration)>,
    ) {
        let (prefetch, preferred) = (attributes.prefetch.value(), attributes.preferred.value());
        for (part, from) in inner.svm.lies(range) {
            let from = from.map(|index| &self.core.devices[index]);
            if from.map(Device::gpu) == to.map(Device::gpu) {
                continue;
            }
            let (page, pages) = (part.start / PAGE, (part.end - part.start) / PAGE);
            let migration = |from, to| Migration { page, pages, from, to, prefetch, preferred };
            moves.extend(from.map(|device| (device.gpu(), migration(device.gpu().0, 0))));
            moves.extend(to.map(|device| (device.gpu(), migration(0, device.gpu().0))));
        }
    }

    /// Books a range onto a device, piece by piece. Each piece must fit beside the device's buffer objects; it ends older
    /// stays, so that of a range larger than the device the end is what stays.
    fn send(&self, inner: &mut Inner, range: Range<u64>, device: &Device) -> Result<(), Errno> {
        let smallest = self.core.devices.iter().map(Device::vram).min().unwrap_or(0) / 32;
        let piece = 1 << smallest.clamp(*PIECE.start(), *PIECE.end()).ilog2();
        let fits = range.end.saturating_sub(device.vram()).max(range.start);
        inner.svm.migrate(range.start..fits, u64::MAX, |_| Ok::<_, Errno>(None))?;
        inner.svm.migrate(fits..range.end, piece, |bytes| {
            let vram = crate::account::Resource::Vram(device.index);
            let reserved = self.charge(vram, bytes).map_err(|_| Errno::NOSPC)?;
            // What it reserves is free again once the piece is booked as a stay.
            drop(reserved);
            let room = self.core.account.vram_free(device.index);
            Ok(Some(device.residency.enter(device.index, bytes, room)))
        })
    }

    /// Where a prefetch brings a range: nowhere, to the host (`None`), or to a device; to the host also when a further
    /// device needs it that does not reach the first one's memory (`svm_range_best_prefetch_location`).
    fn best_prefetch(&self, inner: &Inner, attributes: &Attributes) -> Option<Option<&Device>> {
        let gpu = match attributes.prefetch {
            Location::Undefined => return None,
            Location::System => return Some(None),
            Location::Gpu(gpu) => gpu,
        };
        let device = self.supported(gpu)?;
        let users = if inner.xnack { attributes.in_place } else { attributes.access.or(attributes.in_place) };
        let apart = |user: usize| !self.core.devices[user].same_hive(device);
        Some(if users.iter().any(apart) { None } else { Some(device) })
    }

    fn get_attributes(&self, range: Range<u64>, attributes: &mut [abi::SvmAttribute]) -> Result<(), Errno> {
        if !attributes.iter().all(|attribute| can_be_asked(attribute.kind)) {
            return Err(Errno::INVAL);
        }
        let common = {
            let inner = self.lock()?;
            let said = inner.svm.attributes(range).map(|(_, attributes)| attributes);
            Common::of(said, &self.core.unsaid(&inner))
        };
        let device = |gpu| self.core.device(gpu).map(|device| device.index);
        attributes.iter_mut().try_for_each(|attribute| common.fill(attribute, device))
    }

    /// A range with these attributes, made again.
    pub(super) fn set_range(&self, range: Range<u64>, attributes: &[abi::SvmAttribute]) -> Result<(), Errno> {
        let supported = |gpu| self.supported(gpu).map(|device| device.index);
        let minor = self.core.profile.interface_minor;
        let changes: Result<Vec<_>, _> =
            attributes.iter().map(|attribute| Change::of(attribute, minor, supported)).collect();
        // Nobody hears of it: it lies where it lay.
        self.set_attributes(range, &changes?, &mut Vec::new())
    }

    /// Whether faults are retried from now on: EBUSY with queues, EPERM for devices that cannot.
    pub(super) fn set_xnack(&self, retry: bool) -> Result<(), Errno> {
        let mut guard = self.lock()?;
        let inner = &mut *guard;
        if inner.pqm.iter().next().is_some() {
            return Err(Errno::BUSY);
        }
        if retry && !self.core.devices.iter().all(retries_per_process) {
            return Err(Errno::PERM);
        }
        if retry != inner.xnack {
            inner.svm.charge_bytes(&self.process.purse, !retry).map_err(|_| Errno::NOMEM)?;
            inner.xnack = retry;
            self.core.share_all(self.process, inner);
        }
        Ok(())
    }

    pub(super) fn set_xnack_mode(&mut self) -> Handled {
        let mut args: abi::SetXnackMode = self.read()?;
        if args.xnack_enabled >= 0 {
            self.set_xnack(args.xnack_enabled > 0)?;
        } else {
            args.xnack_enabled = self.lock()?.xnack.into();
        }
        self.answer(&args);
        Ok(Flow::Done)
    }
}
