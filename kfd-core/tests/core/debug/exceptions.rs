//! What goes wrong under a debugger, and who hears of it.

use super::*;
use crate::world::{AQL, Aql, create};

// Keeps: debug-told-first
#[test]
fn a_memory_violation_is_the_debuggers_until_it_passes_it_on() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    let event = target.event(abi::EVENT_MEMORY, false);
    let mut queue = target.queue(0x10_0000);
    assert_eq!(enable(&mut debugger, &target, VIOLATION).0, Ok(0));
    let waits = target.park(&[event], false, abi::TIMEOUT_INFINITE);
    target.push(&mut queue, &barrier(&[0xdead_0000], 0));
    target.ring(&queue);
    let notices = world.settle();
    assert_eq!((told(&notices), completions(&notices).len()), (1, 0), "told to the debugger alone");
    let (gpu_id, _, _) = gpu();
    let info = abi::DbgTrapQueryExceptionInfo {
        info_ptr: 0x7000,
        info_size: 32,
        source_id: gpu_id,
        exception_code: abi::EC_DEVICE_MEMORY_VIOLATION,
        clear_exception: 0,
    };
    let (result, info, writes) = trap(&mut debugger, &target, dbg_op::QUERY_EXCEPTION_INFO, info);
    assert_eq!((result, info.info_size), (Ok(0), 32));
    let data = abi::MemoryExceptionData::read_from_bytes(&writes[0].bytes[..]).unwrap();
    assert_eq!((data.va & !4095, data.gpu_id, data.failure.not_present), (0xdead_0000, gpu_id, 1));
    assert_eq!(query(&mut debugger, &target, VIOLATION), Ok((VIOLATION, gpu_id, 0)));
    let word = abi::DbgTrapSendRuntimeEvent { exception_mask: VIOLATION, gpu_id, queue_id: 0 };
    let nowhere = abi::DbgTrapSendRuntimeEvent { gpu_id: 1, ..word };
    assert_eq!(trap(&mut debugger, &target, dbg_op::SEND_RUNTIME_EVENT, nowhere).0, Err(libc::ENODEV));
    assert_eq!(trap(&mut debugger, &target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    let notices = world.outbox.take();
    let ended = completions(&notices);
    assert_eq!(wait_result(ended[0]), (None, abi::WAIT_RESULT_COMPLETE));
    assert!(world.core.interrupt(target.process, waits).is_none());
    world.end();
}

// Keeps: debug-told-first
#[test]
fn a_violation_that_the_debugger_did_not_ask_for_is_the_processs_as_ever() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    let event = target.event(abi::EVENT_MEMORY, false);
    let mut queue = target.queue(0x10_0000);
    assert_eq!(enable(&mut debugger, &target, NEW).0, Ok(0));
    target.park(&[event], false, abi::TIMEOUT_INFINITE);
    target.push(&mut queue, &barrier(&[0xdead_0000], 0));
    target.ring(&queue);
    let notices = world.settle();
    assert_eq!((told(&notices), completions(&notices).len()), (0, 1));
    // It waits for whoever asks later: a byte at once.
    let wanted = abi::DbgTrapSetExceptionsEnabled { exception_mask: VIOLATION };
    assert_eq!(trap(&mut debugger, &target, dbg_op::SET_EXCEPTIONS_ENABLED, wanted).0, Ok(0));
    assert_eq!(told(&world.outbox.take()), 1);
    world.end();
}

// Keeps: debug-told-first
#[test]
fn a_malformed_packet_is_told_by_its_code_and_passed_on_through_the_save_area() {
    let world = world();
    let (mut debugger, mut target) = (world.stranger(10, 1000), world.client(20));
    let (_, event) = target.event_page(0x40_0000);
    let memory = target.cut(0x10_0000, &AQL).unwrap();
    let sizes = world.core.profile().devices[0].queue_buffers();
    let save = target.buffer(0x1000_0000, sizes.whole_save_area(sizes.save_area));
    let header = abi::ContextSaveAreaHeader {
        err_payload_addr: save.va + 4096,
        err_event_id: event,
        ..Default::default()
    };
    target.poke(save.offset, header.as_bytes());
    let mut arg = abi::CreateQueue {
        ctx_save_restore_address: save.va,
        ctx_save_restore_size: sizes.save_area,
        ctl_stack_size: sizes.control_stack,
        ..create(memory)
    };
    target.ok(0x02, &mut arg);
    let mut queue = Aql::made(&arg, memory);
    const UNSUPPORTED: u64 = abi::ec_mask(20);
    assert_eq!(enable(&mut debugger, &target, UNSUPPORTED).0, Ok(0));
    let mut packet = [0; 64];
    packet[0] = 9;
    target.push(&mut queue, &packet);
    target.ring(&queue);
    assert_eq!(told(&world.settle()), 1);
    assert_eq!(query(&mut debugger, &target, 0), Ok((UNSUPPORTED, gpu().0, queue.id)));
    target.park(&[event], false, abi::TIMEOUT_INFINITE);
    let word =
        abi::DbgTrapSendRuntimeEvent { exception_mask: UNSUPPORTED, gpu_id: gpu().0, queue_id: queue.id };
    assert_eq!(trap(&mut debugger, &target, dbg_op::SEND_RUNTIME_EVENT, word).0, Ok(0));
    assert_eq!(target.peek(save.offset + 4096), UNSUPPORTED);
    assert_eq!(completions(&world.outbox.take()).len(), 1, "and the event is set");
    world.end();
}
