//! The rows of magic `d`, in order of their numbers.
//!
//! Direction and struct come from drm/drm.h and drm/amdgpu_drm.h. A call that `drm_ioctl` does not let a render node
//! make (`DRM_RENDER_ALLOW` is missing in drm_ioctl.c) is EACCES; GET_CLIENT is the exception, because libdrm takes a
//! node that is a regular file for a primary one and asks.

use super::row::{Way, counted, row};
use crate::abi::drm as abi;
use crate::abi::layout::Layout;
use crate::abi::spec::{Flow, Ioctl, Pointer};
use core::mem::offset_of;
use libc::EACCES;

/// `DRM_COMMAND_BASE + DRM_AMDGPU_INFO`.
const AMDGPU_INFO: u8 = abi::COMMAND_BASE + 0x05;

const fn d(
    number: u8,
    way: Way,
    name: &'static str,
    layout: Layout,
    pointers: &'static [Pointer],
    doc: &'static str,
) -> Ioctl {
    row(abi::MAGIC, number, way, name, layout, pointers, doc)
}

/// A string that the driver writes as far as there is room.
const fn string(layout: Layout, at: usize, len: usize) -> Pointer {
    counted(layout, at, len, 1, Flow::Out, u32::MAX, Pointer::CLAMP)
}

/// The calls that a render node answers or refuses by name.
pub const ROWS: &[Ioctl] = &[
    d(
        0x00,
        Way::Both,
        "VERSION",
        abi::Version::LAYOUT,
        &[
            string(abi::Version::LAYOUT, offset_of!(abi::Version, name), offset_of!(abi::Version, name_len)),
            string(abi::Version::LAYOUT, offset_of!(abi::Version, date), offset_of!(abi::Version, date_len)),
            string(abi::Version::LAYOUT, offset_of!(abi::Version, desc), offset_of!(abi::Version, desc_len)),
        ],
        "Tells the driver's version, name, date and description.",
    ),
    d(
        0x01,
        Way::Both,
        "GET_UNIQUE",
        abi::Unique::LAYOUT,
        &[string(abi::Unique::LAYOUT, offset_of!(abi::Unique, unique), offset_of!(abi::Unique, unique_len))],
        "Tells the bus id; not on a render node.",
    )
    .always(EACCES),
    d(
        0x02,
        Way::Read,
        "GET_MAGIC",
        abi::Auth::LAYOUT,
        &[],
        "Tells the client's token; not on a render node.",
    )
    .always(EACCES),
    d(0x05, Way::Both, "GET_CLIENT", abi::Client::LAYOUT, &[], "Tells whether the client is authenticated."),
    d(0x09, Way::Write, "GEM_CLOSE", abi::GemClose::LAYOUT, &[], "Ends a handle."),
    d(0x0c, Way::Both, "GET_CAP", abi::GetCap::LAYOUT, &[], "Tells a capability of the driver."),
    d(
        0x0d,
        Way::Write,
        "SET_CLIENT_CAP",
        abi::SetClientCap::LAYOUT,
        &[],
        "Takes a capability of the client; not on a render node.",
    )
    .always(EACCES),
    d(
        0x2d,
        Way::Both,
        "PRIME_HANDLE_TO_FD",
        abi::PrimeHandle::LAYOUT,
        &[],
        "Makes a dma-buf of a handle; answers a descriptor.",
    ),
    d(0x2e, Way::Both, "PRIME_FD_TO_HANDLE", abi::PrimeHandle::LAYOUT, &[], "Makes a handle of a dma-buf."),
    d(
        AMDGPU_INFO,
        Way::Write,
        "AMDGPU_INFO",
        abi::Info::LAYOUT,
        &[counted(
            abi::Info::LAYOUT,
            offset_of!(abi::Info, return_pointer),
            offset_of!(abi::Info, return_size),
            1,
            Flow::Out,
            u32::MAX,
            Pointer::CLAMP,
        )],
        "Answers one of many queries about the device.",
    ),
];
