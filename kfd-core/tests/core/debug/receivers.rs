//! Each exception and the three states that its process can be in: who hears of it, and nobody else.

use super::*;
use crate::world::{Aql, Buffer, create};
use hsa_queue::Waves;
use hsa_queue::layout::{amd_queue, amd_signal};
use kfd_core::notice::{UserAccess, UserAnswer};
use kfd_core::profile::RasBlock;

const UNSUPPORTED: u64 = abi::ec_mask(20);
const AREA: u64 = 0x50_0000;
const PAYLOAD: u64 = AREA + 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A debugger that wants to know everything; the runtime is enabled too.
    Subscribed,
    /// The runtime is enabled, and no debugger is there.
    Enabled,
    /// The same under a debugger that has asked for nothing.
    EnabledAndIgnored,
    /// Nobody said anything.
    Neither,
    /// The same under a debugger that has asked for nothing.
    Ignored,
}

pub(super) const ENABLED: [State; 2] = [State::Enabled, State::EnabledAndIgnored];
pub(super) const NEITHER: [State; 2] = [State::Neither, State::Ignored];

/// Who has heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Bytes in the debugger's pipe.
    pub(super) debugger: usize,
    /// The word that the save area leads to.
    pub(super) payload: u64,
    /// The runtime's event.
    pub(super) runtime: bool,
    pub(super) memory: bool,
    pub(super) hardware: bool,
    /// The inactive signal.
    pub(super) inactive: i64,
}

pub(super) const NOBODY: Heard =
    Heard { debugger: 0, payload: 0, runtime: false, memory: false, hardware: false, inactive: 0 };
pub(super) const DEBUGGER: Heard = Heard { debugger: 1, ..NOBODY };
const RUNTIME: Heard = Heard { payload: UNSUPPORTED, runtime: true, ..NOBODY };

/// A process in one of the states, with everybody who could hear.
pub(super) struct Scene<'w> {
    pub(super) world: &'w World,
    pub(super) debugger: Client<'w>,
    pub(super) target: Client<'w>,
    area: Buffer,
    /// Runtime, memory, hardware.
    events: [u32; 3],
    pub(super) heard_before: Vec<Notice>,
}

/// Of an interface that takes a queue without a save area, as those from 1.17 on do not.
pub(super) fn world() -> World {
    let mut profile = profile(GFX942);
    profile.interface_minor = 16;
    profile.devices[0].ras = vec![RasBlock::Umc];
    World::running(profile, Limits::default(), Waves::Run)
}

impl<'w> Scene<'w> {
    pub(super) fn of(world: &'w World, state: State) -> Self {
        let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
        if matches!(state, State::Subscribed | State::Enabled | State::EnabledAndIgnored) {
            runtime_is_there(&mut target);
        }
        target.event_page(0x40_0000);
        let events = [abi::EVENT_SIGNAL, abi::EVENT_MEMORY, abi::EVENT_HW_EXCEPTION]
            .map(|kind| target.event(kind, false));
        let area = target.buffer(AREA, 8192);
        let head = abi::ContextSaveAreaHeader {
            err_payload_addr: PAYLOAD,
            err_event_id: events[0],
            ..Default::default()
        };
        target.poke(area.offset, head.as_bytes());
        match state {
            State::Subscribed => assert_eq!(enable(&mut debugger, &target, u64::MAX).0, Ok(0)),
            State::EnabledAndIgnored | State::Ignored => {
                assert_eq!(enable(&mut debugger, &target, 0).0, Ok(0));
            }
            State::Enabled | State::Neither => {}
        }
        Self { world, debugger, target, area, events, heard_before: Vec::new() }
    }

    /// A queue of that type whose indices and ring lie in a buffer, with or without a save area.
    pub(super) fn queue(&mut self, queue_type: u32, save_area: bool) -> Aql {
        let memory = self.target.buffer(0x10_0000, 16384);
        let mut arg = abi::CreateQueue {
            queue_type,
            ctx_save_restore_address: if save_area { AREA } else { 0 },
            ctx_save_restore_size: if save_area { 4096 } else { 0 },
            ..create(memory)
        };
        self.target.ok(0x02, &mut arg);
        let queue = Aql::made(&arg, memory);
        // What a runtime leaves there once the queue is made.
        let signal = self.target.signal(&queue, 0, 0, None);
        let base = amd_queue::READ_DISPATCH_ID as u32;
        self.target
            .poke(memory.offset + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, &base.to_le_bytes());
        self.target.poke(memory.offset + amd_queue::QUEUE_INACTIVE_SIGNAL, &signal.to_le_bytes());
        // The debugger was told of the queue, and has read it.
        self.world.outbox.take();
        queue
    }

    /// An AQL queue stops at a packet of a type that there is not.
    fn bad_aql(&mut self) -> Aql {
        let mut queue = self.queue(abi::QUEUE_TYPE_COMPUTE_AQL, true);
        let mut packet = [0; 64];
        packet[0] = 9;
        self.target.push(&mut queue, &packet);
        self.target.ring(&queue);
        queue
    }

    /// A PM4 or SDMA queue stops at a dword that is no packet of its kind.
    fn bad_stream(&mut self, queue_type: u32, save_area: bool) -> Aql {
        let queue = self.queue(queue_type, save_area);
        // PACKET3 of opcode 0xff with one dword; SDMA has no opcode 0xff either.
        let dwords: [u32; 2] = [3 << 30 | 0xff << 8 | 0xff, 0];
        self.target.poke(queue.memory.offset + 8192, dwords.as_bytes());
        let written = if queue_type == abi::QUEUE_TYPE_COMPUTE { 2u64 } else { 8 };
        self.target.poke(queue.memory.offset + amd_queue::WRITE_DISPATCH_ID, &written.to_le_bytes());
        self.target.ring(&queue);
        queue
    }

    fn is_set(&mut self, event: u32) -> bool {
        let (_, outcome) = self.target.wait_raw(&[event], false, 0);
        wait_result(&outcome) == (None, abi::WAIT_RESULT_COMPLETE)
    }

    /// Runs what there is to run, and asks everybody. `Some` of the queue whose inactive signal counts.
    pub(super) fn heard(&mut self, queue: Option<&Aql>) -> Heard {
        let mut notices = std::mem::take(&mut self.heard_before);
        notices.extend(self.world.settle());
        assert!(!notices.iter().any(|notice| matches!(notice, Notice::Memory(_))), "all of it is in arenas");
        let [runtime, memory, hardware] = self.events.map(|event| self.is_set(event));
        Heard {
            debugger: told(&notices),
            payload: self.target.peek(self.area.offset + 4096),
            runtime,
            memory,
            hardware,
            inactive: queue.map_or(0, |queue| self.target.signal_value(queue, 0)),
        }
    }
}

/// What is heard in each state, in a world of its own.
fn hears(states: &[State], expected: Heard, mut raise: impl FnMut(&mut Scene<'_>) -> Option<Aql>) {
    for state in states {
        let world = world();
        let mut scene = Scene::of(&world, *state);
        scene.world.outbox.take();
        let queue = raise(&mut scene);
        assert_eq!(scene.heard(queue.as_ref()), expected, "{state:?}");
        drop(scene);
        world.end();
    }
}

// Keeps: stopped-queue-told, inactive-signal
#[test]
fn a_packet_that_cannot_run_is_told_to_its_debugger() {
    // The command processor does not know of debuggers: the signal is set all the same.
    hears(&[State::Subscribed], Heard { inactive: 32, ..DEBUGGER }, |scene| Some(scene.bad_aql()));
    for queue_type in [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_SDMA] {
        hears(&[State::Subscribed], DEBUGGER, |scene| Some(scene.bad_stream(queue_type, true)));
    }
}

// Keeps: stopped-queue-told, inactive-signal
#[test]
fn a_packet_that_cannot_run_is_told_to_a_runtime_that_has_enabled_exceptions() {
    hears(&ENABLED, Heard { inactive: 32, ..RUNTIME }, |scene| Some(scene.bad_aql()));
    hears(&ENABLED, RUNTIME, |scene| Some(scene.bad_stream(abi::QUEUE_TYPE_COMPUTE, true)));
    let without_an_area = Heard { hardware: true, ..NOBODY };
    hears(&ENABLED, without_an_area, |scene| Some(scene.bad_stream(abi::QUEUE_TYPE_SDMA, false)));
}

// Keeps: stopped-queue-told, inactive-signal
#[test]
fn a_packet_that_cannot_run_is_told_by_the_inactive_signal_or_the_hardware_event_where_nobody_else_hears() {
    hears(&NEITHER, Heard { inactive: 32, ..NOBODY }, |scene| Some(scene.bad_aql()));
    let event = Heard { hardware: true, ..NOBODY };
    for queue_type in [abi::QUEUE_TYPE_COMPUTE, abi::QUEUE_TYPE_SDMA] {
        hears(&NEITHER, event, |scene| Some(scene.bad_stream(queue_type, true)));
    }
}

// Keeps: violation-told
#[test]
fn a_memory_violation_is_told_to_its_debugger_or_else_by_the_memory_events() {
    let violation = |scene: &mut Scene<'_>| {
        let mut queue = scene.queue(abi::QUEUE_TYPE_COMPUTE_AQL, true);
        scene.target.push(&mut queue, &barrier(&[0xdead_0000], 0));
        scene.target.ring(&queue);
        None
    };
    hears(&[State::Subscribed], DEBUGGER, violation);
    for states in [ENABLED, NEITHER] {
        hears(&states, Heard { memory: true, ..NOBODY }, violation);
    }
}

// Keeps: reset-told
#[test]
fn a_reset_is_told_by_both_kinds_of_events_whoever_listens() {
    let reset = |scene: &mut Scene<'_>| {
        scene.queue(abi::QUEUE_TYPE_COMPUTE_AQL, true);
        assert_eq!(scene.world.core.ras_control(gpu().1, b"inject umc ue 0 0"), Ok(()));
        None
    };
    let both = Heard { memory: true, hardware: true, ..NOBODY };
    for states in [&[State::Subscribed][..], &ENABLED, &NEITHER] {
        hears(states, both, reset);
    }
}

// Keeps: queue-news
#[test]
fn news_of_queues_are_told_to_a_debugger_and_to_nobody_else() {
    let news = |scene: &mut Scene<'_>| {
        let memory = scene.target.buffer(0x20_0000, 16384);
        let queue = scene.target.queue_in(memory).expect("a queue");
        scene.target.destroy(queue.id).unwrap();
        scene.heard_before = scene.world.outbox.take();
        None
    };
    hears(&[State::Subscribed], Heard { debugger: 2, ..NOBODY }, news);
    for states in [ENABLED, NEITHER] {
        hears(&states, NOBODY, news);
    }
}

// Keeps: stopped-queue-told
#[test]
fn an_interface_without_exceptions_sets_the_hardware_event_for_what_has_no_signal() {
    let mut profile = profile(90_000);
    profile.interface_minor = 11;
    let world = World::of(profile, Limits::default());
    let mut scene = Scene::of(&world, State::Neither);
    let queue = scene.bad_stream(abi::QUEUE_TYPE_COMPUTE, true);
    assert_eq!(scene.heard(Some(&queue)), Heard { hardware: true, ..NOBODY });
    drop(scene);
    world.end();
}

/// Answers the next question of a delivery with what a worker would find in `memory`, whose first byte is at `base`.
fn answer(world: &World, notices: Vec<Notice>, base: u64, memory: &mut [u8]) -> usize {
    let mut answered = 0;
    for notice in notices {
        let Notice::Memory(request) = notice else { continue };
        let (va, len) = match &request.access {
            UserAccess::Read { va, len } => (va.0, *len as usize),
            UserAccess::Write { va, bytes } => (va.0, bytes.len()),
            other => panic!("{other:?}"),
        };
        let start = usize::try_from(va.wrapping_sub(base)).unwrap_or(usize::MAX);
        let found = memory.get_mut(start..start.saturating_add(len));
        let told = match (&request.access, found) {
            (UserAccess::Write { bytes, .. }, Some(there)) => {
                there.copy_from_slice(bytes);
                UserAnswer::Done(Vec::new())
            }
            (_, Some(there)) => UserAnswer::Done(there.to_vec()),
            (_, None) => UserAnswer::Failed,
        };
        world.core.memory_answer(request.queue, request.ticket, told);
        answered += 1;
    }
    answered
}

/// A runtime whose save area and error word are its own memory, as ROCR's are; its queue's other parts lie in an arena.
struct Own<'w> {
    scene: Scene<'w>,
    memory: Vec<u8>,
}

const OWN: u64 = 0x7000_0000;
const OWN_WORD: u64 = OWN + 4096;

impl<'w> Own<'w> {
    fn of(world: &'w World) -> (Self, Aql) {
        let mut scene = Scene::of(world, State::Enabled);
        scene.target.userptr(OWN, 8192);
        let memory = scene.target.buffer(0x20_0000, 16384);
        let mut arg =
            abi::CreateQueue { ctx_save_restore_address: OWN, ctx_save_restore_size: 4096, ..create(memory) };
        scene.target.ok(0x02, &mut arg);
        let queue = Aql::made(&arg, memory);
        let mut own = vec![0; 8192];
        let head = abi::ContextSaveAreaHeader {
            err_payload_addr: OWN_WORD,
            err_event_id: scene.events[0],
            ..Default::default()
        };
        own[..size_of_val(&head)].copy_from_slice(head.as_bytes());
        own[4096..4104].copy_from_slice(&(1u64 << 62).to_le_bytes());
        (Self { scene, memory: own }, queue)
    }

    fn stop(&self, queue: &mut Aql) -> Vec<Notice> {
        let mut packet = [0; 64];
        packet[0] = 9;
        self.scene.target.push(queue, &packet);
        self.scene.target.ring(queue);
        self.scene.world.settle()
    }

    fn word(&self) -> u64 {
        u64::from_le_bytes(self.memory[4096..4104].try_into().unwrap())
    }
}

// Keeps: runtime-told
#[test]
fn a_runtime_whose_save_area_is_its_own_memory_is_told_by_a_worker() {
    let world = world();
    let (mut own, mut queue) = Own::of(&world);
    let waits = own.scene.target.park(&[own.scene.events[0]], false, abi::TIMEOUT_INFINITE);
    let mut notices = own.stop(&mut queue);
    let mut questions = 0;
    while !notices.iter().any(|notice| matches!(notice, Notice::Complete { .. })) {
        let answered = answer(&world, notices, OWN, &mut own.memory);
        assert_eq!(answered, 1, "one question at a time");
        questions += answered;
        notices = world.outbox.take();
    }
    assert_eq!(
        (questions, own.word()),
        (3, UNSUPPORTED | 1 << 62),
        "head, word, store; what was there stays"
    );
    assert!(world.core.interrupt(own.scene.target.process, waits).is_none());
    drop(own);
    world.end();
}

// Keeps: runtime-told
#[test]
fn what_a_queue_raises_while_its_runtime_is_being_told_is_told_after_it() {
    let world = world();
    let (mut own, mut queue) = Own::of(&world);
    let Own { scene, .. } = &mut own;
    assert_eq!(enable(&mut scene.debugger, &scene.target, 0).0, Ok(0));
    let first = own.stop(&mut queue);
    let preempted = abi::ec_mask(30);
    let word =
        abi::DbgTrapSendRuntimeEvent { exception_mask: preempted, gpu_id: gpu().0, queue_id: queue.id };
    let Own { scene, .. } = &mut own;
    assert_eq!(trap(&mut scene.debugger, &scene.target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    let mut notices = first;
    notices.extend(world.outbox.take());
    let mut questions = 0;
    while !notices.is_empty() {
        questions += answer(&world, notices, OWN, &mut own.memory);
        notices = world.outbox.take();
    }
    assert_eq!((questions, own.word()), (6, UNSUPPORTED | preempted | 1 << 62));
    drop(own);
    world.end();
}

// Keeps: runtime-told-ends
#[test]
fn a_queue_or_a_process_that_goes_while_its_runtime_is_being_told_takes_the_rest_along() {
    for destroyed in [true, false] {
        let world = world();
        let (mut own, mut queue) = Own::of(&world);
        let late = own.stop(&mut queue);
        assert!(late.iter().any(|notice| matches!(notice, Notice::Memory(_))));
        if destroyed {
            own.scene.target.destroy(queue.id).unwrap();
            // Another one of the same number; the late answer is not its.
            let memory = own.scene.target.buffer(0x30_0000, 16384);
            assert_eq!(own.scene.target.queue_in(memory).expect("a queue").id, queue.id);
        } else {
            world.kill(own.scene.target.process);
        }
        answer(&world, late, OWN, &mut own.memory);
        assert!(!world.outbox.take().iter().any(|notice| matches!(notice, Notice::Memory(_))));
        assert_eq!(own.word(), 1 << 62);
        drop(own);
        world.end();
    }
}

// Keeps: runtime-told-ends
#[test]
fn a_save_area_or_a_word_that_leads_nowhere_ends_it_quietly() {
    for (head, wild) in [(false, 0), (true, 0), (true, 0xdead_beef_0000)] {
        let world = world();
        let (mut own, mut queue) = Own::of(&world);
        own.memory[24..32].copy_from_slice(&u64::to_le_bytes(wild));
        let mut notices = own.stop(&mut queue);
        let mut nothing = Vec::new();
        let mut questions = 0;
        while !notices.is_empty() {
            let memory = if head { &mut own.memory } else { &mut nothing };
            questions += answer(&world, notices, OWN, memory);
            notices = world.outbox.take();
        }
        assert_eq!(questions, 1 + usize::from(head));
        let runtime = own.scene.events[0];
        assert!(!own.scene.is_set(runtime));
        drop(own);
        world.end();
    }
}

// Keeps: inactive-signal
#[test]
fn the_inactive_signal_wakes_its_client_whatever_the_runtime_said() {
    let world = world();
    let mut scene = Scene::of(&world, State::Enabled);
    let (mailbox, event) = (0x40_0000, scene.target.event(abi::EVENT_SIGNAL, true));
    let mut queue = scene.queue(abi::QUEUE_TYPE_COMPUTE_AQL, true);
    let at = queue.memory.offset + 4096;
    scene.target.poke(at + amd_signal::EVENT_MAILBOX_PTR, &(mailbox + u64::from(event) * 8).to_le_bytes());
    scene.target.poke(at + amd_signal::EVENT_ID, &event.to_le_bytes());
    let mut packet = [0; 64];
    packet[0] = 9;
    scene.target.push(&mut queue, &packet);
    scene.target.ring(&queue);
    world.settle();
    assert!(scene.is_set(event));
    drop(scene);
    world.end();
}
