//! `kfd-svm DEV [retry] [hold]`: a client whose copy queue reaches memory of its own heap at its own addresses.
//!
//! With `retry` page faults are retried and nothing is registered; with `hold` it says `held` at the end and waits to be
//! killed. Ends with 0 when all of it was as it should be.

#![allow(missing_docs, reason = "a program of the tests")]

use client::memory::{Kind, PAGE};
use client::stream::Engine;
use client::svm::Attribute;
use client::{Buffer, Device, StreamQueue, WaitResult, sdma};
use kfd_core::abi::kfd as abi;
use memmap2::MmapMut;
use std::io::Write;
use std::time::Duration;

/// Bytes that are copied: more than a worker moves at once, no whole number of pages.
const BYTES: usize = (1 << 20) + 1234;
/// How long a copy may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn attribute(kind: u32, value: u32) -> Attribute {
    Attribute { kind, value }
}

/// The pages that an allocation of the heap lies in.
fn pages(memory: &[u8]) -> (u64, u64) {
    let start = memory.as_ptr().expose_provenance() as u64;
    let (first, end) = (start & !(PAGE - 1), (start + memory.len() as u64).next_multiple_of(PAGE));
    (first, end - first)
}

fn access(device: &Device, (start, bytes): (u64, u64)) -> u32 {
    let mut asked = [attribute(abi::SVM_ATTR_ACCESS, device.gpu_id())];
    device.get_svm(start, bytes, &mut asked).expect("memory of this process");
    asked[0].kind
}

/// Copies by the queue and compares what this process then sees.
fn copy(queue: &mut StreamQueue, to: &mut [u8], from: &mut [u8], seed: u8) {
    for (at, byte) in from.iter_mut().enumerate() {
        *byte = (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ seed;
    }
    to.fill(0);
    // Both are touched behind the compiler's back from here on.
    let (dst, src) = (std::hint::black_box(to.as_mut_ptr()), std::hint::black_box(from.as_mut_ptr()));
    let (dst, src) = (dst.expose_provenance() as u64, src.expose_provenance() as u64);
    queue.submit(&sdma::copy(dst, src, BYTES as u64)).expect("an empty ring has room");
    assert!(queue.wait_idle(PATIENCE), "{} dwords are left", queue.pending());
    let (to, from) = (std::hint::black_box(to), std::hint::black_box(from));
    assert!(to[..BYTES] == from[..BYTES], "the bytes arrived");
    assert!(to[BYTES..].iter().all(|byte| *byte == 0), "and no more than those");
}

/// What is unmapped is no longer registered, also where other memory comes to lie.
fn unmap(device: &Device, access_unsaid: u32) {
    let gpu = device.gpu_id();
    let memory = MmapMut::map_anon(16 << 20).expect("memory");
    let (start, bytes) = pages(&memory);
    device.set_svm(start, bytes, &[attribute(abi::SVM_ATTR_ACCESS_IN_PLACE, gpu)]).expect("registered");
    assert_eq!(access(device, (start, bytes)), abi::SVM_ATTR_ACCESS_IN_PLACE);
    drop(memory);
    let mut asked = [attribute(abi::SVM_ATTR_PREFETCH_LOC, 0)];
    let refused = device.get_svm(start, bytes, &mut asked).expect_err("nothing is there");
    assert_eq!(refused.errno(), Some(libc::EFAULT));
    let refused =
        device.set_svm(start, bytes, &[attribute(abi::SVM_ATTR_ACCESS, gpu)]).expect_err("nor here");
    assert_eq!(refused.errno(), Some(libc::EFAULT));
    let again = MmapMut::map_anon(16 << 20).expect("memory");
    let (again_at, _) = pages(&again);
    if again_at == start {
        assert_eq!(access(device, (start, bytes)), access_unsaid, "this memory is another");
    }
}

/// What this process may only read its queues do not write: a memory exception, and the bytes stay.
fn read_only(device: &Device, from: &[u8]) {
    let gpu = device.gpu_id();
    let memory = MmapMut::map_anon(16 << 20).expect("memory");
    let range = pages(&memory);
    device.set_svm(range.0, range.1, &[attribute(abi::SVM_ATTR_ACCESS, gpu)]).expect("registered");
    let memory = memory.make_read_only().expect("mprotect");
    assert_eq!(access(device, range), abi::SVM_ATTR_ACCESS);
    let event = device.create_event(abi::EVENT_MEMORY, true).expect("an event");
    let mut queue = StreamQueue::create(device, Engine::Sdma, 1024).expect("a queue");
    let src = from.as_ptr().expose_provenance() as u64;
    queue.submit(&sdma::copy(range.0, src, 4096)).expect("an empty ring has room");
    let ended = device.wait_event(event, 20_000).expect("a wait");
    assert_eq!(ended, WaitResult::Complete, "the queue met the page");
    assert!(std::hint::black_box(&memory).iter().all(|byte| *byte == 0));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |what: &str| arguments.iter().any(|argument| argument == what);
    let device = Device::open(&arguments[0]).expect("a device");
    let gpu = device.gpu_id();
    let unsaid = if has("retry") { abi::SVM_ATTR_ACCESS } else { abi::SVM_ATTR_NO_ACCESS };
    if has("retry") {
        device.set_xnack(true).expect("this device retries");
    }
    let mut queue = StreamQueue::create(&device, Engine::Sdma, 1024).expect("a queue");
    let (mut to, mut from) = (vec![0_u8; BYTES + 4321], vec![0_u8; BYTES + 4321]);
    assert_eq!(access(&device, pages(&from)), unsaid);
    if !has("retry") {
        for range in [pages(&to), pages(&from)] {
            device.set_svm(range.0, range.1, &[attribute(abi::SVM_ATTR_ACCESS, gpu)]).expect("registered");
            assert_eq!(access(&device, range), abi::SVM_ATTR_ACCESS);
        }
    }
    copy(&mut queue, &mut to, &mut from, 0x5a);
    let (start, bytes) = pages(&to);
    device.set_svm(start, bytes, &[attribute(abi::SVM_ATTR_PREFETCH_LOC, gpu)]).expect("there is room");
    copy(&mut queue, &mut to, &mut from, 0xa5);

    let buffer = Buffer::new(&device, Kind::Gtt, PAGE).expect("memory");
    let taken = device.set_svm(buffer.va(0), PAGE, &[attribute(abi::SVM_ATTR_ACCESS, gpu)]);
    let errno = taken.expect_err("a buffer object has it").errno();
    // Where nothing of this process lies, that is what is seen first.
    assert!(matches!(errno, Some(libc::EADDRINUSE | libc::EFAULT)), "{errno:?}");
    unmap(&device, unsaid);
    let many: Vec<_> = (0..64).map(|_| attribute(abi::SVM_ATTR_GRANULARITY, 4)).collect();
    device.set_svm(start, bytes, &many).expect("as many attributes as one likes");
    read_only(&device, &from);
    if has("hold") {
        println!("held");
        std::io::stdout().flush().expect("somebody hears");
        loop {
            std::thread::park();
        }
    }
}
