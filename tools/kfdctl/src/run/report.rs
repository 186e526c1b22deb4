//! `kfdctl run --report`: what kernels did while the command ran.
//!
//! A running daemon has other clients of the same user: what their kernels did meanwhile is in it too.

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
    kernels: Vec<KernelRow>,
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
    let old: HashMap<_, _> = before.iter().map(|row| ((row.uid, row.kernel.as_str()), row.sums)).collect();
    for row in &mut now {
        if let Some(old) = old.get(&(row.uid, row.kernel.as_str())) {
            row.sums = row.sums - *old;
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
        };
        let before = [row(1, "add", 5), row(2, "add", 6), row(1, "idle", 7)];
        let now = vec![row(1, "add", 8), row(1, "idle", 7), row(2, "add", 10), row(2, "new", 1)];
        assert_eq!(since(&before, now), [row(2, "add", 4), row(1, "add", 3), row(2, "new", 1)]);
    }
}
