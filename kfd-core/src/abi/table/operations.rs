//! The operations of the two calls that are many behind one number: DBG_TRAP and CRIU_OP.
//!
//! DBG_TRAP's operations have a struct each, in a union; CRIU_OP's share one and read or write other parts of it.

use super::kfd::{DEVICES_CAP, KMALLOC_MAX};
use crate::abi::kfd as abi;
use crate::abi::kfd::dbg_op;
use crate::abi::layout::Layout;
use crate::abi::spec::{Count, Descriptor, DescriptorKind, Flow, Pointer, Variant, Variants};
use core::mem::offset_of;
use libc::ENOMEM;

/// The most queue ids of one SUSPEND_QUEUES or RESUME_QUEUES: sixteen times as many as a process can have
/// (`KFD_MAX_NUM_OF_QUEUES_PER_PROCESS`); the kernel's bound is `kzalloc`'s.
const QUEUES_CAP: u32 = 16 * 1024;

/// The most buffer objects of CRIU_OP: as many as one allocation has room for.
const BOS_CAP: u32 = KMALLOC_MAX / size_of::<abi::CriuBoBucket>() as u32;

/// The offset of the union in DBG_TRAP's struct.
const UNION: usize = offset_of!(abi::DbgTrap, args);

const fn pointer(layout: Layout, offset: usize, count: Count, element: usize, flow: Flow) -> Pointer {
    let name = layout.name_at(offset);
    Pointer { name, offset: UNION + offset, count, element, flow, cap: u32::MAX, over: Pointer::CLAMP }
}

const fn bounded(mut pointer: Pointer, cap: u32) -> Pointer {
    (pointer.cap, pointer.over) = (cap, ENOMEM);
    pointer
}

const fn field(offset: usize) -> Count {
    Count::Field { offset: UNION + offset, width: 4 }
}

const fn operation(op: u32, name: &'static str, layout: Layout, pointers: &'static [Pointer]) -> Variant {
    Variant { op, name, pointers, descriptor: None, adopts: false, layout: Some(layout) }
}

const fn records(layout: Layout, offset: usize, records: usize, stride: usize) -> Pointer {
    let count = Count::Product { records: UNION + records, stride: UNION + stride };
    pointer(layout, offset, count, 1, Flow::Out)
}

/// The operations of DBG_TRAP, each with its struct in the union.
pub(super) const DBG_TRAP: Variants = Variants {
    field: offset_of!(abi::DbgTrap, op),
    union_at: UNION,
    rows: &[
        Variant {
            descriptor: Some(Descriptor {
                name: abi::DbgTrapEnable::LAYOUT.name_at(offset_of!(abi::DbgTrapEnable, dbg_fd)),
                offset: UNION + offset_of!(abi::DbgTrapEnable, dbg_fd),
                kind: DescriptorKind::Pipe,
            }),
            adopts: true,
            ..operation(
                dbg_op::ENABLE,
                "ENABLE",
                abi::DbgTrapEnable::LAYOUT,
                &[pointer(
                    abi::DbgTrapEnable::LAYOUT,
                    offset_of!(abi::DbgTrapEnable, rinfo_ptr),
                    field(offset_of!(abi::DbgTrapEnable, rinfo_size)),
                    1,
                    Flow::Out,
                )],
            )
        },
        Variant {
            op: dbg_op::DISABLE,
            name: "DISABLE",
            pointers: &[],
            descriptor: None,
            adopts: false,
            layout: None,
        },
        operation(
            dbg_op::SEND_RUNTIME_EVENT,
            "SEND_RUNTIME_EVENT",
            abi::DbgTrapSendRuntimeEvent::LAYOUT,
            &[],
        ),
        operation(
            dbg_op::SET_EXCEPTIONS_ENABLED,
            "SET_EXCEPTIONS_ENABLED",
            abi::DbgTrapSetExceptionsEnabled::LAYOUT,
            &[],
        ),
        operation(
            dbg_op::SET_WAVE_LAUNCH_OVERRIDE,
            "SET_WAVE_LAUNCH_OVERRIDE",
            abi::DbgTrapSetWaveLaunchOverride::LAYOUT,
            &[],
        ),
        operation(
            dbg_op::SET_WAVE_LAUNCH_MODE,
            "SET_WAVE_LAUNCH_MODE",
            abi::DbgTrapSetWaveLaunchMode::LAYOUT,
            &[],
        ),
        operation(
            dbg_op::SUSPEND_QUEUES,
            "SUSPEND_QUEUES",
            abi::DbgTrapSuspendQueues::LAYOUT,
            &[bounded(
                pointer(
                    abi::DbgTrapSuspendQueues::LAYOUT,
                    offset_of!(abi::DbgTrapSuspendQueues, queue_array_ptr),
                    field(offset_of!(abi::DbgTrapSuspendQueues, num_queues)),
                    size_of::<u32>(),
                    Flow::InOut,
                ),
                QUEUES_CAP,
            )],
        ),
        operation(
            dbg_op::RESUME_QUEUES,
            "RESUME_QUEUES",
            abi::DbgTrapResumeQueues::LAYOUT,
            &[bounded(
                pointer(
                    abi::DbgTrapResumeQueues::LAYOUT,
                    offset_of!(abi::DbgTrapResumeQueues, queue_array_ptr),
                    Count::Optional { offset: UNION + offset_of!(abi::DbgTrapResumeQueues, num_queues) },
                    size_of::<u32>(),
                    Flow::InOut,
                ),
                QUEUES_CAP,
            )],
        ),
        operation(
            dbg_op::SET_NODE_ADDRESS_WATCH,
            "SET_NODE_ADDRESS_WATCH",
            abi::DbgTrapSetNodeAddressWatch::LAYOUT,
            &[],
        ),
        operation(
            dbg_op::CLEAR_NODE_ADDRESS_WATCH,
            "CLEAR_NODE_ADDRESS_WATCH",
            abi::DbgTrapClearNodeAddressWatch::LAYOUT,
            &[],
        ),
        operation(dbg_op::SET_FLAGS, "SET_FLAGS", abi::DbgTrapSetFlags::LAYOUT, &[]),
        operation(dbg_op::QUERY_DEBUG_EVENT, "QUERY_DEBUG_EVENT", abi::DbgTrapQueryDebugEvent::LAYOUT, &[]),
        operation(
            dbg_op::QUERY_EXCEPTION_INFO,
            "QUERY_EXCEPTION_INFO",
            abi::DbgTrapQueryExceptionInfo::LAYOUT,
            &[pointer(
                abi::DbgTrapQueryExceptionInfo::LAYOUT,
                offset_of!(abi::DbgTrapQueryExceptionInfo, info_ptr),
                field(offset_of!(abi::DbgTrapQueryExceptionInfo, info_size)),
                1,
                Flow::Out,
            )],
        ),
        operation(
            dbg_op::GET_QUEUE_SNAPSHOT,
            "GET_QUEUE_SNAPSHOT",
            abi::DbgTrapQueueSnapshot::LAYOUT,
            &[records(
                abi::DbgTrapQueueSnapshot::LAYOUT,
                offset_of!(abi::DbgTrapQueueSnapshot, snapshot_buf_ptr),
                offset_of!(abi::DbgTrapQueueSnapshot, num_queues),
                offset_of!(abi::DbgTrapQueueSnapshot, entry_size),
            )],
        ),
        operation(
            dbg_op::GET_DEVICE_SNAPSHOT,
            "GET_DEVICE_SNAPSHOT",
            abi::DbgTrapDeviceSnapshot::LAYOUT,
            &[records(
                abi::DbgTrapDeviceSnapshot::LAYOUT,
                offset_of!(abi::DbgTrapDeviceSnapshot, snapshot_buf_ptr),
                offset_of!(abi::DbgTrapDeviceSnapshot, num_devices),
                offset_of!(abi::DbgTrapDeviceSnapshot, entry_size),
            )],
        ),
    ],
};

const fn criu(offset: usize, count: usize, width: usize, element: usize, flow: Flow, cap: u32) -> Pointer {
    let name = abi::Criu::LAYOUT.name_at(offset);
    Pointer { name, offset, count: Count::Field { offset: count, width }, element, flow, cap, over: ENOMEM }
}

const fn devices(flow: Flow) -> Pointer {
    let (at, count) = (offset_of!(abi::Criu, devices), offset_of!(abi::Criu, num_devices));
    criu(at, count, 4, size_of::<abi::CriuDeviceBucket>(), flow, DEVICES_CAP)
}

const fn bos(flow: Flow) -> Pointer {
    let (at, count) = (offset_of!(abi::Criu, bos), offset_of!(abi::Criu, num_bos));
    criu(at, count, 4, size_of::<abi::CriuBoBucket>(), flow, BOS_CAP)
}

const fn private(flow: Flow) -> Pointer {
    let (at, count) = (offset_of!(abi::Criu, priv_data), offset_of!(abi::Criu, priv_data_size));
    criu(at, count, 8, 1, flow, KMALLOC_MAX)
}

const fn step(op: u32, name: &'static str, pointers: &'static [Pointer]) -> Variant {
    Variant { op, name, pointers, descriptor: None, adopts: false, layout: None }
}

/// The operations of CRIU_OP, each with the parts of the struct that it reads and writes.
pub(super) const CRIU: Variants = Variants {
    field: offset_of!(abi::Criu, op),
    union_at: 0,
    rows: &[
        step(abi::CRIU_OP_PROCESS_INFO, "PROCESS_INFO", &[]),
        step(
            abi::CRIU_OP_CHECKPOINT,
            "CHECKPOINT",
            &[devices(Flow::Out), bos(Flow::Out), private(Flow::Out)],
        ),
        step(abi::CRIU_OP_UNPAUSE, "UNPAUSE", &[]),
        step(abi::CRIU_OP_RESTORE, "RESTORE", &[devices(Flow::In), bos(Flow::InOut), private(Flow::In)]),
        step(abi::CRIU_OP_RESUME, "RESUME", &[]),
    ],
};
