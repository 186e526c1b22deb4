//! Store buffering between a read section and a grace period, on the hardware.
//!
//! The updater writes `removed`, waits for a grace period and reads `touched`; the reader, in one section, reads
//! `removed` and writes `touched`, all relaxed. Forbidden: the reader has not seen the removal (so its section
//! began before the grace period ended) and the updater has not seen the touch (so the grace period has not
//! waited for the section). A quarter of a million rounds of each kind of reader by default; `NOTIFIER_LITMUS_ROUNDS` and
//! `NOTIFIER_LITMUS_SECONDS` ask for so many, and so long, in all.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::srcu::{Domain, ReaderKind};
use std::{
    sync::atomic::{
        AtomicU64, Ordering,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::{Duration, Instant},
};

/// Rounds that share a grace period: a reader meets the updater at another point in each.
const CELLS: usize = 256;

/// No batch's number.
const END: u64 = u64::MAX;

#[derive(Default)]
#[repr(align(128))]
struct Cell {
    removed: AtomicU64,
    touched: AtomicU64,
    /// What the reader saw: removed or not.
    saw: AtomicU64,
}

fn wait_for(turn: &AtomicU64, at_least: u64, order: Ordering) {
    let mut looks = 0u32;
    while turn.load(order) < at_least {
        looks += 1;
        // One CPU may be all there is.
        if looks.is_multiple_of(256) {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

fn litmus(kind: ReaderKind, at_least: u64, time: Duration) {
    let domain = match Domain::with_reader("litmus", kind) {
        Ok(domain) => domain,
        Err(unavailable) => return eprintln!("{unavailable}"),
    };
    let cells: Vec<Cell> = (0..CELLS).map(|_| Cell::default()).collect();
    let (begun, read) = (AtomicU64::new(0), AtomicU64::new(0));
    let (start, mut batch) = (Instant::now(), 0);
    let (mut missed, mut seen, mut violations) = (0u64, 0u64, 0u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 1.. {
                wait_for(&begun, batch, Acquire);
                if begun.load(Relaxed) == END {
                    break;
                }
                for cell in &cells {
                    let section = domain.read();
                    let removed = cell.removed.load(Relaxed);
                    cell.touched.store(batch, Relaxed);
                    drop(section);
                    cell.saw.store(removed, Relaxed);
                }
                read.store(batch, Release);
            }
        });
        let mut touched = [0; CELLS];
        while batch * (CELLS as u64) < at_least || start.elapsed() < time {
            batch += 1;
            begun.store(batch, Release);
            // In every second batch the reader has a lead of some sections, wherever the two run.
            if batch % 2 == 1 {
                let lead = usize::try_from(batch / 2).unwrap() % (CELLS - 1);
                wait_for(&cells[lead].touched, batch, Relaxed);
            }
            // From the other end: they meet somewhere.
            for cell in cells.iter().rev() {
                cell.removed.store(batch, Relaxed);
            }
            domain.synchronize();
            for (touched, cell) in touched.iter_mut().zip(&cells) {
                *touched = cell.touched.load(Relaxed);
            }
            wait_for(&read, batch, Acquire);
            for (&touched, cell) in touched.iter().zip(&cells) {
                let unseen = cell.saw.load(Relaxed) != batch;
                missed += u64::from(unseen);
                seen += u64::from(!unseen);
                violations += u64::from(unseen && touched != batch);
            }
        }
        begun.store(END, Release);
    });
    let rounds = batch * CELLS as u64;
    println!("{kind:?}: {:.0} rounds a second", rounds as f64 / start.elapsed().as_secs_f64());
    println!(
        "counts litmus kind={kind:?} rounds={rounds} missed={missed} saw={seen} violations={violations}"
    );
    assert_eq!(violations, 0, "a grace period has not waited for a section that missed the removal");
    assert!(missed > 0, "sections never came first: nothing was tested");
}

#[test]
fn a_section_that_misses_the_removal_is_over_when_the_grace_period_is() {
    let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
    let kinds =
        ReaderKind::ALL.into_iter().filter(|&kind| Domain::with_reader("asked", kind).is_ok()).count();
    let rounds = number("NOTIFIER_LITMUS_ROUNDS").unwrap_or(1_000_000).div_ceil(kinds as u64);
    let time = Duration::from_secs(number("NOTIFIER_LITMUS_SECONDS").unwrap_or(0)) / kinds as u32;
    for kind in ReaderKind::ALL {
        litmus(kind, rounds, time);
    }
}
