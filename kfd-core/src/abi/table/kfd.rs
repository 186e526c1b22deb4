//! The rows of magic `K`, in order of their numbers.
//!
//! Direction and struct come from linux/kfd_ioctl.h; counts, caps and the errnos for too much come from the kernel's
//! `kfd_chardev.c` and `kfd_events.c`. Where the kernel's own bound is only that of `kmalloc`, a gathered pointer has
//! a lower cap, whose reason is beside it; the errno is the same.

use super::operations;
use super::row::{Way, bits, counted, row};
use crate::abi::kfd as abi;
use crate::abi::kfd::nr;
use crate::abi::layout::Layout;
use crate::abi::spec::{Flagged, Flow, Ioctl, Pointer};
use core::mem::offset_of;
use libc::{ENOMEM, ENOTTY, EPERM};

/// `KMALLOC_MAX_SIZE` with 4 KiB pages (linux/slab.h), bytes: more is ENOMEM.
pub(super) const KMALLOC_MAX: u32 = 4 << 20;

/// The most entries of GET_PROCESS_APERTURES_NEW: as many as one `kcalloc` has room for.
const APERTURES_CAP: u32 = KMALLOC_MAX / size_of::<abi::DeviceApertures>() as u32;

/// The most elements of WAIT_EVENTS: twice as many as a process has signal events; the kernel's bound is `kcalloc`'s.
const WAIT_CAP: u32 = 2 * abi::SIGNAL_EVENT_LIMIT;

/// The most device ids of MAP and UNMAP: sixteen times `MAX_GPU_INSTANCE` (amdkfd/kfd_priv.h); the kernel's bound is
/// `kmalloc_array`'s.
pub(super) const DEVICES_CAP: u32 = 16 * 64;

/// The most words of a CU mask: `max_num_cus` of `kfd_ioctl_set_cu_mask`, 1024 bits; more is cut to it.
const CU_MASK_WORDS: u32 = 1024 / 32;

/// The entries of `tile_mode_array` (amdgpu/amdgpu_gfx.h); more is cut to it.
const TILE_MODES: u32 = 32;

/// The entries of `macrotile_mode_array` (amdgpu/amdgpu_gfx.h); more is cut to it.
const MACRO_TILE_MODES: u32 = 16;

/// The most ranges of each side of CROSS_MEMORY_COPY: `UIO_MAXIOV` (linux/uio.h), as of process_vm_readv(2), which the
/// call is modelled on; the driver's bound is `kmalloc_array`'s.
const COPY_RANGES_CAP: u32 = 1024;

const fn k(
    number: u8,
    way: Way,
    name: &'static str,
    layout: Layout,
    pointers: &'static [Pointer],
    doc: &'static str,
) -> Ioctl {
    row(abi::MAGIC, number, way, name, layout, pointers, doc)
}

/// The calls of interface 1.19.
pub const ROWS: &[Ioctl] = &[
    k(
        nr::GET_VERSION,
        Way::Read,
        "GET_VERSION",
        abi::GetVersion::LAYOUT,
        &[],
        "Tells the version of this interface.",
    ),
    k(
        nr::CREATE_QUEUE,
        Way::Both,
        "CREATE_QUEUE",
        abi::CreateQueue::LAYOUT,
        &[],
        "Makes a user-mode queue over memory of the client and gives it a doorbell.",
    ),
    k(
        nr::DESTROY_QUEUE,
        Way::Both,
        "DESTROY_QUEUE",
        abi::DestroyQueue::LAYOUT,
        &[],
        "Takes a queue off the device and frees it.",
    )
    .parks(),
    k(
        nr::SET_MEMORY_POLICY,
        Way::Write,
        "SET_MEMORY_POLICY",
        abi::SetMemoryPolicy::LAYOUT,
        &[],
        "Sets the cache policies of a device's apertures for this process.",
    ),
    k(
        nr::GET_CLOCK_COUNTERS,
        Way::Both,
        "GET_CLOCK_COUNTERS",
        abi::GetClockCounters::LAYOUT,
        &[],
        "Reads a device's clock and the host's together.",
    ),
    k(
        nr::GET_PROCESS_APERTURES,
        Way::Read,
        "GET_PROCESS_APERTURES",
        abi::GetProcessApertures::LAYOUT,
        &[],
        "Tells the apertures of the first seven devices.",
    ),
    k(
        nr::UPDATE_QUEUE,
        Way::Write,
        "UPDATE_QUEUE",
        abi::UpdateQueue::LAYOUT,
        &[],
        "Changes a queue's ring, percentage or priority.",
    ),
    k(nr::CREATE_EVENT, Way::Both, "CREATE_EVENT", abi::CreateEvent::LAYOUT, &[], "Makes an event."),
    k(
        nr::DESTROY_EVENT,
        Way::Write,
        "DESTROY_EVENT",
        abi::DestroyEvent::LAYOUT,
        &[],
        "Ends an event and the waits on it.",
    ),
    k(nr::SET_EVENT, Way::Write, "SET_EVENT", abi::SetEvent::LAYOUT, &[], "Signals an event from the host."),
    k(nr::RESET_EVENT, Way::Write, "RESET_EVENT", abi::ResetEvent::LAYOUT, &[], "Clears an event."),
    k(
        nr::WAIT_EVENTS,
        Way::Both,
        "WAIT_EVENTS",
        abi::WaitEvents::LAYOUT,
        &[counted(
            abi::WaitEvents::LAYOUT,
            offset_of!(abi::WaitEvents, events_ptr),
            offset_of!(abi::WaitEvents, num_events),
            size_of::<abi::EventData>(),
            Flow::InOut,
            WAIT_CAP,
            ENOMEM,
        )],
        "Waits for one of or all of some events, or for a time to pass.",
    )
    .parks(),
    k(nr::DBG_REGISTER, Way::Write, "DBG_REGISTER", abi::DbgRegister::LAYOUT, &[], "Deprecated.")
        .always(EPERM),
    k(nr::DBG_UNREGISTER, Way::Write, "DBG_UNREGISTER", abi::DbgUnregister::LAYOUT, &[], "Deprecated.")
        .always(EPERM),
    k(
        nr::DBG_ADDRESS_WATCH,
        Way::Write,
        "DBG_ADDRESS_WATCH",
        abi::DbgAddressWatch::LAYOUT,
        &[],
        "Deprecated.",
    )
    .always(EPERM),
    k(nr::DBG_WAVE_CONTROL, Way::Write, "DBG_WAVE_CONTROL", abi::DbgWaveControl::LAYOUT, &[], "Deprecated.")
        .always(EPERM),
    k(
        nr::SET_SCRATCH_BACKING_VA,
        Way::Both,
        "SET_SCRATCH_BACKING_VA",
        abi::SetScratchBackingVa::LAYOUT,
        &[],
        "Says where this process's scratch lies on a device.",
    ),
    k(
        nr::GET_TILE_CONFIG,
        Way::Both,
        "GET_TILE_CONFIG",
        abi::GetTileConfig::LAYOUT,
        &[
            counted(
                abi::GetTileConfig::LAYOUT,
                offset_of!(abi::GetTileConfig, tile_config_ptr),
                offset_of!(abi::GetTileConfig, num_tile_configs),
                size_of::<u32>(),
                Flow::Out,
                TILE_MODES,
                Pointer::CLAMP,
            ),
            counted(
                abi::GetTileConfig::LAYOUT,
                offset_of!(abi::GetTileConfig, macro_tile_config_ptr),
                offset_of!(abi::GetTileConfig, num_macro_tile_configs),
                size_of::<u32>(),
                Flow::Out,
                MACRO_TILE_MODES,
                Pointer::CLAMP,
            ),
        ],
        "Tells a device's tiling registers.",
    ),
    k(
        nr::SET_TRAP_HANDLER,
        Way::Write,
        "SET_TRAP_HANDLER",
        abi::SetTrapHandler::LAYOUT,
        &[],
        "Sets this process's trap handler on a device.",
    ),
    k(
        nr::GET_PROCESS_APERTURES_NEW,
        Way::Both,
        "GET_PROCESS_APERTURES_NEW",
        abi::GetProcessAperturesNew::LAYOUT,
        &[counted(
            abi::GetProcessAperturesNew::LAYOUT,
            offset_of!(abi::GetProcessAperturesNew, kfd_process_device_apertures_ptr),
            offset_of!(abi::GetProcessAperturesNew, num_of_nodes),
            size_of::<abi::DeviceApertures>(),
            Flow::Out,
            APERTURES_CAP,
            ENOMEM,
        )],
        "Tells the apertures of every device.",
    ),
    k(
        nr::ACQUIRE_VM,
        Way::Write,
        "ACQUIRE_VM",
        abi::AcquireVm::LAYOUT,
        &[],
        "Binds the address space of a render node's file to this process's device.",
    ),
    k(
        nr::ALLOC_MEMORY_OF_GPU,
        Way::Both,
        "ALLOC_MEMORY_OF_GPU",
        abi::AllocMemoryOfGpu::LAYOUT,
        &[],
        "Makes a buffer object in VRAM, in system memory, or of memory of the client.",
    )
    .about_if(
        offset_of!(abi::AllocMemoryOfGpu, mmap_offset),
        offset_of!(abi::AllocMemoryOfGpu, size),
        Flagged {
            flags: offset_of!(abi::AllocMemoryOfGpu, flags),
            set: abi::ALLOC_MEM_FLAGS_USERPTR,
            // `ioctl::memory` judges these without a survey.
            clear: abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_GTT,
            halves: abi::ALLOC_MEM_FLAGS_AQL_QUEUE_MEM,
        },
    ),
    k(
        nr::FREE_MEMORY_OF_GPU,
        Way::Write,
        "FREE_MEMORY_OF_GPU",
        abi::FreeMemoryOfGpu::LAYOUT,
        &[],
        "Frees a buffer object that is not mapped.",
    ),
    k(
        nr::MAP_MEMORY_TO_GPU,
        Way::Both,
        "MAP_MEMORY_TO_GPU",
        abi::MapMemoryToGpu::LAYOUT,
        &[counted(
            abi::MapMemoryToGpu::LAYOUT,
            offset_of!(abi::MapMemoryToGpu, device_ids_array_ptr),
            offset_of!(abi::MapMemoryToGpu, n_devices),
            size_of::<u32>(),
            Flow::In,
            DEVICES_CAP,
            ENOMEM,
        )],
        "Maps a buffer object at its address into some devices.",
    ),
    k(
        nr::UNMAP_MEMORY_FROM_GPU,
        Way::Both,
        "UNMAP_MEMORY_FROM_GPU",
        abi::UnmapMemoryFromGpu::LAYOUT,
        &[counted(
            abi::UnmapMemoryFromGpu::LAYOUT,
            offset_of!(abi::UnmapMemoryFromGpu, device_ids_array_ptr),
            offset_of!(abi::UnmapMemoryFromGpu, n_devices),
            size_of::<u32>(),
            Flow::In,
            DEVICES_CAP,
            ENOMEM,
        )],
        "Unmaps a buffer object from some devices.",
    ),
    k(
        nr::SET_CU_MASK,
        Way::Write,
        "SET_CU_MASK",
        abi::SetCuMask::LAYOUT,
        &[bits(
            abi::SetCuMask::LAYOUT,
            offset_of!(abi::SetCuMask, cu_mask_ptr),
            offset_of!(abi::SetCuMask, num_cu_mask),
            size_of::<u32>(),
            Flow::In,
            CU_MASK_WORDS,
            Pointer::CLAMP,
        )],
        "Says which compute units a queue may use.",
    ),
    k(
        nr::GET_QUEUE_WAVE_STATE,
        Way::Both,
        "GET_QUEUE_WAVE_STATE",
        abi::GetQueueWaveState::LAYOUT,
        &[],
        "Copies the control stack of an inactive queue; its size is the queue's, not the caller's.",
    ),
    k(
        nr::GET_DMABUF_INFO,
        Way::Both,
        "GET_DMABUF_INFO",
        abi::GetDmabufInfo::LAYOUT,
        &[counted(
            abi::GetDmabufInfo::LAYOUT,
            offset_of!(abi::GetDmabufInfo, metadata_ptr),
            offset_of!(abi::GetDmabufInfo, metadata_size),
            1,
            Flow::Out,
            KMALLOC_MAX,
            ENOMEM,
        )],
        "Tells what a dma-buf holds.",
    )
    .takes_dmabuf(abi::GetDmabufInfo::LAYOUT, offset_of!(abi::GetDmabufInfo, dmabuf_fd)),
    k(
        nr::IMPORT_DMABUF,
        Way::Both,
        "IMPORT_DMABUF",
        abi::ImportDmabuf::LAYOUT,
        &[],
        "Makes a buffer object of a dma-buf.",
    )
    .takes_dmabuf(abi::ImportDmabuf::LAYOUT, offset_of!(abi::ImportDmabuf, dmabuf_fd)),
    k(
        nr::ALLOC_QUEUE_GWS,
        Way::Both,
        "ALLOC_QUEUE_GWS",
        abi::AllocQueueGws::LAYOUT,
        &[],
        "Gives a queue the device's global wave sync.",
    ),
    k(
        nr::SMI_EVENTS,
        Way::Both,
        "SMI_EVENTS",
        abi::SmiEvents::LAYOUT,
        &[],
        "Opens a stream of a device's events.",
    )
    .answers_descriptor(abi::SmiEvents::LAYOUT, offset_of!(abi::SmiEvents, anon_fd), None)
    .since(3),
    k(
        nr::SVM,
        Way::Both,
        "SVM",
        abi::Svm::LAYOUT,
        &[],
        "Sets or gets attributes of a range of the client's memory; the attributes follow the struct.",
    )
    .followed_by(abi::SvmAttribute::LAYOUT)
    .about(offset_of!(abi::Svm, start_addr), offset_of!(abi::Svm, size))
    .sweeps()
    .since(5),
    k(
        nr::SET_XNACK_MODE,
        Way::Both,
        "SET_XNACK_MODE",
        abi::SetXnackMode::LAYOUT,
        &[],
        "Sets or asks whether this process's page faults are retried.",
    )
    .sweeps()
    .since(5),
    k(
        nr::CRIU_OP,
        Way::Both,
        "CRIU_OP",
        abi::Criu::LAYOUT,
        &[],
        "Checkpoint and restore of what a process has.",
    )
    .since(7)
    .privileged()
    .task(offset_of!(abi::Criu, pid))
    .operations(operations::CRIU),
    k(
        nr::AVAILABLE_MEMORY,
        Way::Both,
        "AVAILABLE_MEMORY",
        abi::GetAvailableMemory::LAYOUT,
        &[],
        "Tells how much memory an allocation on a device could get.",
    )
    .since(9),
    k(
        nr::EXPORT_DMABUF,
        Way::Both,
        "EXPORT_DMABUF",
        abi::ExportDmabuf::LAYOUT,
        &[],
        "Makes a dma-buf of a buffer object.",
    )
    .answers_descriptor(
        abi::ExportDmabuf::LAYOUT,
        offset_of!(abi::ExportDmabuf, dmabuf_fd),
        Some(offset_of!(abi::ExportDmabuf, flags)),
    )
    .since(12),
    k(
        nr::RUNTIME_ENABLE,
        Way::Both,
        "RUNTIME_ENABLE",
        abi::RuntimeEnable::LAYOUT,
        &[],
        "The runtime tells a debugger that it is there, and waits until that has seen it.",
    )
    .since(13)
    .parks(),
    k(
        nr::DBG_TRAP,
        Way::Both,
        "DBG_TRAP",
        abi::DbgTrap::LAYOUT,
        &[],
        "A debugger's requests about a process that it traces, or that is itself.",
    )
    .since(13)
    .task(offset_of!(abi::DbgTrap, pid))
    .operations(operations::DBG_TRAP),
    Ioctl {
        cmd: crate::abi::ioc::io(abi::MAGIC, 0x27),
        name: "CREATE_PROCESS",
        since: 19,
        refused: Some(ENOTTY),
        doc: "Makes a further process object for the calling process; absent, as in interfaces before 1.19.",
        ..Ioctl::PLAIN
    },
    k(
        nr::IPC_IMPORT_HANDLE,
        Way::Both,
        "IPC_IMPORT_HANDLE",
        abi::IpcImportHandle::LAYOUT,
        &[],
        "Makes a buffer object of memory that another process has exported by key.",
    ),
    k(
        nr::IPC_EXPORT_HANDLE,
        Way::Both,
        "IPC_EXPORT_HANDLE",
        abi::IpcExportHandle::LAYOUT,
        &[],
        "Makes the key by which another process imports a buffer object.",
    ),
    k(
        nr::CROSS_MEMORY_COPY,
        Way::Both,
        "CROSS_MEMORY_COPY",
        abi::CrossMemoryCopy::LAYOUT,
        &[
            counted(
                abi::CrossMemoryCopy::LAYOUT,
                offset_of!(abi::CrossMemoryCopy, src_mem_range_array),
                offset_of!(abi::CrossMemoryCopy, src_mem_array_size),
                size_of::<abi::MemoryRange>(),
                Flow::In,
                COPY_RANGES_CAP,
                ENOMEM,
            ),
            counted(
                abi::CrossMemoryCopy::LAYOUT,
                offset_of!(abi::CrossMemoryCopy, dst_mem_range_array),
                offset_of!(abi::CrossMemoryCopy, dst_mem_array_size),
                size_of::<abi::MemoryRange>(),
                Flow::In,
                COPY_RANGES_CAP,
                ENOMEM,
            ),
        ],
        "Copies between buffer objects of the caller and of another process.",
    )
    .task(offset_of!(abi::CrossMemoryCopy, pid))
    .parks(),
];
