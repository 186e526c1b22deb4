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
use crate::call::{Errno, Node};
use crate::clock::DeviceClock;
use crate::device::Device;
use crate::device::profile::Now;
use crate::ids::Bytes;
use crate::process::render::RenderFile;
use crate::sync::{Arc, Ordering};
use hsa_queue::Clock as _;

/// `DRM_COMMAND_BASE + DRM_AMDGPU_*` (drm/amdgpu_drm.h).
const GEM_CREATE: u8 = abi::COMMAND_BASE;
const GEM_MMAP: u8 = abi::COMMAND_BASE + 0x01;
const CTX: u8 = abi::COMMAND_BASE + 0x02;
const BO_LIST: u8 = abi::COMMAND_BASE + 0x03;
const CS: u8 = abi::COMMAND_BASE + 0x04;
const INFO: u8 = abi::COMMAND_BASE + 0x05;
const GEM_METADATA: u8 = abi::COMMAND_BASE + 0x06;
const GEM_WAIT_IDLE: u8 = abi::COMMAND_BASE + 0x07;
const GEM_VA: u8 = abi::COMMAND_BASE + 0x08;
const WAIT_CS: u8 = abi::COMMAND_BASE + 0x09;
const GEM_OP: u8 = abi::COMMAND_BASE + 0x10;
const VM: u8 = abi::COMMAND_BASE + 0x13;

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
            0x00 => self.drm_version(),
            0x01 => self.drm_get_unique(),
            0x02 => self.drm_get_magic(),
            0x05 => self.drm_get_client(),
            0x07 => self.drm_set_version(),
            0x09 => self.gem_close(),
            0x0c => self.drm_get_cap(),
            0x0d => self.drm_set_client_cap(),
            0x11 => self.drm_auth_magic(),
            0x1e => self.drm_set_master(),
            0x1f => self.drm_drop_master(),
            0x2d => self.prime_export(),
            0x2e => self.prime_import(),
            GEM_CREATE => self.gem_create(),
            GEM_MMAP => self.gem_mmap(),
            CTX => self.context(),
            BO_LIST => self.bo_list(),
            CS => self.submit(),
            INFO => self.drm_info(),
            GEM_METADATA => self.gem_metadata(),
            GEM_WAIT_IDLE => self.gem_wait_idle(),
            GEM_VA => self.gem_va(),
            WAIT_CS => self.wait_cs(),
            GEM_OP => self.gem_op(),
            VM => self.vm(),
            _ => Err(Errno::INVAL),
        }
    }

    /// DRM_AUTH and DRM_RENDER_ALLOW of `drm_ioctl_permit`: the driver's own calls, and those that pass memory, are for
    /// whoever has a render node or is authenticated.
    fn may(&self, number: u8) -> Result<(), Errno> {
        let Node::Card(minor) = self.caller.node else { return Ok(()) };
        let driver = matches!(number, 0x2d | 0x2e | abi::COMMAND_BASE..);
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
