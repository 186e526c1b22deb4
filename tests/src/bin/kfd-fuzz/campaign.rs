//! Threads that fuzz one parser, the counts they share, and what is said of them.
//!
//! A thread that stays in one input for [`PATIENCE`] is a finding too: its input is written and the program ends.

use anyhow::Context;
use kfd_core::sync::{Mutex, MutexGuard};
use kfd_tests::fuzz::{Finding, Fuzzer, Parser, corpus};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one input may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Inputs between two looks at the shared counts.
const BATCH: u64 = 256;
/// Inputs that are distilled.
const DISTILLED: usize = 64;

/// What to do.
pub struct Campaign<'a> {
    pub parser: &'static Parser,
    pub seed: u64,
    pub threads: usize,
    pub inputs: u64,
    pub time: Duration,
    pub keep: Option<&'a Path>,
    pub findings: &'a Path,
    pub distill: Option<&'a Path>,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Every input was survived.
    Survived,
    /// One was not.
    Finding,
}

/// What a thread shows of itself.
#[derive(Default)]
struct Shown {
    inputs: u64,
    known: usize,
    /// The input being run, and since when.
    running: Option<(Instant, Vec<u8>)>,
    over: bool,
}

#[derive(Default)]
struct Shared {
    threads: Vec<Mutex<Shown>>,
    finding: Mutex<Option<Finding>>,
    distilled: Mutex<corpus::Corpus>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl Shared {
    fn inputs(&self) -> u64 {
        self.threads.iter().map(|shown| lock(shown).inputs).sum()
    }
}

/// Runs a campaign until its time or its inputs are over, or something is found.
pub fn run(campaign: &Campaign<'_>) -> anyhow::Result<End> {
    let parser = campaign.parser;
    let known = corpus::read(&corpus::folder(parser.name)).context("cannot read the corpus")?;
    println!("{}: {}; seed {}, {} threads", parser.name, parser.what, campaign.seed, campaign.threads);
    // A finding is told once, here, and not by each thread's panic.
    std::panic::set_hook(Box::new(|_| {}));
    let mut shared = Shared::default();
    shared.threads.resize_with(campaign.threads, Mutex::default);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for (index, shown) in shared.threads.iter().enumerate() {
            let (shared, known) = (&shared, known.clone());
            scope.spawn(move || {
                if let Err(finding) = work(campaign, shared, shown, index as u64, known, started) {
                    lock(&shared.finding).get_or_insert(finding);
                }
                lock(shown).over = true;
            });
        }
        watch(campaign, &shared, started);
    });
    let _ = std::panic::take_hook();
    if let Some(finding) = lock(&shared.finding).take() {
        told(campaign, &finding.input, &finding.panic)?;
        return Ok(End::Finding);
    }
    if let Some(folder) = campaign.distill {
        distill(folder, &lock(&shared.distilled))?;
    }
    let (inputs, seconds) = (shared.inputs(), started.elapsed().as_secs_f64());
    println!(
        "{}: {inputs} inputs in {seconds:.0} s, {:.0}/s, no finding",
        parser.name,
        inputs as f64 / seconds
    );
    Ok(End::Survived)
}

fn work(
    campaign: &Campaign<'_>,
    shared: &Shared,
    shown: &Mutex<Shown>,
    index: u64,
    known: Vec<Vec<u8>>,
    started: Instant,
) -> Result<(), Finding> {
    let mut fuzzer = Fuzzer::new(campaign.parser, campaign.seed.wrapping_add(index), known)?;
    let share = campaign.inputs.div_ceil(campaign.threads as u64);
    let mut done = 0;
    while done < share && started.elapsed() < campaign.time && lock(&shared.finding).is_none() {
        for _ in 0..BATCH.min(share - done) {
            let input = fuzzer.make();
            if let Some(file) = campaign.keep {
                std::fs::write(file, input).expect("the file of --keep can be written");
            }
            // The clone is what a watcher needs when this one never returns.
            lock(shown).running = Some((Instant::now(), input.to_vec()));
            fuzzer.run()?;
            done += 1;
        }
        let mut shown = lock(shown);
        (shown.inputs, shown.known, shown.running) = (done, fuzzer.corpus().inputs().len(), None);
    }
    if campaign.distill.is_some() {
        let mut distilled = lock(&shared.distilled);
        for (signature, input) in fuzzer.corpus().inputs().iter().enumerate() {
            distilled.learn(input, signature as u64 | index << 32);
        }
    }
    Ok(())
}

/// Says how it goes, every other second, until all threads are over; ends the program when one hangs.
fn watch(campaign: &Campaign<'_>, shared: &Shared, started: Instant) {
    let mut said = Instant::now();
    while !shared.threads.iter().all(|shown| lock(shown).over) {
        std::thread::sleep(Duration::from_millis(50));
        for shown in &shared.threads {
            let hung = match &lock(shown).running {
                Some((since, input)) if since.elapsed() > PATIENCE => Some(input.clone()),
                _ => None,
            };
            if let Some(input) = hung {
                let words = format!("an input takes longer than {} s", PATIENCE.as_secs());
                if let Err(error) = told(campaign, &input, &words) {
                    eprintln!("{error:#}");
                }
                // The thread cannot be stopped.
                std::process::exit(1);
            }
        }
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            let (inputs, seconds) = (shared.inputs(), started.elapsed().as_secs_f64());
            let known: usize = shared.threads.iter().map(|shown| lock(shown).known).sum();
            let rate = inputs as f64 / seconds;
            println!("{}: {inputs} inputs, {rate:.0}/s, {known} kept", campaign.parser.name);
        }
    }
}

/// Writes a finding and says how to run it again.
fn told(campaign: &Campaign<'_>, input: &[u8], words: &str) -> anyhow::Result<()> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let parser = campaign.parser.name;
    let file = campaign.findings.join(format!("{parser}-{:016x}", hasher.finish()));
    std::fs::write(&file, input).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{parser}: FINDING: {words}");
    println!("the input ({} bytes) is in {}; again by:", input.len(), file.display());
    println!("  cargo run -p kfd-tests --bin kfd-fuzz -- {parser} --replay {}", file.display());
    Ok(())
}

/// The shortest of what was kept, spread over all of it.
fn distill(folder: &Path, kept: &corpus::Corpus) -> anyhow::Result<()> {
    let mut inputs: Vec<_> = kept.inputs().iter().filter(|input| input.len() <= 512).collect();
    inputs.sort_by_key(|input| (input.len(), (*input).clone()));
    inputs.dedup();
    let step = inputs.len().div_ceil(DISTILLED).max(1);
    std::fs::create_dir_all(folder)?;
    for (number, input) in inputs.iter().step_by(step).enumerate() {
        std::fs::write(folder.join(format!("{number:02}")), input)?;
    }
    println!(
        "{} inputs of {} distilled into {}",
        inputs.len().div_ceil(step),
        inputs.len(),
        folder.display()
    );
    Ok(())
}
