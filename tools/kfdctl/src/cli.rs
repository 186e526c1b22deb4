//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use kfdd::config::WavesOption;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Run programs against a GPU that is not there, and see what they hold.
///
/// kfdd serves /dev/kfd, its topology and its render nodes to unmodified compute runtimes; kfdctl runs commands
/// against it and lists their processes and queues.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  kfdctl run -- rocminfo            run one command with a private GPU
  kfdctl run -- sh -c 'kfdctl ps'   inside, listings speak to that command's daemon
  kfdctl queues --json | jq .       every queue of the system-wide daemon
  kfdctl doctor                     what this machine lacks, and what to do"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a command that sees a GPU; nothing else on the machine does.
    ///
    /// The command and its descendants get a private view of /dev, /sys and /proc/modules. A daemon that already answers
    /// in the run directory is used; otherwise one is started for this command and drained when the command ends.
    /// HSA_USERPTR_FOR_PAGED_MEM=0 (system memory that the daemon shares) is set unless it is set already, and so is, where
    /// the daemon executes no waves, HSA_FORCE_SDMA_SIZE=2147483647 (copies within a device by the copy engine).
    Run(Run),
    /// Become the command of a `run` (internal).
    #[command(hide = true)]
    Enter(Enter),
    /// List the processes that the daemon holds, living and dying.
    Ps(Listing),
    /// List the queues that the daemon holds.
    Queues(Listing),
    /// List the kernels that were executed since the daemon's start: dispatches, instructions, time, how near to hardware.
    ///
    /// FIDELITY (--json: `summary`, and by name in `fidelity`) says of the instructions that a kernel came to how many are exact,
    /// and names all others: within N ulp of what hardware approximates, approximate where nobody has published how well it
    /// does, unsupported where they stopped a wave.
    Kernels(Listing),
    /// List the memory that processes have exported, that of the dead included.
    Shares(Listing),
    /// Show processes and their queues, with packets per second, again and again.
    ///
    /// WAVES are those of the dispatches that run which have begun and not ended, as `ps` and `queues` list them too. A dispatch
    /// tells them, and its instructions, ten times a second.
    Top(Top),
    /// Show what clients see of the machine: nodes, memory, compute units, links.
    Topology(Topology),
    /// Stop a process's queues until `restore`, as a driver does that needs its memory.
    #[command(hide = true)]
    Evict(Evict),
    /// Let an evicted process's queues run again.
    #[command(hide = true)]
    Restore(Restore),
    /// Check what kfdd needs of this machine.
    Doctor(Doctor),
    /// Print what gives containers a GPU, as a specification of the Container Device Interface.
    ///
    /// A container that is given a device of it sees the daemon's /dev/kfd, /dev/dri and sysfs instead of the machine's, and
    /// its runtime (ROCR) that device, or all. The specification holds as long as the daemon serves in the same run directory with
    /// the same devices.
    Cdi(Cdi),
    /// Make links in a container (internal).
    #[command(hide = true)]
    CdiLink(CdiLink),
    /// Print what makes a shell complete kfdctl's command line.
    Completions(Completions),
    /// Print a manual page, or the list of them.
    Man(Man),
}

/// `kfdctl run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl run -- rocminfo
  kfdctl run --profile mi300x --gpus 8 -- ./my-hsa-test --verbose
  kfdctl run --interface 1.11 -- ./my-hsa-test       as the kernel of Debian 12 answers
  kfdctl run -- rocm-smi
  kfdctl run -- nvtop
  kfdctl run --root /srv/trixie -- rocminfo
  HSA_USERPTR_FOR_PAGED_MEM=1 kfdctl run -- ./my-hsa-test

Exit status: that of the command; 128 + N when signal N ended it; 125 when it was not started; 126 when it could not
be executed; 127 when it was not found; 70 when the daemon started for it left something behind (listed on stderr).")]
pub struct Run {
    /// Where the daemon serves or is to serve [default: $KFDD_RUN_DIR, then /run/kfdd if a daemon answers there, then
    /// a temporary directory].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The device to show: gfx900 (vega10, vega-frontier, mi25), gfx942 (mi300x), gfx1100 (navi31, rx7900xtx), or the path of
    /// a TOML file with a profile [default: the running daemon's, else gfx900].
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// How many devices to show, 1 to 8 [default: the running daemon's, else as many as the profile has].
    #[arg(long, value_name = "N")]
    pub gpus: Option<u32>,
    /// The KFD interface to report, 1.1 to 1.19, with all that a kernel of that interface does and does not [default: the
    /// running daemon's, else the profile's].
    #[arg(long, value_name = "1.N", value_parser = kfdd::options::interface)]
    pub interface: Option<u32>,
    /// What becomes of a dispatch, in a daemon of this command's own [default: run on a device whose kernels can be executed
    /// here (gfx900), else refuse].
    #[arg(long, value_enum)]
    pub waves: Option<WavesOption>,
    /// Start a daemon for this command even when one is running.
    #[arg(long)]
    pub embedded: bool,
    /// Hide this machine's real GPU from the command; without this flag such a machine is refused.
    #[arg(long)]
    pub hide_real_gpu: bool,
    /// Let the nodes in /dev/dri look like character devices to the command, by a library that it loads (LD_PRELOAD):
    /// amd-smi, nvtop and others that find devices through libdrm take no other, and find processes by what fdinfo of such a
    /// node says, which the library completes.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub device_nodes: DeviceNodes,
    /// Run the command in another root (chroot), which gets this one's /dev, /proc and /sys: that of another release, say.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Write what kernels did while the command ran to this file, as JSON: dispatches, instructions and time of each, and how
    /// near to hardware each mnemonic is that it came to, as `kfdctl kernels` says it.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print the leak report, if there is one, as JSON.
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// When nodes look like character devices to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DeviceNodes {
    /// Where the library is beside kfdctl and the command is no program of musl
    #[default]
    Auto,
    /// Always: it is an error when the library is not there
    Always,
    /// Never
    Never,
}

/// `kfdctl enter`, which only `kfdctl run` starts.
#[derive(Debug, Args)]
pub struct Enter {
    /// Where the daemon serves.
    #[arg(long)]
    pub run_dir: PathBuf,
    /// As in [`Run`].
    #[arg(long)]
    pub hide_real_gpu: bool,
    /// What the command's LD_PRELOAD begins with.
    #[arg(long)]
    pub preload: Option<PathBuf>,
    /// As in [`Run`].
    #[arg(long)]
    pub root: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(required = true, last = true)]
    pub command: Vec<OsString>,
}

/// `kfdctl cdi`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl cdi --output /etc/cdi/kfdd.json
  podman run --device amd.com/gpu=all IMAGE rocminfo
  docker run --device amd.com/gpu=0 IMAGE rocminfo     Docker 25 or later, with CDI enabled

There is one device for each GPU, named by its number, and `all`. One of them is shown by ROCR_VISIBLE_DEVICES, which a
container can change.")]
pub struct Cdi {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// What the devices are called: a vendor and a class.
    #[arg(long, value_name = "VENDOR/CLASS", default_value = "amd.com/gpu", value_parser = crate::cdi::kind)]
    pub kind: String,
    /// Let the nodes in /dev/dri look like character devices to containers, by a library that they load (LD_PRELOAD). Images
    /// whose C library is not glibc cannot.
    #[arg(long)]
    pub device_nodes: bool,
    /// The file to write, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `kfdctl cdi-link`, which only container runtimes start.
#[derive(Debug, Args)]
pub struct CdiLink {
    /// What a link says, and where in the container it is.
    #[arg(long, value_name = "TARGET::LINK", value_parser = link)]
    pub link: Vec<(PathBuf, PathBuf)>,
}

fn link(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.split_once("::") {
        Some((target, at)) if !target.is_empty() && at.starts_with('/') => Ok((target.into(), at.into())),
        _ => Err("not of the form TARGET::/LINK".to_owned()),
    }
}

/// `kfdctl evict`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl evict 4242
  kfdctl evict --overdrawn 1048576    whoever holds a MiB more than it was charged for, until it does not

Processes of other users, and --overdrawn, are for root only.")]
pub struct Evict {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The process.
    #[arg(value_name = "TGID", required_unless_present = "overdrawn", conflicts_with = "overdrawn")]
    pub tgid: Option<u32>,
    /// Instead: every process that holds at least so many bytes more than it was charged for.
    #[arg(long, value_name = "BYTES")]
    pub overdrawn: Option<u64>,
}

/// `kfdctl restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The process.
    #[arg(value_name = "TGID")]
    pub tgid: u32,
}

/// `kfdctl ps` and `kfdctl queues`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl ps
  kfdctl ps --json | jq '.processes[] | select(.state != \"live\")'
  kfdctl queues --run-dir /run/kfdd

Processes of other users are shown to root only.")]
pub struct Listing {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `kfdctl doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is one check: `ok`, `note` (works, but worth knowing) or `MISSING` (kfdd cannot serve), with what to do.
Exit status: 0 when nothing required is missing, 1 otherwise.")]
pub struct Doctor {
    /// The run directory whose daemon is looked for [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// `kfdctl top`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl top
  kfdctl top --once --interval 5
  kfdctl top --json | jq -c '.processes[] | [.tgid, .packets_per_second]'

Below each process are its queues. The busiest come first. Ctrl-C ends it.
Processes of other users are shown to root only.
Exit status: 0 when a signal or the reader of its output ended it, 1 when no daemon answers.")]
pub struct Top {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Seconds between two refreshes, 0.1 to 3600.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub interval: Duration,
    /// Print one listing, with the rates of one interval, and end.
    #[arg(long)]
    pub once: bool,
    /// Print one JSON object a refresh, each on a line.
    #[arg(long)]
    pub json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds from 0.1 to 3600".to_owned()),
    }
}

/// `kfdctl topology`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl topology
  kfdctl topology --profile gfx942 --gpus 8
  kfdctl topology --json | jq '.nodes[] | select(.kind == \"gpu\") | .render'

A link is named by the nodes at its other end: pcie, xgmi, or p2p (two devices over PCIe, by way of the CPU).")]
pub struct Topology {
    /// Where the daemon serves [default: $KFDD_RUN_DIR, then /run/kfdd].
    #[arg(long, value_name = "DIR", conflicts_with = "profile")]
    pub run_dir: Option<PathBuf>,
    /// Instead of a daemon's: the machine of a profile, gfx900 (vega10, vega-frontier, mi25), gfx942 (mi300x), gfx1100 (navi31,
    /// rx7900xtx), or the path of a TOML file with one.
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// How many devices of that profile, 1 to 8 [default: as many as it has].
    #[arg(long, value_name = "N", requires = "profile")]
    pub gpus: Option<u32>,
    /// Under which KFD interface, 1.1 to 1.19 [default: the profile's].
    #[arg(long, value_name = "1.N", value_parser = kfdd::options::interface, requires = "profile")]
    pub interface: Option<u32>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `kfdctl completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl completions bash > /usr/share/bash-completion/completions/kfdctl
  kfdctl completions zsh > /usr/share/zsh/vendor-completions/_kfdctl
  kfdctl completions fish > ~/.config/fish/completions/kfdctl.fish
  source <(kfdctl completions bash)      for this shell only")]
pub struct Completions {
    /// For which shell.
    pub shell: Shell,
}

/// The shells that `kfdctl completions` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// `kfdctl man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kfdctl man                          the list
  kfdctl man kfdctl-run | man -l -    read one
  for page in $(kfdctl man); do kfdctl man $page > /usr/share/man/man${page##*.}/$page; done")]
pub struct Man {
    /// The page, as the list names it, its section left out if you like.
    #[arg(value_name = "PAGE")]
    pub page: Option<String>,
}

/// The run directory of a command line: `asked`, else the environment's, else the system-wide daemon's. Absolute, since
/// a command that inherits it may change its working directory.
pub fn run_dir(asked: Option<&PathBuf>) -> PathBuf {
    let named = asked
        .cloned()
        .or_else(|| std::env::var_os(kfdd::rundir::ENV).filter(|dir| !dir.is_empty()).map(PathBuf::from))
        .unwrap_or_else(|| kfdd::rundir::DEFAULT.into());
    std::path::absolute(&named).unwrap_or(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    // Keeps: product-names
    #[test]
    fn help_lists_every_profile_and_what_else_it_is_called() {
        let choices = kfd_core::profile::Profile::choices();
        for verb in ["run", "topology"] {
            let mut command = Cli::command();
            let verb = command.find_subcommand_mut(verb).expect("a verb");
            let help = verb.render_long_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(help.contains(&choices), "{choices} is missing in {help}");
        }
    }
}
