//! What sysfs shows: files and links of a device, figures, and processes that come and go.

use crate::script::Seen;
use crate::served;
use crate::sys::Map;
use kfd_core::profile::Profile;
use kfd_core::topology::{DEVICES, Tree, tree};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// What the tests' door shows of devices: those of a Vega 10.
pub fn devices() -> Tree {
    let profile = Profile::named("gfx900").unwrap();
    tree(&profile).subtree(&Path::new("sys").join(DEVICES))
}

const DEVICE: &str = "amdgpu/0000:2f:00.0";

// Keeps: sysfs-read-only
#[test]
fn a_devices_directory_has_what_the_topology_says() {
    let served = served_or_skip!();
    let device = served.dir.path().join(DEVICE);
    assert_eq!(fs::read_to_string(device.join("vendor")).unwrap(), "0x1002\n");
    assert_eq!(fs::read(device.join("config")).unwrap().len(), 256);
    assert_eq!(fs::read_link(device.join("drm/card0/device")).unwrap(), Path::new("../../../0000:2f:00.0"));
    let through_the_link = fs::read_to_string(device.join("drm/card0/device/uevent")).unwrap();
    assert!(through_the_link.contains("PCI_SLOT_NAME=0000:2f:00.0\n"), "{through_the_link}");
    let mut names: Vec<_> = fs::read_dir(device.join("drm"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["card0", "renderD128"]);
    let vendor = fs::metadata(device.join("vendor")).unwrap();
    assert_eq!((vendor.len(), vendor.mode() & 0o7777), (4096, 0o444), "as sysfs has it");
    assert!(fs::metadata(device.join("no")).is_err());
    let refused = OpenOptions::new().write(true).open(device.join("pp_dpm_sclk")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "also to root");
    assert!(File::create(device.join("new")).is_err());
}

// Keeps: sysfs-one-reading
#[test]
fn a_figure_is_asked_for_when_a_file_is_read_from_its_start() {
    let served = served_or_skip!();
    let path = served.dir.path().join(DEVICE).join("mem_info_vram_used");
    served.script.show_figures([99, 100, 7, 8]);
    let mut file = File::open(&path).unwrap();
    let mut text = String::new();
    // By single bytes: each comes from the same reading.
    loop {
        let mut byte = [0];
        if file.read(&mut byte).unwrap() == 0 {
            break;
        }
        text.push(byte[0].into());
    }
    assert_eq!(text, "99\n", "although it is longer by now");
    file.seek(SeekFrom::Start(0)).unwrap();
    text.clear();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "100\n");
    let mut two = [0; 2];
    assert_eq!((file.read_at(&mut two, 0).unwrap(), &two), (2, b"7\n"));
    let census = served.door.census();
    assert_eq!(census.files, 1);
    drop(file);
    served.wait_until("the reading is given back", |served| served.door.census().files == 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "8\n");
}

// Keeps: sysfs-bounded
#[test]
fn one_user_has_a_bounded_number_of_readings_open() {
    let served = served_or_skip!();
    let path = served.dir.path().join(DEVICE).join("gpu_busy_percent");
    let mut open = Vec::new();
    let refused = loop {
        match File::open(&path) {
            Ok(file) => open.push(file),
            Err(error) => break error,
        }
        assert!(open.len() <= 4096, "there is no bound");
    };
    if refused.raw_os_error() == Some(libc::EMFILE) {
        println!(
            "skipped: one_user_has_a_bounded_number_of_readings_open: this process may open fewer files"
        );
        return;
    }
    assert_eq!((refused.raw_os_error(), open.len()), (Some(libc::ENFILE), 4096));
    assert!(File::open(served.dir.path().join(DEVICE).join("vendor")).is_ok(), "what is constant needs none");
    drop(open);
    served.wait_until("they are given back", |served| served.door.census().files == 0);
    assert!(File::open(&path).is_ok());
}

// Keeps: kfd-proc
#[test]
fn a_process_is_in_proc_for_as_long_as_the_driver_lists_it() {
    let served = served_or_skip!();
    let proc = served.dir.path().join("amdgpu/proc");
    assert_eq!(fs::read_dir(&proc).unwrap().count(), 0);
    assert!(fs::metadata(proc.join("4242")).is_err());
    served.script.list_process(Some(4242));
    let names: Vec<_> = fs::read_dir(&proc).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["4242"]);
    let text = |file: &str| fs::read_to_string(proc.join("4242").join(file)).unwrap();
    assert_eq!((text("pasid"), text("vram_64700")), ("32769\n".to_owned(), "4096\n".to_owned()));
    assert_eq!((text("sdma_64700"), text("stats_64700/evicted_ms")), ("11\n".to_owned(), "12\n".to_owned()));
    assert_eq!(text("stats_64700/cu_occupancy"), "0\n");
    assert_eq!((text("queues/3/gpuid"), text("queues/3/size")), ("64700\n".to_owned(), "8192\n".to_owned()));
    assert_eq!(text("queues/3/type"), "1\n");
    for absent in ["4243", "04242", "4242/vram_1", "4242/queues/4", "4242/no"] {
        assert!(fs::metadata(proc.join(absent)).is_err(), "{absent}");
    }
    let open = File::open(proc.join("4242/pasid")).unwrap();
    served.script.list_process(None);
    assert_eq!(fs::read_dir(&proc).unwrap().count(), 0);
    assert!(fs::metadata(proc.join("4242/pasid")).is_err());
    let mut text = String::new();
    (&open).read_to_string(&mut text).unwrap();
    assert_eq!(text, "", "it is gone");
    assert!(served.drain().iter().all(|seen| !matches!(seen, Seen::Opened(..))), "readers are no clients");
}

// Keeps: primary-node
#[test]
fn a_primary_node_takes_calls_and_maps_nothing() {
    let served = served_or_skip!();
    let mut file =
        OpenOptions::new().read(true).write(true).open(served.dir.path().join("dri/card0")).unwrap();
    served.expect("an open", |seen| matches!(seen, Seen::Opened(..)).then_some(()));
    let mut byte = [0];
    assert_eq!(file.read(&mut byte).unwrap(), 0, "no events");
    assert_eq!(Map::new(file.as_fd(), 0, 4096).err(), Some(libc::ENODEV), "its pages would be nobody's");
}

// Keeps: fdinfo-client
#[test]
fn each_open_of_a_render_node_has_an_inode_whose_fdinfo_is_its_own() {
    let served = served_or_skip!();
    let inode = |file: &File| file.metadata().unwrap().ino();
    let path = |inode: u64| served.dir.path().join(format!("amdgpu/fdinfo/{inode}"));
    let node =
        |name: &str| OpenOptions::new().read(true).write(true).open(served.dir.path().join(name)).unwrap();
    let (kfd, first, second) = (node("kfd"), node("dri/renderD128"), node("dri/renderD128"));
    assert_ne!(inode(&first), inode(&second));
    assert_eq!(inode(&kfd), inode(&node("kfd")), "a process has its doorbells in one");
    let told = |file: &File| fs::read_to_string(path(inode(file)));
    assert_ne!(told(&first).unwrap(), told(&second).unwrap());
    assert!(told(&first).unwrap().starts_with("drm-client-id:\t"));
    assert!(told(&kfd).is_err(), "it is no node of DRM");
    // Both show the process's arena.
    let map = |file: &File| Map::new(file.as_fd(), 0, 4096).unwrap();
    let (here, there) = (map(&first), map(&second));
    here.store(0, 0x1234_5678);
    assert_eq!(there.load(0), 0x1234_5678);
    let mode = fs::metadata(path(inode(&first))).unwrap();
    assert_eq!((mode.mode() & 0o777, mode.uid()), (0o400, 0), "its opener's to read");
    assert_eq!(fs::read_dir(served.dir.path().join("amdgpu/fdinfo")).unwrap().count(), 0, "none is listed");
    drop((here, there));
    let closed = inode(&second);
    drop(second);
    served.wait_until("it is closed", |_| fs::metadata(path(closed)).is_err());
    assert!(told(&first).is_ok());
    assert_eq!(inode(&node("dri/renderD128")), closed, "a node that is not open is opened again");
}
