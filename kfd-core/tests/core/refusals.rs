//! What is refused, and with what.

use crate::world::{World, gpu, older};
use kfd_core::abi::{drm, ioc, kfd as abi, table};
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome};
use kfd_core::limits::Limits;
use kfd_core::listing::QueueState;
use zerocopy::{FromBytes, IntoBytes};

// Keeps: unknown-call
#[test]
fn unknown_numbers_are_enotty_and_touch_nothing() {
    let world = World::new();
    let mut client = world.client(1);
    for number in [0x00, 0x28, 0x40, 0x7f, 0x82, 0xff] {
        let cmd = ioc::iowr(abi::MAGIC, number, 16);
        let caller = client.caller(Node::Kfd);
        let arg = Arg::new(&[0xaa; 16]).unwrap();
        let Outcome::Refused(refused) = world.core.call(&caller, cmd, arg, Gathered::default()) else {
            panic!("{number:#x} was served")
        };
        assert_eq!(refused.errno, Errno::NOTTY, "{number:#x}");
        assert_eq!(refused.arg.bytes(), [0xaa; 16]);
    }
    world.end();
}

// Keeps: interface-kept, DBG_REGISTER, DBG_UNREGISTER, DBG_ADDRESS_WATCH, DBG_WAVE_CONTROL
// Keeps: CREATE_PROCESS
#[test]
fn calls_of_a_newer_interface_are_enotty_and_absent_features_have_their_errno() {
    for minor in [1, 8, 11, 12, 18] {
        let world = World::of(older(minor), Limits::default());
        let mut client = world.client(1);
        for row in table::KFD {
            if row.since > minor || row.refused.is_some() {
                let (_, outcome) = client.raw(row.number(), &vec![0; row.size()], vec![]);
                let Outcome::Refused(refused) = outcome else { panic!("{} was served", row.name) };
                let expected = if row.since > minor { libc::ENOTTY } else { row.refused.unwrap() };
                assert_eq!(refused.errno.0, expected, "{} of 1.{minor}", row.name);
            }
        }
        world.end();
    }
}

// Keeps: CREATE_PROCESS
#[test]
fn an_address_space_has_one_process_object() {
    let mut profile = gpu().2;
    profile.interface_minor = 19;
    let world = World::of(profile, Limits::default());
    let mut client = world.client(1);
    assert!(
        matches!(client.raw(0x27, &[], vec![]).1, Outcome::Refused(refused) if refused.errno == Errno::NOTTY)
    );
    assert_eq!(world.core.totals().published, 1);
    world.end();
}

// Keeps: SET_MEMORY_POLICY, SET_SCRATCH_BACKING_VA, SET_TRAP_HANDLER, ACQUIRE_VM, AVAILABLE_MEMORY
#[test]
fn a_device_that_is_not_bound_serves_nothing() {
    let world = World::new();
    let mut client = world.stranger(1, 1000);
    let (gpu_id, minor, _) = gpu();
    assert_eq!(
        client.no(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id }),
        libc::EINVAL,
        "no render node open"
    );
    let mut queue = abi::CreateQueue { queue_type: 2, gpu_id, ..Default::default() };
    assert_eq!(client.no(0x02, &mut queue), libc::ESRCH);
    assert_eq!(client.no(0x04, &mut abi::SetMemoryPolicy { gpu_id, ..Default::default() }), libc::ESRCH);
    assert_eq!(client.no(0x13, &mut abi::SetTrapHandler { gpu_id, ..Default::default() }), libc::ESRCH);
    assert_eq!(client.no(0x11, &mut abi::SetScratchBackingVa { gpu_id, ..Default::default() }), libc::ENODEV);
    let mut alloc = abi::AllocMemoryOfGpu { size: 4096, gpu_id, flags: 2, ..Default::default() };
    assert_eq!(client.no(0x16, &mut alloc), libc::ENODEV);
    let mut room = abi::GetAvailableMemory { gpu_id, ..Default::default() };
    assert_eq!(client.no(0x23, &mut room), libc::ENODEV);
    room.gpu_id += 1;
    assert_eq!(client.no(0x23, &mut room), libc::EINVAL, "no such device");
    client.open(Node::Render(minor));
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id });
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id });
    client.ok(0x16, &mut alloc);
    world.end();
}

// Keeps: CREATE_QUEUE
#[test]
fn queues_are_refused_as_set_queue_properties_from_user_does() {
    let world = World::of(older(16), Limits::default());
    let mut client = world.client(1);
    let (gpu_id, _, _) = gpu();
    let good = abi::CreateQueue {
        ring_base_address: 0x10000,
        ring_size: 4096,
        queue_type: 2,
        queue_percentage: 100,
        gpu_id,
        ..Default::default()
    };
    let cases = [
        (abi::CreateQueue { queue_percentage: 101, ..good }, libc::EINVAL),
        (abi::CreateQueue { queue_priority: 16, ..good }, libc::EINVAL),
        (abi::CreateQueue { ring_size: 4095, ..good }, libc::EINVAL),
        (abi::CreateQueue { ring_base_address: u64::MAX, ..good }, libc::EFAULT),
        (abi::CreateQueue { read_pointer_address: 1 << 63, ..good }, libc::EFAULT),
        (abi::CreateQueue { write_pointer_address: 1 << 63, ..good }, libc::EFAULT),
        (abi::CreateQueue { eop_buffer_address: 1 << 63, ..good }, libc::EFAULT),
        (abi::CreateQueue { ctx_save_restore_address: 1 << 63, ..good }, libc::EFAULT),
        (abi::CreateQueue { queue_type: 4, ..good }, libc::EINVAL),
        (abi::CreateQueue { queue_type: 9, ..good }, libc::EINVAL),
        (abi::CreateQueue { gpu_id: 1, ..good }, libc::EINVAL),
        (abi::CreateQueue { ring_base_address: 0x10001, ..good }, libc::EINVAL),
    ];
    for (mut case, errno) in cases {
        assert_eq!(client.no(0x02, &mut case), errno, "{case:?}");
    }
    assert!(world.core.totals().holds.queues == 0 && world.core.totals().holds.doorbells == 0);
    assert_eq!(client.destroy(0), Err(Errno::INVAL));
    assert_eq!(client.no(0x07, &mut abi::UpdateQueue::default()), libc::EFAULT, "amdkfd's answer");
    client.ok(0x02, &mut abi::CreateQueue { ring_base_address: 0, ring_size: 0, ..good });
    assert_eq!(world.core.queues()[0].state, QueueState::Disabled, "a queue without a ring is one");
    let mask = |n: u32| abi::SetCuMask { queue_id: 0, num_cu_mask: n, cu_mask_ptr: 8 };
    assert_eq!(client.no(0x1a, &mut mask(0)), libc::EINVAL);
    assert_eq!(client.no(0x1a, &mut mask(33)), libc::EINVAL);
    assert_eq!(client.no(0x1a, &mut mask(64)), libc::EFAULT, "nothing was gathered");
    assert_eq!(client.ioctl(0x1a, &mut mask(64), vec![vec![0xff; 8]]), Ok(vec![]));
    world.end();
}

// Keeps: GET_VERSION, GET_CLOCK_COUNTERS, GET_PROCESS_APERTURES, GET_TILE_CONFIG
// Keeps: GET_PROCESS_APERTURES_NEW
#[test]
fn what_only_tells_tells_the_profile() {
    let world = World::new();
    let mut client = world.client(1);
    let (gpu_id, _, profile) = gpu();
    let mut version = abi::GetVersion::default();
    client.ok(0x01, &mut version);
    assert_eq!((version.major_version, version.minor_version), (1, profile.interface_minor));
    let mut old = abi::GetProcessApertures::default();
    client.ok(0x06, &mut old);
    assert_eq!((old.num_of_nodes, old.process_apertures[0].gpu_id), (1, gpu_id));
    let mut new =
        abi::GetProcessAperturesNew { kfd_process_device_apertures_ptr: 0x5000, ..Default::default() };
    assert!(client.ok(0x14, &mut new).is_empty());
    assert_eq!(new.num_of_nodes, 1);
    new.num_of_nodes = 5;
    let writes = client.ok(0x14, &mut new);
    assert_eq!(new.num_of_nodes, 1);
    let told = abi::DeviceApertures::read_from_bytes(&writes[0].bytes[..]).unwrap();
    assert_eq!(told, old.process_apertures[0]);
    assert!(told.gpuvm_base < told.gpuvm_limit && told.lds_base < told.lds_limit);
    let mut clocks = abi::GetClockCounters { gpu_id, ..Default::default() };
    client.ok(0x05, &mut clocks);
    let first = clocks.gpu_clock_counter;
    world.clock.by(1_000_000);
    client.ok(0x05, &mut clocks);
    assert_eq!(clocks.gpu_clock_counter - first, u64::from(profile.devices[0].compute.counter_khz));
    assert_eq!(clocks.system_clock_freq, 1_000_000_000);
    let mut xnack = abi::SetXnackMode { xnack_enabled: -1 };
    client.ok(0x21, &mut xnack);
    assert_eq!(xnack.xnack_enabled, 0);
    xnack.xnack_enabled = 1;
    assert_eq!(client.no(0x21, &mut xnack), libc::EPERM);
    let mut tiles = abi::GetTileConfig {
        tile_config_ptr: 0x1000,
        macro_tile_config_ptr: 0x2000,
        num_tile_configs: 99,
        num_macro_tile_configs: 2,
        gpu_id,
        ..Default::default()
    };
    let writes = client.ok(0x12, &mut tiles);
    assert_eq!((tiles.num_tile_configs, tiles.num_macro_tile_configs), (32, 2));
    assert_eq!(writes.iter().map(|w| w.bytes.len()).collect::<Vec<_>>(), [128, 8]);
    world.end();
}

#[test]
fn short_structs_are_filled_with_zeros_and_longer_ones_cut() {
    let world = World::new();
    let mut client = world.client(1);
    let caller = client.caller(Node::Kfd);
    let short = ioc::ior(abi::MAGIC, 0x01, 4);
    let outcome = world.core.call(&caller, short, Arg::new(&[0; 4]).unwrap(), Gathered::default());
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let caller = client.caller(Node::Kfd);
    let long = ioc::iowr(abi::MAGIC, 0x05, 64);
    let outcome = world.core.call(&caller, long, Arg::new(&[0; 64]).unwrap(), Gathered::default());
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    world.end();
}

fn drm_call(world: &World, number: u8, bytes: &[u8]) -> Outcome {
    let mut client = world.client(7);
    let (_, minor, _) = gpu();
    let caller = client.caller(Node::Render(minor));
    let cmd = table::DRM
        .iter()
        .find(|row| row.number() == number)
        .map_or(ioc::iowr(b'd', number, 16), |row| row.cmd);
    let outcome = world.core.call(&caller, cmd, Arg::new(bytes).unwrap(), Gathered::default());
    world.kill(client.process);
    world.core.barrier();
    outcome
}

// Keeps: unknown-call, VERSION, GET_MAGIC, GET_CLIENT, GET_CAP, AMDGPU_INFO
#[test]
fn the_render_node_answers_what_libdrm_asks() {
    let world = World::new();
    let version = drm::Version { name_len: 3, name: 0x1000, ..Default::default() };
    let Outcome::Done(done) = drm_call(&world, 0x00, version.as_bytes()) else { panic!() };
    let told = drm::Version::read_from_prefix(done.arg.bytes()).unwrap().0;
    assert_eq!((told.version_major, told.name_len), (3, 6));
    assert_eq!(done.writes[0].bytes, b"amd", "as much as there is room for");

    let Outcome::Done(done) = drm_call(&world, 0x05, drm::Client::default().as_bytes()) else { panic!() };
    let told = drm::Client::read_from_prefix(done.arg.bytes()).unwrap().0;
    assert_eq!((told.auth, told.pid, told.uid), (1, 7, 1000));

    let info = |query, size: u32, args: [u32; 4]| drm::Info {
        return_pointer: 0x2000,
        return_size: size,
        query,
        args,
    };
    let ask = |info: drm::Info| match drm_call(&world, 0x45, info.as_bytes()) {
        Outcome::Done(done) => Ok(done.writes[0].bytes.clone()),
        Outcome::Refused(refused) => Err(refused.errno),
        Outcome::Parked => panic!(),
    };
    assert_eq!(ask(info(drm::INFO_ACCEL_WORKING, 4, [0; 4])), Ok(vec![1, 0, 0, 0]));
    assert_eq!(ask(info(drm::INFO_DEV_INFO, 368, [0; 4])).unwrap().len(), 368);
    assert_eq!(ask(info(drm::INFO_READ_MMR_REG, 4, [0x263e, 1, u32::MAX, 0])).unwrap().len(), 4);
    assert_eq!(ask(info(drm::INFO_READ_MMR_REG, 4, [0x1, 1, u32::MAX, 0])), Err(Errno::FAULT));
    assert_eq!(ask(info(0x7777, 4, [0; 4])), Err(Errno::INVAL));
    assert_eq!(ask(info(drm::INFO_ACCEL_WORKING, 0, [0; 4])), Err(Errno::INVAL));

    let other = drm::Client { idx: 1, ..Default::default() };
    let Outcome::Refused(refused) = drm_call(&world, 0x05, other.as_bytes()) else { panic!() };
    assert_eq!(refused.errno, Errno::INVAL, "another client");
    let cap = |capability| drm_call(&world, 0x0c, drm::GetCap { capability, value: 9 }.as_bytes());
    for (capability, value) in [(drm::CAP_TIMESTAMP_MONOTONIC, 1), (drm::CAP_SYNCOBJ, 0)] {
        let Outcome::Done(done) = cap(capability) else { panic!("{capability}") };
        assert_eq!(drm::GetCap::read_from_prefix(done.arg.bytes()).unwrap().0.value, value);
    }
    assert!(matches!(cap(0x7777), Outcome::Refused(refused) if refused.errno == Errno::INVAL));
    let Outcome::Refused(refused) = drm_call(&world, 0x02, &[0; 4]) else { panic!() };
    assert_eq!(refused.errno, Errno::ACCES);
    let Outcome::Refused(refused) = drm_call(&world, 0x3f, &[0; 16]) else { panic!() };
    assert_eq!(refused.errno, Errno::INVAL, "drm_ioctl's answer to a number it does not know");
    world.end();
}
