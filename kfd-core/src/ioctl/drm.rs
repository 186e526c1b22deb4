//! The DRM calls that libdrm and libhsakmt make on a render node.

use super::{Ctx, Flow, Handled};
use crate::abi::drm as abi;
use crate::call::{Errno, Node};
use crate::clock::DeviceClock;
use crate::device::Device;
use hsa_queue::Clock as _;
use zerocopy::IntoBytes;

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
        if args.return_size == 0 || args.return_pointer == 0 {
            return Err(Errno::INVAL);
        }
        let Node::Render(minor) = self.caller.node else { return Err(Errno::INVAL) };
        let device = self.core.device_behind(minor).ok_or(Errno::INVAL)?;
        let told = self.told(device, &args)?;
        let len = told.len().min(args.return_size as usize);
        self.put(args.return_pointer, &told[..len]);
        Ok(Flow::Done)
    }

    fn told(&self, device: &'a Device, args: &abi::Info) -> Result<Vec<u8>, Errno> {
        let vram = device.vram();
        let visible = device.profile.vram.visible_bytes.0;
        let gtt = self.core.limits.gtt_bytes;
        let used = self.core.account.total();
        let heap = |total: u64, usage: u64| abi::HeapInfo {
            total_heap_size: total,
            usable_heap_size: total,
            heap_usage: usage,
            // `amdgpu_info_ioctl`: three quarters of what is usable.
            max_allocation: total / 4 * 3,
        };
        Ok(match args.query {
            abi::INFO_ACCEL_WORKING => 1u32.as_bytes().to_vec(),
            abi::INFO_TIMESTAMP => {
                let khz = device.profile.compute.counter_khz;
                DeviceClock { clock: &*self.core.clock, khz }.ticks().as_bytes().to_vec()
            }
            abi::INFO_VRAM_USAGE => used.vram_bytes.as_bytes().to_vec(),
            abi::INFO_VIS_VRAM_USAGE => used.vram_bytes.min(visible).as_bytes().to_vec(),
            abi::INFO_GTT_USAGE => used.gtt_bytes.as_bytes().to_vec(),
            abi::INFO_VRAM_GTT => {
                let told = abi::VramGtt { vram_size: vram, vram_cpu_accessible_size: visible, gtt_size: gtt };
                told.as_bytes().to_vec()
            }
            abi::INFO_MEMORY => {
                let told = abi::MemoryInfo {
                    vram: heap(vram, used.vram_bytes),
                    cpu_accessible_vram: heap(visible, used.vram_bytes.min(visible)),
                    gtt: heap(gtt, used.gtt_bytes),
                };
                told.as_bytes().to_vec()
            }
            abi::INFO_DEV_INFO => device.profile.device_info().as_bytes().to_vec(),
            abi::INFO_READ_MMR_REG => {
                let asked = args.read_mmr_reg();
                if asked.count > abi::READ_MMR_REG_MAX {
                    return Err(Errno::INVAL);
                }
                let mut words = Vec::with_capacity(asked.count as usize * size_of::<u32>());
                for register in 0..asked.count {
                    let at = asked.dword_offset.checked_add(register).ok_or(Errno::INVAL)?;
                    let value = device.profile.register(at).ok_or(Errno::INVAL)?;
                    words.extend_from_slice(&value.to_le_bytes());
                }
                words
            }
            abi::INFO_FW_VERSION => {
                let told = abi::Firmware { ver: device.profile.compute.firmware, feature: 0 };
                told.as_bytes().to_vec()
            }
            // No ring of the graphics driver is served: the device has no block of any kind for it.
            abi::INFO_HW_IP_COUNT => 0u32.as_bytes().to_vec(),
            abi::INFO_HW_IP_INFO => abi::HwIp::default().as_bytes().to_vec(),
            _ => return Err(Errno::INVAL),
        })
    }
}
