//! What the sensors of an idle device of the kind could say: nothing here is warm and nothing draws power.
//!
//! Documented as such in DIFFERENCES.md. Not for: the files that tell it (`topology::hwmon`, `metrics`, libdrm's answers).

use super::device::DeviceProfile;

/// The temperature at the edge of the die, °C.
pub(crate) const EDGE_C: u32 = 40;
/// The temperature at the hottest place of the die, °C.
pub(crate) const JUNCTION_C: u32 = 42;
/// The temperature of the memory, °C.
pub(crate) const MEMORY_C: u32 = 44;
/// The voltage of the engines, mV.
pub(crate) const GFX_MV: u32 = 800;
/// The divisor of the power limit that gives an idle device's power.
const IDLE_SHARE: u32 = 10;
/// The divisor of the fan's highest speed that gives its speed.
pub(crate) const FAN_SHARE: u32 = 4;
/// The largest PWM value of a fan.
pub(crate) const PWM_MAX: u32 = 255;

/// The power that the device draws, W.
pub(crate) fn watts(device: &DeviceProfile) -> u32 {
    device.board.power_cap_watts / IDLE_SHARE
}

/// The speed of the fan in turns a minute; 0 without one.
pub(crate) fn fan_rpm(device: &DeviceProfile) -> u32 {
    device.board.fan_rpm / FAN_SHARE
}
