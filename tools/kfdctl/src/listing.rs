//! `kfdctl ps` and `kfdctl queues`: one JSON object, or an aligned table.

use crate::cli::{Listing, run_dir};
use crate::output;
use anyhow::Context;
use kfdd::control::{Control, Request};
use serde_json::Value;
use std::process::ExitCode;

/// One column: its title and where its value lies in a row (RFC 6901).
type Column = (&'static str, &'static str);

const PROCESSES: &[Column] = &[
    ("TGID", "/tgid"),
    ("UID", "/uid"),
    ("STATE", "/state"),
    ("PROCESS", "/process"),
    ("FILES", "/files"),
    ("QUEUES", "/holds/queues"),
    ("EVENTS", "/holds/events"),
    ("BOS", "/holds/bos"),
    ("BYTES", "/holds/bytes"),
    ("CAUSE", "/cause"),
];

const QUEUES: &[Column] = &[
    ("TGID", "/tgid"),
    ("QUEUE", "/queue"),
    ("GPU", "/gpu"),
    ("KIND", "/kind"),
    ("STATE", "/state"),
    ("PACKETS", "/packets"),
    ("RING", "/ring"),
    ("BYTES", "/ring_bytes"),
    ("DOORBELL", "/doorbell"),
    ("PRIORITY", "/priority"),
];

/// `kfdctl ps`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn processes(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Processes, "processes", PROCESSES)
}

/// `kfdctl queues`.
///
/// # Errors
/// No daemon answers, or it refuses.
pub fn queues(asked: &Listing) -> anyhow::Result<ExitCode> {
    list(asked, &Request::Queues, "queues", QUEUES)
}

fn list(asked: &Listing, request: &Request, key: &str, columns: &[Column]) -> anyhow::Result<ExitCode> {
    let reply = Control::of(&run_dir(asked.run_dir.as_ref())).ask(request)?;
    let reply = serde_json::to_value(reply).context("cannot read the reply")?;
    let rows = reply
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("the daemon's reply has no {key}; is it of another version than kfdctl?"))?;
    output::print(&if asked.json { format!("{reply}\n") } else { table(columns, rows) })?;
    Ok(ExitCode::SUCCESS)
}

/// Columns as wide as their widest cell, numbers to the right; a column's last cell has no padding.
fn table(columns: &[Column], rows: &[Value]) -> String {
    let cells = columns.iter().map(|(title, pointer)| {
        let values = rows.iter().map(|row| row.pointer(pointer).map_or_else(|| "-".to_owned(), cell));
        (
            rows.iter().any(|row| row.pointer(pointer).is_some_and(Value::is_number)),
            title,
            values.collect::<Vec<_>>(),
        )
    });
    let cells = cells.collect::<Vec<_>>();
    let mut text = String::new();
    for line in 0..=rows.len() {
        let mut row = String::new();
        for (numeric, title, values) in &cells {
            let width = values.iter().map(String::len).fold(title.len(), usize::max);
            let shown = if line == 0 { *title } else { values[line - 1].as_str() };
            row += &if *numeric { format!("{shown:>width$}  ") } else { format!("{shown:<width$}  ") };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_aligned_and_shows_absent_values_as_dashes() {
        let rows = [
            json!({"tgid": 7, "state": "live", "holds": {"queues": 12}, "cause": null}),
            json!({"tgid": 1234, "state": "queues_stopped", "holds": {}, "cause": "exited"}),
        ];
        let columns =
            [("TGID", "/tgid"), ("STATE", "/state"), ("QUEUES", "/holds/queues"), ("CAUSE", "/cause")];
        assert_eq!(
            table(&columns, &rows),
            "TGID  STATE           QUEUES  CAUSE\n   \
                7  live                12  -\n\
             1234  queues_stopped       -  exited\n"
        );
    }

    #[test]
    fn an_empty_table_is_its_titles() {
        assert_eq!(table(&[("TGID", "/tgid"), ("STATE", "/state")], &[]), "TGID  STATE\n");
    }
}
