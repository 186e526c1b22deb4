//! `kfdctl run --report`: what kernels did while the command ran, and how near to hardware that is.
//!
//! A running daemon has other clients of the same user: what their kernels did meanwhile is in it too.

use crate::fidelity::Fidelities;
use anyhow::{Context, bail};
use kfdd::control::{Control, Reply, Request};
use kfdd::waves::KernelRow;
use serde::Serialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A report that is begun: its file, and what kernels had done by then.
pub struct Report {
    path: PathBuf,
    file: File,
    control: Control,
    before: Vec<KernelRow>,
}

/// What is written.
#[derive(Serialize)]
struct Written {
    /// The most instructions first.
    kernels: Vec<Kernel>,
}

#[derive(Serialize)]
struct Kernel {
    #[serde(flatten)]
    row: KernelRow,
    /// Its mnemonics by how near to hardware they are.
    fidelity: Fidelities,
    /// The same as a line.
    summary: String,
}

impl From<KernelRow> for Kernel {
    fn from(row: KernelRow) -> Self {
        let fidelity = Fidelities::of(&row.mnemonics);
        Self { row, summary: fidelity.to_string(), fidelity }
    }
}

impl Report {
    /// Makes the file, so that one that cannot be written is told before the command runs.
    ///
    /// # Errors
    /// The file, or the daemon.
    pub fn begin(path: &Path, run_dir: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let control = Control::of(run_dir);
        let before = kernels(&control)?;
        Ok(Self { path: path.to_owned(), file, control, before })
    }

    /// Writes it: the command has ended.
    ///
    /// # Errors
    /// The file, or the daemon.
    pub fn end(mut self) -> anyhow::Result<()> {
        let kernels = since(&self.before, kernels(&self.control)?);
        let kernels = kernels.into_iter().map(Kernel::from).collect();
        let mut text = serde_json::to_vec_pretty(&Written { kernels })?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn kernels(control: &Control) -> anyhow::Result<Vec<KernelRow>> {
    match control.ask(&Request::Kernels)? {
        Reply::Kernels { kernels } => Ok(kernels),
        _ => bail!("the daemon does not tell of kernels; is it of another version than kfdctl?"),
    }
}

/// What was done between two lists.
fn since(before: &[KernelRow], mut now: Vec<KernelRow>) -> Vec<KernelRow> {
    let old: HashMap<_, _> = before.iter().map(|row| ((row.uid, row.kernel.as_str()), row)).collect();
    for row in &mut now {
        if let Some(old) = old.get(&(row.uid, row.kernel.as_str())) {
            row.sums = row.sums - old.sums;
            row.mnemonics.retain(|mnemonic, count| {
                *count = count.saturating_sub(old.mnemonics.get(mnemonic).copied().unwrap_or_default());
                *count > 0
            });
        }
    }
    now.retain(|row| row.sums.dispatches > 0);
    now.sort_by_key(|row| std::cmp::Reverse(row.sums.instructions));
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::ids::Uid;
    use kfdd::waves::KernelSums;

    #[test]
    fn a_report_has_what_was_done_since_and_the_busiest_first() {
        let row = |uid, kernel: &str, dispatches| KernelRow {
            uid: Uid(uid),
            kernel: kernel.to_owned(),
            sums: KernelSums { dispatches, instructions: 10 * dispatches, nanos: 100 * dispatches },
            mnemonics: [("v_add_f32".to_owned(), dispatches)].into(),
        };
        let before = [row(1, "add", 5), row(2, "add", 6), row(1, "idle", 7)];
        let now = vec![row(1, "add", 8), row(1, "idle", 7), row(2, "add", 10), row(2, "new", 1)];
        assert_eq!(since(&before, now), [row(2, "add", 4), row(1, "add", 3), row(2, "new", 1)]);
    }

    // Keeps: report-fidelity
    #[test]
    fn a_report_has_the_fidelity_of_what_was_come_to_since_and_of_nothing_before() {
        let row = |dispatches, mnemonics: &[(&str, u64)]| KernelRow {
            uid: Uid(1),
            kernel: "divide".to_owned(),
            sums: KernelSums { dispatches, instructions: 10 * dispatches, nanos: 100 * dispatches },
            mnemonics: mnemonics.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        };
        // The user has written the kernel anew meanwhile: it has no reciprocal any more.
        let before = [row(2, &[("s_endpgm", 2), ("v_rcp_f32", 2), ("v_sin_f32", 1)])];
        let now = row(5, &[("s_endpgm", 5), ("v_rcp_f32", 2), ("v_sin_f32", 2), ("v_sqrt_f32", 3)]);
        let written: Vec<Kernel> = since(&before, vec![now]).into_iter().map(Kernel::from).collect();
        let written = serde_json::to_value(Written { kernels: written }).expect("a report");
        let expected = serde_json::json!({"kernels": [{
            "uid": 1, "kernel": "divide", "dispatches": 3, "instructions": 30, "nanos": 300,
            "mnemonics": {"s_endpgm": 3, "v_sin_f32": 1, "v_sqrt_f32": 3},
            "fidelity": {"exact": ["s_endpgm"], "within 1 ulp": ["v_sqrt_f32"], "approximate": ["v_sin_f32"]},
            "summary": "exact: 1 mnemonic; within 1 ulp: v_sqrt_f32; approximate: v_sin_f32",
        }]});
        assert_eq!(written, expected);
    }
}
