//! What of the program that runs waves is loaded, beside the workers' library as a program of its own, which has no daemon in it.

use crate::endless;
use crate::stage::actor::Actor;
use crate::stage::{self, kfdd::Kfdd};
use anyhow::{Context, ensure};
use kfd_tests::measure::{Floor, information};
use kfd_tests::task;
use std::fs;
use std::path::PathBuf;

/// How the names of threads begin that run waves.
const WAVES: &str = "kfdd-waves";

/// See the module's head.
pub fn size() -> anyhow::Result<()> {
    let daemon = crate::daemon()?;
    let client = Actor::start(endless::ENDLESS.0, &[&daemon.dev_text()], None)?.until_ready()?;
    let mib = |program: &PathBuf| anyhow::Ok(loaded(&fs::read(program)?)? as f64 / f64::from(1 << 20));
    let waves = program_with(&daemon, WAVES).context("no thread of the daemon's processes runs waves")?;
    let alone = stage::kfdd::program("kfdd-memory")?;
    drop(client);
    let peer = mib(&alone)?;
    let floor = Floor::new([peer].into_iter().collect(), [peer].into_iter().collect());
    let name = waves.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    information(
        &format!("size of the program that runs waves ({name})"),
        "MiB",
        mib(&waves)?,
        "kfdd-memory",
        &floor,
    );
    daemon.stop()
}

/// The program of the daemon's process that has a thread of such a name.
fn program_with(daemon: &Kfdd, name: &str) -> Option<PathBuf> {
    let has = |process: &u32| {
        task::threads(*process)
            .into_iter()
            .any(|tid| task::name(*process, tid).is_some_and(|own| own.starts_with(name)))
    };
    let process = daemon.processes().into_iter().rev().find(has)?;
    fs::read_link(format!("/proc/{process}/exe")).ok()
}

/// Bytes of an ELF program's loaded segments in its file.
fn loaded(elf: &[u8]) -> anyhow::Result<u64> {
    const PT_LOAD: u64 = 1;
    let number = |at: u64, bytes: usize| {
        let at = usize::try_from(at)?;
        let field = elf.get(at..at + bytes).context("the program is cut off")?;
        anyhow::Ok(field.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    ensure!(elf.starts_with(b"\x7fELF\x02\x01"), "the program is no 64-bit little-endian ELF file");
    // elf.h: e_phoff, e_phentsize, e_phnum; then p_type and p_filesz of each.
    let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut sum = 0;
    for header in (0..count).map(|index| table + index * entry) {
        if number(header, 4)? == PT_LOAD {
            sum += number(header + 32, 8)?;
        }
    }
    Ok(sum)
}
