//! Calls that only tell: version, clocks, apertures, tiling.

use super::{Ctx, Flow, Handled};
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::clock::DeviceClock;
use crate::device::aperture;
use crate::ids::GpuId;
use hsa_queue::Clock as _;
use zerocopy::IntoBytes;

/// Tile modes and macro tile modes of a device (`tile_mode_array`, `macrotile_mode_array`, amdgpu/amdgpu_gfx.h); gfx9 has
/// none and tells zeros.
const TILE_MODES: u32 = 32;
const MACRO_TILE_MODES: u32 = 16;

impl Ctx<'_> {
    pub(super) fn get_version(&mut self) -> Handled {
        let minor_version = self.core.profile.interface_minor;
        self.answer(&abi::GetVersion { major_version: abi::INTERFACE_MAJOR, minor_version });
        Ok(Flow::Done)
    }

    pub(super) fn get_clock_counters(&mut self) -> Handled {
        let mut args: abi::GetClockCounters = self.read()?;
        let clock = &*self.core.clock;
        let device = self.core.device(GpuId(args.gpu_id));
        args.gpu_clock_counter =
            device.map_or(0, |device| DeviceClock { clock, khz: device.profile.compute.counter_khz }.ticks());
        args.cpu_clock_counter = clock.raw().0;
        args.system_clock_counter = clock.boottime().0;
        args.system_clock_freq = 1_000_000_000;
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn get_process_apertures(&mut self) -> Handled {
        let mut args: abi::GetProcessApertures = self.read()?;
        args.num_of_nodes = 0;
        for (to, device) in args.process_apertures.iter_mut().zip(self.core.devices.iter()) {
            *to = aperture::of(device.gpu(), &device.aperture);
            args.num_of_nodes += 1;
        }
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn get_process_apertures_new(&mut self) -> Handled {
        let mut args: abi::GetProcessAperturesNew = self.read()?;
        let count = u32::try_from(self.core.devices.len()).unwrap_or(u32::MAX);
        if args.num_of_nodes == 0 {
            args.num_of_nodes = count;
        } else {
            args.num_of_nodes = args.num_of_nodes.min(count);
            let told = self.core.devices.iter().take(args.num_of_nodes as usize);
            let bytes: Vec<u8> = told
                .flat_map(|device| aperture::of(device.gpu(), &device.aperture).as_bytes().to_vec())
                .collect();
            self.put(args.kfd_process_device_apertures_ptr, &bytes);
        }
        self.answer(&args);
        Ok(Flow::Done)
    }

    pub(super) fn get_tile_config(&mut self) -> Handled {
        let mut args: abi::GetTileConfig = self.read()?;
        let device = self.core.device(GpuId(args.gpu_id)).ok_or(Errno::INVAL)?;
        args.gb_addr_config = device.profile.display.gb_addr_config;
        args.num_banks = 0;
        args.num_ranks = 0;
        args.num_tile_configs = args.num_tile_configs.min(TILE_MODES);
        args.num_macro_tile_configs = args.num_macro_tile_configs.min(MACRO_TILE_MODES);
        self.put(args.tile_config_ptr, &vec![0; args.num_tile_configs as usize * size_of::<u32>()]);
        self.put(
            args.macro_tile_config_ptr,
            &vec![0; args.num_macro_tile_configs as usize * size_of::<u32>()],
        );
        self.answer(&args);
        Ok(Flow::Done)
    }
}
