//! `kfdctl ps`, `queues`, `kernels` and `shares`: one JSON object, or an aligned table.

use crate::cli::{Listing, run_dir};
use crate::{fidelity, output};
use anyhow::Context;
use kfdd::control::{Control, Request};
use serde_json::Value;
use std::process::ExitCode;

/// A column of a listing: its head and its side.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    /// Where its value lies in a row (RFC 6901).
    pointer: &'static str,
    /// An address: shown in hexadecimal.
    address: bool,
}

/// A column of values as they are.
pub const fn plain(title: &'static str, pointer: &'static str) -> Column {
    Column { title, pointer, address: false }
}

const fn address(title: &'static str, pointer: &'static str) -> Column {
    Column { title, pointer, address: true }
}

const PROCESSES: &[Column] = &[
    plain("TGID", "/tgid"),
    plain("UID", "/uid"),
    plain("STATE", "/state"),
    plain("PROCESS", "/process"),
    plain("FILES", "/files"),
    plain("QUEUES", "/holds/queues"),
    plain("EVENTS", "/holds/events"),
    plain("BOS", "/holds/bos"),
    plain("VRAM", "/holds/vram_bytes"),
    plain("GTT", "/holds/gtt_bytes"),
    plain("USERPTR", "/holds/userptr_bytes"),
    plain("PARKED", "/holds/parked"),
    plain("WORKER", "/wave_worker"),
    plain("DISPATCHES", "/dispatches"),
    plain("WAVES", "/waves"),
    plain("INSTRUCTIONS", "/instructions"),
    plain("EVICTED", "/evicted/0/reason"),
    plain("CAUSE", "/cause"),
];

const QUEUES: &[Column] = &[
    plain("TGID", "/tgid"),
    plain("QUEUE", "/queue"),
    plain("GPU", "/gpu"),
    plain("KIND", "/kind"),
    plain("STATE", "/state"),
    plain("PACKETS", "/packets"),
    address("RING", "/ring"),
    plain("BYTES", "/ring_bytes"),
    address("DOORBELL", "/doorbell"),
    plain("PRIORITY", "/priority"),
    plain("SLOT", "/slot"),
    plain("ENGINE", "/engine"),
    plain("WAITING", "/waiting"),
    plain("QUANTUM_US", "/quantum_us"),
    plain("EVICTED", "/evicted/reason"),
    plain("WAVES", "/waves"),
    plain("INSTRUCTIONS", "/instructions"),
    plain("KERNEL", "/kernel"),
];

const KERNELS: &[Column] = &[
    plain("UID", "/uid"),
    plain("DISPATCHES", "/dispatches"),
    plain("INSTRUCTIONS", "/instructions"),
    plain("NANOS", "/nanos"),
    plain("KERNEL", "/kernel"),
    plain("FIDELITY", "/summary"),
];

const SHARES: &[Column] = &[
    plain("TGID", "/tgid"),
    plain("UID", "/uid"),
    plain("PROCESS", "/process"),
    plain("NODE", "/minor"),
    plain("BYTES", "/bytes"),
    plain("HOLDERS", "/holders"),
    plain("ORPHANED", "/orphaned"),
];

/// `kfdctl ps`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn processes(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Processes, "processes", PROCESSES, |_| {})
}

/// `kfdctl queues`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn queues(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Queues, "queues", QUEUES, |_| {})
}

/// `kfdctl kernels`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn kernels(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Kernels, "kernels", KERNELS, fidelity::tell)
}

/// `kfdctl shares`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn shares(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Shares, "shares", SHARES, |_| {})
}

/// Lists the rows that a reply has under a key, each with what `tell` adds to it.
fn list(
    asked: &Listing,
    request: &Request,
    key: &str,
    columns: &[Column],
    tell: fn(&mut Value),
) -> anyhow::Result<ExitCode> {
    let reply = Control::of(&run_dir(asked.run_dir.as_ref())).ask(request)?;
    let mut reply = serde_json::to_value(reply).context("cannot read the reply")?;
    let rows = reply
        .get_mut(key)
        .and_then(Value::as_array_mut)
        .with_context(|| format!("the daemon's reply has no {key}; is it of another version than kfdctl?"))?;
    rows.iter_mut().for_each(tell);
    let table = (!asked.json).then(|| table(columns, rows));
    output::print(&table.unwrap_or_else(|| format!("{reply}\n")))?;
    Ok(ExitCode::SUCCESS)
}

/// Columns as wide as their widest cell, numbers to the right; a line's last cell has no padding.
pub fn table(columns: &[Column], rows: &[Value]) -> String {
    let cells = columns.iter().map(|column| {
        let cells =
            rows.iter().map(|row| cell(row.pointer(column.pointer), column.address)).collect::<Vec<_>>();
        let right = rows.iter().any(|row| row.pointer(column.pointer).is_some_and(Value::is_number));
        (column.title, right, cells)
    });
    let cells = cells.collect::<Vec<_>>();
    let mut text = String::new();
    for line in 0..=rows.len() {
        let mut row = String::new();
        for (title, right, values) in &cells {
            let width = values.iter().map(String::len).fold(title.len(), usize::max);
            let shown = if line == 0 { *title } else { values[line - 1].as_str() };
            row += &if *right { format!("{shown:>width$}  ") } else { format!("{shown:<width$}  ") };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

fn cell(value: Option<&Value>, address: bool) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if address && number.is_u64() => {
            format!("{:#x}", number.as_u64().unwrap_or_default())
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => {
            other.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::death::Cause;
    use kfd_core::eviction::{Eviction, Reason};
    use kfd_core::ids::{Bytes, Nanos, ProcessId, QueueId, RenderMinor, Tgid, Uid};
    use kfd_core::listing::{ProcessRow, QueueKind, QueueRow, QueueState};
    use kfd_core::share::ShareRow;
    use kfd_core::stage::Stage;
    use kfdd::waves::{KernelRow, KernelSums};
    use serde_json::json;

    #[test]
    fn each_column_finds_its_value_in_a_row_as_a_daemon_sends_it() {
        let (tgid, uid, process) = (Tgid(1), Uid(2), ProcessId { slot: 3, generation: 4 });
        let evicted = Eviction { reason: Reason::Memory, since: Nanos(5) };
        let listed = ProcessRow {
            tgid,
            uid,
            process,
            state: Stage::Live,
            cause: Some(Cause::Killed),
            evicted: vec![evicted],
            files: 1,
            attached_at: Nanos(5),
            resident_bytes: 1,
            svm_bytes: 1,
            svm_vram_bytes: 1,
            holds: kfd_core::account::Holdings::default(),
            wave_worker: Some(1),
            dispatches: 1,
            instructions: 1,
            waves: 1,
        };
        let queue = QueueRow {
            tgid,
            uid,
            process,
            queue: QueueId(0),
            gpu: 1,
            kind: QueueKind::Aql,
            state: QueueState::Active,
            packets: 1,
            ring: 1,
            ring_bytes: 1,
            doorbell: 1,
            priority: 1,
            slot: Some(0),
            engine: Some(0),
            waiting: Some(0),
            quantum_us: 1,
            gws: false,
            evicted: Some(evicted),
            made_at: Nanos(5),
            kernel: Some("add".to_owned()),
            instructions: 1,
            waves: Some(1),
        };
        let sums = KernelSums { dispatches: 1, instructions: 1, nanos: 1 };
        let mnemonics = [("v_add_f32".to_owned(), 1)].into();
        let kernel = KernelRow { uid, kernel: "add".to_owned(), sums, mnemonics };
        let mut kernel = serde_json::to_value(kernel).unwrap();
        fidelity::tell(&mut kernel);
        let minor = RenderMinor(128);
        let share = ShareRow { tgid, uid, process, minor, bytes: Bytes(1), holders: 1, orphaned: false };
        let rows = [
            (PROCESSES, serde_json::to_value(listed).unwrap()),
            (QUEUES, serde_json::to_value(queue).unwrap()),
            (KERNELS, kernel),
            (SHARES, serde_json::to_value(share).unwrap()),
        ];
        for (columns, row) in rows {
            for Column { title, pointer, .. } in columns {
                let value = row.pointer(pointer);
                assert!(value.is_some_and(|value| !value.is_null()), "{title}: no {pointer} in {row:#}");
            }
        }
    }

    #[test]
    fn a_table_is_aligned_and_shows_absent_values_as_dashes() {
        let rows = [
            json!({"tgid": 7, "state": "live", "holds": {"queues": 12}, "cause": null, "ring": 4096}),
            json!({"tgid": 1234, "state": "queues_stopped", "holds": {}, "cause": "exited", "ring": 1}),
        ];
        let columns = [
            plain("TGID", "/tgid"),
            plain("STATE", "/state"),
            plain("QUEUES", "/holds/queues"),
            address("RING", "/ring"),
            plain("CAUSE", "/cause"),
        ];
        assert_eq!(
            table(&columns, &rows),
            "TGID  STATE           QUEUES    RING  CAUSE\n   \
                7  live                12  0x1000  -\n\
             1234  queues_stopped       -     0x1  exited\n"
        );
    }

    #[test]
    fn an_empty_table_is_its_titles() {
        assert_eq!(table(&[plain("TGID", "/tgid"), plain("STATE", "/state")], &[]), "TGID  STATE\n");
    }
}
