//! The DRM calls that libdrm and libhsakmt make on a render node.
//!
//! What a file has (`render`) is found by the caller's file; calls that need nothing of it do not make it.

mod address;
mod gem;
mod list;
mod primary;
mod prime;
mod submission;

use super::{Ctx, Flow, Handled};
use crate::abi::drm as abi;
use crate::abi::drm::nr;
use crate::call::{Errno, Node};
use crate::clock::DeviceClock;
use crate::device::Device;
use crate::device::profile::Now;
use crate::ids::Bytes;
use crate::process::render::RenderFile;
use crate::sync::{Arc, Ordering};
use hsa_queue::Clock as _;

const NAME: &str = "amdgpu";
const DESCRIPTION: &str = "AMD GPU";

/// `drm_copy_field`: as much as there is room for; the length told is the whole one.
fn copy_field(ctx: &mut Ctx<'_>, at: u64, room: &mut u64, text: &str) {
    let len = text.len().min(usize::try_from(*room).unwrap_or(usize::MAX));
    if at != 0 {
        ctx.put(at, &text.as_bytes()[..len]);
    }
    *room = text.len() as u64;
}

impl<'a> Ctx<'a> {
    pub(super) fn drm(&mut self, number: u8) -> Handled {
        self.may(number)?;
        match number {
            nr::VERSION => self.drm_version(),
            nr::GET_UNIQUE => self.drm_get_unique(),
            nr::GET_MAGIC => self.drm_get_magic(),
            nr::GET_CLIENT => self.drm_get_client(),
            nr::SET_VERSION => self.drm_set_version(),
            nr::GEM_CLOSE => self.gem_close(),
            nr::GET_CAP => self.drm_get_cap(),
            nr::SET_CLIENT_CAP => self.drm_set_client_cap(),
            nr::AUTH_MAGIC => self.drm_auth_magic(),
            nr::SET_MASTER => self.drm_set_master(),
            nr::DROP_MASTER => self.drm_drop_master(),
            nr::PRIME_HANDLE_TO_FD => self.prime_export(),
            nr::PRIME_FD_TO_HANDLE => self.prime_import(),
            nr::AMDGPU_GEM_CREATE => self.gem_create(),
            nr::AMDGPU_GEM_MMAP => self.gem_mmap(),
            nr::AMDGPU_CTX => self.context(),
            nr::AMDGPU_BO_LIST => self.bo_list(),
            nr::AMDGPU_CS => self.submit(),
            nr::AMDGPU_INFO => self.drm_info(),
            nr::AMDGPU_GEM_METADATA => self.gem_metadata(),
            nr::AMDGPU_GEM_WAIT_IDLE => self.gem_wait_idle(),
            nr::AMDGPU_GEM_VA => self.gem_va(),
            nr::AMDGPU_WAIT_CS => self.wait_cs(),
            nr::AMDGPU_GEM_OP => self.gem_op(),
            nr::AMDGPU_VM => self.vm(),
            _ => super::without_handler(number),
        }
    }

    /// DRM_AUTH and DRM_RENDER_ALLOW of `drm_ioctl_permit`: the driver's own calls, and those that pass memory, are for
    /// whoever has a render node or is authenticated.
    fn may(&self, number: u8) -> Result<(), Errno> {
        let Node::Card(minor) = self.caller.node else { return Ok(()) };
        let driver = matches!(number, nr::PRIME_HANDLE_TO_FD | nr::PRIME_FD_TO_HANDLE | abi::COMMAND_BASE..);
        let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        if driver && !device.primary.is_authenticated(self.caller.file) { Err(Errno::ACCES) } else { Ok(()) }
    }

    /// The device behind the caller's node, and what the caller's file has.
    fn render(&self) -> Result<(&'a Device, Arc<RenderFile>), Errno> {
        let minor = self.caller.node.device().ok_or(Errno::INVAL)?;
        let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        Ok((device, self.process.render.file(self.caller.file, device.index)))
    }

    fn drm_version(&mut self) -> Handled {
        let mut args: abi::Version = self.read()?;
        let drm = &self.core.profile.drm;
        args.version_major = drm.major.cast_signed();
        args.version_minor = drm.minor.cast_signed();
        args.version_patchlevel = drm.patch.cast_signed();
        copy_field(self, args.name, &mut args.name_len, NAME);
        copy_field(self, args.date, &mut args.date_len, &drm.date);
        copy_field(self, args.desc, &mut args.desc_len, DESCRIPTION);
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// `drm_getclient`: only the caller itself; on a render node authenticated, since that asks for no more.
    fn drm_get_client(&mut self) -> Handled {
        let mut args: abi::Client = self.read()?;
        if args.idx != 0 {
            return Err(Errno::INVAL);
        }
        args.auth = match self.caller.node {
            Node::Card(minor) => {
                let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
                device.primary.is_authenticated(self.caller.file).into()
            }
            _ => 1,
        };
        args.pid = u64::from(self.process.tgid().0);
        args.uid = u64::from(self.process.uid().0);
        (args.magic, args.iocs) = (0, 0);
        self.answer(&args);
        Ok(Flow::Done)
    }

    fn drm_get_cap(&mut self) -> Handled {
        let mut args: abi::GetCap = self.read()?;
        args.value = match args.capability {
            abi::CAP_TIMESTAMP_MONOTONIC => 1,
            abi::CAP_PRIME | abi::CAP_SYNCOBJ | abi::CAP_SYNCOBJ_TIMELINE => 0,
            _ => return Err(Errno::INVAL),
        };
        self.answer(&args);
        Ok(Flow::Done)
    }

    fn drm_info(&mut self) -> Handled {
        let args: abi::Info = self.read()?;
        let minor = self.caller.node.device().ok_or(Errno::INVAL)?;
        let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        let khz = device.profile.compute.counter_khz;
        if args.tells_memory() {
            self.core.reclaim();
        }
        let now = Now {
            vram_used: Bytes(self.core.vram_in_use(device)),
            gtt_used: Bytes(self.core.account.total().gtt_bytes),
            gtt_total: Bytes(self.core.limits.gtt_bytes),
            counter: DeviceClock { clock: &*self.core.clock, khz }.ticks(),
            busy: u32::try_from(self.core.busy(device)).unwrap_or(100),
            running: device.dqm.is_running(),
            evictions: self.core.vitals.evictions.load(Ordering::Relaxed),
            resets: device.resets.load(Ordering::Relaxed),
        };
        let told = device.profile.answer(&args, &now).map_err(Errno)?;
        self.put(args.return_pointer, &told);
        Ok(Flow::Done)
    }
}
