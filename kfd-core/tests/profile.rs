//! Profiles: the compiled-in ones are whole, and a wrong text is refused with the line that is wrong.

use kfd_core::abi::drm::{self, DeviceInfo, FAMILY_AI, Info, MemoryInfo};
use kfd_core::ids::{Bytes, GpuId, RenderMinor};
use kfd_core::profile::{DeviceProfile, MAX_GPUS, Now, Profile, ProfileError, RasBlock};
use proptest::prelude::*;
use std::collections::BTreeSet;
use zerocopy::FromBytes;

const GFX900: &str = include_str!("../profiles/gfx900.toml");

/// The text with the first `from` replaced, and the line in which that is, counted from 1.
fn with(from: &str, to: &str) -> (String, usize) {
    let at = GFX900.find(from).expect("the text has it");
    (
        GFX900.replacen(from, to, 1),
        GFX900[..at].lines().count().max(1) + usize::from(GFX900[..at].ends_with('\n')),
    )
}

/// The line and the reason of the refusal of the text with `from` replaced; the line must be the replaced one.
fn refused(from: &str, to: &str) -> String {
    let (text, line) = with(from, to);
    match Profile::parse(&text) {
        Err(ProfileError::Line { line: said, reason }) => {
            assert_eq!(said, line, "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_compiled_in_profile_parses() {
    for name in Profile::names() {
        assert_eq!(Profile::named(name).expect(name).name, name);
    }
}

#[test]
fn gfx900_is_a_vega_10() {
    let profile = Profile::named("gfx900").expect("it is compiled in");
    let device = &profile.devices[0];
    assert_eq!(profile.render_minors(), [RenderMinor(128)]);
    assert_eq!((device.compute.cus(), device.compute.simds()), (64, 256));
    assert_eq!(device.vram.bytes, Bytes(16 << 30));
    assert_eq!(device.pci.location_id(), 0x2f00);
    assert_eq!(device.pci.address(), "0000:2f:00.0");
    // libhsakmt 5.2.3 asks for a doorbell object of this size.
    assert_eq!(device.queues.doorbell_slice(), Bytes(0x2000));
    assert_eq!(device.queues.sdma_slots(), 4);
    assert!(profile.device(GpuId(64700)).is_some() && profile.device(GpuId(1)).is_none());
    assert!(
        profile.device_behind(RenderMinor(128)).is_some()
            && profile.device_behind(RenderMinor(129)).is_none()
    );
}

#[test]
fn libdrm_is_told_the_same_device() {
    let profile = Profile::named("gfx900").expect("it is compiled in");
    let device = &profile.devices[0];
    let info = device.device_info();
    assert_eq!(size_of::<DeviceInfo>(), 368);
    assert_eq!(info.family, FAMILY_AI);
    let active: u32 = info.cu_bitmap.iter().flatten().map(|array| array.count_ones()).sum();
    assert_eq!((info.cu_active_number, active), (64, 64));
    assert_eq!(info.enabled_rb_pipes_mask.count_ones(), info.num_rb_pipes);
    assert_eq!(info.max_engine_clock, 1_600_000);
    assert_eq!(device.register(0x263e, &Now::default()), Some(0x2a11_4042));
    assert_eq!(device.register(0x263f, &Now::default()), None);
}

fn ask(query: u32, return_size: u32, args: [u32; 4]) -> Result<Vec<u8>, i32> {
    let now = Now {
        vram_used: Bytes(4096),
        gtt_used: Bytes(8192),
        gtt_total: Bytes(1 << 30),
        counter: 77,
        ..Now::default()
    };
    let profile = Profile::named("gfx900").expect("it is compiled in");
    profile.devices[0].answer(&Info { return_pointer: 0x1000, return_size, query, args }, &now)
}

#[test]
fn the_queries_of_amdgpu_device_initialize_are_answered() {
    assert_eq!(ask(drm::INFO_ACCEL_WORKING, 4, [0; 4]), Ok(vec![1, 0, 0, 0]));
    assert_eq!(ask(drm::INFO_DEV_INFO, 368, [0; 4]).expect("an answer").len(), 368);
    assert_eq!(
        ask(drm::INFO_READ_MMR_REG, 4, [0x263e, 1, u32::MAX, 0]),
        Ok(0x2a11_4042u32.to_le_bytes().to_vec())
    );
}

#[test]
fn an_answer_is_cut_to_the_room_there_is_and_no_room_is_einval() {
    assert_eq!(ask(drm::INFO_DEV_INFO, 4, [0; 4]), Ok(vec![0x63, 0x68, 0, 0]));
    // A newer libdrm asks for more than there is.
    assert_eq!(ask(drm::INFO_DEV_INFO, 4096, [0; 4]).expect("an answer").len(), 368);
    assert_eq!(ask(drm::INFO_DEV_INFO, 0, [0; 4]), Err(libc::EINVAL));
}

#[test]
fn registers_outside_the_list_or_the_device_are_refused_as_the_kernel_refuses_them() {
    let read = |offset: u32, count: u32, instance: u32| {
        ask(drm::INFO_READ_MMR_REG, 512, [offset, count, instance, 0])
    };
    assert_eq!(read(0x263f, 1, u32::MAX), Err(libc::EFAULT));
    assert_eq!(read(0x263e, 2, u32::MAX), Err(libc::EFAULT));
    assert_eq!(read(0x263e, 0, u32::MAX), Err(libc::EINVAL));
    assert_eq!(read(0x263e, 129, u32::MAX), Err(libc::EINVAL));
    assert_eq!(read(0x263e, 1, 0xff04), Err(libc::EINVAL), "there are four engines");
    assert_eq!(read(0x263e, 1, 0x01ff), Err(libc::EINVAL), "an engine has one array");
    assert!(read(0x263e, 1, 0x0003).is_ok());
    assert_eq!(read(u32::MAX, 2, u32::MAX), Err(libc::EFAULT));
}

#[test]
fn memory_queries_tell_what_is_used_now() {
    let memory = ask(drm::INFO_MEMORY, 96, [0; 4]).expect("an answer");
    let memory = MemoryInfo::read_from_bytes(&memory).expect("96 bytes");
    assert_eq!((memory.vram.total_heap_size, memory.vram.heap_usage), (16 << 30, 4096));
    assert_eq!((memory.gtt.total_heap_size, memory.gtt.heap_usage), (1 << 30, 8192));
    assert_eq!(ask(drm::INFO_TIMESTAMP, 8, [0; 4]), Ok(77u64.to_le_bytes().to_vec()));
}

// Keeps: ras-told, AMDGPU_INFO
#[test]
fn a_device_tells_of_the_blocks_with_ras_where_it_has_any() {
    assert_eq!(ask(drm::INFO_RAS_ENABLED_FEATURES, 8, [0; 4]), Err(libc::EINVAL), "a Vega 10 has none");
    let query = drm::Info {
        return_pointer: 1,
        return_size: 8,
        query: drm::INFO_RAS_ENABLED_FEATURES,
        ..drm::Info::default()
    };
    let profile = Profile::named("gfx942").expect("compiled in");
    let told = profile.devices[0].answer(&query, &Now::default()).expect("an answer");
    // UMC and DF, as the device has them and as they are in use.
    assert_eq!(told, 0x101_0000_0101_u64.to_le_bytes());
}

// Keeps: ras-told
#[test]
fn the_capabilities_of_a_device_agree_with_its_ras() {
    // HSA_CAP_SRAM_EDCSUPPORTED, HSA_CAP_MEM_EDCSUPPORTED, HSA_CAP_RASEVENTNOTIFY (linux/kfd_sysfs.h), as
    // `kfd_topology_add_device` sets them.
    for name in Profile::names() {
        for device in Profile::named(name).expect(name).devices {
            let capability = device.compute.capability;
            assert_eq!(capability & 0x8_0000 != 0, device.ras.contains(&RasBlock::Gfx), "{name}");
            assert_eq!(capability & 0x10_0000 != 0, device.ras.contains(&RasBlock::Umc), "{name}");
            assert_eq!(capability & 0x20_0000 != 0, !device.ras.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_copy_engines_alone_have_rings() {
    let told = |kind| {
        let told = ask(drm::INFO_HW_IP_INFO, 32, [kind, 0, 0, 0]).expect("an answer");
        drm::HwIp::read_from_bytes(&told).expect("32 bytes")
    };
    let dma = told(drm::HW_IP_DMA);
    assert_eq!((dma.hw_ip_version_major, dma.hw_ip_version_minor, dma.available_rings), (4, 0, 0b11));
    assert_eq!(told(drm::HW_IP_COMPUTE).available_rings, 0);
    assert_eq!(ask(drm::INFO_HW_IP_COUNT, 4, [drm::HW_IP_DMA, 0, 0, 0]), Ok(vec![1, 0, 0, 0]));
    assert_eq!(ask(drm::INFO_HW_IP_COUNT, 4, [drm::HW_IP_COMPUTE, 0, 0, 0]), Ok(vec![0; 4]));
    for query in [drm::INFO_HW_IP_INFO, drm::INFO_HW_IP_COUNT] {
        assert_eq!(ask(query, 32, [drm::HW_IP_NUM, 0, 0, 0]), Err(libc::EINVAL));
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_names_there_are() {
    let error = Profile::named("gfx9000").expect_err("there is none");
    assert_eq!(
        error.to_string(),
        "there is no profile `gfx9000`; there is: gfx900 (vega10, vega-frontier, mi25), gfx942 (mi300x), \
         gfx1100 (navi31, rx7900xtx)"
    );
}

#[test]
fn an_unknown_key_is_refused_in_its_line() {
    assert!(refused("wave_size = 64", "wave_sise = 64").contains("wave_sise"));
    assert!(refused("interface_minor = 18", "interface_miner = 18").contains("interface_miner"));
}

#[test]
fn a_value_that_a_client_could_not_live_with_is_refused_in_its_line() {
    let refuse =
        |from: &str, value: &str| refused(from, &format!("{} = {value}", from.split(' ').next().unwrap()));
    assert_eq!(refuse("render_minor = 128", "127"), "render_minor must be 128 to 191, not 127");
    assert_eq!(refuse("render_minor = 128", "192"), "render_minor must be 128 to 191, not 192");
    assert_eq!(refuse("gpu_id = 64700", "0"), "gpu_id must be 1 to 65535, not 0");
    assert_eq!(refuse("interface_minor = 18", "20"), "the interface's minor version must be 1 to 19, not 20");
    assert_eq!(
        refuse("capability = 0x2803_a280", "0x1280"),
        "capability 0x1280: bits 13..12 must say doorbell type 2"
    );
    assert_eq!(
        refuse("bytes = 0x4_0000_0000", "4097"),
        "memory comes in whole pages of 4096 bytes, at least one, not 4097"
    );
    assert_eq!(refuse("cus_per_array = 16", "33"), "this must be 1 to 32, not 33");
    assert_eq!(refuse("doorbell_bytes = 8", "4"), "doorbell_bytes must be 8 to 8, not 4");
    assert!(refuse("kind = \"hbm\"", "\"core\"").contains("core"));
}

#[test]
fn a_device_without_a_cache_is_refused() {
    let (begin, end) = (GFX900.rfind("caches = [").unwrap(), GFX900.rfind("\n]\n").unwrap());
    let text = format!("{}caches = [{}", &GFX900[..begin], &GFX900[end..]);
    let error = Profile::parse(&text).expect_err("it has no cache");
    assert!(error.to_string().ends_with("a device needs at least one cache"), "{error}");
}

#[test]
fn two_devices_with_one_identity_are_refused() {
    let device = &GFX900[GFX900.find("[[devices]]").unwrap()..];
    let second = |id: &str, minor: &str, bus: &str| {
        let device = device.replacen("gpu_id = 64700", id, 1).replacen("render_minor = 128", minor, 1);
        Profile::parse(&format!("{GFX900}\n{}", device.replacen("bus = 0x2f", bus, 1)))
    };
    let reason = |result: Result<Profile, ProfileError>| result.expect_err("they collide").to_string();
    assert!(reason(second("gpu_id = 64700", "render_minor = 129", "bus = 3")).ends_with("the gpu_id 64700"));
    assert!(reason(second("gpu_id = 1", "render_minor = 128", "bus = 3")).ends_with("the render_minor 128"));
    assert!(reason(second("gpu_id = 1", "render_minor = 129", "bus = 0x2f")).ends_with("0000:2f:00.0"));
    let two = second("gpu_id = 1", "render_minor = 129", "bus = 3").expect("two devices");
    assert_eq!(two.render_minors(), [RenderMinor(128), RenderMinor(129)]);
}

#[test]
fn no_devices_and_too_much_visible_memory_are_refused() {
    let head = &GFX900[..GFX900.find("[[devices]]").unwrap()];
    let error = Profile::parse(&format!("devices = []\n{head}")).expect_err("no device");
    assert_eq!(error.to_string(), "line 1: there must be at least one device");
    let (text, _) = with("visible_bytes = 0x4_0000_0000", "visible_bytes = 0x4_0000_1000");
    let error = Profile::parse(&text).expect_err("more visible than there is").to_string();
    assert!(error.ends_with("visible_bytes of gpu_id 64700 is more than its VRAM"), "{error}");
}

#[test]
fn values_that_only_together_make_no_device_are_refused() {
    let refuse = |from: &str, to: &str| Profile::parse(&with(from, to).0).expect_err(to).to_string();
    let error = refuse("cus_per_array = 16", "cus_per_array = 16\nactive_cus = 65");
    assert!(error.ends_with("active_cus must be 1 to 64, not 65"), "{error}");
    let error =
        refuse("shader_engines = 4\narrays_per_engine = 1", "shader_engines = 5\narrays_per_engine = 3");
    assert!(error.ends_with("more than four shader_engines have at most two arrays_per_engine"), "{error}");
    let block = "{ hw_id = 11, name = \"GC\", version = [9, 0, 0] }";
    let twice = format!("render_minor = 128\nip_blocks = [{block}, {block}]");
    assert!(refuse("render_minor = 128", &twice).ends_with("two ip_blocks are GC (11)"));
    let path = block.replace("GC", "../GC");
    let error = refuse("render_minor = 128", &format!("render_minor = 128\nip_blocks = [{path}]"));
    assert!(error.ends_with("`../GC` is not a name of letters and digits"), "{error}");
}

/// What tinygrad asks before it reads a work-group processor's counters: `cu_bitmap[se % 4][sa + se / 4 * 2]`.
#[test]
fn six_shader_engines_fit_the_bitmap_of_four() {
    let profile = Profile::named("gfx1100").expect("it is compiled in");
    let info = profile.devices[0].device_info();
    assert_eq!(info.cu_bitmap, [[0xff; 4], [0xff; 4], [0xff, 0xff, 0, 0], [0xff, 0xff, 0, 0]]);
    assert_eq!(
        (info.cu_active_number, info.num_shader_engines, info.num_shader_arrays_per_engine),
        (96, 6, 2)
    );
}

#[test]
fn compute_units_that_do_not_work_are_spread_over_the_arrays() {
    let profile = Profile::named("gfx942").expect("it is compiled in");
    let compute = &profile.devices[0].compute;
    let per_die: Vec<u32> =
        (0..8).map(|die| (0..4).map(|engine| compute.cu_mask(die * 4 + engine).count_ones()).sum()).collect();
    assert_eq!(per_die, [38; 8]);
    assert_eq!((compute.cus(), compute.cu_places(), compute.arrays()), (304, 320, 32));
    assert_eq!(profile.devices[0].queues.sdma_slots(), 16);
    assert_eq!(profile.devices[0].queues.sdma_xgmi_slots(), 112);
}

#[test]
fn any_number_of_devices_up_to_eight_is_made_of_each_profile_and_no_two_are_one() {
    for name in Profile::names() {
        for gpus in 1..=MAX_GPUS {
            let profile = Profile::named(name).expect(name).with_gpus(gpus).expect("there is room");
            assert_eq!(profile.devices.len(), gpus as usize);
            let minors: Vec<_> = (128..128 + gpus).map(RenderMinor).collect();
            assert_eq!(profile.render_minors(), minors, "{name}");
            let distinct = |of: &dyn Fn(&DeviceProfile) -> String| {
                profile.devices.iter().map(of).collect::<BTreeSet<_>>().len() == gpus as usize
            };
            assert!(distinct(&|device| device.gpu_id.to_string()), "{name}");
            assert!(distinct(&|device| device.pci.address()), "{name}");
            assert!(name == "gfx900" || distinct(&|device| device.unique_id.to_string()), "{name}");
        }
        let one = Profile::named(name).expect(name);
        assert_eq!(one.clone().with_gpus(1), Ok(one.clone()), "one is the profile itself");
        assert_eq!(one.clone().with_gpus(8).expect("eight").with_gpus(1), Ok(one), "the first ones are kept");
    }
}

#[test]
fn no_devices_nine_devices_and_devices_without_a_render_minor_are_refused() {
    let gfx900 = || Profile::named("gfx900").expect("it is compiled in");
    for gpus in [0, 9, u32::MAX] {
        let error = gfx900().with_gpus(gpus).expect_err("too few or too many").to_string();
        assert_eq!(error, format!("a machine has 1 to 8 devices, not {gpus}"));
    }
    let last = Profile::parse(&with("render_minor = 128", "render_minor = 191").0).expect("the last minor");
    let error = last.with_gpus(2).expect_err("there is no minor 192").to_string();
    assert_eq!(error, "render_minor must be 128 to 191, not 192");
}

proptest! {
    #[test]
    fn any_query_is_answered_within_its_room(query: u32, return_size: u32, args: [u32; 4]) {
        for query in [query, query % 0x20] {
            if let Ok(answer) = ask(query, return_size, args) {
                prop_assert!(answer.len() <= return_size as usize && !answer.is_empty());
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", cut in 0usize..GFX900.len()) {
        prop_assert!(Profile::parse(&text).is_err());
        if GFX900.is_char_boundary(cut) {
            drop(Profile::parse(&GFX900[..cut]));
            drop(Profile::parse(&format!("{}{text}{}", &GFX900[..cut], &GFX900[cut..])));
        }
    }
}

// Keeps: interface-kept, interface-chosen
#[test]
fn an_older_interface_shows_what_its_kernel_showed() {
    let newest = Profile::named("gfx1100").expect("it is compiled in");
    let lines = |minor: u32| {
        let profile = newest.clone().with_interface(minor).expect("an interface");
        let tree = kfd_core::topology::tree(&profile);
        let text = tree.text("sys/devices/virtual/kfd/kfd/topology/nodes/1/properties").expect("a node");
        text.lines().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let (now, before) = (lines(18), lines(11));
    let gone: Vec<_> = now.difference(&before).map(String::as_str).collect();
    let other: Vec<_> = before.difference(&now).map(String::as_str).collect();
    assert_eq!(gone, ["capability 671588992", "debug_prop 1495", "num_xcc 1"]);
    assert_eq!(other, ["capability 134226560"], "no debugging (bits 15 to 18, 29 and 30)");
    assert_eq!(lines(13), now);
    let without = lines(4);
    assert!(without.contains("capability 8832"), "no shared virtual memory (bit 27): {without:?}");
    for minor in [0, 20] {
        let error = newest.clone().with_interface(minor).expect_err("it is not served").to_string();
        assert_eq!(error, format!("an interface is 1.1 to 1.19, not 1.{minor}"));
    }
}

// Keeps: product-names
#[test]
fn a_product_is_another_name_of_its_profile() {
    for (product, name) in [
        ("mi25", "gfx900"),
        ("vega-frontier", "gfx900"),
        ("mi300x", "gfx942"),
        ("MI300X", "gfx942"),
        ("rx7900xtx", "gfx1100"),
        ("GFX1100", "gfx1100"),
    ] {
        assert_eq!(Profile::named(product).expect(product).name, name);
    }
    // Each name means one profile.
    let mut all: Vec<_> = Profile::names().map(str::to_owned).collect();
    for name in Profile::names() {
        let profile = Profile::named(name).expect(name);
        assert!(Profile::choices().contains(&profile.called()), "{}", Profile::choices());
        all.extend(profile.aliases);
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
}

// Keeps: device-files
#[test]
fn a_board_is_one_that_files_can_tell_of() {
    let text = include_str!("../profiles/gfx1100.toml");
    for (from, to, why) in [
        ("power_cap_watts = 327", "power_cap_watts = 0", "power_cap_watts must be 1 to 10000, not 0"),
        ("fan_rpm = 3300", "fan_rpm = 3000000", "fan_rpm must be 0 to 100000, not 3000000"),
        ("class = 0x03_00_00", "class = 0x1_000000", "a PCI class must be 0 to 16777215, not 16777216"),
        ("\"113-D7020100-102\"", "\"a\\nb\"", "this must be one line of fewer than 128 bytes"),
        ("\"rx7900xtx\"", "\"rx/7900\"", "`rx/7900` is not a name of small letters, digits and `-`"),
    ] {
        assert!(text.contains(from), "{from}");
        let refused = Profile::parse(&text.replace(from, to)).expect_err(to).to_string();
        assert!(refused.contains(why), "{refused}");
    }
    // A profile of somebody's own that says nothing of its board is shown all the same.
    let start = text.find("[devices.board]").expect("it is there");
    let end = start + text[start..].find("[devices.vram]").expect("it is there");
    let profile = Profile::parse(&format!("{}{}", &text[..start], &text[end..])).expect("a profile");
    assert_eq!((profile.devices[0].board.class, profile.devices[0].board.fan_rpm), (0x03_80_00, 0));
}
