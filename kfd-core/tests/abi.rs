//! The ioctl table and the structs: what holds for all of them, whatever the header says.

use kfd_core::abi::layout::Layout;
use kfd_core::abi::spec::{Count, Flow, Ioctl, Pointer, Variant};
use kfd_core::abi::{drm, ioc, kfd, table};
use kfd_core::call::ARG_MAX;
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

fn rows() -> Vec<&'static Ioctl> {
    table::rows().collect()
}

#[test]
fn every_number_of_the_interface_has_a_row() {
    let numbers: Vec<u8> = table::KFD.iter().map(Ioctl::number).collect();
    // The last three are not upstream: the pair by which libhsakmt passes memory to another process, and its copy.
    assert_eq!(numbers, (0x01..=0x27).chain([0x80, 0x81, 0x83]).collect::<Vec<u8>>());
}

#[test]
fn numbers_are_sorted_and_unique_and_their_magic_is_the_tables() {
    for (rows, magic) in [(table::KFD, kfd::MAGIC), (table::DRM, drm::MAGIC)] {
        assert!(rows.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        assert!(rows.iter().all(|row| row.magic() == magic));
    }
}

#[test]
fn the_command_word_agrees_with_the_struct() {
    for row in rows() {
        assert_eq!(row.size(), row.layout.map_or(0, |layout| layout.size), "{}", row.name);
        assert!(row.size() <= ARG_MAX, "{}", row.name);
        assert_eq!(row.layout.is_none(), !row.reads() && !row.writes(), "{}", row.name);
        assert!(!row.name.is_empty() && row.doc.ends_with('.'), "{}", row.name);
    }
}

#[test]
fn the_fields_of_a_struct_cover_every_byte_once() {
    for layout in rows().iter().filter_map(|row| row.layout) {
        let mut end = 0;
        for field in layout.fields {
            assert_eq!(field.offset, end, "{}: {}", layout.c_type, field.name);
            end += field.size;
        }
        assert_eq!(end, layout.size, "{}", layout.c_type);
    }
}

type Family = (&'static [Pointer], Option<(Layout, usize)>);

/// What pointers a row has: its own, and those of each of its operations, with the layout their fields are in and where
/// that lies in the struct.
fn families(row: &Ioctl) -> Vec<Family> {
    let mut families = vec![(row.pointers, row.layout.map(|layout| (layout, 0)))];
    if let Some(variants) = row.variants {
        let of = |variant: &Variant| match variant.layout {
            Some(layout) => (variant.pointers, Some((layout, variants.union_at))),
            None => (variant.pointers, row.layout.map(|layout| (layout, 0))),
        };
        families.extend(variants.rows.iter().map(of));
    }
    families
}

#[test]
fn pointers_lie_inside_their_struct_on_fields_of_their_own() {
    for row in rows() {
        for (pointers, layout) in families(row) {
            for (i, pointer) in pointers.iter().enumerate() {
                let (layout, at) = layout.expect("a call with pointers has a struct");
                assert_eq!(layout.name_at(pointer.offset - at), pointer.name, "{}", row.name);
                assert_eq!(layout.width_at(pointer.offset - at), 8, "{}", row.name);
                let (count, width) = match pointer.count {
                    Count::Field { offset, width } | Count::Bits { offset, width } => (offset, width),
                    Count::Optional { offset } => (offset, 4),
                    Count::Product { records, stride } => {
                        assert_eq!(layout.width_at(records - at), 4);
                        (stride, 4)
                    }
                    Count::Fixed(n) => {
                        assert!(n <= pointer.cap);
                        continue;
                    }
                };
                assert_eq!(layout.width_at(count - at), width, "{}", row.name);
                assert!(width == 4 || width == 8, "{}", row.name);
                assert!(count + width <= row.size(), "{}", row.name);
                assert!(pointer.element > 0 && pointer.cap > 0 && pointer.over >= 0, "{}", row.name);
                for other in &pointers[..i] {
                    assert!(other.offset + 8 <= pointer.offset || pointer.offset + 8 <= other.offset);
                }
            }
        }
    }
}

#[test]
fn operations_fit_their_struct_and_are_named_once() {
    for row in rows() {
        let Some(variants) = row.variants else { continue };
        let layout = row.layout.expect("operations are told apart by a field");
        assert_eq!(layout.width_at(variants.field), 4, "{}", row.name);
        assert!(variants.rows.windows(2).all(|pair| pair[0].op < pair[1].op), "{}", row.name);
        for variant in variants.rows {
            if let Some(own) = variant.layout {
                assert!(variants.union_at + own.size <= layout.size, "{}", variant.name);
            }
            if let Some(descriptor) = variant.descriptor {
                let own = variant.layout.expect("the descriptor's struct");
                assert_eq!(own.name_at(descriptor.offset - variants.union_at), descriptor.name);
                assert_eq!(own.width_at(descriptor.offset - variants.union_at), 4);
            }
            let mut arg = vec![0; row.size()];
            arg[variants.field..][..4].copy_from_slice(&variant.op.to_le_bytes());
            assert_eq!(row.variant(&arg), Some(variant));
        }
    }
}

#[test]
fn what_a_door_gathers_for_one_call_stays_below_half_a_mebibyte() {
    // A privileged call's caller could have as much by other means; a door looks at the privilege before it gathers.
    for row in rows().into_iter().filter(|row| row.refused.is_none() && !row.privileged) {
        for (pointers, _) in families(row) {
            let gathered = pointers.iter().filter(|pointer| pointer.flow.is_gathered());
            let most: u64 = gathered.map(|pointer| u64::from(pointer.cap) * pointer.element as u64).sum();
            assert!(most <= 512 << 10, "{} gathers up to {most} bytes", row.name);
        }
    }
}

// Keeps: struct-size
#[test]
fn a_command_of_another_size_or_direction_is_the_same_call() {
    let wait = table::lookup(ioc::iowr(b'K', 0x0c, 24)).expect("WAIT_EVENTS");
    assert_eq!(wait.name, "WAIT_EVENTS");
    for other in [ioc::io(b'K', 0x0c), ioc::ior(b'K', 0x0c, 8), ioc::iowr(b'K', 0x0c, 4000)] {
        assert_eq!(table::lookup(other), Some(wait));
    }
    // libhsakmt makes the size of SVM grow with its attributes.
    let svm = table::lookup(ioc::iowr(b'K', 0x20, 24 + 3 * 8)).expect("SVM");
    assert_eq!((svm.name, svm.tail.map(|tail| tail.size)), ("SVM", Some(8)));
}

#[test]
fn unknown_numbers_and_magics_have_no_row() {
    for cmd in
        [ioc::io(b'K', 0x00), ioc::iowr(b'K', 0x28, 8), ioc::iowr(b'K', 0x82, 8), ioc::iowr(b'd', 0x52, 24)]
    {
        assert_eq!(table::lookup(cmd), None, "{cmd:#x}");
    }
    assert_eq!(table::lookup(0), None);
    assert_eq!(table::lookup(ioc::iowr(b'T', 0x01, 8)), None);
}

#[test]
fn a_short_struct_is_filled_with_zeros_and_only_its_bytes_come_back() {
    let row = table::lookup(ioc::iowr(b'K', 0x16, 40)).expect("ALLOC_MEMORY_OF_GPU");
    let arg = row.admit(&[0xff; 16]).expect("it fits");
    let alloc = kfd::AllocMemoryOfGpu::read_from_bytes(arg.bytes()).expect("the whole struct");
    assert_eq!((alloc.va_addr, alloc.size, alloc.flags), (u64::MAX, u64::MAX, 0));
    assert_eq!(row.emit(&arg, 16), [0xff; 16]);
}

#[test]
fn a_long_struct_keeps_its_tail() {
    let row = table::lookup(ioc::iowr(b'K', 0x02, 96)).expect("CREATE_QUEUE");
    let mut newer = [7; 96];
    newer[95] = 9;
    let arg = row.admit(&newer).expect("it fits");
    assert_eq!(arg.bytes(), newer);
    assert_eq!(row.emit(&arg, 96), newer);
}

#[test]
fn a_struct_larger_than_the_core_takes_is_not_admitted() {
    let row = table::lookup(ioc::iowr(b'K', 0x20, 24)).expect("SVM");
    assert!(row.admit(&[0; ARG_MAX]).is_some());
    assert!(row.admit(&[0; ARG_MAX + 1]).is_none());
}

#[test]
fn the_tables_direction_decides_not_the_clients() {
    let version = table::lookup(ioc::iowr(b'K', 0x01, 8)).expect("GET_VERSION");
    let arg = version.admit(&[0xff; 8]).expect("it fits");
    assert_eq!(arg.bytes(), [0; 8], "an output struct starts as zeros");
    let destroy = table::lookup(ioc::iowr(b'K', 0x09, 8)).expect("DESTROY_EVENT");
    let arg = destroy.admit(&[0xff; 8]).expect("it fits");
    assert!(destroy.emit(&arg, 8).is_empty(), "an input struct is not copied out");
}

fn extent(number: u8, arg: &[u8]) -> Vec<Result<(u64, u32, usize), i32>> {
    let row = table::lookup(ioc::iowr(b'K', number, arg.len())).expect("a row");
    row.pointers.iter().map(|p| p.extent(arg).map(|e| (e.va.0, e.elements, e.bytes))).collect()
}

// Keeps: counts-capped, GET_PROCESS_APERTURES_NEW
#[test]
fn a_count_above_its_cap_is_the_kernels_errno() {
    let mut wait = kfd::WaitEvents { events_ptr: 0x1000, num_events: 3, ..Default::default() };
    assert_eq!(extent(0x0c, wait.as_bytes()), [Ok((0x1000, 3, 3 * 48))]);
    wait.num_events = u32::MAX;
    assert_eq!(extent(0x0c, wait.as_bytes()), [Err(libc::ENOMEM)]);
}

// Keeps: SET_CU_MASK
#[test]
fn the_cu_mask_counts_bits_and_is_cut_to_1024_of_them() {
    let mut mask = kfd::SetCuMask { queue_id: 1, num_cu_mask: 64, cu_mask_ptr: 0x2000 };
    assert_eq!(extent(0x1a, mask.as_bytes()), [Ok((0x2000, 2, 8))]);
    mask.num_cu_mask = 33;
    assert_eq!(extent(0x1a, mask.as_bytes()), [Ok((0x2000, 2, 8))]);
    mask.num_cu_mask = u32::MAX;
    assert_eq!(extent(0x1a, mask.as_bytes()), [Ok((0x2000, 32, 128))]);
}

// Keeps: GET_TILE_CONFIG
#[test]
fn tile_configs_are_cut_to_what_the_device_has() {
    let tiles = kfd::GetTileConfig {
        tile_config_ptr: 8,
        macro_tile_config_ptr: 16,
        num_tile_configs: 40,
        num_macro_tile_configs: 4,
        ..Default::default()
    };
    assert_eq!(extent(0x12, tiles.as_bytes()), [Ok((8, 32, 128)), Ok((16, 4, 16))]);
}

#[test]
fn the_union_of_an_event_is_read_as_it_was_written() {
    let mut event = kfd::EventData::default();
    let fault = kfd::MemoryExceptionData {
        failure: kfd::MemoryExceptionFailure { not_present: 1, ..Default::default() },
        va: 0x7f00_0000_1000,
        gpu_id: 64700,
        error_type: kfd::MEM_ERR_NO_RAS,
    };
    event.set_memory(&fault);
    assert_eq!(event.memory(), fault);
    let reset = kfd::HwExceptionData { reset_type: 1, reset_cause: 0, memory_lost: 1, gpu_id: 64700 };
    event.set_hw_exception(&reset);
    assert_eq!(event.hw_exception(), reset);
    event.set_last_event_age(5);
    assert_eq!(event.last_event_age(), 5);
}

#[test]
fn the_documentation_has_a_line_for_each_row() {
    let text = table::markdown(table::KFD);
    let (rows, inside) = text.split_once("\n\n").expect("a list below the table");
    assert_eq!(rows.lines().count(), 2 + table::KFD.len());
    assert!(rows.contains("| `18` | MAP_MEMORY_TO_GPU | 24 | in, out |  |"));
    assert!(inside.contains(
        "\n- MAP_MEMORY_TO_GPU\n  - `device_ids_array_ptr`: n_devices × 4 in, at most 1024, else ENOMEM\n"
    ));
    assert!(text.contains("| `22` | CRIU_OP |") && text.contains("Privileged."));
    assert!(text.contains("24 + n × 8"), "SVM's attributes follow its struct");
}

proptest! {
    #[test]
    fn looking_up_any_word_is_safe_and_keeps_magic_and_number(cmd: u32) {
        if let Some(row) = table::lookup(cmd) {
            prop_assert_eq!((row.magic(), row.number()), (ioc::magic(cmd), ioc::number(cmd)));
        }
    }

    #[test]
    fn looking_up_near_the_table_finds_exactly_the_rows(magic in prop::sample::select(vec![b'K', b'd']), number: u8,
                                                        size in 0usize..=ioc::SIZE_MAX) {
        let known = table::rows().any(|row| row.magic() == magic && row.number() == number);
        prop_assert_eq!(table::lookup(ioc::iowr(magic, number, size)).is_some(), known);
    }

    #[test]
    fn any_struct_is_admitted_and_measured_safely(index in 0usize..table::KFD.len() + table::DRM.len(),
                                                  bytes in prop::collection::vec(any::<u8>(), 0..=ARG_MAX)) {
        let row = rows()[index];
        let arg = row.admit(&bytes).expect("it is at most ARG_MAX");
        prop_assert!(arg.bytes().len() >= row.size() && arg.bytes().len() >= bytes.len());
        if row.reads() {
            prop_assert_eq!(&arg.bytes()[..bytes.len()], &bytes[..]);
        }
        prop_assert!(arg.bytes()[bytes.len()..].iter().all(|byte| *byte == 0));
        prop_assert!(row.emit(&arg, bytes.len()).len() <= bytes.len());
        for pointer in row.pointers_of(arg.bytes()) {
            // The kernel's zero-filled copy and the client's short one mean the same.
            prop_assert_eq!(pointer.extent(arg.bytes()), if row.reads() { pointer.extent(&bytes) } else { pointer.extent(arg.bytes()) });
            match pointer.extent(arg.bytes()) {
                Ok(extent) => {
                    prop_assert!(extent.elements <= pointer.cap);
                    prop_assert_eq!(extent.bytes, extent.elements as usize * pointer.element);
                }
                Err(errno) => prop_assert!(errno == pointer.over && errno != Pointer::CLAMP),
            }
        }
    }

    #[test]
    fn a_flow_is_gathered_unless_it_only_goes_out(flow in prop::sample::select(vec![Flow::In, Flow::Out, Flow::InOut])) {
        prop_assert_eq!(flow.is_gathered(), flow != Flow::Out);
    }
}

const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../CALLS.md");

fn calls() -> String {
    std::fs::read_to_string(CALLS).expect("CALLS.md is in the root")
}

#[test]
fn the_largest_struct_is_the_one_that_the_list_of_calls_names() {
    let line = format!("- EINVAL for a struct of more than {ARG_MAX} bytes\n");
    assert!(calls().contains(&line), "CALLS.md lacks: {line}");
}

/// What CALLS.md has before, between and after the marks for one magic.
fn marked<'t>(text: &'t str, magic: &str) -> [&'t str; 3] {
    let begin = format!("<!-- calls: {magic} -->\n");
    let (at, _) = text.match_indices(&begin).next().expect("the mark is there");
    let (before, rest) = text.split_at(at + begin.len());
    let end = rest.find("<!-- end -->").expect("the mark is there");
    [before, &rest[..end], &rest[end..]]
}

// Keeps: calls-listed
#[test]
fn every_call_is_listed_as_the_table_has_it() {
    for (magic, rows) in [("kfd", table::KFD), ("drm", table::DRM)] {
        let text = calls();
        let [before, listed, after] = marked(&text, magic);
        let should = table::markdown(rows);
        if std::env::var_os("UPDATE_CALLS").is_some() {
            std::fs::write(CALLS, [before, &should, after].concat()).expect("it can be written");
        } else {
            assert_eq!(listed, should, "UPDATE_CALLS=1 writes this between the marks of CALLS.md:\n{should}");
        }
    }
}

/// What CALLS.md says that the calls of a magic refuse: each call's name, and a line for each errno.
fn refusals(magic: &str) -> Vec<(String, Vec<String>)> {
    let text = calls();
    let [_, _, after] = marked(&text, magic);
    let (_, list) = after.split_once("### What they refuse\n").expect("the heading is there");
    let list = list.split_once("\n## ").map_or(list, |(list, _)| list);
    let mut refusals: Vec<(String, Vec<String>)> = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("- `"), line.strip_prefix("  - "), refusals.last_mut()) {
            (Some(name), ..) => refusals.push((name.trim_end_matches('`').to_owned(), vec![])),
            (None, Some(errno), Some((_, errnos))) => errnos.push(errno.to_owned()),
            _ => panic!("neither a call nor an errno of one: {line}"),
        }
    }
    refusals
}

// Keeps: calls-listed
#[test]
fn every_call_says_what_it_refuses() {
    let named = (1..=133).map(|errno| format!("{:?}", nix::errno::Errno::from_raw(errno)));
    let known_errnos: std::collections::HashSet<String> = named.chain(["ERESTARTSYS".to_owned()]).collect();
    for (magic, rows) in [("kfd", table::KFD), ("drm", table::DRM)] {
        let listed = refusals(magic);
        let names: Vec<_> = listed.iter().map(|(name, _)| name.as_str()).collect();
        let calls: Vec<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names, calls, "the table's calls in its order");
        for (row, (name, errnos)) in rows.iter().zip(&listed) {
            let is_errno = |word: &str| known_errnos.contains(word);
            let known = |line: &String| {
                line.split(|c: char| !c.is_ascii_alphanumeric()).any(is_errno)
                    || line.starts_with("none")
                    || line.starts_with("As ")
                    || line.starts_with('`')
            };
            assert!(!errnos.is_empty() && errnos.iter().all(known), "{name}: {errnos:?}");
            // What always ends with one errno says so.
            assert!(row.refused.is_none() || errnos[0].contains("everybody"), "{name}: {errnos:?}");
        }
    }
}
