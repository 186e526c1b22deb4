//! The table as text, for CALLS.md.

use crate::abi::spec::{Count, Descriptor, DescriptorKind, Flow, Ioctl, Pointer, Returned, Variant};
use std::fmt::Write as _;

/// A markdown table of `rows` (number, name, size of the struct, direction, since which interface, and what the call
/// does) and below it a list of where the pointers and descriptors of each lead. Ends with a newline.
#[must_use]
pub fn markdown<'a>(rows: impl IntoIterator<Item = &'a Ioctl> + Clone) -> String {
    let mut text =
        String::from("| nr | name | bytes | way | since | what it does |\n|---|---|---|---|---|---|\n");
    for row in rows.clone() {
        let way = match (row.reads(), row.writes()) {
            (true, true) => "in, out",
            (true, false) => "in",
            (false, true) => "out",
            (false, false) => "",
        };
        let since = if row.since == 0 { String::new() } else { format!("1.{}", row.since) };
        let privileged = match (row.privileged, row.primary) {
            (true, _) => " Privileged.",
            (_, true) => " On a primary node.",
            _ => "",
        };
        let always = row.refused.map_or_else(String::new, |errno| format!(" Always {}.", name_of(errno)));
        let tail = row.tail.map_or_else(String::new, |tail| format!(" + n × {}", tail.size));
        writeln!(
            text,
            "| `{:02x}` | {} | {}{tail} | {way} | {since} | {}{privileged}{always} |",
            row.number(),
            row.name,
            row.size(),
            row.doc,
        )
        .expect("a String takes every write");
    }
    text.push_str("\nWhere pointers and descriptors lead:\n\n");
    for row in rows {
        let lines = inside(row);
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("  - {line}\n")).collect();
            write!(text, "- {}\n{lines}", row.name).expect("a String takes every write");
        }
    }
    text
}

/// A line for each pointer and descriptor in the struct of `row`, or in that of one of its operations.
fn inside(row: &Ioctl) -> Vec<String> {
    let of_row = |offset: usize| row.layout.map_or("?", |layout| layout.name_at(offset));
    let mut lines: Vec<_> = row.pointers.iter().map(|pointer| describe(pointer, &of_row)).collect();
    for variant in row.variants.iter().flat_map(|variants| variants.rows) {
        lines.extend(operation(row, variant));
    }
    if let Some(Descriptor { name, kind: DescriptorKind::DmaBuf, .. }) = row.descriptor {
        lines.push(format!("`{name}`: a dma-buf"));
    }
    if let Some(Returned { name, .. }) = row.returned {
        lines.push(format!("`{name}`: a new descriptor"));
    }
    lines
}

/// `SUSPEND_QUEUES: queue_array_ptr: num_queues × 4 in and out`; nothing for an operation without pointers.
fn operation(row: &Ioctl, variant: &Variant) -> Option<String> {
    let field = |offset: usize| match (variant.layout, row.variants, row.layout) {
        (Some(layout), Some(variants), _) => layout.name_at(offset - variants.union_at),
        (_, _, Some(layout)) => layout.name_at(offset),
        _ => "?",
    };
    let mut parts: Vec<_> = variant.pointers.iter().map(|pointer| describe(pointer, &field)).collect();
    if let Some(Descriptor { name, kind: DescriptorKind::Pipe, .. }) = variant.descriptor {
        parts.push(format!("`{name}`: a pipe"));
    }
    (!parts.is_empty()).then(|| format!("{}: {}", variant.name, parts.join(", ")))
}

/// A pointer as text, `n_devices × 4 bytes in at device_ids_array_ptr, at most 1024, else ENOMEM`.
fn describe(pointer: &Pointer, field: &dyn Fn(usize) -> &'static str) -> String {
    let count = match pointer.count {
        Count::Field { offset, .. } | Count::Optional { offset } => field(offset).to_owned(),
        Count::Bits { offset, .. } => format!("{} bits in words", field(offset)),
        Count::Fixed(n) => n.to_string(),
        Count::Product { records, stride } => format!("{} × {}", field(records), field(stride)),
    };
    let flow = match pointer.flow {
        Flow::In => "in",
        Flow::Out => "out",
        Flow::InOut => "in and out",
    };
    let bound = match (pointer.cap, pointer.over) {
        (u32::MAX, _) => String::new(),
        (cap, Pointer::CLAMP) => format!(", cut to {cap}"),
        (cap, errno) => format!(", at most {cap}, else {}", name_of(errno)),
    };
    format!("`{}`: {count} × {} {flow}{bound}", pointer.name, pointer.element)
}

fn name_of(errno: i32) -> String {
    nix::errno::Errno::from_raw(errno).to_string().split(':').next().unwrap_or_default().to_owned()
}
