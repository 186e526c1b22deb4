//! What a wave worker is told of the machine: its devices, and how much it may use.

use crate::error::StartError;
use door::wave_workers::{DeviceLimits, Limits};
use kfd_core::profile::{DeviceProfile, Profile};

/// The generation that the engine executes (`gfx_target_version`).
const GFX900: u32 = 90_000;

/// Whether the waves of every device of a machine can be executed.
///
/// # Errors
/// [`StartError::NoEngine`] names the first device of which they cannot.
pub(crate) fn check(profile: &Profile) -> Result<(), StartError> {
    let other = profile.devices.iter().find(|device| device.gfx_target_version != GFX900);
    match other {
        Some(device) => Err(StartError::NoEngine { device: device.name.clone() }),
        None => Ok(()),
    }
}

/// What each worker on a machine may have; `threads` if they were asked for.
pub(crate) fn of(profile: &Profile, own: &kfd_core::limits::Limits, threads: Option<u16>) -> Limits {
    let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let device = |device: &DeviceProfile| DeviceLimits {
        compute_units: device.compute.cus(),
        counter_khz: device.compute.counter_khz,
    };
    Limits {
        threads: threads.map_or_else(cpus, usize::from),
        // The rest is for code, stacks and what the allocator keeps.
        memory: own.wave_worker_bytes / 4 * 3,
        devices: profile.devices.iter().map(device).collect(),
    }
}
