//! `kfd-fuzz PARSER`: runs one parser's inputs until a count or a time is reached, or with `all` one parser after the other;
//! `kfd-fuzz PARSER --replay FILE` runs one input.
//!
//! A finding is written to a file with the command that runs it again, and the program ends with status 1. A run that ends in
//! an abort can be had again with its `--seed`, one thread and `--keep FILE`, which writes each input before it is run.

mod campaign;

use anyhow::{Context, bail};
use clap::Parser as _;
use kfd_tests::fuzz::{PARSERS, Parser};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Fuzzes the parsers of bytes that clients have the choice of.
#[derive(clap::Parser)]
#[command(version)]
struct Options {
    /// Which parser, or `all`; they are listed when there is none of that name
    parser: String,
    /// Ends after so many inputs of each parser
    #[arg(long, default_value_t = 10_000_000)]
    inputs: u64,
    /// Ends after so many seconds, however few inputs those were
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Threads; as many as there are processors when left out
    #[arg(long)]
    threads: Option<usize>,
    /// What the inputs are made from; the time when left out
    #[arg(long)]
    seed: Option<u64>,
    /// Runs this input and nothing else
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Writes each input here before it is run: for a run that ends in an abort. One thread
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Where findings go
    #[arg(long, default_value = ".")]
    findings: PathBuf,
    /// Writes the shortest inputs of up to 64 things that the parser did into this folder
    #[arg(long)]
    distill: Option<PathBuf>,
}

fn find(name: &str) -> anyhow::Result<&'static Parser> {
    PARSERS.iter().find(|parser| parser.name == name).with_context(|| {
        let known: Vec<String> =
            PARSERS.iter().map(|parser| format!("  {:<8} {}", parser.name, parser.what)).collect();
        format!("no parser is called {name}; there are:\n{}", known.join("\n"))
    })
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let chosen =
        if options.parser == "all" { PARSERS.iter().collect() } else { vec![find(&options.parser)?] };
    if let Some(file) = &options.replay {
        let input = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let [parser] = chosen[..] else { bail!("--replay needs one parser's name") };
        let did = (parser.start)()(&input);
        println!("{}: {} bytes did {did:#018x}", parser.name, input.len());
        return Ok(ExitCode::SUCCESS);
    }
    let threads = match (&options.keep, options.threads) {
        (Some(_), _) => 1,
        (None, Some(0)) => bail!("--threads 0: at least one thread has to run"),
        (None, Some(threads)) => threads,
        (None, None) => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let seed = options.seed.unwrap_or_else(kfd_tests::now);
    let until = Instant::now() + Duration::from_secs(options.seconds);
    for (index, parser) in chosen.iter().enumerate() {
        // What one leaves of its share goes to those after it.
        let left = until.saturating_duration_since(Instant::now());
        let time = left / u32::try_from(chosen.len() - index).unwrap_or(1);
        let (keep, findings, distill) =
            (options.keep.as_deref(), &options.findings, options.distill.as_deref());
        let inputs = options.inputs;
        let campaign = campaign::Campaign { parser, seed, threads, inputs, time, keep, findings, distill };
        if campaign::run(&campaign)? == campaign::End::Finding {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
