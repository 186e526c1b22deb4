//! What amdgpu shows of a device beside its place on the bus (amdgpu/amdgpu_device.c, amdgpu_vram_mgr.c, amdgpu_gtt_mgr.c,
//! amdgpu_pm.c, amdgpu_fru_eeprom.c, amdgpu_ucode.c, amdgpu_xcp.c).
//!
//! Figures of memory and of engines are asked for at each reading. Clocks are constant, since nothing here is clocked: every
//! domain stands at its highest level. Writes are refused.

use super::Tree;
use super::device_path::DevicePath;
use super::gauge::{Gauge, Live};
use super::host::Host;
use super::pci::{LANES, link_speed};
use crate::device::profile::VramKind;

/// `IP_VERSION(9, 1, 0)`: the first version with `gpu_metrics` (amdgpu/amdgpu_pm.c, `default_attr_update`).
const FIRST_WITH_METRICS: u32 = 90_100;

pub(super) fn plant(tree: &mut Tree, path: &DevicePath<'_>, host: &Host) {
    let device = path.device;
    memory(tree, path, host);
    clocks(tree, path);
    let live = |gauge| Live { device: path.index, gauge };
    tree.live(path.at("gpu_busy_percent"), live(Gauge::Busy));
    tree.live(path.at("mem_busy_percent"), live(Gauge::MemoryBusy));
    if device.gfx_target_version >= FIRST_WITH_METRICS {
        tree.live(path.at("gpu_metrics"), live(Gauge::Metrics));
    }
    if device.unique_id != 0 {
        tree.file(path.at("unique_id"), format!("{:016x}\n", device.unique_id));
        tree.file(path.at("serial_number"), format!("{:016x}\n", device.unique_id));
    }
    tree.file(path.at("vbios_version"), format!("{}\n", device.board.vbios));
    if !device.board.product.is_empty() {
        tree.file(path.at("product_name"), format!("{}\n", device.board.product));
        tree.file(path.at("product_number"), format!("{}\n", device.board.vbios));
    }
    if device.compute.xccs > 1 {
        // The device is not partitioned, and no other partition is offered.
        tree.file(path.at("available_compute_partition"), "SPX\n");
        tree.file(path.at("current_compute_partition"), "SPX\n");
        tree.file(path.at("available_memory_partition"), "NPS1\n");
        tree.file(path.at("current_memory_partition"), "NPS1\n");
    }
    if let Some(xgmi) = &device.xgmi {
        tree.file(path.at("xgmi_hive_info/xgmi_hive_id"), format!("{}\n", xgmi.hive_id));
        tree.file(path.at("xgmi_device_id"), format!("{}\n", device.unique_id));
        tree.file(path.at("xgmi_physical_id"), format!("{}\n", path.index));
        tree.file(path.at("xgmi_num_hops"), "1\n");
        tree.file(path.at("xgmi_num_links"), "1\n");
    }
    for (block, version) in [
        ("mec", device.compute.firmware),
        ("mec2", device.compute.firmware),
        ("sdma", device.queues.sdma_firmware),
    ] {
        tree.file(path.at(&format!("fw_version/{block}_fw_version")), format!("0x{version:08x}\n"));
    }
    reliability(tree, path);
}

fn memory(tree: &mut Tree, path: &DevicePath<'_>, host: &Host) {
    let (device, live) = (path.device, |gauge| Live { device: path.index, gauge });
    for (name, bytes) in
        [("vram", device.vram.bytes.0), ("vis_vram", device.vram.visible_bytes.0), ("gtt", host.gtt.0)]
    {
        tree.file(path.at(&format!("mem_info_{name}_total")), format!("{bytes}\n"));
    }
    tree.live(path.at("mem_info_vram_used"), live(Gauge::Vram));
    tree.live(path.at("mem_info_vis_vram_used"), live(Gauge::VisibleVram));
    tree.live(path.at("mem_info_gtt_used"), live(Gauge::Gtt));
    let vendor = match device.vram.kind {
        VramKind::Gddr5 | VramKind::Gddr6 => "samsung",
        VramKind::Hbm => "hynix",
    };
    tree.file(path.at("mem_info_vram_vendor"), format!("{vendor}\n"));
    tree.file(path.at("mem_info_preempt_used"), "0\n");
}

/// Adds the clocks and power states: `amdgpu_get_pp_dpm_clock`, `amdgpu_get_power_dpm_state` and the files beside them.
fn clocks(tree: &mut Tree, path: &DevicePath<'_>) {
    let device = path.device;
    for (domain, mhz) in [
        ("sclk", device.compute.engine_mhz),
        ("mclk", device.vram.clock_mhz),
        ("socclk", SOC_MHZ),
        ("fclk", FABRIC_MHZ),
    ] {
        tree.file(path.at(&format!("pp_dpm_{domain}")), levels(mhz));
    }
    let lane = link_speed(device);
    tree.file(path.at("pp_dpm_pcie"), format!("0: {lane}GT/s, x{LANES} {SOC_MHZ}Mhz *\n"));
    for (name, text) in [
        ("power_dpm_state", "performance"),
        ("power_dpm_force_performance_level", "auto"),
        ("pp_num_states", "states: 1\n0 default"),
        ("pp_cur_state", "0"),
        ("pp_force_state", ""),
        ("pp_table", ""),
        ("pp_sclk_od", "0"),
        ("pp_mclk_od", "0"),
        ("pcie_replay_count", "0"),
    ] {
        tree.file(path.at(name), format!("{text}\n"));
    }
}

/// The clock of the system hub, MHz.
pub(crate) const SOC_MHZ: u32 = 1107;
/// The clock of the data fabric, MHz.
pub(crate) const FABRIC_MHZ: u32 = 1550;

/// The levels of a clock domain: a quarter of the highest, and the highest, which is the current one.
fn levels(mhz: u32) -> String {
    format!("0: {}Mhz \n1: {mhz}Mhz *\n", mhz / 4)
}

/// Adds the blocks with RAS (`amdgpu_ras_sysfs_*`, amdgpu/amdgpu_ras.c). None has counted an error, because injected
/// errors are told and not kept.
fn reliability(tree: &mut Tree, path: &DevicePath<'_>) {
    let blocks = &path.device.ras;
    if blocks.is_empty() {
        return;
    }
    let mask = blocks.iter().fold(0u32, |mask, block| mask | 1 << *block as u32);
    tree.file(path.at("ras/features"), format!("feature mask: 0x{mask:x}\n"));
    tree.file(path.at("ras/version"), "table version: 0x0\n");
    tree.file(path.at("ras/gpu_vram_bad_pages"), "");
    for block in blocks {
        tree.file(path.at(&format!("ras/{}_err_count", block.name())), "ue: 0\nce: 0\n");
    }
}
