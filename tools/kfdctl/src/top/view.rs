//! A refresh as a table: a line for each process and, below it, for each of its queues.
//!
//! On a terminal it is drawn over the one before, and what has no room is left out and counted.

use super::sample::{Frame, Process};
use crate::listing::{Column, plain, table};
use serde_json::{Value, json};
use terminal_size::{Height, Width, terminal_size};

/// To the upper left corner; everything from here on erased (ECMA-48, CUP and ED).
const HOME: &str = "\x1b[H\x1b[J";

const COLUMNS: &[Column] = &[
    plain("TGID", "/tgid"),
    plain("UID", "/uid"),
    plain("QUEUE", "/queue"),
    plain("STATE", "/state"),
    plain("PACKETS", "/packets"),
    plain("PER_S", "/per_s"),
    plain("KIND", "/kind"),
    plain("GPU", "/gpu"),
    plain("SLOT", "/slot"),
    plain("WAITING", "/waiting"),
    plain("EVENTS", "/holds/events"),
    plain("BOS", "/holds/bos"),
    plain("VRAM", "/holds/vram_bytes"),
    plain("GTT", "/holds/gtt_bytes"),
    plain("PARKED", "/holds/parked"),
    plain("EVICTED", "/why"),
    plain("WAVES", "/waves"),
    plain("WAVE_INST_PER_S", "/waves_per_s"),
    plain("KERNEL", "/kernel"),
];

/// Rows and columns of the terminal, if standard output is one that tells.
pub fn size() -> Option<(usize, usize)> {
    let (Width(columns), Height(rows)) = terminal_size()?;
    Some((usize::from(rows), usize::from(columns)))
}

/// What goes to a file or a pipe.
pub fn text(frame: &Frame, place: &str) -> anyhow::Result<String> {
    Ok(format!("{}\n{}", summary(frame, place), table(COLUMNS, &rows(frame)?)))
}

/// What goes to a terminal of so many rows and columns.
pub fn screen(frame: &Frame, place: &str, size: Option<(usize, usize)>) -> anyhow::Result<String> {
    let text = text(frame, place)?;
    let Some((height, width)) = size else { return Ok(HOME.to_owned() + &text) };
    let lines: Vec<&str> = text.lines().collect();
    // The last row stays empty, so that the end of the text does not scroll the first away.
    let room = height.saturating_sub(1).max(1);
    let shown = if lines.len() > room { room.saturating_sub(1) } else { lines.len() };
    let mut out = HOME.to_owned();
    for line in &lines[..shown] {
        out.extend(line.chars().take(width));
        out.push('\n');
    }
    if shown < lines.len() {
        out += &format!("and {} lines more\n", lines.len() - shown);
    }
    Ok(out)
}

fn summary(frame: &Frame, place: &str) -> String {
    let queues: usize = frame.processes.iter().map(|process| process.queues.len()).sum();
    let rate = frame.packets_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    let (processes, queues) = (count(frame.processes.len(), "process", "es"), count(queues, "queue", "s"));
    format!("{place}: {processes}, {queues}, {rate} packets/s")
}

fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { more })
}

fn rows(frame: &Frame) -> anyhow::Result<Vec<Value>> {
    let mut rows = Vec::new();
    for process in &frame.processes {
        rows.push(process_row(process)?);
        for queue in &process.queues {
            let mut row = serde_json::to_value(&queue.row)?;
            row["per_s"] = per_second(queue.packets_per_second);
            row["why"] = why(&row, "/evicted/reason");
            rows.push(row);
        }
    }
    Ok(rows)
}

fn process_row(process: &Process) -> anyhow::Result<Value> {
    let mut row = serde_json::to_value(&process.row)?;
    row["queue"] = json!("all");
    row["packets"] = json!(process.packets);
    row["per_s"] = per_second(process.packets_per_second);
    row["waves_per_s"] = per_second(process.instructions_per_second);
    row["why"] = why(&row, "/evicted/0/reason");
    Ok(row)
}

fn why(row: &Value, pointer: &str) -> Value {
    row.pointer(pointer).cloned().unwrap_or_default()
}

fn per_second(rate: Option<f64>) -> Value {
    rate.map_or(Value::Null, |rate| json!(format!("{rate:.0}").parse::<u64>().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    fn frame(processes: u32) -> Frame {
        let start = Instant::now();
        let slots: Vec<u32> = (0..processes).collect();
        let queues = |packets| slots.iter().map(|slot| (*slot, 0, 1, packets)).collect::<Vec<_>>();
        let (one, two) = (sample(start, 0, &slots, &queues(0)), sample(start, 1, &slots, &queues(7)));
        Frame::new(Some(&one), &two)
    }

    #[test]
    fn a_process_is_followed_by_its_queues() {
        let text = text(&frame(1), "/run/kfdd").expect("a table");
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[0].join(" "), "/run/kfdd: 1 process, 1 queue, 7 packets/s");
        assert_eq!(lines[1][..6], ["TGID", "UID", "QUEUE", "STATE", "PACKETS", "PER_S"]);
        assert_eq!(lines[2][..6], ["100", "0", "all", "live", "7", "7"]);
        assert_eq!(lines[3][..7], ["100", "0", "0", "active", "7", "7", "aql"]);
    }

    #[test]
    fn nobody_does_nothing_and_not_less() {
        let text = text(&frame(0), "/run/kfdd").expect("a table");
        assert!(text.starts_with("/run/kfdd: 0 processes, 0 queues, 0 packets/s\n"), "{text}");
    }

    // Keeps: top-screen
    #[test]
    fn a_screen_is_never_left_over_and_what_has_no_room_is_counted() {
        let screen = screen(&frame(50), "/run/kfdd", Some((24, 40))).expect("a table");
        let drawn = screen.strip_prefix(HOME).expect("drawn over the one before");
        assert_eq!(drawn.lines().count(), 23);
        assert!(drawn.lines().all(|line| line.chars().count() <= 40));
        // A line of summary, one of titles, and two for each process: 102.
        assert_eq!(drawn.lines().last(), Some("and 80 lines more"));
    }
}
