//! A device's sensors (amdgpu/amdgpu_pm.c, `hwmon_attributes`; Documentation/hwmon/sysfs-interface.rst).
//!
//! Nothing here is warm and nothing draws power: temperatures, power, voltage and fans are constants that an idle device of
//! the kind could have. Documented as such in DIFFERENCES.md.

use super::Tree;
use super::device_path::DevicePath;
use crate::device::profile::sensors::{
    EDGE_C, FAN_SHARE, GFX_MV, JUNCTION_C, MEMORY_C, PWM_MAX, fan_rpm, watts,
};

/// The temperature sensors edge, junction and memory: label, then temperature, critical and emergency limit in °C.
const TEMPERATURES: [(&str, u32, u32, u32); 3] =
    [("edge", EDGE_C, 100, 105), ("junction", JUNCTION_C, 110, 115), ("mem", MEMORY_C, 108, 113)];

pub(super) fn plant(tree: &mut Tree, path: &DevicePath<'_>) {
    let device = path.device;
    let name = format!("hwmon{}", path.hwmon);
    let mut show =
        |file: &str, text: String| tree.file(path.at(&format!("hwmon/{name}/{file}")), text + "\n");
    show("name", "amdgpu".to_owned());
    show("uevent", String::new());
    // A device of several dies has no edge sensor.
    for (nth, (label, now, critical, emergency)) in (1..).zip(TEMPERATURES) {
        if label == "edge" && device.compute.xccs > 1 {
            continue;
        }
        let milli = |degrees: u32| (degrees * 1000).to_string();
        show(&format!("temp{nth}_label"), label.to_owned());
        show(&format!("temp{nth}_input"), milli(now));
        show(&format!("temp{nth}_crit"), milli(critical));
        show(&format!("temp{nth}_crit_hyst"), milli(0));
        show(&format!("temp{nth}_emergency"), milli(emergency));
    }
    show("in0_label", "vddgfx".to_owned());
    show("in0_input", GFX_MV.to_string());
    let micro = |watts: u32| (u64::from(watts) * 1_000_000).to_string();
    let cap = device.board.power_cap_watts;
    // Devices of several dies tell the present power, the others an average (`hwmon_attributes_visible`).
    let power = if device.compute.xccs > 1 { "power1_input" } else { "power1_average" };
    show(power, micro(watts(device)));
    show("power1_label", "PPT".to_owned());
    show("power1_cap", micro(cap));
    show("power1_cap_max", micro(cap));
    show("power1_cap_min", micro(0));
    show("power1_cap_default", micro(cap));
    for (nth, label, mhz) in [(1, "sclk", device.compute.engine_mhz), (2, "mclk", device.vram.clock_mhz)] {
        show(&format!("freq{nth}_label"), label.to_owned());
        show(&format!("freq{nth}_input"), (u64::from(mhz) * 1_000_000).to_string());
    }
    if device.board.fan_rpm > 0 {
        show("fan1_input", fan_rpm(device).to_string());
        show("fan1_target", fan_rpm(device).to_string());
        show("fan1_min", "0".to_owned());
        show("fan1_max", device.board.fan_rpm.to_string());
        show("fan1_enable", "0".to_owned());
        show("pwm1", (PWM_MAX / FAN_SHARE).to_string());
        show("pwm1_min", "0".to_owned());
        show("pwm1_max", PWM_MAX.to_string());
        // The fan is controlled by the device itself.
        show("pwm1_enable", "2".to_owned());
    }
    tree.link(path.at(&format!("hwmon/{name}/device")), format!("../../../{}", device.pci.address()));
    tree.link(path.at(&format!("hwmon/{name}/subsystem")), "../../../../../../class/hwmon");
    tree.link(format!("sys/class/hwmon/{name}"), format!("{}/hwmon/{name}", path.link(2)));
}
