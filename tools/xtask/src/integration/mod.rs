//! `cargo xtask integration`: the clients of other releases of Debian, unmodified, each in a root of its release.
//!
//! | module | what it holds |
//! |---|---|
//! | [`release`] | the releases, and what is installed of each |
//! | [`root`] | a release's root: made once, kept below the target folder |
//! | [`check`] | what is run in a root, and what it is to say |
//! | [`attend`] | a command that is waited for, with an end |
//! | [`report`] | how each check went |
//!
//! Whatever is mounted for it is mounted in namespaces of its own: a signal leaves nothing behind.

mod attend;
mod check;
mod release;
mod report;
mod root;

use crate::{cargo, packages};
use anyhow::{Context, bail};
use attend::Interrupts;
use check::{Bench, CHECKS};
use release::RELEASES;
use report::{Outcome, Report};
use root::Root;
use std::path::PathBuf;
use std::process::ExitCode;

/// The devices that are shown, one profile after another.
const PROFILES: [&str; 3] = ["gfx900", "gfx942", "gfx1100"];

/// As a shell has it for what SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// trixie, sid or experimental; all when left out
    release: Vec<String>,
    /// Only this profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Only checks whose name contains this
    #[arg(long, value_name = "TEXT")]
    check: Option<String>,
    /// A folder with a built rocrtst64, the libraries that it needs besides a release's own, and its kernels in folders
    /// by the name of the device [default: its tests are skipped]
    #[arg(long, value_name = "DIR")]
    rocrtst: Option<PathBuf>,
    /// Where the roots are kept [default: `integration` in the target folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// One JSON object a check instead of the table
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    for name in &options.release {
        if !RELEASES.iter().any(|release| release.name == name) {
            let known: Vec<&str> = RELEASES.iter().map(|release| release.name).collect();
            bail!("no release is called {name}; there are: {}", known.join(", "));
        }
    }
    if let Some(asked) = options.profile.as_deref().filter(|asked| !PROFILES.contains(asked)) {
        bail!("no profile here is called {asked}; there are: {}", PROFILES.join(", "));
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("a root can be made and entered by root only");
    }
    packages::set_up(packages::ROOTS)?;
    let programs = cargo::build_release()?;
    cargo::must(cargo::cargo().args(["build", "--release", "--package", "kfdd-device-nodes"]))?;
    let cache = match &options.cache {
        Some(folder) => folder.clone(),
        None => cargo::programs("integration")?,
    };
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let interrupts = Interrupts::hold().context("cannot block signals")?;
    let mut report = Report::new(options.json);
    for release in RELEASES {
        if !(options.release.is_empty() || options.release.iter().any(|name| name == release.name)) {
            continue;
        }
        let made = Root::of(release, &cache, &interrupts);
        let root = match made {
            Ok(root) => root,
            Err(_) if interrupts.came() => break,
            Err(error) => {
                report.add(release.name, "-", "every check", &Outcome::Skipped(format!("{error:#}")))?;
                continue;
            }
        };
        let bench =
            Bench { root: &root, kfdctl: programs.join("kfdctl"), rocrtst: options.rocrtst.as_deref() };
        all(options, &bench, &interrupts, &mut report)?;
        if interrupts.came() {
            break;
        }
    }
    if interrupts.came() {
        report.end()?;
        eprintln!("interrupted");
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    }
    report.end()
}

/// Every check in one root.
fn all(
    options: &Options,
    bench: &Bench<'_>,
    interrupts: &Interrupts,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = |name: &str| options.check.as_deref().is_none_or(|text| name.contains(text));
    let profiles =
        PROFILES.iter().filter(|name| options.profile.as_deref().is_none_or(|asked| asked == **name));
    for profile in profiles {
        for check in CHECKS.iter().filter(|check| wanted(check.name)) {
            let outcome = bench.run(check, profile, interrupts)?;
            if interrupts.came() {
                return Ok(());
            }
            report.add(bench.root.release.name, profile, check.name, &outcome)?;
        }
        for test in check::ROCRTST.iter().filter(|test| wanted(&format!("rocrtst {test}"))) {
            let outcome = bench.rocrtst(test, profile, interrupts)?;
            if interrupts.came() {
                return Ok(());
            }
            report.add(bench.root.release.name, profile, &format!("rocrtst {test}"), &outcome)?;
        }
    }
    Ok(())
}
