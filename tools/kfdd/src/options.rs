//! The command line of `kfdd`. In the library, because `kfdctl man` makes its page of it.

use crate::config::WavesOption;
use crate::rundir;
use clap::Parser;
use std::path::PathBuf;

/// Serves /dev/kfd to unmodified HSA runtimes on a machine without a GPU.
///
/// SIGTERM, SIGINT or SIGHUP drains: every client's state is taken back, then the leak report is printed. Exit code 0 when
/// nothing was left, 70 when something was, 1 when the daemon could not start.
///
/// A service manager (NOTIFY_SOCKET, as systemd sets it for Type=notify) is told when clients may attach and when the
/// drain begins; its watchdog (WATCHDOG_USEC) is pinged by the loop that sees deaths.
#[derive(Debug, Parser)]
#[command(
    name = "kfdd",
    version,
    after_help = "Examples:\n  kfdd\n  kfdd --run-dir /tmp/kfd --profile gfx942 --gpus 8\n  kfdctl run -- rocminfo"
)]
pub struct Options {
    /// Where to serve: the FUSE mount, the topology and the control socket
    #[arg(long, env = rundir::ENV, default_value = rundir::DEFAULT)]
    pub run_dir: PathBuf,
    /// The device profile to show: gfx900 (vega10, vega-frontier, mi25), gfx942 (mi300x), gfx1100 (navi31, rx7900xtx), or the
    /// path of a TOML file with one
    #[arg(long, default_value = "gfx900", value_name = "NAME|FILE")]
    pub profile: String,
    /// How many devices to show, 1 to 8 [default: as many as the profile has]
    #[arg(long, value_name = "N")]
    pub gpus: Option<u32>,
    /// The KFD interface to report, 1.1 to 1.19, with all that a kernel of that interface does and does not [default: the
    /// profile's]
    #[arg(long, value_name = "1.N", value_parser = interface)]
    pub interface: Option<u32>,
    /// What becomes of a dispatch [default: run on a device whose kernels can be executed here (gfx900), else refuse]
    #[arg(long, value_enum)]
    pub waves: Option<WavesOption>,
    /// How many threads run the waves of each client, 1 to 256. With 1, those of a dispatch run in the same order each time; of
    /// several queues' dispatches, whose turns a clock ends, each for itself [default: as many as there are CPUs for kfdd]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub wave_threads: Option<u16>,
    /// Print the leak report as JSON
    #[arg(long)]
    pub json: bool,
}

/// The minor number of an interface as it is written: 11 of `1.11`.
///
/// # Errors
/// It is not written so.
pub fn interface(text: &str) -> Result<u32, String> {
    let minor = text.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    minor.ok_or_else(|| "an interface is written 1.N, as in 1.11".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Options;
    use clap::CommandFactory;

    // Keeps: product-names
    #[test]
    fn help_lists_every_profile_and_what_else_it_is_called() {
        let help = Options::command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let choices = kfd_core::profile::Profile::choices();
        assert!(help.contains(&choices), "{choices} is missing in {help}");
    }
}
