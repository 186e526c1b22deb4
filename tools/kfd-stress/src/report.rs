//! What is told at the end: how fast lives went by, how long deaths took, what they left.

use crate::storm::{Plan, Storm};
use crate::target::Held;
use kfd_core::death::Obituary;
use kfd_core::ids::Nanos;
use kfd_core::leak::LeakReport;
use serde::Serialize;

/// Two points of a distribution, in microseconds.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Spread {
    pub p50: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
}

/// What the daemon holds more than before the storm.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Residue {
    processes: u64,
    queues: u64,
    events: u64,
    bos: u64,
    bytes: u64,
    fds: u64,
    charges: u64,
    callbacks: u64,
}

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    clients: u32,
    seed: u64,
    kills: u64,
    ended_early: u64,
    /// Clients that were killed before they had opened the device, and so have no death to measure.
    never_attached: u64,
    seconds: f64,
    lives_per_s: f64,
    sigkill_to_revoked_us: Spread,
    sigkill_to_freed_us: Spread,
    residue: Residue,
    /// Of an embedded daemon, after its drain.
    leak_report_empty: Option<bool>,
}

impl Report {
    /// Puts the parts together.
    pub fn new(
        plan: &Plan,
        storm: &Storm,
        deaths: &[Obituary],
        before: &Held,
        after: &Held,
        left: Option<LeakReport>,
    ) -> Self {
        let mut revoked = Vec::new();
        let mut freed = Vec::new();
        for death in deaths {
            // The latest kill of that id before the free: an id may have been reused within the run.
            let kill = storm
                .kills
                .get(&death.tgid.0)
                .and_then(|kills| kills.iter().rev().find(|kill| **kill <= death.freed_at).copied());
            let Some(kill) = kill else { continue };
            revoked.push(micros(kill, death.stopped_at));
            freed.push(micros(kill, death.freed_at));
        }
        let seconds = storm.took.as_secs_f64();
        Self {
            clients: plan.clients,
            seed: plan.seed,
            kills: storm.killed,
            ended_early: storm.ended_early,
            never_attached: storm.killed.saturating_sub(freed.len() as u64),
            seconds,
            lives_per_s: storm.killed as f64 / seconds,
            sigkill_to_revoked_us: spread(revoked),
            sigkill_to_freed_us: spread(freed),
            residue: residue(before, after),
            leak_report_empty: left.map(|report| report.is_empty()),
        }
    }

    /// Whether nothing was left and no client failed.
    pub fn clean(&self) -> bool {
        self.residue == Residue::default() && self.leak_report_empty != Some(false) && self.ended_early == 0
    }

    /// One JSON object, or a few lines.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string(self).expect("a report is plain data"));
            return;
        }
        println!(
            "{} kills of {} clients at a time in {:.1} s: {:.0} lives/s",
            self.kills, self.clients, self.seconds, self.lives_per_s
        );
        println!(
            "SIGKILL to revoked  p50 {:>8.0} us   p99 {:>8.0} us",
            self.sigkill_to_revoked_us.p50, self.sigkill_to_revoked_us.p99
        );
        println!(
            "SIGKILL to freed    p50 {:>8.0} us   p99 {:>8.0} us",
            self.sigkill_to_freed_us.p50, self.sigkill_to_freed_us.p99
        );
        println!("killed before they had opened the device: {}", self.never_attached);
        if self.clean() {
            println!("residue: none");
        } else {
            println!(
                "residue: {:?}; clients that ended by themselves: {}; seed {}",
                self.residue, self.ended_early, self.seed
            );
        }
    }
}

fn micros(from: Nanos, to: Nanos) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1000.0
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let index = ((values.len() as f64 * part) as usize).min(values.len().saturating_sub(1));
        values.get(index).copied().unwrap_or(0.0)
    };
    Spread { p50: at(0.50), p99: at(0.99) }
}

fn residue(before: &Held, after: &Held) -> Residue {
    let more = |after: u64, before: u64| after.saturating_sub(before);
    let (was, is) = (&before.totals, &after.totals);
    let (held, holds) = (&was.holds, &is.holds);
    Residue {
        processes: more(is.processes, was.processes),
        queues: more(holds.queues, held.queues),
        events: more(holds.events, held.events),
        bos: more(holds.bos, held.bos),
        bytes: more(holds.vram_bytes, held.vram_bytes)
            + more(holds.gtt_bytes, held.gtt_bytes)
            + more(holds.userptr_bytes, held.userptr_bytes),
        fds: more(after.fds, before.fds),
        charges: more(holds.processes, held.processes)
            + more(holds.doorbells, held.doorbells)
            + more(holds.parked, held.parked),
        callbacks: more(is.callbacks, was.callbacks),
    }
}
