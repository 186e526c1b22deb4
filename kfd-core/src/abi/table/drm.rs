//! The rows of magic `d`, in order of their numbers.
//!
//! Direction and struct come from drm/drm.h and drm/amdgpu_drm.h. A call that `drm_ioctl` does not let a render node
//! make (`DRM_RENDER_ALLOW` is missing in drm_ioctl.c) is EACCES there; GET_CLIENT is the exception, because libdrm takes a
//! node that is a regular file for a primary one and asks.

use super::row::{Way, counted, row};
use crate::abi::chain::Chain;
use crate::abi::drm as abi;
use crate::abi::drm::nr;
use crate::abi::layout::Layout;
use crate::abi::spec::{Count, Flow, Ioctl, Pointer};
use core::mem::offset_of;
use libc::ENOMEM;

/// The most chunks of a submission, and the most bytes of a buffer list: the kernel allocates memory for what it
/// copies.
const CHUNKS_MAX: u32 = 1024;
const LIST_BYTES_MAX: u32 = 1 << 18;

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

/// A call of a primary node that has no struct.
const fn bare(number: u8, name: &'static str, doc: &'static str) -> Ioctl {
    Ioctl { cmd: crate::abi::ioc::io(abi::MAGIC, number), name, doc, ..Ioctl::PLAIN }.primary()
}

/// A pointer to a string that the driver writes as far as there is room.
const fn string(layout: Layout, at: usize, len: usize) -> Pointer {
    counted(layout, at, len, 1, Flow::Out, u32::MAX, Pointer::CLAMP)
}

/// The calls that a render node or a primary node answers, or refuses by name.
pub const ROWS: &[Ioctl] = &[
    d(
        nr::VERSION,
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
        nr::GET_UNIQUE,
        Way::Both,
        "GET_UNIQUE",
        abi::Unique::LAYOUT,
        &[string(abi::Unique::LAYOUT, offset_of!(abi::Unique, unique), offset_of!(abi::Unique, unique_len))],
        "Tells the bus id that SET_VERSION gave.",
    )
    .primary(),
    d(
        nr::GET_MAGIC,
        Way::Read,
        "GET_MAGIC",
        abi::Auth::LAYOUT,
        &[],
        "Tells the client's token.",
    )
    .primary(),
    d(nr::GET_CLIENT, Way::Both, "GET_CLIENT", abi::Client::LAYOUT, &[], "Tells whether the client is authenticated."),
    d(
        nr::SET_VERSION,
        Way::Both,
        "SET_VERSION",
        abi::SetVersion::LAYOUT,
        &[],
        "Agrees on versions, and gives the master its bus id.",
    )
    .primary(),
    d(nr::GEM_CLOSE, Way::Write, "GEM_CLOSE", abi::GemClose::LAYOUT, &[], "Ends a handle."),
    d(nr::GET_CAP, Way::Both, "GET_CAP", abi::GetCap::LAYOUT, &[], "Tells a capability of the driver."),
    d(
        nr::SET_CLIENT_CAP,
        Way::Write,
        "SET_CLIENT_CAP",
        abi::SetClientCap::LAYOUT,
        &[],
        "Takes a capability of the client.",
    )
    .primary(),
    d(nr::AUTH_MAGIC, Way::Write, "AUTH_MAGIC", abi::Auth::LAYOUT, &[], "Authenticates the client with a token.").primary(),
    bare(nr::SET_MASTER, "SET_MASTER", "Makes the client master again."),
    bare(nr::DROP_MASTER, "DROP_MASTER", "Lets the client be master no more."),
    d(
        nr::PRIME_HANDLE_TO_FD,
        Way::Both,
        "PRIME_HANDLE_TO_FD",
        abi::PrimeHandle::LAYOUT,
        &[],
        "Makes a dma-buf of a handle.",
    )
    .answers_descriptor(
        abi::PrimeHandle::LAYOUT,
        offset_of!(abi::PrimeHandle, fd),
        Some(offset_of!(abi::PrimeHandle, flags)),
    ),
    d(nr::PRIME_FD_TO_HANDLE, Way::Both, "PRIME_FD_TO_HANDLE", abi::PrimeHandle::LAYOUT, &[], "Makes a handle of a dma-buf.")
        .takes_dmabuf(abi::PrimeHandle::LAYOUT, offset_of!(abi::PrimeHandle, fd)),
    d(nr::AMDGPU_GEM_CREATE, Way::Both, "AMDGPU_GEM_CREATE", abi::GemCreate::LAYOUT, &[], "Makes a buffer."),
    d(
        nr::AMDGPU_GEM_MMAP,
        Way::Both,
        "AMDGPU_GEM_MMAP",
        abi::GemMmap::LAYOUT,
        &[],
        "Tells where a buffer is mapped.",
    ),
    d(
        nr::AMDGPU_CTX,
        Way::Both,
        "AMDGPU_CTX",
        abi::Context::LAYOUT,
        &[],
        "Makes, frees or asks about a context.",
    ),
    d(
        nr::AMDGPU_BO_LIST,
        Way::Both,
        "AMDGPU_BO_LIST",
        abi::BoListIn::LAYOUT,
        &[Pointer {
            name: abi::BoListIn::LAYOUT.name_at(offset_of!(abi::BoListIn, bo_info_ptr)),
            offset: offset_of!(abi::BoListIn, bo_info_ptr),
            count: Count::Product {
                records: offset_of!(abi::BoListIn, bo_number),
                stride: offset_of!(abi::BoListIn, bo_info_size),
            },
            element: 1,
            flow: Flow::In,
            cap: LIST_BYTES_MAX,
            over: ENOMEM,
        }],
        "Makes, replaces or ends a list of buffers that submissions use.",
    ),
    d(
        nr::AMDGPU_CS,
        Way::Both,
        "AMDGPU_CS",
        abi::Cs::LAYOUT,
        &[counted(
            abi::Cs::LAYOUT,
            offset_of!(abi::Cs, chunks),
            offset_of!(abi::Cs, num_chunks),
            8,
            Flow::In,
            CHUNKS_MAX,
            ENOMEM,
        )],
        "Submits commands to a copy engine: chunks are addresses of headers, each with the address of its words.",
    )
    .chained(Chain::Chunks),
    d(
        nr::AMDGPU_INFO,
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
    d(
        nr::AMDGPU_GEM_METADATA,
        Way::Both,
        "AMDGPU_GEM_METADATA",
        abi::GemMetadata::LAYOUT,
        &[],
        "Tells or sets what a buffer's maker wrote on it.",
    ),
    d(
        nr::AMDGPU_GEM_WAIT_IDLE,
        Way::Both,
        "AMDGPU_GEM_WAIT_IDLE",
        abi::GemWaitIdle::LAYOUT,
        &[],
        "Waits until no submission uses a buffer.",
    ),
    d(
        nr::AMDGPU_GEM_VA,
        Way::Write,
        "AMDGPU_GEM_VA",
        abi::GemVa::LAYOUT,
        &[],
        "Maps or unmaps a part of a buffer.",
    ),
    d(nr::AMDGPU_WAIT_CS, Way::Both, "AMDGPU_WAIT_CS", abi::WaitCs::LAYOUT, &[], "Waits for a submission."),
    d(
        nr::AMDGPU_GEM_OP,
        Way::Both,
        "AMDGPU_GEM_OP",
        abi::GemOp::LAYOUT,
        &[Pointer {
            name: "value",
            offset: offset_of!(abi::GemOp, value),
            count: Count::Fixed(size_of::<abi::GemCreate>() as u32),
            element: 1,
            flow: Flow::Out,
            cap: u32::MAX,
            over: ENOMEM,
        }],
        "Tells how a buffer was made, or sets where it would rather be.",
    ),
    d(nr::AMDGPU_VM, Way::Both, "AMDGPU_VM", abi::Vm::LAYOUT, &[], "Asks for a number for the address space."),
];
