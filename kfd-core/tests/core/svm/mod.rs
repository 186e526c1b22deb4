//! Shared virtual memory: attributes and their intersection, refusals, what devices reach, where it lies, what it costs.

mod copies;

use crate::smi::deliver;
use crate::world::{Client, World, gpu, older};
use kfd_core::abi::ioc;
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome};
use kfd_core::ids::{GpuId, RenderMinor, UserVa};
use kfd_core::limits::Limits;
use kfd_core::notice::{LACKS_MAX, Lack, Missing, Notice, UserAccess, UserAnswer};
use kfd_core::profile::Profile;
use zerocopy::{FromBytes, IntoBytes};

const VA: u64 = 0x7f10_0000_0000;
const SECOND: u32 = 77;
const PAGE: u64 = 4096;

const UNDEFINED: u32 = abi::SVM_LOCATION_UNDEFINED;
const PREFERRED: u32 = abi::SVM_ATTR_PREFERRED_LOC;
const PREFETCH: u32 = abi::SVM_ATTR_PREFETCH_LOC;
const ACCESS: u32 = abi::SVM_ATTR_ACCESS;
const IN_PLACE: u32 = abi::SVM_ATTR_ACCESS_IN_PLACE;
const NO_ACCESS: u32 = abi::SVM_ATTR_NO_ACCESS;
const SET: u32 = abi::SVM_ATTR_SET_FLAGS;
const CLEAR: u32 = abi::SVM_ATTR_CLR_FLAGS;
const GRANULARITY: u32 = abi::SVM_ATTR_GRANULARITY;

type Attribute = (u32, u32);

/// A device of that profile under the id that [`Client`] speaks to.
fn device(name: &str) -> Profile {
    let mut profile = Profile::named(name).expect("compiled in");
    profile.devices[0].gpu_id.0 = gpu().0;
    profile
}

/// Two devices that are not of one hive.
fn two() -> Profile {
    let mut profile = gpu().2;
    let mut second = profile.devices[0].clone();
    (second.gpu_id, second.render_minor) = (GpuId(SECOND), RenderMinor(190));
    second.pci.bus += 1;
    profile.devices.push(second);
    profile
}

fn bind_second(client: &mut Client<'_>) {
    client.open(Node::Render(RenderMinor(190)));
    client.ok(0x15, &mut abi::AcquireVm { drm_fd: 3, gpu_id: SECOND });
}

fn call(
    client: &mut Client<'_>,
    op: u32,
    (start_addr, size): (u64, u64),
    attributes: &[Attribute],
    mapped: Option<bool>,
) -> Result<Vec<Attribute>, Errno> {
    let nattr = attributes.len() as u32;
    let mut bytes = abi::Svm { start_addr, size, op, nattr }.as_bytes().to_vec();
    for (kind, value) in attributes {
        bytes.extend_from_slice(abi::SvmAttribute { kind: *kind, value: *value }.as_bytes());
    }
    let hole = Lack { va: UserVa(start_addr), bytes: PAGE, what: Missing::Memory };
    let lacks = mapped.map(|mapped| if mapped { vec![] } else { vec![hole] });
    let gathered = Gathered { lacks, ..Gathered::default() };
    let caller = client.caller(Node::Kfd);
    let cmd = ioc::iowr(abi::MAGIC, 0x20, bytes.len());
    match client.core().call(&caller, cmd, Arg::new(&bytes).expect("it fits"), gathered) {
        Outcome::Done(done) => Ok(done.arg.bytes()[size_of::<abi::Svm>()..]
            .chunks(8)
            .map(|bytes| abi::SvmAttribute::read_from_bytes(bytes).unwrap())
            .map(|attribute| (attribute.kind, attribute.value))
            .collect()),
        Outcome::Refused(refused) => Err(refused.errno),
        Outcome::Parked => panic!("an SVM call never waits"),
    }
}

fn set(client: &mut Client<'_>, range: (u64, u64), attributes: &[Attribute]) -> Result<(), Errno> {
    call(client, abi::SVM_OP_SET_ATTR, range, attributes, Some(true)).map(drop)
}

/// Registers memory of the client's, as a runtime does that wants nothing of it.
pub fn register(client: &mut Client<'_>, range: (u64, u64)) {
    set(client, range, &[(GRANULARITY, 9)]).expect("memory");
}

fn get(client: &mut Client<'_>, range: (u64, u64), attributes: &[Attribute]) -> Vec<Attribute> {
    call(client, abi::SVM_OP_GET_ATTR, range, attributes, Some(true)).expect("it may be asked")
}

fn access_of(client: &mut Client<'_>, range: (u64, u64), gpu: u32) -> u32 {
    get(client, range, &[(ACCESS, gpu)])[0].0
}

/// A door finds a hole.
fn unmapped(client: &Client<'_>, va: u64, bytes: u64) {
    let hole = Lack { va: UserVa(va), bytes, what: Missing::Memory };
    client.core().surveyed(client.process, (UserVa(va), bytes), &[hole]);
}

fn retry(client: &mut Client<'_>, on: bool) {
    client.ok(0x21, &mut abi::SetXnackMode { xnack_enabled: on.into() });
}

// Keeps: svm-defaults
#[test]
fn memory_that_nothing_was_said_of_has_the_kernels_defaults() {
    for (on, access) in [(false, NO_ACCESS), (true, ACCESS)] {
        let world = World::of(device("gfx942"), Limits::default());
        let mut client = world.client(1);
        retry(&mut client, on);
        let asked =
            [(PREFETCH, 0), (PREFERRED, 0), (SET, 0), (CLEAR, 0), (GRANULARITY, 0), (ACCESS, gpu().0)];
        assert_eq!(
            get(&mut client, (VA, PAGE), &asked),
            [
                (PREFETCH, UNDEFINED),
                (PREFERRED, UNDEFINED),
                (SET, 3),
                (CLEAR, !3),
                (GRANULARITY, 9),
                (access, gpu().0)
            ]
        );
        assert_eq!(world.core.totals().holds.svm_ranges, 0, "asking registers nothing");
        set(&mut client, (VA, PAGE), &[(GRANULARITY, 0xff)]).unwrap();
        assert_eq!(
            get(&mut client, (VA, PAGE), &[(GRANULARITY, 0)]),
            [(GRANULARITY, 0x3f)],
            "cut to 2^63 pages"
        );
        world.end();
    }
}

// Keeps: interface-kept
#[test]
fn an_interface_before_1_15_keeps_a_byte_of_the_granularity() {
    let world = World::of(older(14), Limits::default());
    let mut client = world.client(1);
    set(&mut client, (VA, PAGE), &[(GRANULARITY, 0x1ff)]).unwrap();
    assert_eq!(get(&mut client, (VA, PAGE), &[(GRANULARITY, 0)]), [(GRANULARITY, 0xff)]);
    world.end();
}

// Keeps: svm-told, SVM
#[test]
fn what_is_set_is_told_and_of_several_ranges_the_intersection() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    bind_second(&mut client);
    let (one, two) = (gpu().0, SECOND);
    let (left, right, both) = ((VA, 4 * PAGE), (VA + 4 * PAGE, 4 * PAGE), (VA, 8 * PAGE));
    let said =
        [(PREFERRED, one), (SET, 0x10), (CLEAR, 2), (GRANULARITY, 0xff), (ACCESS, one), (IN_PLACE, two)];
    set(&mut client, left, &said).unwrap();
    let asked = [(PREFERRED, 0), (SET, 0), (CLEAR, 0), (GRANULARITY, 0), (ACCESS, one), (ACCESS, two)];
    let told = get(&mut client, left, &asked);
    assert_eq!(
        told,
        [(PREFERRED, one), (SET, 0x11), (CLEAR, !0x11), (GRANULARITY, 0x3f), (ACCESS, one), (IN_PLACE, two)]
    );
    assert_eq!(
        get(&mut client, both, &asked),
        told,
        "memory that nothing was said of does not count beside other"
    );
    set(
        &mut client,
        right,
        &[(PREFERRED, two), (SET, 0x20), (GRANULARITY, 4), (IN_PLACE, one), (IN_PLACE, two)],
    )
    .unwrap();
    assert_eq!(
        get(&mut client, both, &asked),
        [
            (PREFERRED, UNDEFINED),
            (SET, 1),
            (CLEAR, !(0x11 | 0x23)),
            (GRANULARITY, 4),
            (NO_ACCESS, one),
            (IN_PLACE, two)
        ],
        "access of one kind here and of another there is none"
    );
    set(&mut client, both, &[(PREFERRED, 0), (NO_ACCESS, two)]).unwrap();
    assert_eq!(get(&mut client, both, &asked)[..1], [(PREFERRED, 0)]);
    assert_eq!(access_of(&mut client, both, two), NO_ACCESS);
    world.end();
}

// Keeps: svm-ranges
#[test]
fn a_range_is_split_by_what_is_said_of_its_middle_and_joined_when_it_is_the_same_again() {
    let world = World::new();
    let mut client = world.client(1);
    let gpu = gpu().0;
    set(&mut client, (VA, 16 * PAGE), &[(ACCESS, gpu)]).unwrap();
    assert_eq!(world.core.totals().holds.svm_ranges, 1);
    set(&mut client, (VA + 4 * PAGE, 2 * PAGE), &[(GRANULARITY, 3)]).unwrap();
    assert_eq!(world.core.totals().holds.svm_ranges, 3);
    for (at, pages, expected) in [(0, 4, 9), (4, 2, 3), (6, 10, 9), (0, 16, 3), (5, 4, 3)] {
        let range = (VA + at * PAGE, pages * PAGE);
        assert_eq!(get(&mut client, range, &[(GRANULARITY, 0)]), [(GRANULARITY, expected)], "{at}+{pages}");
    }
    set(&mut client, (VA + PAGE, 9 * PAGE), &[(GRANULARITY, 9)]).unwrap();
    assert_eq!(world.core.totals().holds.svm_ranges, 1);
    set(&mut client, (VA - 2 * PAGE, PAGE), &[(ACCESS, gpu)]).unwrap();
    set(&mut client, (VA - 4 * PAGE, 32 * PAGE), &[(ACCESS, gpu)]).unwrap();
    let holds = world.core.totals().holds;
    assert_eq!((holds.svm_ranges, holds.userptr_bytes), (1, 32 * PAGE), "gaps and all");
    world.end();
}

// Keeps: svm-refusals, SVM
#[test]
fn refusals_are_the_kernels_in_its_order_and_change_nothing() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    let gpu = gpu().0;
    let fine = [(ACCESS, gpu)];
    client.buffer(VA + 64 * PAGE, 4 * PAGE);
    let shared = (VA, 4 * PAGE);
    let refused = |client: &mut Client<'_>, op, range, attributes: &[Attribute], mapped| {
        call(client, op, range, attributes, mapped).expect_err("a refusal").0
    };
    for op in [abi::SVM_OP_SET_ATTR, abi::SVM_OP_GET_ATTR] {
        for (range, errno) in [
            ((VA + 1, PAGE), libc::EINVAL),
            ((VA, PAGE - 1), libc::EINVAL),
            ((0, PAGE), libc::EINVAL),
            ((VA, 0), libc::EINVAL),
            ((1 << 47, PAGE), libc::EFAULT),
            ((VA, 1 << 47), libc::EFAULT),
            ((VA, u64::MAX - 4095), libc::EFAULT),
            ((VA + 66 * PAGE, PAGE), libc::EADDRINUSE),
            ((VA + 60 * PAGE, 5 * PAGE), libc::EADDRINUSE),
        ] {
            assert_eq!(refused(&mut client, op, range, &fine, None), errno, "{op} {range:x?}");
        }
        assert_eq!(
            refused(&mut client, op, shared, &fine, Some(false)),
            libc::EFAULT,
            "a door found no memory"
        );
    }
    for (attribute, errno) in [
        ((8, 0), libc::EINVAL),
        ((PREFERRED, 1), libc::EINVAL),
        ((PREFETCH, 1), libc::EINVAL),
        ((PREFETCH, UNDEFINED), libc::EINVAL),
        ((ACCESS, 0), libc::EINVAL),
        ((IN_PLACE, 1), libc::EINVAL),
        ((NO_ACCESS, UNDEFINED), libc::EINVAL),
        ((ACCESS, SECOND), libc::EINVAL),
    ] {
        let set = refused(&mut client, abi::SVM_OP_SET_ATTR, shared, &[(GRANULARITY, 1), attribute], None);
        assert_eq!(set, errno, "{attribute:x?}; the last: a device that is not bound");
    }
    assert_eq!(
        refused(&mut client, abi::SVM_OP_SET_ATTR, shared, &[(8, 0)], Some(false)),
        libc::EINVAL,
        "attributes are judged before the range"
    );
    for kind in [IN_PLACE, NO_ACCESS, 8] {
        assert_eq!(refused(&mut client, abi::SVM_OP_GET_ATTR, shared, &[(kind, gpu)], None), libc::EINVAL);
        assert_eq!(
            refused(&mut client, abi::SVM_OP_GET_ATTR, shared, &[(kind, gpu)], Some(false)),
            libc::EFAULT,
            "and here after it"
        );
    }
    assert_eq!(refused(&mut client, abi::SVM_OP_GET_ATTR, shared, &[(ACCESS, 1)], None), libc::EINVAL);
    let short = abi::Svm { start_addr: VA, size: PAGE, op: 0, nattr: 1 };
    let (_, outcome) = client.raw(0x20, short.as_bytes(), vec![]);
    let Outcome::Refused(refused) = outcome else { panic!("one attribute was said to follow") };
    assert_eq!(refused.errno, Errno::INVAL);
    let holds = world.core.totals().holds;
    assert_eq!((holds.svm_ranges, holds.userptr_bytes), (0, 0));
    world.end();
}

// Keeps: svm-unknown-operation
#[test]
fn an_unknown_operation_answers_einvals_number_without_its_sign_as_the_kernel_does() {
    let world = World::new();
    let mut client = world.client(1);
    let odd = abi::Svm { start_addr: VA, size: PAGE, op: 2, nattr: 0 };
    let (_, outcome) = client.raw(0x20, odd.as_bytes(), vec![]);
    let Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
    assert_eq!(done.value, libc::EINVAL);
    world.end();
}

// Keeps: SVM
#[test]
fn a_device_without_shared_virtual_memory_is_no_device_for_it() {
    let mut profile = gpu().2;
    profile.devices[0].compute.capability &= !0x0800_0000;
    let world = World::of(profile, Limits::default());
    let mut client = world.client(1);
    assert_eq!(set(&mut client, (VA, PAGE), &[(ACCESS, gpu().0)]), Err(Errno::INVAL));
    assert_eq!(access_of(&mut client, (VA, PAGE), gpu().0), NO_ACCESS);
    world.end();
}

// Keeps: svm-cost
#[test]
fn ranges_cost_their_number_and_their_bytes_while_faults_are_not_retried() {
    let limits = Limits { userptr_bytes: 1 << 20, ..Limits::default() };
    let world = World::of(device("gfx942"), limits);
    let mut client = world.client(1);
    let gpu = gpu().0;
    assert_eq!(set(&mut client, (VA, 1 << 20), &[(ACCESS, gpu)]), Err(Errno::NOMEM));
    assert!(world.core.totals().holds.svm_ranges == 0 && world.core.totals().holds.userptr_bytes == 0);
    set(&mut client, (VA, 1 << 19), &[(ACCESS, gpu)]).unwrap();
    assert_eq!(world.core.totals().holds.userptr_bytes, 1 << 19);
    retry(&mut client, true);
    assert_eq!(world.core.totals().holds.userptr_bytes, 0);
    set(&mut client, (VA, 1 << 21), &[(GRANULARITY, 1)]).unwrap();
    assert_eq!(
        client.no(0x21, &mut abi::SetXnackMode { xnack_enabled: 0 }),
        libc::ENOMEM,
        "it would cost too much"
    );
    assert_eq!(access_of(&mut client, (VA, PAGE), gpu), ACCESS);
    unmapped(&client, VA + (1 << 19), 1 << 22);
    retry(&mut client, false);
    assert_eq!(world.core.totals().holds.userptr_bytes, 1 << 19);
    assert_eq!(world.core.processes()[0].svm_bytes, 1 << 19);

    let few = World::with(Limits { svm_ranges_per_process: 4096, ..Limits::default() });
    let mut client = few.client(1);
    let mut taken = 0;
    while set(&mut client, (VA + taken * 2 * PAGE, PAGE), &[(ACCESS, gpu)]).is_ok() {
        taken += 1;
    }
    assert!((2000..=4096).contains(&taken), "{taken}");
    assert_eq!(few.core.totals().holds.svm_ranges, taken);
    world.end();
    few.end();
}

// Keeps: apertures
#[test]
fn apertures_are_those_of_gfx9_and_later_and_begin_where_the_profiles_kernel_has_them_begin() {
    for (name, interface, base) in [
        ("gfx900", 15, 16 << 20),
        ("gfx900", 18, 64 << 10),
        ("gfx942", 18, 64 << 10),
        ("gfx1100", 18, 64 << 10),
    ] {
        let world = World::of(device(name).with_interface(interface).unwrap(), Limits::default());
        let mut client = world.client(1);
        let mut told = abi::GetProcessApertures::default();
        client.ok(0x06, &mut told);
        let told = told.process_apertures[0];
        assert_eq!((told.gpuvm_base, told.gpuvm_limit), (base, 0x7fff_ffff_ffff), "{name}");
        assert_eq!((told.lds_base, told.lds_limit), (1 << 48, 0x1_0000_ffff_ffff), "{name}");
        assert_eq!((told.scratch_base, told.scratch_limit), (2 << 48, 0x2_0000_ffff_ffff), "{name}");
        world.end();
    }
}

// Keeps: svm-death
#[test]
fn a_dead_clients_ranges_leave_nothing_charged() {
    let world = World::new();
    let mut client = world.client(1);
    let mut other = world.client(2);
    set(&mut client, (VA, 64 * PAGE), &[(ACCESS, gpu().0), (PREFETCH, gpu().0)]).unwrap();
    set(&mut other, (VA, PAGE), &[(ACCESS, gpu().0)]).unwrap();
    world.kill(client.process);
    world.core.barrier();
    let holds = world.core.totals().holds;
    assert_eq!((holds.svm_ranges, holds.userptr_bytes), (1, PAGE), "the other's");
    world.end();
}

// Keeps: svm-holes
#[test]
fn a_buffer_object_takes_the_place_of_a_range_and_a_hole_in_memory_ends_it() {
    let world = World::new();
    let mut client = world.client(1);
    let gpu = gpu().0;
    set(&mut client, (VA, 16 * PAGE), &[(ACCESS, gpu)]).unwrap();
    client.buffer(VA + 4 * PAGE, PAGE);
    assert_eq!(access_of(&mut client, (VA + 3 * PAGE, PAGE), gpu), ACCESS);
    assert_eq!(
        world.core.registered(client.process),
        [(UserVa(VA), 4 * PAGE), (UserVa(VA + 5 * PAGE), 11 * PAGE)]
    );
    client.userptr(VA + 8 * PAGE, PAGE);
    unmapped(&client, VA, PAGE);
    unmapped(&client, VA + 12 * PAGE, 64 * PAGE);
    assert_eq!(
        world.core.registered(client.process),
        [(UserVa(VA + PAGE), 3 * PAGE), (UserVa(VA + 5 * PAGE), 3 * PAGE), (UserVa(VA + 9 * PAGE), 3 * PAGE)]
    );
    assert_eq!(world.core.totals().holds.svm_ranges, 3);
    world.end();
}

fn on_devices(world: &World, client: &Client<'_>) -> u64 {
    world.core.reclaim_all();
    let rows = world.core.processes();
    rows.iter().find(|row| row.process == client.process).expect("listed").svm_vram_bytes
}

// Keeps: svm-cost
#[test]
fn a_prefetch_brings_a_range_onto_a_device_and_back_without_costing_vram() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(1);
    bind_second(&mut client);
    let (gpu, range) = (gpu().0, (VA, 8 * PAGE));
    set(&mut client, range, &[(ACCESS, gpu)]).unwrap();
    assert_eq!(on_devices(&world, &client), 0);
    set(&mut client, (VA, 4 * PAGE), &[(PREFETCH, gpu)]).unwrap();
    assert_eq!(get(&mut client, (VA, 4 * PAGE), &[(PREFETCH, 0)]), [(PREFETCH, gpu)]);
    assert_eq!(get(&mut client, range, &[(PREFETCH, 0)]), [(PREFETCH, UNDEFINED)]);
    assert_eq!(on_devices(&world, &client), 4 * PAGE);
    assert_eq!(world.core.totals().holds.vram_bytes, 0);
    set(&mut client, (VA + 2 * PAGE, PAGE), &[(PREFETCH, 0)]).unwrap();
    assert_eq!(on_devices(&world, &client), 3 * PAGE);
    unmapped(&client, VA, PAGE);
    assert_eq!(on_devices(&world, &client), 2 * PAGE);
    // PCIe does not make one device's memory the other's: what both need stays with the host.
    set(&mut client, range, &[(ACCESS, SECOND), (PREFETCH, gpu)]).unwrap();
    assert_eq!(on_devices(&world, &client), 0);
    assert_eq!(get(&mut client, range, &[(PREFETCH, 0)]), [(PREFETCH, gpu)], "what was asked for is told");
    world.end();
}

// Keeps: smi-own
#[test]
fn a_prefetch_is_told_to_who_listens_where_something_moves() {
    let world = World::of(two(), Limits::default());
    let mut client = world.client(9);
    bind_second(&mut client);
    let (gpu, pages) = (gpu().0, VA / PAGE);
    let mut stream = client.stream(gpu);
    let mask: u64 = 1 << (abi::SMI_EVENT_MIGRATE_START - 1) | 1 << (abi::SMI_EVENT_MIGRATE_END - 1);
    std::io::Write::write_all(&mut stream, &mask.to_ne_bytes()).unwrap();
    let heard = |client: &mut Client<'_>, stream: &mut std::os::unix::net::UnixStream| {
        deliver(client.world.outbox.take());
        let mut text = vec![0; 4096];
        let count = std::io::Read::read(stream, &mut text).unwrap_or(0);
        String::from_utf8(text[..count].to_vec()).unwrap()
    };
    set(&mut client, (VA, 4 * PAGE), &[(ACCESS, gpu), (PREFERRED, 0)]).unwrap();
    assert_eq!(heard(&mut client, &mut stream), "", "nothing moved");
    let now = world.core.now().0;
    set(&mut client, (VA, 4 * PAGE), &[(PREFETCH, gpu)]).unwrap();
    let there =
        format!("5 {now} -9 @{pages:x}(4) 0->{gpu:x} {gpu:x}:0 0\n6 {now} -9 @{pages:x}(4) 0->{gpu:x} 0 0\n");
    assert_eq!(heard(&mut client, &mut stream), there);
    set(&mut client, (VA, 4 * PAGE), &[(PREFETCH, gpu)]).unwrap();
    assert_eq!(heard(&mut client, &mut stream), "", "it lies there already");
    set(&mut client, (VA, PAGE), &[(PREFETCH, 0)]).unwrap();
    let back =
        format!("5 {now} -9 @{pages:x}(1) {gpu:x}->0 0:0 0\n6 {now} -9 @{pages:x}(1) {gpu:x}->0 0 0\n");
    assert_eq!(heard(&mut client, &mut stream), back);
    world.end();
}

// Keeps: svm-prefetch-full
#[test]
fn a_prefetch_that_does_not_fit_beside_buffer_objects_is_enospc_and_stays_give_way_to_each_other() {
    let mut profile = device("gfx900");
    profile.devices[0].vram.bytes.0 = 64 << 20;
    profile.devices[0].vram.visible_bytes.0 = 64 << 20;
    let world = World::of(profile, Limits::default());
    let mut client = world.client(1);
    let mut other = world.client(2);
    let gpu = gpu().0;
    let near = [(ACCESS, gpu), (PREFETCH, gpu)];
    set(&mut client, (VA, 40 << 20), &near).unwrap();
    set(&mut other, (VA, 40 << 20), &near).unwrap();
    assert_eq!((on_devices(&world, &client), on_devices(&world, &other)), (24 << 20, 40 << 20));
    set(&mut client, (VA, 256 << 20), &near).unwrap();
    assert_eq!((on_devices(&world, &client), on_devices(&world, &other)), (64 << 20, 0), "the end of it");
    let flags = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
    other.alloc(VA + (1 << 30), 40 << 20, flags).expect("stays do not hold VRAM");
    assert_eq!(on_devices(&world, &client), 24 << 20);
    let mut third = world.client(3);
    let full = [(PREFETCH, gpu), (GRANULARITY, 2)];
    set(&mut third, (VA, 5 << 20), &full).unwrap();
    while other.alloc(VA + (4 << 30), 1 << 20, flags).is_ok() {}
    assert_eq!(set(&mut third, (VA, 5 << 20), &full), Err(Errno::NOSPC));
    assert_eq!(get(&mut third, (VA, PAGE), &[(GRANULARITY, 0)]), [(GRANULARITY, 2)], "set all the same");
    world.end();
}
