//! A device on its bus: what PCI shows of it (drivers/pci/pci-sysfs.c), and the links by which its readers come.
//!
//! Read by libdrm (`parse_separate_sysfs_files`), libpciaccess, lspci and the SMI tools. Nothing answers at the addresses
//! of `resource`.

use super::Tree;
use super::device_path::DevicePath;
use super::host::Host;
use crate::device::profile::DeviceProfile;

/// The bytes of the configuration space without its extension.
const CONFIG_BYTES: usize = 256;
/// The flags of a 64-bit BAR: IORESOURCE_MEM, IORESOURCE_PREFETCH, IORESOURCE_SIZEALIGN, IORESOURCE_MEM_64
/// (linux/ioport.h), PCI_BASE_ADDRESS bits.
const MEMORY_64: u64 = 0x14_220c;
/// The flags of a 32-bit BAR: IORESOURCE_MEM, IORESOURCE_SIZEALIGN (linux/ioport.h).
const MEMORY_32: u64 = 0x4_0200;
/// The lines of `resource`: six BARs, the expansion ROM, and six windows of bridges.
const RESOURCES: usize = 13;
/// The bytes of the doorbell BAR.
const DOORBELL_BAR: u64 = 2 << 20;
/// The bytes of the register BAR.
const REGISTER_BAR: u64 = 512 << 10;

/// A BAR: its number, first address, bytes and flags.
type Bar = (usize, u64, u64, u64);

pub(super) fn plant(tree: &mut Tree, path: &DevicePath<'_>, host: &Host) {
    let (device, pci) = (path.device, &path.device.pci);
    let class = device.board.class;
    for (name, text) in [
        ("vendor", format!("0x{:04x}", pci.vendor)),
        ("device", format!("0x{:04x}", pci.device)),
        ("subsystem_vendor", format!("0x{:04x}", pci.subsystem_vendor)),
        ("subsystem_device", format!("0x{:04x}", pci.subsystem_device)),
        ("revision", format!("0x{:02x}", pci.revision)),
        ("class", format!("0x{class:06x}")),
        ("enable", "1".to_owned()),
        ("irq", "0".to_owned()),
        ("dma_mask_bits", "48".to_owned()),
        ("consistent_dma_mask_bits", "48".to_owned()),
        ("broken_parity_status", "0".to_owned()),
        ("power_state", "D0".to_owned()),
        ("ari_enabled", "0".to_owned()),
        // The host has one NUMA node.
        ("numa_node", "0".to_owned()),
        ("local_cpulist", cpu_list(host.cpus)),
        ("local_cpus", cpu_mask(host.cpus)),
        ("modalias", modalias(device)),
        ("resource", resource(&bars(path))),
    ] {
        tree.file(path.at(name), text + "\n");
    }
    let speed = link_speed(device);
    for which in ["current", "max"] {
        tree.file(path.at(&format!("{which}_link_speed")), format!("{speed} GT/s PCIe\n"));
        tree.file(path.at(&format!("{which}_link_width")), format!("{LANES}\n"));
    }
    tree.file(path.at("config"), config(path));
    tree.file(
        path.at("uevent"),
        format!(
            "DRIVER=amdgpu\nPCI_CLASS={class:X}\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID={:04X}:{:04X}\n\
             PCI_SLOT_NAME={}\nMODALIAS={}\n",
            pci.vendor,
            pci.device,
            pci.subsystem_vendor,
            pci.subsystem_device,
            pci.address(),
            modalias(device)
        ),
    );
    tree.link(path.at("subsystem"), "../../../../bus/pci");
    tree.link(path.at("driver"), "../../../../bus/pci/drivers/amdgpu");
    let address = pci.address();
    tree.link(format!("sys/bus/pci/devices/{address}"), path.link(3));
    tree.link(format!("sys/bus/pci/drivers/amdgpu/{address}"), path.link(4));
}

/// The PCIe lanes of a graphics slot.
pub(super) const LANES: u32 = 16;

/// The speed of a PCIe lane in GT/s, as `pci_speed_string` writes it.
pub(super) fn link_speed(device: &DeviceProfile) -> &'static str {
    match device.link.max_bandwidth {
        // The profile's MB/s are of sixteen lanes and a little less than the nominal 63, 31.5 and 15.75 GB/s.
        63_000.. => "32.0",
        31_000.. => "16.0",
        _ => "8.0",
    }
}

/// The name by which `modprobe` finds the device's driver (drivers/pci/pci-driver.c, `pci_uevent`).
fn modalias(device: &DeviceProfile) -> String {
    let (pci, class) = (&device.pci, device.board.class);
    format!(
        "pci:v{:08X}d{:08X}sv{:08X}sd{:08X}bc{:02X}sc{:02X}i{:02X}",
        pci.vendor,
        pci.device,
        pci.subsystem_vendor,
        pci.subsystem_device,
        class >> 16 & 0xff,
        class >> 8 & 0xff,
        class & 0xff
    )
}

/// All of `cpus` processors as a list, the format `%*pbl`.
fn cpu_list(cpus: u32) -> String {
    if cpus < 2 { "0".to_owned() } else { format!("0-{}", cpus - 1) }
}

/// All of `cpus` processors as a mask of words of eight digits, the format `%*pb`.
fn cpu_mask(cpus: u32) -> String {
    let words = cpus.div_ceil(32).max(1);
    let word = |n: u32| match cpus.saturating_sub(n * 32) {
        32.. => u32::MAX,
        rest => (1 << rest) - 1,
    };
    let digits = |n: u32| if n + 1 == words { format!("{:x}", word(n)) } else { format!("{:08x}", word(n)) };
    (0..words).rev().map(digits).collect::<Vec<_>>().join(",")
}

/// The memory, doorbell and register BARs, in a terabyte for each device above every address that a host has.
fn bars(path: &DevicePath<'_>) -> [Bar; 3] {
    let base = (1u64 << 46) + ((path.index as u64) << 40);
    let memory = path.device.vram.visible_bytes.0.next_power_of_two();
    let registers = 0xe000_0000 + path.index as u64 * REGISTER_BAR;
    [
        (0, base, memory, MEMORY_64),
        (2, base + (1 << 39), DOORBELL_BAR, MEMORY_64),
        (5, registers, REGISTER_BAR, MEMORY_32),
    ]
}

fn resource(bars: &[Bar]) -> String {
    let line = |n| {
        let (first, last, flags) = bars
            .iter()
            .find(|(number, ..)| *number == n)
            .map_or((0, 0, 0), |(_, first, bytes, flags)| (*first, first + bytes - 1, *flags));
        format!("0x{first:016x} 0x{last:016x} 0x{flags:016x}")
    };
    (0..RESOURCES).map(line).collect::<Vec<_>>().join("\n")
}

/// A type 0 configuration header (PCI Local Bus 3.0, 6.1) without capabilities.
fn config(path: &DevicePath<'_>) -> Vec<u8> {
    let pci = &path.device.pci;
    let mut header = vec![0; CONFIG_BYTES];
    header[0x00..0x02].copy_from_slice(&pci.vendor.to_le_bytes());
    header[0x02..0x04].copy_from_slice(&pci.device.to_le_bytes());
    // The command register: memory space and bus master are on.
    header[0x04] = 0x06;
    header[0x08] = pci.revision;
    header[0x09..0x0c].copy_from_slice(&path.device.board.class.to_le_bytes()[..3]);
    for (number, first, _, flags) in bars(path) {
        let at = 0x10 + number * 4;
        // Bits 3..0 of the flags are those of the base address register.
        let low = (first & 0xffff_ffff) as u32 | (flags & 0xf) as u32;
        header[at..at + 4].copy_from_slice(&low.to_le_bytes());
        if flags == MEMORY_64 {
            header[at + 4..at + 8].copy_from_slice(&((first >> 32) as u32).to_le_bytes());
        }
    }
    header[0x2c..0x2e].copy_from_slice(&pci.subsystem_vendor.to_le_bytes());
    header[0x2e..0x30].copy_from_slice(&pci.subsystem_device.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::{cpu_list, cpu_mask};

    #[test]
    fn processors_are_listed_as_the_kernel_prints_bitmaps() {
        assert_eq!((cpu_list(1), cpu_mask(1)), ("0".to_owned(), "1".to_owned()));
        assert_eq!((cpu_list(8), cpu_mask(8)), ("0-7".to_owned(), "ff".to_owned()));
        assert_eq!((cpu_list(64), cpu_mask(64)), ("0-63".to_owned(), "ffffffff,ffffffff".to_owned()));
        assert_eq!(cpu_mask(40), "ff,ffffffff");
    }
}
