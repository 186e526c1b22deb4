//! The DRM calls that libdrm and libhsakmt make on a render node.

use super::{Ctx, Flow, Handled};
use crate::abi::drm as abi;
use crate::call::{Errno, Node};
use crate::clock::DeviceClock;
use crate::ids::Bytes;
use crate::profile::Now;
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

impl Ctx<'_> {
    pub(super) fn drm(&mut self, number: u8) -> Handled {
        const INFO: u8 = abi::COMMAND_BASE + 0x05;
        match number {
            0x00 => self.drm_version(),
            0x05 => self.drm_get_client(),
            // No GEM handle is ever given out, and no number is a dma-buf.
            0x09 | 0x2d | 0x2e => Err(Errno::INVAL),
            0x0c => self.drm_get_cap(),
            INFO => self.drm_info(),
            _ => Err(Errno::INVAL),
        }
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

    /// `drm_getclient`: only the caller itself, authenticated, since a render node asks for no more.
    fn drm_get_client(&mut self) -> Handled {
        let mut args: abi::Client = self.read()?;
        if args.idx != 0 {
            return Err(Errno::INVAL);
        }
        args.auth = 1;
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
        let Node::Render(minor) = self.caller.node else { return Err(Errno::INVAL) };
        let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        let used = self.core.account.total();
        let khz = device.profile.compute.counter_khz;
        let now = Now {
            vram_used: Bytes(used.vram_bytes),
            gtt_used: Bytes(used.gtt_bytes),
            gtt_total: Bytes(self.core.limits.gtt_bytes),
            counter: DeviceClock { clock: &*self.core.clock, khz }.ticks(),
        };
        let told = device.profile.answer(&args, &now).map_err(Errno)?;
        self.put(args.return_pointer, &told);
        Ok(Flow::Done)
    }
}
