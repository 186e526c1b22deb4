//! How fast waves run, on one thread and on two: kernels as clang compiles them, best of five runs each.
//!
//! `wave_rate NAME` runs those whose name begins so, `wave_rate NAME 1` on one thread only.

#[path = "../../tests/run/machine.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod machine;
mod sys;

use machine::{BASE, Machine};
use std::time::{Duration, Instant};
use sys::Memory;
use waves::{Blocks, Code, Dispatch, Progress};

/// A kernel with its arguments, and what a run of it does.
struct Load {
    name: &'static str,
    machine: Machine,
    group: [u32; 3],
    grid: [u32; 3],
    /// So many of these a run, by 10^9 or 10^6 of them a second.
    work: f64,
    unit: &'static str,
}

/// Makes one when it is its turn: they take much memory.
type Make = fn() -> Load;

macro_rules! words {
    ($name:literal) => {
        include_str!(concat!("../../tests/compiled/", $name, ".words"))
    };
}

fn random(count: usize) -> Vec<u32> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..count).map(|_| rng.f32().to_bits()).collect()
}

fn add(name: &'static str, words: &str, n: u32) -> Load {
    let mut machine = Machine::compiled(words);
    let numbers = random(n as usize);
    let (a, b, out) = (machine.place(&numbers), machine.place(&numbers), machine.place(&vec![0; n as usize]));
    machine.arguments(&[a, b, out, n.into()]);
    Load { name, machine, group: [256, 1, 1], grid: [n, 1, 1], work: 12.0 * f64::from(n) / 1e9, unit: "GB/s" }
}

fn multiply(name: &'static str, words: &str, n: u32) -> Load {
    let mut machine = Machine::compiled(words);
    let matrix = random((n * n) as usize);
    let (a, b) = (machine.place(&matrix), machine.place(&matrix));
    let out = machine.place(&vec![0; (n * n) as usize]);
    machine.arguments(&[a, b, out, n.into()]);
    let work = 2.0 * f64::from(n).powi(3) / 1e9;
    Load { name, machine, group: [16, 16, 1], grid: [n, n, 1], work, unit: "GFLOP/s" }
}

fn nbody(n: u32) -> Load {
    let mut machine = Machine::compiled(words!("nbody.O3"));
    let (bodies, out) = (machine.place(&random(4 * n as usize)), machine.place(&vec![0; 4 * n as usize]));
    machine.arguments(&[bodies, out, n.into()]);
    let work = f64::from(n) * f64::from(n) / 1e6;
    Load { name: "n-body 4096", machine, group: [256, 1, 1], grid: [n, 1, 1], work, unit: "M interactions/s" }
}

fn mix() -> Load {
    let (items, rounds) = (1 << 12, 4000);
    let mut machine = Machine::compiled(words!("mix.O3"));
    let out = machine.place(&vec![0; items as usize]);
    machine.arguments(&[out, rounds]);
    let work = f64::from(items) * rounds as f64 / 1e6;
    Load {
        name: "vector unit alone",
        machine,
        group: [256, 1, 1],
        grid: [items, 1, 1],
        work,
        unit: "M rounds/s",
    }
}

/// One run by so many threads: instructions and the time they took.
fn run(load: &mut Load, threads: &mut [Blocks]) -> (u64, Duration) {
    let request = load.machine.request(load.group, load.grid, 0);
    let whole = Dispatch::new(request, waves::Device { compute_units: 64, memory: 256 << 20 });
    let memory = Memory::new(BASE, load.machine.memory());
    let poll = |mut part: Dispatch, blocks: &mut Blocks, mut memory: Memory<'_>| loop {
        match part.poll(blocks, &mut memory, &mut 10_000) {
            Progress::Done => return part.instructions(),
            Progress::More => {}
            other => panic!("{other:?}"),
        }
    };
    let start = Instant::now();
    let executed = match threads {
        [blocks] => poll(whole, blocks, memory),
        threads => std::thread::scope(|scope| {
            let parts: Vec<_> = threads
                .iter_mut()
                .map(|blocks| {
                    let part = whole.part();
                    scope.spawn(move || poll(part, blocks, memory))
                })
                .collect();
            parts.into_iter().map(|part| part.join().expect("a part runs to its end")).sum()
        }),
    };
    (executed, start.elapsed())
}

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let most = std::env::args().nth(2).and_then(|most| most.parse().ok()).unwrap_or(2);
    let loads: [(&str, Make); 6] = [
        ("vector unit alone", mix),
        ("product 512", || multiply("product 512", words!("multiply.O3"), 512)),
        ("n-body 4096", || nbody(4096)),
        ("sum of 16 Mi", || add("sum of 16 Mi", words!("add.O3"), 16 << 20)),
        ("product 128 -O0", || multiply("product 128 -O0", words!("multiply.O0"), 128)),
        ("sum of 1 Mi -O0", || add("sum of 1 Mi -O0", words!("add.O0"), 1 << 20)),
    ];
    for (_, load) in loads.into_iter().filter(|(name, _)| name.starts_with(&wanted)) {
        let mut load = load();
        for threads in 1..=most {
            let code = Code::default();
            let mut blocks: Vec<Blocks> = (0..threads).map(|_| Blocks::of(&code)).collect();
            let best = (0..5).map(|_| run(&mut load, &mut blocks)).min_by_key(|(_, time)| *time);
            let (executed, time) = best.unwrap_or_default();
            let seconds = time.as_secs_f64();
            println!(
                "{:18} {threads} thread{} {:8.2} ms {:8.2} M wave-inst/s {:8.2} {}",
                load.name,
                if threads == 1 { ": " } else { "s:" },
                seconds * 1e3,
                executed as f64 / seconds / 1e6,
                load.work / seconds,
                load.unit
            );
        }
    }
}
