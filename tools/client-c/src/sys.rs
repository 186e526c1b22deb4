//! The functions themselves. Pointers come from C: each is checked for NULL and used within the call, except handles, which
//! are boxes handed out as pointers.
//!
//! What every SAFETY comment below leans on, and the caller keeps (said in the header): a handle is one that this library
//! returned and that was not ended; a pointer to fill in is aligned and writable; a string ends with NUL; a buffer of bytes
//! has the stated length; two threads do not use one handle at the same time.
#![allow(unsafe_code)]

use client::memory::Kind;
use client::stream::{Engine, SubmitError};
use client::{Buffer, ClientError, Device, Signal, StreamQueue, UserQueue, WaitResult, sdma};
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::time::Duration;

/// `struct kfd_client_signal`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SignalHandle {
    /// The handle that packets name: its GPU address.
    pub handle: u64,
    /// Its place among the queue's signals.
    pub index: u32,
}

/// An AQL queue and the signals it gave out.
#[derive(Debug)]
pub struct AqlQueue {
    queue: UserQueue,
    signals: Vec<Signal>,
}

fn code(error: &ClientError) -> c_int {
    -error.errno().unwrap_or(libc::ENODEV)
}

fn outcome(result: Result<(), ClientError>) -> c_int {
    result.map_or_else(|error| code(&error), |()| 0)
}

/// What a handle points at.
fn at<'a, T>(handle: *const T) -> Option<&'a T> {
    // SAFETY: NULL or a live handle, by the module's head.
    unsafe { handle.as_ref() }
}

fn at_mut<'a, T>(handle: *mut T) -> Option<&'a mut T> {
    // SAFETY: NULL or a live handle that no other thread uses now, by the module's head.
    unsafe { handle.as_mut() }
}

/// Hands a value out as a handle.
fn give<T>(to: *mut *mut T, made: Result<T, ClientError>) -> c_int {
    let Some(to) = at_mut(to) else { return -libc::EINVAL };
    match made {
        Ok(value) => {
            *to = Box::into_raw(Box::new(value));
            0
        }
        Err(error) => code(&error),
    }
}

/// Takes a handle back.
fn take<T>(handle: *mut T) -> Option<Box<T>> {
    // SAFETY: a handle comes from `give`, and the caller ends it once, by the module's head.
    (!handle.is_null()).then(|| unsafe { Box::from_raw(handle) })
}

/// Opens the device number `index` below `dev` ("/dev").
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_open(dev: *const c_char, index: u32, device: *mut *mut Device) -> c_int {
    if dev.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: a string that ends with NUL, by the module's head.
    let dev = unsafe { CStr::from_ptr(dev) };
    let Ok(dev) = dev.to_str() else { return -libc::EINVAL };
    give(device, Device::open_nth(Path::new(dev), index))
}

/// Closes a device's nodes.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_close(device: *mut Device) {
    drop(take(device));
}

/// The interface's version.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_version(device: *const Device, major: *mut u32, minor: *mut u32) -> c_int {
    let (Some(device), Some(major), Some(minor)) = (at(device), at_mut(major), at_mut(minor)) else {
        return -libc::EINVAL;
    };
    outcome(device.version().map(|version| (*major, *minor) = version))
}

/// The device's id in the topology.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_gpu_id(device: *const Device) -> u32 {
    at(device).map_or(0, Device::gpu_id)
}

/// Allocates and maps memory, of the device (`vram` not 0) or of the host.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_alloc(
    device: *const Device,
    vram: c_int,
    bytes: u64,
    buffer: *mut *mut Buffer,
) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    give(buffer, Buffer::new(device, if vram == 0 { Kind::Gtt } else { Kind::Vram }, bytes))
}

/// Where the host sees a buffer.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_host(buffer: *const Buffer) -> *mut libc::c_void {
    at(buffer).map_or(std::ptr::null_mut(), |buffer| {
        std::ptr::with_exposed_provenance_mut(usize::try_from(buffer.address()).unwrap_or(0))
    })
}

/// Where the device sees a buffer.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_va(buffer: *const Buffer) -> u64 {
    at(buffer).map_or(0, |buffer| buffer.va(0))
}

/// Maps a buffer into a further device.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_map(buffer: *const Buffer, other: *const Device) -> c_int {
    let (Some(buffer), Some(other)) = (at(buffer), at(other)) else { return -libc::EINVAL };
    outcome(buffer.map_to(other))
}

/// Takes it off that device.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_unmap(buffer: *const Buffer, other: *const Device) -> c_int {
    let (Some(buffer), Some(other)) = (at(buffer), at(other)) else { return -libc::EINVAL };
    outcome(buffer.unmap_from(other))
}

/// Frees a buffer.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_free(buffer: *mut Buffer, device: *const Device) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    take(buffer).map_or(-libc::EINVAL, |buffer| outcome(buffer.free(device)))
}

/// Makes a signal event.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_event_create(device: *const Device, event: *mut client::event::Event) -> c_int {
    let (Some(device), Some(event)) = (at(device), at_mut(event)) else { return -libc::EINVAL };
    outcome(device.create_signal_event().map(|made| *event = made))
}

/// Signals an event from the host.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_event_set(device: *const Device, event: client::event::Event) -> c_int {
    at(device).map_or(-libc::EINVAL, |device| outcome(device.set_event(event)))
}

/// Waits: 0 when it came, -ETIME when it did not in time, -EIO when it was destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_event_wait(
    device: *const Device,
    event: client::event::Event,
    milliseconds: u32,
) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    match device.wait_event(event, milliseconds) {
        Ok(WaitResult::Complete) => 0,
        Ok(WaitResult::Timeout) => -libc::ETIME,
        Ok(WaitResult::Fail) => -libc::EIO,
        Err(error) => code(&error),
    }
}

/// Ends an event.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_event_destroy(device: *const Device, event: client::event::Event) -> c_int {
    at(device).map_or(-libc::EINVAL, |device| outcome(device.destroy_event(event)))
}

/// Makes an AQL queue.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_aql_create(
    device: *const Device,
    packets: u32,
    queue: *mut *mut AqlQueue,
) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    give(queue, UserQueue::create(device, packets).map(|queue| AqlQueue { queue, signals: Vec::new() }))
}

/// Makes a signal; `event` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_aql_signal(
    queue: *mut AqlQueue,
    initial: u64,
    event: *const client::event::Event,
    signal: *mut SignalHandle,
) -> c_int {
    let (Some(queue), Some(signal)) = (at_mut(queue), at_mut(signal)) else { return -libc::EINVAL };
    let Some(made) = queue.queue.signal(initial, at(event).copied()) else { return -libc::ENOSPC };
    *signal =
        SignalHandle { handle: made.handle, index: u32::try_from(queue.signals.len()).unwrap_or(u32::MAX) };
    queue.signals.push(made);
    0
}

/// A signal's value; 0 when there is no such signal.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_aql_value(queue: *const AqlQueue, signal: SignalHandle) -> u64 {
    at(queue)
        .and_then(|queue| queue.signals.get(signal.index as usize).map(|signal| queue.queue.value(*signal)))
        .unwrap_or(0)
}

/// Submits a barrier packet that waits for `count` signals (at most 5) and then lowers `done` (NULL: none).
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_aql_barrier(
    queue: *const AqlQueue,
    after: *const u64,
    count: u32,
    done: *const SignalHandle,
) -> c_int {
    let Some(queue) = at(queue) else { return -libc::EINVAL };
    if count > 5 || (count > 0 && after.is_null()) {
        return -libc::EINVAL;
    }
    let deps = match count {
        0 => &[],
        // SAFETY: `count` aligned words, by the module's head.
        _ => unsafe { std::slice::from_raw_parts(after, count as usize) },
    };
    let done = at(done).and_then(|done| queue.signals.get(done.index as usize));
    queue.queue.submit_barrier(deps, done);
    0
}

/// Ends an AQL queue.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_aql_destroy(queue: *mut AqlQueue, device: *const Device) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    take(queue).map_or(-libc::EINVAL, |queue| outcome(queue.queue.destroy(device)))
}

/// Makes an SDMA (`engine` 1), XGMI SDMA (2) or PM4 (0) queue.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_stream_create(
    device: *const Device,
    engine: u32,
    dwords: u32,
    queue: *mut *mut StreamQueue,
) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    let engine = match engine {
        0 => Engine::Compute,
        1 => Engine::Sdma,
        2 => Engine::SdmaXgmi,
        _ => return -libc::EINVAL,
    };
    give(queue, StreamQueue::create(device, engine, dwords))
}

/// Puts whole packets into the ring and rings; -EAGAIN when it is too full now.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_stream_submit(queue: *mut StreamQueue, dwords: *const u32, count: u32) -> c_int {
    let Some(queue) = at_mut(queue) else { return -libc::EINVAL };
    if count == 0 || dwords.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: `count` aligned dwords, by the module's head.
    submit(queue, unsafe { std::slice::from_raw_parts(dwords, count as usize) })
}

/// Submits linear copies of `bytes` bytes on an SDMA queue.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_stream_copy(queue: *mut StreamQueue, dst: u64, src: u64, bytes: u64) -> c_int {
    at_mut(queue).map_or(-libc::EINVAL, |queue| submit(queue, &sdma::copy(dst, src, bytes)))
}

fn submit(queue: &mut StreamQueue, packets: &[u32]) -> c_int {
    match queue.submit(packets) {
        Ok(()) => 0,
        Err(SubmitError::Full { .. }) => -libc::EAGAIN,
    }
}

/// Waits until everything is consumed: 0, or -ETIME.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_stream_wait(queue: *const StreamQueue, milliseconds: u32) -> c_int {
    let Some(queue) = at(queue) else { return -libc::EINVAL };
    if queue.wait_idle(Duration::from_millis(milliseconds.into())) { 0 } else { -libc::ETIME }
}

/// Ends a stream queue.
#[unsafe(no_mangle)]
pub extern "C" fn kfd_client_stream_destroy(queue: *mut StreamQueue, device: *const Device) -> c_int {
    let Some(device) = at(device) else { return -libc::EINVAL };
    take(queue).map_or(-libc::EINVAL, |queue| outcome(queue.destroy(device)))
}
