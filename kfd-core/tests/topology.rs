//! The sysfs tree, read the way its readers read it.

use kfd_core::ids::Bytes;
use kfd_core::profile::Profile;
use kfd_core::topology::{DEVICES, Entry, Gauge, Host, Live, Numbers, Tree, tree, tree_on};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

const NODES: &str = "sys/devices/virtual/kfd/kfd/topology/nodes";

fn gfx900() -> Profile {
    Profile::named("gfx900").expect("it is compiled in")
}

/// libhsakmt's loop `sscanf("%s %llu\n%n")`: it ends at the first line that is not a name and a number.
fn scan(text: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(' ') else { break };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let Ok(value) = digits.parse() else { break };
        found.insert(name.to_owned(), value);
        if digits.len() != rest.len() {
            break;
        }
    }
    found
}

fn properties(tree: &Tree, path: &str) -> BTreeMap<String, u64> {
    scan(tree.text(format!("{path}/properties")).unwrap_or_else(|| panic!("no properties in {path}")))
}

/// How many directories are in `path`, as libhsakmt's `num_subdirs` counts them.
fn children(tree: &Tree, path: &str) -> BTreeSet<String> {
    tree.entries()
        .filter_map(|(at, _)| at.strip_prefix(path).ok()?.components().next())
        .map(|first| first.as_os_str().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn the_nodes_are_the_cpu_and_the_device_and_nothing_else() {
    let tree = tree(&gfx900());
    assert_eq!(children(&tree, NODES), BTreeSet::from(["0".to_owned(), "1".to_owned()]));
    assert_eq!(tree.text(format!("{NODES}/0/gpu_id")), Some("0\n"));
    assert_eq!(tree.text(format!("{NODES}/1/gpu_id")), Some("64700\n"));
    assert_eq!(tree.text(format!("{NODES}/1/name")), Some("vega10\n"));
    assert_eq!(tree.text("sys/devices/virtual/kfd/kfd/topology/generation_id"), Some("1\n"));
}

/// `rocprofv3`'s documentation prints the node of a real Radeon RX Vega (gfx900, Linux 6.x); what does not depend on
/// the card's clocks and firmware is the same.
#[test]
fn the_device_has_the_properties_of_a_real_vega_10() {
    let node = properties(&tree(&gfx900()), &format!("{NODES}/1"));
    for (name, value) in [
        ("cpu_cores_count", 0),
        ("simd_count", 256),
        ("simd_id_base", 2_147_487_744),
        ("max_waves_per_simd", 10),
        ("lds_size_in_kb", 64),
        ("gds_size_in_kb", 0),
        ("num_gws", 64),
        ("wave_front_size", 64),
        ("num_xcc", 1),
        ("array_count", 4),
        ("simd_arrays_per_engine", 1),
        ("cu_per_simd_array", 16),
        ("simd_per_cu", 4),
        ("max_slots_scratch_cu", 32),
        ("gfx_target_version", 90_000),
        ("vendor_id", 4098),
        ("location_id", 12_032),
        ("domain", 0),
        ("drm_render_minor", 128),
        ("num_sdma_engines", 2),
        ("num_sdma_xgmi_engines", 0),
        ("num_sdma_queues_per_engine", 2),
        ("num_cp_queues", 24),
        ("local_mem_size", 0),
        ("hive_id", 0),
    ] {
        assert_eq!(node.get(name), Some(&value), "{name}");
    }
    assert_eq!(node["capability"] >> 12 & 3, 2, "doorbell type");
}

fn of(name: &str, gpus: u32) -> Tree {
    tree(&Profile::named(name).expect(name).with_gpus(gpus).expect("there is room"))
}

/// What a published `properties` file of a real one says, beside clocks, firmware and place.
#[test]
fn the_device_has_the_properties_of_a_real_rx_7900_xtx() {
    let node = properties(&of("gfx1100", 6), &format!("{NODES}/4"));
    for (name, value) in [
        ("simd_count", 192),
        ("mem_banks_count", 1),
        ("caches_count", 206),
        ("io_links_count", 1),
        ("p2p_links_count", 5),
        ("simd_id_base", 2_147_488_032),
        ("max_waves_per_simd", 16),
        ("lds_size_in_kb", 64),
        ("num_gws", 64),
        ("wave_front_size", 32),
        ("array_count", 12),
        ("simd_arrays_per_engine", 2),
        ("cu_per_simd_array", 8),
        ("simd_per_cu", 2),
        ("max_slots_scratch_cu", 32),
        ("gfx_target_version", 110_000),
        ("vendor_id", 4098),
        ("device_id", 29_772),
        ("hive_id", 0),
        ("num_sdma_engines", 2),
        ("num_sdma_xgmi_engines", 0),
        ("num_sdma_queues_per_engine", 6),
        ("num_cp_queues", 8),
        ("capability", 671_588_992),
        ("debug_prop", 1495),
        ("num_xcc", 1),
    ] {
        assert_eq!(node.get(name), Some(&value), "{name}");
    }
}

#[test]
fn the_device_has_the_properties_of_a_real_mi300x() {
    let node = properties(&of("gfx942", 8), &format!("{NODES}/2"));
    for (name, value) in [
        ("simd_count", 1216),
        ("caches_count", 626),
        // The CPU and seven others of the hive.
        ("io_links_count", 8),
        ("p2p_links_count", 0),
        ("simd_id_base", 0x8000_1000 + 320),
        ("max_waves_per_simd", 8),
        ("wave_front_size", 64),
        ("array_count", 32),
        ("simd_arrays_per_engine", 1),
        ("cu_per_simd_array", 10),
        ("simd_per_cu", 4),
        ("gfx_target_version", 90_402),
        ("device_id", 29_857),
        ("num_sdma_engines", 2),
        ("num_sdma_xgmi_engines", 14),
        ("num_sdma_queues_per_engine", 8),
        ("num_cp_queues", 24),
        ("capability", 746_037_888),
        ("debug_prop", 1511),
        ("num_xcc", 8),
    ] {
        assert_eq!(node.get(name), Some(&value), "{name}");
    }
    assert_ne!(node["hive_id"], 0);
    assert_eq!(
        properties(&of("gfx942", 8), &format!("{NODES}/2/mem_banks/0"))["size_in_bytes"],
        201_310_208 << 10
    );
}

#[test]
fn debugfs_shows_the_devices_with_ras_by_both_their_numbers() {
    let tree = of("gfx942", 2);
    let name = tree.text("sys/kernel/debug/dri/1/name").expect("a name");
    assert_eq!(name, "amdgpu dev=0000:15:00.0 unique=0000:15:00.0\n");
    assert_eq!(tree.get("sys/kernel/debug/dri/129"), Some(&Entry::Link("1".to_owned())));
    assert!(tree.get("sys/kernel/debug/dri/1/ras/ras_ctrl").is_some());
    assert!(!of("gfx900", 1).entries().any(|(path, _)| path.starts_with("sys/kernel")));
}

/// The links of a node's folder: type, from, to, weight, flags.
fn links(tree: &Tree, node: u32, folder: &str) -> Vec<[u64; 5]> {
    let path = format!("{NODES}/{node}/{folder}");
    (0..children(tree, &path).len())
        .map(|number| {
            let link = properties(tree, &format!("{path}/{number}"));
            ["type", "node_from", "node_to", "weight", "flags"].map(|name| link[name])
        })
        .collect()
}

#[test]
fn devices_of_one_hive_are_linked_each_to_each_by_xgmi() {
    let tree = of("gfx942", 4);
    assert_eq!(links(&tree, 0, "io_links").len(), 4);
    assert_eq!(
        links(&tree, 2, "io_links"),
        [[2, 2, 0, 20, 1], [11, 2, 1, 15, 1], [11, 2, 3, 15, 1], [11, 2, 4, 15, 1]]
    );
    assert!(links(&tree, 2, "p2p_links").is_empty());
}

#[test]
fn devices_of_no_hive_are_peers_by_way_of_the_cpu_where_all_vram_is_visible() {
    let tree = of("gfx1100", 3);
    assert_eq!(links(&tree, 3, "io_links"), [[2, 3, 0, 20, 1]]);
    assert_eq!(links(&tree, 3, "p2p_links"), [[2, 3, 1, 40, 3], [2, 3, 2, 40, 3]]);
    let mut profile = gfx900().with_gpus(2).expect("two");
    profile.devices[1].vram.visible_bytes = Bytes(256 << 20);
    let tree = kfd_core::topology::tree(&profile);
    assert!(links(&tree, 1, "p2p_links").is_empty(), "the second one's VRAM cannot be reached");
    assert_eq!(links(&tree, 2, "p2p_links"), [[2, 2, 1, 40, 3]]);
}

/// The three blocks whose versions tinygrad reads before anything else.
#[test]
fn the_discovery_table_names_each_block_and_its_version() {
    for (name, blocks) in [
        ("gfx1100", [(11, [11, 0, 0]), (42, [6, 0, 0]), (108, [4, 3, 0])]),
        ("gfx942", [(11, [9, 4, 3]), (42, [4, 4, 2]), (108, [7, 9, 0])]),
    ] {
        let tree = of(name, 2);
        for minor in [128, 129] {
            let die = format!("sys/class/drm/renderD{minor}/device/ip_discovery/die/0");
            for (hw_id, version) in &blocks {
                for (part, value) in ["major", "minor", "revision"].iter().zip(version) {
                    let at = format!("{die}/{hw_id}/0/{part}");
                    assert_eq!(tree.text(&at), Some(format!("{value}\n").as_str()), "{at} of {name}");
                }
            }
            assert!(tree.names(format!("{die}/GC")).contains(&"0".to_owned()), "{name}");
        }
    }
    assert!(of("gfx900", 1).names("sys/class/drm/renderD128/device/ip_discovery").is_empty());
}

#[test]
fn counts_agree_with_the_directories() {
    let profile = gfx900();
    let tree = tree(&profile);
    for node in ["0", "1"] {
        let path = format!("{NODES}/{node}");
        let properties = properties(&tree, &path);
        for (count, directory) in
            [("mem_banks_count", "mem_banks"), ("caches_count", "caches"), ("io_links_count", "io_links")]
        {
            let there = children(&tree, &format!("{path}/{directory}"));
            assert_eq!(properties[count], there.len() as u64, "{count} of node {node}");
            assert!(!there.is_empty(), "{count} of node {node}");
            for number in 0..there.len() {
                assert!(there.contains(&number.to_string()), "{directory} are numbered without a gap");
            }
        }
    }
}

#[test]
fn the_link_goes_both_ways() {
    let tree = tree(&gfx900());
    for (from, to) in [(0, 1), (1, 0)] {
        let link = properties(&tree, &format!("{NODES}/{from}/io_links/0"));
        assert_eq!((link["node_from"], link["node_to"], link["type"]), (from, to, 2));
        assert_eq!((link["weight"], link["flags"]), (20, 1));
    }
}

#[test]
fn memory_is_where_it_belongs() {
    let host = Host { cpus: 6, memory: Bytes(12 << 30), ..Host::default() };
    let tree = tree_on(&gfx900(), &host);
    let system = properties(&tree, &format!("{NODES}/0/mem_banks/0"));
    assert_eq!((system["heap_type"], system["size_in_bytes"]), (0, 12 << 30));
    let vram = properties(&tree, &format!("{NODES}/1/mem_banks/0"));
    assert_eq!((vram["heap_type"], vram["size_in_bytes"], vram["width"]), (1, 16 << 30, 2048));
    assert_eq!(properties(&tree, &format!("{NODES}/0"))["cpu_cores_count"], 6);
}

#[test]
fn memory_that_the_host_cannot_map_whole_is_a_private_heap() {
    let mut profile = gfx900();
    profile.devices[0].vram.visible_bytes = Bytes(256 << 20);
    let vram = properties(&tree(&profile), &format!("{NODES}/1/mem_banks/0"));
    assert_eq!((vram["heap_type"], vram["size_in_bytes"]), (2, 16 << 30));
}

/// 64 vector caches, and for each of four arrays of 16 units six scalar caches of either kind (16 / 3 rounded up),
/// and one L2: what `kfd_fill_cache_non_crat_info` makes of `vega10_cache_info`.
#[test]
fn every_compute_unit_has_its_caches() {
    let tree = tree(&gfx900());
    let caches: Vec<_> = (0..children(&tree, &format!("{NODES}/1/caches")).len())
        .map(|n| properties(&tree, &format!("{NODES}/1/caches/{n}")))
        .collect();
    assert_eq!(caches.len(), 64 + 24 + 24 + 1);
    let count = |kib: u64, kind: u64| caches.iter().filter(|c| (c["size"], c["type"]) == (kib, kind)).count();
    assert_eq!((count(16, 9), count(32, 10), count(4096, 9)), (64 + 24, 24, 1));
    let last_scalar =
        tree.text(format!("{NODES}/1/caches/69/properties")).expect("the sixth instruction cache");
    let map = last_scalar.lines().find_map(|line| line.strip_prefix("sibling_map ")).expect("a map");
    assert_eq!(map.split(',').count(), 32);
    assert_eq!(map.matches('1').count(), 1, "the sixteenth unit shares with nobody");
    let first = tree.text(format!("{NODES}/1/caches/64/properties")).expect("the first instruction cache");
    assert!(first.contains("sibling_map 1,1,1,0,"));
}

#[test]
fn two_devices_get_nodes_and_processor_ids_of_their_own() {
    let mut profile = gfx900();
    let mut second = profile.devices[0].clone();
    second.gpu_id.0 = 7;
    second.render_minor.0 = 129;
    second.pci.bus += 1;
    profile.devices.push(second);
    let tree = tree(&profile);
    assert_eq!(tree.text(format!("{NODES}/2/gpu_id")), Some("7\n"));
    assert_eq!(properties(&tree, &format!("{NODES}/2"))["simd_id_base"], 0x8000_1000 + 64);
    assert_eq!(properties(&tree, &format!("{NODES}/0"))["io_links_count"], 2);
    assert!(tree.follow("sys/class/drm/renderD129/device/vendor").is_some());
}

#[test]
fn libdrm_finds_a_pci_device_behind_the_render_node() {
    let tree = tree(&gfx900());
    let device = "sys/class/drm/renderD128/device";
    // `parse_separate_sysfs_files` of xf86drm.c scans each with "%x".
    for (file, value) in [
        ("vendor", "0x1002\n"),
        ("device", "0x6863\n"),
        ("subsystem_vendor", "0x1002\n"),
        ("subsystem_device", "0x6b76\n"),
        ("revision", "0x00\n"),
    ] {
        assert_eq!(tree.text(format!("{device}/{file}")), Some(value), "{file}");
    }
    let uevent = tree.text(format!("{device}/uevent")).expect("uevent");
    assert!(uevent.lines().any(|line| line == "PCI_SLOT_NAME=0000:2f:00.0"), "{uevent}");
    assert!(uevent.lines().any(|line| line == "DRIVER=amdgpu"), "{uevent}");
    let Some(Entry::File(config)) = tree.follow(format!("{device}/config")) else { panic!("no config") };
    assert_eq!(config.len(), 256);
    assert_eq!(config[..4], [0x02, 0x10, 0x63, 0x68]);
    assert_eq!(tree.real_path(format!("{device}/subsystem")), Some("sys/bus/pci".into()));
}

#[test]
fn the_class_link_leads_to_the_topology() {
    let tree = tree(&gfx900());
    assert_eq!(tree.get("sys/class/kfd/kfd"), Some(&Entry::Link("../../devices/virtual/kfd/kfd".to_owned())));
}

#[test]
fn lsmod_lists_amdgpu_once_beside_the_hosts_own_modules() {
    let host = Host { modules: "ext4 1 2 - Live 0x0\namdgpu 5 0 - Live 0x0\n".to_owned(), ..Host::default() };
    let tree = tree_on(&gfx900(), &host);
    let modules = tree.text("proc/modules").expect("a file");
    assert_eq!(modules.lines().filter(|line| line.starts_with("amdgpu ")).count(), 1);
    assert!(modules.lines().any(|line| line.starts_with("ext4 ")));
    let fields: Vec<_> = modules.lines().next().expect("a line").split(' ').collect();
    assert_eq!(fields.len(), 6, "name, size, uses, users, state, address");
    assert_eq!(tree.text("sys/module/amdgpu/initstate"), Some("live\n"));
    assert_eq!(tree.text("sys/module/amdgpu/coresize").map(str::trim), Some(fields[1]));
}

#[test]
fn the_host_is_read_from_the_texts_of_proc() {
    let cpuinfo = "processor\t: 0\ncpu MHz\t\t: 2894.560\napicid\t\t: 4\n\nprocessor\t: 1\napicid\t\t: 5\n";
    let host = Host::from_proc(cpuinfo, "MemTotal:       16384 kB\nMemFree: 1 kB\n", "");
    assert_eq!(
        host,
        Host { cpus: 2, first_apic_id: 4, memory: Bytes(16 << 20), mhz: 2894, ..Host::default() }
    );
    assert_eq!(Host::from_proc("", "MemTotal: 99999999999999999999 kB", ""), Host::default());
}

#[test]
fn every_path_stays_below_the_root_and_no_file_is_a_directory() {
    let tree = tree(&gfx900());
    let mut files = BTreeSet::new();
    for (path, entry) in tree.entries() {
        assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{}", path.display());
        if !matches!(entry, Entry::Directory) {
            files.insert(path.to_owned());
        }
        for above in path.ancestors().skip(1) {
            assert!(!files.contains(above), "{} is below a file", path.display());
        }
    }
    assert!(files.contains(Path::new("proc/modules")));
}

#[test]
fn every_property_file_scans_to_its_end() {
    for tree in Profile::names().map(|name| of(name, 8)) {
        for (path, entry) in tree.entries().filter(|(path, _)| path.ends_with("properties")) {
            let Entry::File(text) = entry else { panic!("{} is not a file", path.display()) };
            let text = std::str::from_utf8(text).expect("ASCII");
            // libhsakmt reads one page of it.
            assert!(text.len() < 4096 && text.ends_with('\n'), "{}", path.display());
            assert_eq!(scan(text).len(), text.lines().count(), "{}", path.display());
        }
    }
}

/// Every way by which a tool comes to a device ends in its one directory.
// Keeps: device-paths
#[test]
fn every_path_to_a_device_leads_to_its_directory() {
    let host = Host { numbers: Numbers { card: 3, hwmon: 5 }, ..Host::default() };
    let profile = Profile::named("gfx942").expect("it is compiled in").with_gpus(8).expect("there is room");
    let tree = tree_on(&profile, &host);
    for (nth, device) in profile.devices.iter().enumerate() {
        let (address, render) = (device.pci.address(), device.render_minor);
        let (card, hwmon) = (3 + nth, 5 + nth);
        let real = Path::new("sys").join(DEVICES).join(&address);
        for path in [
            format!("sys/class/drm/card{card}/device"),
            format!("sys/class/drm/renderD{render}/device"),
            format!("sys/class/hwmon/hwmon{hwmon}/device"),
            format!("sys/dev/char/226:{card}/device"),
            format!("sys/dev/char/226:{render}/device"),
            format!("sys/bus/pci/devices/{address}"),
            format!("sys/bus/pci/drivers/amdgpu/{address}"),
            format!("sys/module/amdgpu/drivers/pci:amdgpu/{address}"),
        ] {
            assert_eq!(tree.real_path(&path).as_ref(), Some(&real), "{path}");
        }
        assert_eq!(tree.real_path(real.join("driver/module")), Some("sys/module/amdgpu".into()));
        assert_eq!(tree.names(real.join("drm")), [format!("card{card}"), format!("renderD{render}")]);
        assert_eq!(tree.names(real.join("hwmon")), [format!("hwmon{hwmon}")]);
        for (child, class) in [(format!("drm/card{card}"), "drm"), (format!("hwmon/hwmon{hwmon}"), "hwmon")] {
            let subsystem = tree.real_path(real.join(child).join("subsystem"));
            assert_eq!(subsystem, Some(Path::new("sys/class").join(class)));
        }
        assert_eq!(
            tree.text(format!("sys/class/drm/card{card}/dev")),
            Some(format!("226:{card}\n").as_str())
        );
        let uevent = tree.text(format!("sys/dev/char/226:{render}/uevent")).expect("uevent");
        assert!(uevent.contains(&format!("DEVNAME=dri/renderD{render}\n")), "{uevent}");
    }
    assert_eq!(tree.real_path("sys/class/kfd/kfd/proc"), None, "a door serves what is there");
    assert_eq!(tree.real_path("sys/no/where"), None);
}

/// AMD's device plugin for Kubernetes (internal/pkg/amdgpu/amdgpu.go, `GetAMDGPUs`) walks these paths: devices of the driver,
/// how each is divided, its nodes, and which node of the topology has the same render node.
// Keeps: device-plugin
#[test]
fn amds_device_plugin_would_find_each_device() {
    for (name, gpus, kind) in
        [("gfx900", 2, None), ("gfx942", 8, Some(("SPX", "NPS1"))), ("gfx1100", 3, None)]
    {
        let tree = of(name, gpus);
        assert!(tree.real_path("sys/module/amdgpu/drivers").is_some());
        let nodes = "sys/class/kfd/kfd/topology/nodes";
        let mut of_render = BTreeMap::new();
        for node in tree.names(nodes) {
            let properties = properties(&tree, &format!("{nodes}/{node}"));
            let place = |name: &str| properties[name];
            if place("drm_render_minor") > 0 {
                let (location, domain) = (place("location_id"), place("domain"));
                let (bus, slot) = (location >> 8 & 0xff, location >> 3 & 0x1f);
                of_render
                    .insert(place("drm_render_minor"), (node, format!("{domain:04x}:{bus:02x}:{slot:02x}")));
            }
        }
        let of_driver = "sys/module/amdgpu/drivers/pci:amdgpu";
        let is_address =
            |name: &String| name.as_bytes()[..4].iter().all(u8::is_ascii_hexdigit) && name.contains(':');
        let devices: Vec<_> = tree.names(of_driver).into_iter().filter(is_address).collect();
        assert_eq!(devices.len(), gpus as usize, "{name}");
        for device in devices {
            let text = |file: &str| tree.text(format!("{of_driver}/{device}/{file}")).map(str::trim);
            let partition = text("current_compute_partition").zip(text("current_memory_partition"));
            assert_eq!(partition, kind, "{name}");
            assert_eq!(text("available_compute_partition").is_some(), kind.is_some());
            let numa: i32 = text("numa_node").expect("a file").parse().expect("a number");
            assert!(numa >= 0, "{name}: a device of no node is passed over");
            let drm = tree.names(format!("{of_driver}/{device}/drm"));
            let minor =
                |prefix: &str| drm.iter().find_map(|name| name.strip_prefix(prefix)?.parse::<u64>().ok());
            let (_, address) = &of_render[&minor("renderD").expect("a render node")];
            assert!(device.starts_with(address.as_str()), "{device} is not at {address}");
            let card = minor("card").expect("a primary node");
            assert_eq!(tree.text(format!("sys/class/drm/card{card}/device/vendor")), Some("0x1002\n"));
        }
    }
}

/// rocm-smi finds the place of a card in the text of its link (`ConstructBDFID`, rocm_smi_main.cc), and its node by that and by
/// its serial number: a device without one makes ROCm 6's look behind the end of a list.
// Keeps: rocm-smi-cards
#[test]
fn rocm_smi_would_match_each_card_with_its_node() {
    for name in ["gfx900", "gfx942", "gfx1100"] {
        let profile = Profile::named(name).expect(name).with_gpus(3).expect("there is room");
        let tree = tree(&profile);
        for (card, device) in profile.devices.iter().enumerate() {
            let Some(Entry::Link(target)) = tree.get(format!("sys/class/drm/card{card}")) else {
                panic!("no link")
            };
            let address = target.rsplit('/').find(|part| part.len() == 12 && part.contains(':'));
            assert_eq!(address, Some(device.pci.address().as_str()));
            let node = properties(&tree, &format!("{NODES}/{}", card + 1));
            let serial =
                tree.text(format!("sys/class/drm/card{card}/device/unique_id")).expect("a serial number");
            assert_eq!(u64::from_str_radix(serial.trim(), 16), Ok(node["unique_id"]));
            assert_ne!(node["unique_id"], 0, "{name}");
            let monitor = format!("sys/class/drm/card{card}/device/hwmon");
            let sensors = tree.names(&monitor);
            assert_eq!(tree.text(format!("{monitor}/{}/name", sensors[0])), Some("amdgpu\n"));
        }
    }
}

// Keeps: device-files
#[test]
fn clocks_memory_and_sensors_are_those_of_the_profile() {
    let tree = of("gfx1100", 1);
    let device = "sys/class/drm/card0/device";
    let text = |file: &str| tree.text(format!("{device}/{file}")).unwrap_or_else(|| panic!("no {file}"));
    assert_eq!(text("pp_dpm_sclk"), "0: 620Mhz \n1: 2482Mhz *\n");
    assert_eq!(text("pp_dpm_pcie"), "0: 16.0GT/s, x16 1107Mhz *\n");
    assert_eq!((text("current_link_speed"), text("max_link_width")), ("16.0 GT/s PCIe\n", "16\n"));
    assert_eq!(text("mem_info_vram_total"), format!("{}\n", 0x5_ff00_0000u64));
    assert_eq!(text("class"), "0x030000\n");
    assert_eq!(text("hwmon/hwmon0/temp1_label"), "edge\n");
    assert_eq!(text("hwmon/hwmon0/power1_cap"), "327000000\n");
    let resource: Vec<_> = text("resource").lines().collect();
    assert_eq!(resource.len(), 13);
    let range: Vec<_> = resource[0].split(' ').map(|word| u64::from_str_radix(&word[2..], 16)).collect();
    let [Ok(first), Ok(last), Ok(_)] = range[..] else { panic!("{}", resource[0]) };
    assert_eq!(last - first + 1, 0x5_ff00_0000u64.next_power_of_two());
    for (file, gauge) in [
        ("mem_info_vram_used", Gauge::Vram),
        ("gpu_busy_percent", Gauge::Busy),
        ("gpu_metrics", Gauge::Metrics),
    ] {
        let live = Some(&Entry::Live(Live { device: 0, gauge }));
        assert_eq!(tree.follow(format!("{device}/{file}")), live, "{file}");
    }
    // Vega 10's driver has no table of figures, and MI300X no fan and no sensor at an edge.
    assert_eq!(of("gfx900", 1).follow(format!("{device}/gpu_metrics")), None);
    let of_dies = of("gfx942", 1);
    for absent in ["fan1_input", "pwm1", "temp1_input", "power1_average"] {
        assert_eq!(of_dies.follow(format!("{device}/hwmon/hwmon0/{absent}")), None, "{absent}");
    }
    assert_eq!(of_dies.text(format!("{device}/ras/umc_err_count")), Some("ue: 0\nce: 0\n"));
}
