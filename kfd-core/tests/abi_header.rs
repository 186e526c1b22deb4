//! The structs, command words and constants against the C headers of this machine, by a C compiler.
//!
//! Nothing expected is written down here: a small program made from the crate's own layouts prints `sizeof`,
//! `offsetof` and the commands as C sees them. A header that is missing, or older than a name, is said by name.

#![allow(clippy::unwrap_used, reason = "a test's own functions may fail as the test does")]

use kfd_core::abi::layout::{Field, Layout};
use kfd_core::abi::spec::Ioctl;
use kfd_core::abi::{drm, kfd, table};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const KFD_HEADER: &str = "/usr/include/linux/kfd_ioctl.h";
const DRM_HEADER: &str = "/usr/include/libdrm/amdgpu_drm.h";

/// Every struct that is not some row's own.
const FURTHER: &[Layout] = &[
    kfd::DeviceApertures::LAYOUT,
    kfd::MemoryExceptionFailure::LAYOUT,
    kfd::MemoryExceptionData::LAYOUT,
    kfd::HwExceptionData::LAYOUT,
    kfd::EventData::LAYOUT,
    kfd::SvmAttribute::LAYOUT,
    kfd::CriuDeviceBucket::LAYOUT,
    kfd::CriuBoBucket::LAYOUT,
];

/// Structs that no row has for its own and that interface 1.13 and later brought: checked where the header has them, and
/// against [`NEWER`] in any case.
const FURTHER_NEWER: &[Layout] = &[
    kfd::RuntimeInfo::LAYOUT,
    kfd::DbgTrapEnable::LAYOUT,
    kfd::DbgTrapSendRuntimeEvent::LAYOUT,
    kfd::DbgTrapSetExceptionsEnabled::LAYOUT,
    kfd::DbgTrapSetWaveLaunchOverride::LAYOUT,
    kfd::DbgTrapSetWaveLaunchMode::LAYOUT,
    kfd::DbgTrapSuspendQueues::LAYOUT,
    kfd::DbgTrapResumeQueues::LAYOUT,
    kfd::DbgTrapSetNodeAddressWatch::LAYOUT,
    kfd::DbgTrapClearNodeAddressWatch::LAYOUT,
    kfd::DbgTrapSetFlags::LAYOUT,
    kfd::DbgTrapQueryDebugEvent::LAYOUT,
    kfd::DbgTrapQueryExceptionInfo::LAYOUT,
    kfd::DbgTrapQueueSnapshot::LAYOUT,
    kfd::DbgTrapDeviceSnapshot::LAYOUT,
    kfd::QueueSnapshotEntry::LAYOUT,
    kfd::DeviceInfoEntry::LAYOUT,
];

/// What linux/kfd_ioctl.h of Linux 6.17 (interface 1.18) declares, for machines whose header is older: each struct with its
/// fields in order, `8` and `4` before those of 64 and of 32 bits. A union is given by its largest member.
const NEWER: &[(&str, &str)] = &[
    (
        "kfd_ioctl_create_queue_args",
        "8 ring_base_address write_pointer_address read_pointer_address doorbell_offset 4 ring_size gpu_id \
         queue_type queue_percentage queue_priority queue_id 8 eop_buffer_address eop_buffer_size \
         ctx_save_restore_address 4 ctx_save_restore_size ctl_stack_size sdma_engine_id pad",
    ),
    ("kfd_ioctl_export_dmabuf_args", "8 handle 4 flags dmabuf_fd"),
    ("kfd_ioctl_runtime_enable_args", "8 r_debug 4 mode_mask capabilities_mask"),
    ("kfd_ioctl_dbg_trap_args", "4 pid op 8 enable - -"),
    ("kfd_runtime_info", "8 r_debug 4 runtime_state ttmp_setup"),
    ("kfd_ioctl_dbg_trap_enable_args", "8 exception_mask rinfo_ptr 4 rinfo_size dbg_fd"),
    ("kfd_ioctl_dbg_trap_send_runtime_event_args", "8 exception_mask 4 gpu_id queue_id"),
    ("kfd_ioctl_dbg_trap_set_exceptions_enabled_args", "8 exception_mask"),
    (
        "kfd_ioctl_dbg_trap_set_wave_launch_override_args",
        "4 override_mode enable_mask support_request_mask pad",
    ),
    ("kfd_ioctl_dbg_trap_set_wave_launch_mode_args", "4 launch_mode pad"),
    ("kfd_ioctl_dbg_trap_suspend_queues_args", "8 exception_mask queue_array_ptr 4 num_queues grace_period"),
    ("kfd_ioctl_dbg_trap_resume_queues_args", "8 queue_array_ptr 4 num_queues pad"),
    ("kfd_ioctl_dbg_trap_set_node_address_watch_args", "8 address 4 mode mask gpu_id id"),
    ("kfd_ioctl_dbg_trap_clear_node_address_watch_args", "4 gpu_id id"),
    ("kfd_ioctl_dbg_trap_set_flags_args", "4 flags pad"),
    ("kfd_ioctl_dbg_trap_query_debug_event_args", "8 exception_mask 4 gpu_id queue_id"),
    (
        "kfd_ioctl_dbg_trap_query_exception_info_args",
        "8 info_ptr 4 info_size source_id exception_code clear_exception",
    ),
    ("kfd_ioctl_dbg_trap_queue_snapshot_args", "8 exception_mask snapshot_buf_ptr 4 num_queues entry_size"),
    ("kfd_ioctl_dbg_trap_device_snapshot_args", "8 exception_mask snapshot_buf_ptr 4 num_devices entry_size"),
    (
        "kfd_queue_snapshot_entry",
        "8 exception_status ring_base_address write_pointer_address read_pointer_address \
         ctx_save_restore_address 4 queue_id gpu_id ring_size queue_type ctx_save_restore_area_size reserved",
    ),
    (
        "kfd_dbg_device_info_entry",
        "8 exception_status lds_base lds_limit scratch_base scratch_limit gpuvm_base gpuvm_limit 4 gpu_id \
         location_id vendor_id device_id revision_id subsystem_vendor_id subsystem_device_id fw_version \
         gfx_target_version simd_count max_waves_per_simd array_count simd_arrays_per_engine num_xcc \
         capability debug_prop",
    ),
];

/// What AMD's out-of-tree driver declares, as the header that libhsakmt 5.2.3 was built with has it
/// (include/linux/kfd_ioctl.h there); written as [`NEWER`] is.
const OUT_OF_TREE: &[(&str, &str)] = &[
    (
        "kfd_ioctl_cross_memory_copy_args",
        "4 pid flags 8 src_mem_range_array src_mem_array_size dst_mem_range_array dst_mem_array_size bytes_copied",
    ),
    ("kfd_memory_range", "8 va_addr size"),
];

/// Structs of it that are no row's own.
const FURTHER_OUT_OF_TREE: &[Layout] = &[kfd::MemoryRange::LAYOUT];

/// The command words of calls that a header of interface 1.11 has not: `_IOWR('K', nr, struct)`, `_IO` for CREATE_PROCESS.
const NEWER_COMMANDS: &[(&str, u32)] = &[
    ("CREATE_QUEUE", 0xc060_4b02),
    ("EXPORT_DMABUF", 0xc010_4b24),
    ("RUNTIME_ENABLE", 0xc010_4b25),
    ("DBG_TRAP", 0xc020_4b26),
    ("CREATE_PROCESS", 0x4b27),
    ("CROSS_MEMORY_COPY", 0xc030_4b83),
];

const FURTHER_DRM: &[Layout] = &[
    drm::VramGtt::LAYOUT,
    drm::HeapInfo::LAYOUT,
    drm::MemoryInfo::LAYOUT,
    drm::Firmware::LAYOUT,
    drm::HwIp::LAYOUT,
    drm::DeviceInfo::LAYOUT,
    drm::BoListEntry::LAYOUT,
    drm::CsChunk::LAYOUT,
    drm::CsChunkIb::LAYOUT,
    drm::CsChunkFence::LAYOUT,
    drm::CsChunkDependency::LAYOUT,
];

/// `name = value` of each constant that the crate takes from linux/kfd_ioctl.h.
macro_rules! constants {
    ($module:ident, $prefix:literal: $($name:ident),* $(,)?) => {
        &[$((concat!($prefix, stringify!($name)), $module::$name as u64)),*]
    };
}

const KFD_IOC: &[(&str, u64)] = constants!(kfd, "KFD_IOC_":
    QUEUE_TYPE_COMPUTE, QUEUE_TYPE_SDMA, QUEUE_TYPE_COMPUTE_AQL, QUEUE_TYPE_SDMA_XGMI, CACHE_POLICY_COHERENT,
    CACHE_POLICY_NONCOHERENT, EVENT_SIGNAL, EVENT_NODECHANGE, EVENT_DEVICESTATECHANGE, EVENT_HW_EXCEPTION,
    EVENT_SYSTEM_EVENT, EVENT_DEBUG_EVENT, EVENT_PROFILE_EVENT, EVENT_QUEUE_EVENT, EVENT_MEMORY,
    WAIT_RESULT_COMPLETE, WAIT_RESULT_TIMEOUT, WAIT_RESULT_FAIL, ALLOC_MEM_FLAGS_VRAM, ALLOC_MEM_FLAGS_GTT,
    ALLOC_MEM_FLAGS_USERPTR, ALLOC_MEM_FLAGS_DOORBELL, ALLOC_MEM_FLAGS_MMIO_REMAP, ALLOC_MEM_FLAGS_WRITABLE,
    ALLOC_MEM_FLAGS_EXECUTABLE, ALLOC_MEM_FLAGS_PUBLIC, ALLOC_MEM_FLAGS_NO_SUBSTITUTE,
    ALLOC_MEM_FLAGS_AQL_QUEUE_MEM, ALLOC_MEM_FLAGS_COHERENT, ALLOC_MEM_FLAGS_UNCACHED,
);

const KFD_PLAIN: &[(&str, u64)] = constants!(kfd, "KFD_":
    MAX_QUEUE_PERCENTAGE, MAX_QUEUE_PRIORITY, MIN_QUEUE_RING_SIZE, SIGNAL_EVENT_LIMIT, MEM_ERR_NO_RAS,
    MEM_ERR_SRAM_ECC, MEM_ERR_POISON_CONSUMED, MEM_ERR_GPU_HANG, HW_EXCEPTION_WHOLE_GPU_RESET,
    HW_EXCEPTION_PER_ENGINE_RESET, HW_EXCEPTION_GPU_HANG, HW_EXCEPTION_ECC, SMI_EVENT_MSG_SIZE,
);

/// C enumerators, which the preprocessor does not know.
const KFD_ENUMERATORS: &[(&str, u64)] = &[
    ("KFD_IOCTL_SVM_OP_SET_ATTR", kfd::SVM_OP_SET_ATTR as u64),
    ("KFD_IOCTL_SVM_OP_GET_ATTR", kfd::SVM_OP_GET_ATTR as u64),
    ("KFD_IOCTL_SVM_LOCATION_UNDEFINED", kfd::SVM_LOCATION_UNDEFINED as u64),
    ("KFD_IOCTL_SVM_ATTR_GRANULARITY", kfd::SVM_ATTR_GRANULARITY as u64),
    ("KFD_MMIO_REMAP_HDP_MEM_FLUSH_CNTL", kfd::MMIO_REMAP_HDP_MEM_FLUSH_CNTL as u64),
    ("KFD_MMIO_REMAP_HDP_REG_FLUSH_CNTL", kfd::MMIO_REMAP_HDP_REG_FLUSH_CNTL as u64),
];

const AMDGPU: &[(&str, u64)] = constants!(drm, "AMDGPU_":
    INFO_ACCEL_WORKING, INFO_HW_IP_INFO, INFO_HW_IP_COUNT, INFO_TIMESTAMP, INFO_FW_VERSION, INFO_VRAM_USAGE,
    INFO_GTT_USAGE, INFO_VRAM_GTT, INFO_READ_MMR_REG, INFO_DEV_INFO, INFO_VIS_VRAM_USAGE, INFO_MEMORY,
    INFO_RAS_ENABLED_FEATURES, FAMILY_AI,
    HW_IP_COMPUTE, HW_IP_DMA, HW_IP_NUM, GEM_DOMAIN_CPU, GEM_DOMAIN_GTT, GEM_DOMAIN_VRAM, GEM_DOMAIN_GDS, GEM_DOMAIN_GWS,
    GEM_DOMAIN_OA, GEM_CREATE_CPU_ACCESS_REQUIRED, GEM_CREATE_NO_CPU_ACCESS, GEM_CREATE_CPU_GTT_USWC,
    GEM_CREATE_VRAM_CLEARED, GEM_CREATE_VM_ALWAYS_VALID, GEM_CREATE_EXPLICIT_SYNC, GEM_METADATA_OP_SET_METADATA,
    GEM_METADATA_OP_GET_METADATA, GEM_OP_GET_GEM_CREATE_INFO, GEM_OP_SET_PLACEMENT, VA_OP_MAP, VA_OP_UNMAP, VA_OP_CLEAR,
    VA_OP_REPLACE, VM_DELAY_UPDATE, VM_PAGE_READABLE, VM_PAGE_WRITEABLE, VM_PAGE_EXECUTABLE, VM_MTYPE_MASK,
    VM_OP_RESERVE_VMID, VM_OP_UNRESERVE_VMID, CTX_OP_ALLOC_CTX, CTX_OP_FREE_CTX, CTX_OP_QUERY_STATE,
    CTX_OP_QUERY_STATE2, CTX_PRIORITY_NORMAL, CTX_GUILTY_RESET, CTX_QUERY2_FLAGS_GUILTY, BO_LIST_OP_CREATE,
    BO_LIST_OP_DESTROY, BO_LIST_OP_UPDATE, CHUNK_ID_IB, CHUNK_ID_FENCE, CHUNK_ID_DEPENDENCIES, CHUNK_ID_BO_HANDLES,
    CHUNK_ID_SCHEDULED_DEPENDENCIES,
);

const DRM: &[(&str, u64)] = constants!(drm, "DRM_":
    CAP_PRIME, CAP_TIMESTAMP_MONOTONIC, CAP_SYNCOBJ, CAP_SYNCOBJ_TIMELINE, COMMAND_BASE,
);

/// The newest interface whose structs are known byte for byte; a header after it may append fields.
const KNOWN_MINOR: u32 = 11;

/// Structs that grew after interface 1.11: the minor version that did it, and the size before.
const GROWN: &[(&str, u32, usize)] = &[("struct kfd_ioctl_create_queue_args", 17, 88)];

/// How a value here is held against C's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Equal,
    /// C's may be larger: its header is newer, and structs only grow.
    AtLeast,
}

/// What each line of the program's output must be.
struct Check {
    source: String,
    expected: Vec<(String, u64, Rule)>,
    /// How sizes of whole structs compare.
    sizes: Rule,
    /// The interface that the header declares.
    minor: u32,
}

impl Check {
    fn new(sizes: Rule, minor: u32) -> Self {
        Self { source: String::new(), expected: Vec::new(), sizes, minor }
    }

    /// The size that the header knows of a struct.
    fn size(&self, layout: &Layout) -> usize {
        let older =
            |(c_type, since, _): &&(&str, u32, usize)| *c_type == layout.c_type && self.minor < *since;
        GROWN.iter().find(older).map_or(layout.size, |(.., before)| *before)
    }

    fn line(&mut self, what: String, expression: &str, value: u64, rule: Rule) {
        writeln!(self.source, "  printf(\"%llu\\n\", (unsigned long long)({expression}));").unwrap();
        self.expected.push((what, value, rule));
    }

    /// The parts of a command word.
    fn command(&mut self, name: &str, row: &Ioctl) {
        let size = row.layout.map_or(0, |layout| self.size(&layout));
        let rest = |cmd: u32| u64::from(cmd & !(0x3fff << 16));
        self.line(
            format!("{name} without its size"),
            &format!("({name}) & 0xc000ffffull"),
            rest(row.cmd),
            Rule::Equal,
        );
        self.line(format!("size of {name}"), &format!("_IOC_SIZE({name})"), size as u64, self.sizes);
    }

    fn layout(&mut self, layout: &Layout) {
        let c_type = layout.c_type;
        let size = self.size(layout);
        self.line(format!("sizeof({c_type})"), &format!("sizeof({c_type})"), size as u64, self.sizes);
        // A field without a name is padding that C leaves to the compiler.
        let known = |field: &&Field| !field.name.is_empty() && field.offset < size;
        for field in layout.fields.iter().filter(known) {
            let name = field.name;
            self.line(
                format!("offsetof({c_type}, {name})"),
                &format!("offsetof({c_type}, {name})"),
                field.offset as u64,
                Rule::Equal,
            );
            // Unions are as large as their largest member, of which only the first is named here.
            if !matches!(name, "memory_exception_data" | "enable" | "read_mmr_reg") {
                self.line(
                    format!("sizeof({c_type}.{name})"),
                    &format!("sizeof((({c_type} *)0)->{name})"),
                    field.size as u64,
                    Rule::Equal,
                );
            }
        }
    }

    /// Compiles and runs the program and compares every line.
    fn run(&self, includes: &str) {
        let dir = std::env::temp_dir().join(format!("kfdd-abi-{}-{:p}", std::process::id(), self));
        std::fs::create_dir_all(&dir).unwrap();
        let (source, program) = (dir.join("check.c"), dir.join("check"));
        let text = format!(
            "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n{includes}\nint main(void) {{\n{}  return 0;\n}}\n",
            self.source
        );
        std::fs::write(&source, text).unwrap();
        // linux/kfd_ioctl.h includes drm/drm.h for its integer types alone, and not every machine has that.
        std::fs::create_dir_all(dir.join("drm")).unwrap();
        std::fs::write(dir.join("drm/drm.h"), "#include <linux/types.h>\n").unwrap();
        let compiled = Command::new("gcc")
            .arg("-idirafter")
            .arg(&dir)
            .arg("-o")
            .arg(&program)
            .arg(&source)
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let output = Command::new(&program).output().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let printed: Vec<u64> =
            String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(printed.len(), self.expected.len());
        let wrong: Vec<_> = self
            .expected
            .iter()
            .zip(&printed)
            .filter(|((_, ours, rule), theirs)| match rule {
                Rule::Equal => ours != *theirs,
                Rule::AtLeast => ours > *theirs,
            })
            .map(|((what, ours, _), theirs)| format!("{what}: {ours} here, {theirs} in C"))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(self.expected.len() > 100, "a check of {} values checks too little", self.expected.len());
    }
}

/// The header's text, or the printed reason why this machine cannot run `test`.
fn header(test: &str, path: &str) -> Option<String> {
    let gcc = Command::new("gcc").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !gcc.is_ok_and(|status| status.success()) {
        println!("skipped: {test}: gcc is missing");
        return None;
    }
    if !Path::new(path).exists() {
        println!("skipped: {test}: {path} is missing");
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

/// Whether `text` has `name` as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

/// The value of a `#define` of a number.
fn define(text: &str, name: &str) -> u32 {
    let line = text.lines().find(|line| line.starts_with("#define") && mentions(line, name)).unwrap();
    line.rsplit([' ', '\t']).next().unwrap().parse().unwrap()
}

fn rows(check: &mut Check, rows: &[Ioctl], text: &str, macro_of: impl Fn(&Ioctl) -> String) -> Vec<String> {
    let mut newer = Vec::new();
    for row in rows {
        let command = macro_of(row);
        if !mentions(text, &command) {
            newer.push(command);
            continue;
        }
        check.command(&command, row);
        if let Some(layout) = row.layout {
            check.layout(&layout);
        }
    }
    newer
}

// Keeps: headers-agree
#[test]
fn every_kfd_struct_command_and_constant_is_the_headers() {
    let Some(text) = header("every_kfd_struct_command_and_constant_is_the_headers", KFD_HEADER) else {
        return;
    };
    let minor = define(&text, "KFD_IOCTL_MINOR_VERSION");
    let mut check = Check::new(if minor > KNOWN_MINOR { Rule::AtLeast } else { Rule::Equal }, minor);
    let newer = rows(&mut check, table::KFD, &text, |row| {
        let deprecated = if (0x0d..=0x10).contains(&row.number()) { "_DEPRECATED" } else { "" };
        format!("AMDKFD_IOC_{}{deprecated}", row.name)
    });
    println!("the header is of interface 1.{minor}; newer than it, not checked: {newer:?}");
    // A header that knows fewer calls than interface 1.9 had would make this test prove too little. The IPC pair and the
    // copy between processes are in no upstream header.
    assert!(newer.len() <= 4 + 3, "{newer:?}");
    FURTHER.iter().for_each(|layout| check.layout(layout));
    let there = |layout: &&Layout| mentions(&text, layout.c_type.trim_start_matches("struct "));
    FURTHER_NEWER.iter().filter(there).for_each(|layout| check.layout(layout));
    for (name, value) in KFD_IOC.iter().chain(KFD_PLAIN).chain(KFD_ENUMERATORS) {
        assert!(mentions(&text, name), "{name} is not in the header");
        check.line((*name).to_owned(), &format!("({name}) & 0xffffffffull"), *value, Rule::Equal);
    }
    check.run("#include <linux/kfd_ioctl.h>");
}

// Keeps: headers-agree
#[test]
fn the_table_knows_every_call_of_the_header() {
    let Some(text) = header("the_table_knows_every_call_of_the_header", KFD_HEADER) else { return };
    let calls: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define AMDKFD_IOC_"))
        .filter_map(|rest| rest.split([' ', '\t', '\\']).next())
        .map(|name| name.trim_end_matches("_DEPRECATED"))
        .collect();
    assert!(calls.len() >= 35, "{calls:?}");
    let known: Vec<&str> = table::KFD.iter().map(|row| row.name).collect();
    let unknown: Vec<_> = calls.iter().filter(|call| !known.contains(call)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Fields of one of [`NEWER`]'s declarations: name, offset, width.
fn declared(declaration: &str) -> Vec<(&str, usize, usize)> {
    let (mut width, mut offset, mut fields) = (0, 0, Vec::new());
    for word in declaration.split_ascii_whitespace() {
        match word.parse() {
            Ok(bytes) => width = bytes,
            Err(_) => {
                assert_eq!(offset % width, 0, "the kernel's structs have no holes: {declaration}");
                fields.push((word, offset, width));
                offset += width;
            }
        }
    }
    fields
}

// Keeps: headers-newer
#[test]
fn structs_newer_than_debians_header_are_those_of_interface_1_18() {
    let rows = table::KFD.iter().filter_map(|row| row.layout);
    let layouts: Vec<Layout> = rows.chain(FURTHER_NEWER.iter().chain(FURTHER_OUT_OF_TREE).copied()).collect();
    for (name, declaration) in NEWER.iter().chain(OUT_OF_TREE) {
        let layout = layouts.iter().find(|layout| layout.c_type.trim_start_matches("struct ") == *name);
        let layout = layout.unwrap_or_else(|| panic!("{name} is not here"));
        let mut fields = declared(declaration);
        assert_eq!(layout.size, fields.iter().map(|(.., width)| width).sum::<usize>(), "sizeof {name}");
        // A union is one field here.
        fields.retain(|(field, ..)| *field != "-");
        assert_eq!(layout.fields.len(), fields.len(), "{name}");
        for (ours, (field, offset, width)) in layout.fields.iter().zip(fields) {
            assert_eq!((ours.name, ours.offset), (field, offset), "{name}");
            assert!(ours.size == width || field == "enable", "{name}.{field}");
        }
    }
    assert!(FURTHER_NEWER.iter().all(|layout| {
        NEWER.iter().any(|(name, _)| layout.c_type.trim_start_matches("struct ") == *name)
    }));
    for (name, command) in NEWER_COMMANDS {
        let row = table::KFD.iter().find(|row| row.name == *name).unwrap();
        assert_eq!(row.cmd, *command, "{name}");
    }
}

// Keeps: headers-newer
#[test]
fn every_operation_of_a_debugger_has_its_struct_and_its_number() {
    let row = table::KFD.iter().find(|row| row.name == "DBG_TRAP").unwrap();
    let variants = row.variants.unwrap();
    let numbers: Vec<u32> = variants.rows.iter().map(|variant| variant.op).collect();
    assert_eq!(numbers, (0..15).collect::<Vec<_>>(), "KFD_IOC_DBG_TRAP_ENABLE to _GET_DEVICE_SNAPSHOT");
    for variant in variants.rows.iter().filter(|variant| variant.name != "DISABLE") {
        let layout = variant.layout.unwrap();
        assert!(FURTHER_NEWER.contains(&layout), "{}", variant.name);
    }
}

// Keeps: headers-agree
#[test]
fn every_drm_struct_command_and_constant_is_the_headers() {
    let Some(text) = header("every_drm_struct_command_and_constant_is_the_headers", DRM_HEADER) else {
        return;
    };
    let text = text + &std::fs::read_to_string("/usr/include/libdrm/drm.h").unwrap();
    // libdrm's header has no version, and DEV_INFO grows; that it is 368 bytes here, `profile.rs` asserts.
    let mut check = Check::new(Rule::AtLeast, 0);
    let newer = rows(&mut check, table::DRM, &text, |row| format!("DRM_IOCTL_{}", row.name));
    assert!(newer.is_empty(), "{newer:?}");
    FURTHER_DRM.iter().for_each(|layout| check.layout(layout));
    for (name, value) in AMDGPU.iter().chain(DRM) {
        assert!(mentions(&text, name), "{name} is not in the header");
        check.line((*name).to_owned(), name, *value, Rule::Equal);
    }
    check.run("#include <libdrm/drm.h>\n#include <libdrm/amdgpu_drm.h>");
}
