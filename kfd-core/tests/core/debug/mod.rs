//! A debugger and its target: DBG_TRAP and RUNTIME_ENABLE.

mod causes;
mod exceptions;
mod queues;
mod receivers;

use crate::world::{Client, World, barrier, completions, gpu, identity, older, wait_result};
use kfd_core::abi::kfd as abi;
use kfd_core::abi::kfd::dbg_op;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Errno, Gathered, Node, Outcome, Task, UserWrite};
use kfd_core::ids::{CallId, Tgid};
use kfd_core::limits::Limits;
use kfd_core::notice::Notice;
use kfd_core::profile::Profile;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const GFX942: u32 = 90_402;
const GFX1100: u32 = 110_000;

/// Nine hundred's profile on the newest interface, as another generation.
fn profile(gfx_target_version: u32) -> Profile {
    let mut profile = gpu().2;
    profile.interface_minor = 18;
    profile.devices[0].gfx_target_version = gfx_target_version;
    profile
}

fn world() -> World {
    World::of(profile(GFX942), Limits::default())
}

/// The calling end of a debugger: what its door found out.
#[derive(Clone, Copy)]
struct View {
    task: Option<Task>,
    pipe: bool,
}

fn traced(target: &Client<'_>) -> View {
    View { task: Some(Task { tgid: target.identity.tgid, mm: target.identity.mm, traced: true }), pipe: true }
}

fn task(tgid: u32, traced: bool) -> Task {
    Task { tgid: Tgid(tgid), mm: identity(tgid, 0, 1000).mm, traced }
}

fn pipe() -> Arc<OwnedFd> {
    let (_, write) = std::io::pipe().unwrap();
    Arc::new(write.into())
}

type Told<T> = (Result<i32, i32>, T, Vec<UserWrite>);

fn trap_with<T: IntoBytes + FromBytes + Immutable + Default + Copy>(
    debugger: &mut Client<'_>,
    view: View,
    op: u32,
    args: T,
    ids: Option<&[u32]>,
) -> Told<T> {
    let mut all = abi::DbgTrap { pid: 7, op, ..Default::default() };
    all.args.as_mut_bytes()[..size_of::<T>()].copy_from_slice(args.as_bytes());
    let cmd = table::KFD.iter().find(|row| row.name == "DBG_TRAP").unwrap().cmd;
    let gathered = Gathered {
        pointers: ids.map(|ids| ids.as_bytes().to_vec()).into_iter().collect(),
        descriptor: view.pipe.then(pipe),
        task: view.task,
        ..Gathered::default()
    };
    let caller = debugger.caller(Node::Kfd);
    let outcome = debugger.core().call(&caller, cmd, Arg::new(all.as_bytes()).unwrap(), gathered);
    let (result, arg, writes) = match outcome {
        Outcome::Done(done) => (Ok(done.value), done.arg, done.writes),
        Outcome::Refused(refused) => (Err(refused.errno.0), refused.arg, refused.writes),
        Outcome::Parked => panic!("a debugger's request is never parked"),
    };
    (result, T::read_from_prefix(&arg.bytes()[8..]).unwrap().0, writes)
}

fn trap<T: IntoBytes + FromBytes + Immutable + Default + Copy>(
    debugger: &mut Client<'_>,
    target: &Client<'_>,
    op: u32,
    args: T,
) -> Told<T> {
    trap_with(debugger, traced(target), op, args, None)
}

#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Nothing {}

/// A session of `debugger` with `target`, from within.
pub fn session(debugger: &mut Client<'_>, target: &Client<'_>) {
    enable(debugger, target, 0).0.expect("a session");
}

fn enable(debugger: &mut Client<'_>, target: &Client<'_>, wanted: u64) -> Told<abi::DbgTrapEnable> {
    let args = abi::DbgTrapEnable { exception_mask: wanted, rinfo_ptr: 0x5000, rinfo_size: 16, dbg_fd: 3 };
    trap(debugger, target, dbg_op::ENABLE, args)
}

fn runtime(client: &mut Client<'_>, mode_mask: u32) -> (CallId, Outcome) {
    let args = abi::RuntimeEnable { r_debug: 0xabcd, mode_mask, capabilities_mask: 0 };
    client.raw(0x25, args.as_bytes(), vec![])
}

fn runtime_is_there(client: &mut Client<'_>) {
    assert!(matches!(runtime(client, 1).1, Outcome::Done(_)));
}

fn told(notices: &[Notice]) -> usize {
    notices.iter().filter(|notice| matches!(notice, Notice::DebugEvent { .. })).count()
}

fn suspend(debugger: &mut Client<'_>, target: &Client<'_>, ids: &[u32]) -> (Result<i32, i32>, Vec<u32>) {
    let args = abi::DbgTrapSuspendQueues {
        queue_array_ptr: 0x6000,
        num_queues: ids.len() as u32,
        ..Default::default()
    };
    array(trap_with(debugger, traced(target), dbg_op::SUSPEND_QUEUES, args, Some(ids)))
}

fn resume(debugger: &mut Client<'_>, target: &Client<'_>, ids: &[u32]) -> (Result<i32, i32>, Vec<u32>) {
    let args = abi::DbgTrapResumeQueues {
        queue_array_ptr: if ids.is_empty() { 0 } else { 0x6000 },
        num_queues: ids.len() as u32,
        pad: 0,
    };
    array(trap_with(debugger, traced(target), dbg_op::RESUME_QUEUES, args, Some(ids)))
}

fn array<T>((result, _, writes): Told<T>) -> (Result<i32, i32>, Vec<u32>) {
    let words = writes.first().map_or_else(Vec::new, |write| {
        write.bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    });
    (result, words)
}

fn query(debugger: &mut Client<'_>, target: &Client<'_>, clear: u64) -> Result<(u64, u32, u32), i32> {
    let args = abi::DbgTrapQueryDebugEvent { exception_mask: clear, gpu_id: 9, queue_id: 9 };
    let (result, args, _) = trap(debugger, target, dbg_op::QUERY_DEBUG_EVENT, args);
    result.map(|_| (args.exception_mask, args.gpu_id, args.queue_id))
}

const NEW: u64 = abi::ec_mask(abi::EC_QUEUE_NEW);
const VIOLATION: u64 = abi::ec_mask(abi::EC_DEVICE_MEMORY_VIOLATION);
const RUNTIME: u64 = abi::ec_mask(abi::EC_PROCESS_RUNTIME);
const DELETED: u64 = abi::ec_mask(abi::EC_DEVICE_QUEUE_DELETE);

// Keeps: debug-attach, DBG_TRAP
#[test]
fn who_may_debug_whom_is_judged_in_the_kernels_order() {
    let world = world();
    let mut debugger = world.stranger(10, 1000);
    let mut target = world.client(20);
    let mut asked =
        |task, op| trap_with(&mut debugger, View { task, pipe: true }, op, Nothing::default(), None).0;
    assert_eq!(asked(None, dbg_op::ENABLE), Err(libc::ESRCH), "no such task");
    let stranger = task(99, true);
    assert_eq!(asked(Some(stranger), dbg_op::ENABLE), Err(libc::ESRCH), "no process object");
    let free = task(20, false);
    assert_eq!(asked(Some(free), dbg_op::ENABLE), Err(libc::EPERM), "not traced");
    let traced = task(20, true);
    for op in dbg_op::DISABLE..=dbg_op::GET_DEVICE_SNAPSHOT {
        assert_eq!(asked(Some(traced), op), Err(libc::EINVAL), "{op} before ENABLE");
    }
    assert_eq!(asked(Some(free), dbg_op::DISABLE), Err(libc::EINVAL), "DISABLE asks for no tracing");
    assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
    for op in dbg_op::SET_WAVE_LAUNCH_OVERRIDE..=dbg_op::SET_FLAGS {
        let told = trap(&mut debugger, &target, op, Nothing::default()).0;
        assert_eq!(told, Err(libc::EPERM), "{op} before the runtime is there");
    }
    let unknown = trap(&mut debugger, &target, 15, Nothing::default()).0;
    assert_eq!(unknown, Err(libc::EINVAL));
    let own = task(20, false);
    let view = View { task: Some(own), pipe: true };
    assert_eq!(
        trap_with(&mut target, view, dbg_op::DISABLE, Nothing::default(), None).0,
        Ok(0),
        "a process is its own debugger"
    );
    world.end();
}

// Keeps: interface-kept, RUNTIME_ENABLE
#[test]
fn an_interface_before_1_13_has_neither_runtime_nor_debugger() {
    let world = World::of(older(12), Limits::default());
    let mut client = world.client(10);
    assert_eq!(client.no(0x25, &mut abi::RuntimeEnable::default()), libc::ENOTTY);
    assert_eq!(client.no(0x26, &mut abi::DbgTrap::default()), libc::ENOTTY);
    world.end();
}

// Keeps: DBG_TRAP
#[test]
fn a_session_begins_once_and_tells_what_the_runtime_said() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    let blind = View { pipe: false, ..traced(&target) };
    let args = abi::DbgTrapEnable::default();
    assert_eq!(trap_with(&mut debugger, blind, dbg_op::ENABLE, args, None).0, Err(libc::EBADF));
    assert!(matches!(runtime(&mut target, 3).1, Outcome::Done(_)));
    let (result, told, writes) = enable(&mut debugger, &target, 0);
    assert_eq!((result, told.rinfo_size), (Ok(0), 16));
    let info = abi::RuntimeInfo::read_from_bytes(&writes[0].bytes[..]).unwrap();
    let should =
        abi::RuntimeInfo { r_debug: 0xabcd, runtime_state: abi::DEBUG_RUNTIME_STATE_ENABLED, ttmp_setup: 1 };
    assert_eq!((writes[0].va.0, info), (0x5000, should));
    assert_eq!(enable(&mut debugger, &target, 0).0, Err(libc::EALREADY));
    assert_eq!(trap(&mut debugger, &target, dbg_op::DISABLE, Nothing::default()).0, Ok(0));
    let small = abi::DbgTrapEnable { rinfo_ptr: 0x5000, rinfo_size: 8, ..Default::default() };
    let (result, told, writes) = trap(&mut debugger, &target, dbg_op::ENABLE, small);
    assert_eq!((result, told.rinfo_size, writes[0].bytes.len()), (Ok(0), 16, 8));
    world.end();
}

// Keeps: RUNTIME_ENABLE
#[test]
fn a_runtime_without_a_debugger_comes_once_before_any_queue() {
    let world = world();
    let mut target = world.client(20);
    runtime_is_there(&mut target);
    assert!(matches!(runtime(&mut target, 1).1, Outcome::Refused(r) if r.errno == Errno::BUSY));
    assert!(matches!(runtime(&mut target, 0).1, Outcome::Done(_)));
    let queue = target.queue(0x10_0000);
    assert!(matches!(runtime(&mut target, 1).1, Outcome::Refused(r) if r.errno == Errno::EXIST));
    target.destroy(queue.id).unwrap();
    runtime_is_there(&mut target);
    world.end();
}

// Keeps: debug-runtime-waits, RUNTIME_ENABLE
#[test]
fn the_runtime_waits_for_its_debuggers_word() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    assert_eq!(enable(&mut debugger, &target, RUNTIME).0, Ok(0));
    let (call, outcome) = runtime(&mut target, 1);
    assert!(matches!(outcome, Outcome::Parked));
    assert_eq!(told(&world.outbox.take()), 1);
    // A signal: EINTR, and the next call waits on without telling the debugger again.
    let interrupted = world.core.interrupt(target.process, call).unwrap();
    assert!(matches!(interrupted, Outcome::Refused(r) if r.errno == Errno::INTR));
    assert!(matches!(runtime(&mut target, 1).1, Outcome::Parked));
    assert_eq!(told(&world.outbox.take()), 0);
    assert_eq!(query(&mut debugger, &target, 0), Ok((RUNTIME, 0, 0)));
    let info = abi::DbgTrapQueryExceptionInfo {
        info_ptr: 0x7000,
        info_size: 100,
        exception_code: abi::EC_PROCESS_RUNTIME,
        clear_exception: 1,
        ..Default::default()
    };
    let (result, info, writes) = trap(&mut debugger, &target, dbg_op::QUERY_EXCEPTION_INFO, info);
    assert_eq!((result, info.info_size, writes[0].bytes.len()), (Ok(0), 16, 16));
    assert_eq!(query(&mut debugger, &target, 0), Err(libc::EAGAIN), "it was taken back");
    let word = abi::DbgTrapSendRuntimeEvent { exception_mask: RUNTIME, ..Default::default() };
    assert_eq!(trap(&mut debugger, &target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    let notices = world.outbox.take();
    assert!(matches!(completions(&notices)[..], [Outcome::Done(_)]));
    // A word that comes first lets the next call pass, which is the runtime's farewell here.
    assert_eq!(trap(&mut debugger, &target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    assert!(matches!(runtime(&mut target, 0).1, Outcome::Done(_)));
    world.end();
}

// Keeps: debug-runtime-waits, debug-deaths
#[test]
fn the_end_of_a_session_lets_go_whoever_waited_for_it() {
    for died in [false, true] {
        let world = world();
        let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
        assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
        assert!(matches!(runtime(&mut target, 1).1, Outcome::Parked));
        world.outbox.take();
        if died {
            world.kill(debugger.process);
        } else {
            assert_eq!(trap(&mut debugger, &target, dbg_op::DISABLE, Nothing::default()).0, Ok(0));
        }
        assert!(matches!(completions(&world.outbox.take())[..], [Outcome::Done(_)]));
        let mut next = world.stranger(11, 1000);
        assert_eq!(enable(&mut next, &target, 0).0, Ok(0), "another may come");
        world.end();
    }
}

// Keeps: debug-deaths
#[test]
fn a_target_that_dies_in_the_middle_leaves_nothing() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    assert_eq!(enable(&mut debugger, &target, !0).0, Ok(0));
    assert!(matches!(runtime(&mut target, 1).1, Outcome::Parked));
    world.outbox.take();
    world.kill(target.process);
    assert!(matches!(completions(&world.outbox.take())[..], [Outcome::Refused(r)] if r.errno == Errno::IO));
    assert_eq!(trap(&mut debugger, &target, dbg_op::DISABLE, Nothing::default()).0, Err(libc::ESRCH));
    world.end();
}

// Keeps: DBG_TRAP
#[test]
fn what_waves_are_told_is_what_their_device_takes() {
    for (gfx, traps, single, replace) in
        [(GFX942, 0x1ff, Ok(0), Ok(0)), (90_000, 0x80, Err(libc::EACCES), Err(libc::EINVAL))]
    {
        let world = World::of(profile(gfx), Limits::default());
        let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
        runtime_is_there(&mut target);
        assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
        let set = abi::DbgTrapSetWaveLaunchOverride {
            override_mode: abi::DBG_TRAP_OVERRIDE_OR,
            enable_mask: 0x80,
            support_request_mask: 0x80,
            pad: 0,
        };
        let op = dbg_op::SET_WAVE_LAUNCH_OVERRIDE;
        let (result, told, _) = trap(&mut debugger, &target, op, set);
        assert_eq!((result, told.enable_mask, told.support_request_mask), (Ok(0), 0, traps));
        let clear = abi::DbgTrapSetWaveLaunchOverride { enable_mask: 0, ..set };
        assert_eq!(trap(&mut debugger, &target, op, clear).1.enable_mask, 0x80, "what was set");
        let much = abi::DbgTrapSetWaveLaunchOverride { support_request_mask: 1 << 20, ..set };
        let (result, told, _) = trap(&mut debugger, &target, op, much);
        assert_eq!((result, told.support_request_mask), (Err(libc::EACCES), traps));
        let other =
            abi::DbgTrapSetWaveLaunchOverride { override_mode: abi::DBG_TRAP_OVERRIDE_REPLACE, ..set };
        assert_eq!(trap(&mut debugger, &target, op, other).0, replace);
        for (launch_mode, result) in [(1, Ok(0)), (3, Ok(0)), (0x103, Ok(0)), (2, Err(libc::EINVAL))] {
            let mode = abi::DbgTrapSetWaveLaunchMode { launch_mode, pad: 0 };
            assert_eq!(trap(&mut debugger, &target, dbg_op::SET_WAVE_LAUNCH_MODE, mode).0, result);
        }
        let flags = abi::DbgTrapSetFlags { flags: abi::DBG_TRAP_FLAG_SINGLE_MEM_OP, pad: 0 };
        let (result, told, _) = trap(&mut debugger, &target, dbg_op::SET_FLAGS, flags);
        assert_eq!((result, told.flags), (single, 0));
        let none = abi::DbgTrapSetFlags::default();
        let former = trap(&mut debugger, &target, dbg_op::SET_FLAGS, none).1.flags;
        assert_eq!(former, u32::from(single.is_ok()));
        world.end();
    }
}

// Keeps: DBG_TRAP
#[test]
fn a_devices_four_watch_points_are_all_processes_and_come_back_with_the_session() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    let mut other = world.client(21);
    for target in [&mut target, &mut other] {
        runtime_is_there(target);
        assert_eq!(enable(&mut debugger, target, 0).0, Ok(0));
    }
    let gpu_id = gpu().0;
    let set = abi::DbgTrapSetNodeAddressWatch { address: 0x1000, mask: !0, gpu_id, ..Default::default() };
    for id in 0..4 {
        let (result, told, _) = trap(&mut debugger, &target, dbg_op::SET_NODE_ADDRESS_WATCH, set);
        assert_eq!((result, told.id), (Ok(0), id));
    }
    let watch = |debugger: &mut Client<'_>, target: &Client<'_>, gpu_id| {
        let set = abi::DbgTrapSetNodeAddressWatch { gpu_id, ..set };
        trap(debugger, target, dbg_op::SET_NODE_ADDRESS_WATCH, set).0
    };
    assert_eq!(watch(&mut debugger, &other, gpu_id), Err(libc::ENOMEM));
    assert_eq!(watch(&mut debugger, &other, 1), Err(libc::ENODEV));
    let clear = |debugger: &mut Client<'_>, target: &Client<'_>, id| {
        let clear = abi::DbgTrapClearNodeAddressWatch { gpu_id, id };
        trap(debugger, target, dbg_op::CLEAR_NODE_ADDRESS_WATCH, clear).0
    };
    assert_eq!(clear(&mut debugger, &other, 2), Err(libc::EINVAL), "another session's");
    assert_eq!(clear(&mut debugger, &target, 2), Ok(0));
    assert_eq!(clear(&mut debugger, &target, 2), Err(libc::EINVAL));
    assert_eq!(watch(&mut debugger, &other, gpu_id), Ok(0));
    world.kill(target.process);
    assert_eq!(watch(&mut debugger, &other, gpu_id), Ok(0), "the dead one's are free");
    world.end();
}

// Keeps: SET_CU_MASK, ALLOC_QUEUE_GWS
#[test]
fn gfx11_debugs_no_queue_whose_compute_units_its_client_chose() {
    let world = World::of(profile(GFX1100), Limits::default());
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    runtime_is_there(&mut target);
    let queue = target.queue(0x10_0000);
    let mask = |target: &mut Client<'_>| {
        let mut arg = abi::SetCuMask { queue_id: queue.id, num_cu_mask: 32, cu_mask_ptr: 0x9000 };
        target.ioctl(0x1a, &mut arg, vec![u32::MAX.as_bytes().to_vec()]).map(drop)
    };
    assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
    assert_eq!(mask(&mut target), Err(Errno::BUSY), "the debugger's own mask is there");
    let sync = |target: &mut Client<'_>| {
        let mut arg = abi::AllocQueueGws { queue_id: queue.id, num_gws: 1, ..Default::default() };
        target.ioctl(0x1e, &mut arg, vec![]).map(drop)
    };
    assert_eq!(sync(&mut target), Err(Errno::BUSY), "and what global wave sync would need");
    assert_eq!(trap(&mut debugger, &target, dbg_op::DISABLE, Nothing::default()).0, Ok(0));
    assert_eq!(mask(&mut target), Ok(()));
    assert_eq!(sync(&mut target), Ok(()));
    assert_eq!(enable(&mut debugger, &target, 0).0, Err(libc::EBUSY), "the other way round");
    target.ok(0x1e, &mut abi::AllocQueueGws { queue_id: queue.id, ..Default::default() });
    let (_, _, writes) = enable(&mut debugger, &target, 0);
    let info = abi::RuntimeInfo::read_from_bytes(&writes[0].bytes[..]).unwrap();
    assert_eq!(info.runtime_state, abi::DEBUG_RUNTIME_STATE_ENABLED_BUSY);
    world.end();
}

// Keeps: interface-kept
#[test]
fn profiles_whose_interface_debugs_say_so_in_their_topology() {
    const TRAP_DEBUG: u32 = 1 << 15;
    const LAUNCH_OVERRIDE: u32 = 1 << 16;
    const LAUNCH_MODE: u32 = 1 << 17;
    const PRECISE_MEMORY: u32 = 1 << 18;
    const FIRMWARE: u32 = 1 << 29;
    for name in ["gfx900", "gfx942", "gfx1100"] {
        let profile = Profile::named(name).unwrap();
        let device = &profile.devices[0];
        // `kfd_topology_set_capabilities` (amdkfd/kfd_topology.c): from gfx9.4.2 on.
        let precise = if device.gfx_target_version >= 90_010 { PRECISE_MEMORY } else { 0 };
        let all = TRAP_DEBUG | LAUNCH_OVERRIDE | LAUNCH_MODE | PRECISE_MEMORY | FIRMWARE;
        assert_eq!(profile.capability(device) & all, all & !PRECISE_MEMORY | precise, "{name}");
        let older = profile.clone().with_interface(12).unwrap();
        assert_eq!(older.capability(device), device.compute.capability & !all, "{name}");
    }
}
