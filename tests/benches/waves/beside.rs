//! HIP beside PoCL: the same kernels on the same core in turns, the one executed from gfx900's instructions, the other
//! compiled for this machine. HIP's own threads, which wait, are on the other core.

use crate::program::{Program, Programs};
use anyhow::Context;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::{Floor, Goal, Samples, Turns, alternate, information, progress, ratio, remark};
use std::cell::RefCell;

const ROUNDS: usize = 5;
/// Rows of the matrices, bodies, and numbers of a vector.
pub const MATRIX: usize = 512;
const BODIES: usize = 4096;
const NUMBERS: usize = 16 << 20;
/// Bytes that an addition moves: two numbers read, one written.
const ADDITION: f64 = 12.0;

/// Thousands of millions a second of what is done `count` times in so many nanoseconds.
pub fn giga(count: f64, nanos: f64) -> f64 {
    count / nanos
}

/// Floating-point operations of a product of matrices.
pub fn flops(n: usize) -> f64 {
    2.0 * (n as f64).powi(3)
}

/// See the module's head.
pub fn beside(programs: &Programs, cpus: &Cpus) -> anyhow::Result<()> {
    let daemon = crate::daemon_at(cpus, Place::First)?;
    let hip = programs.hip(&daemon, cpus, Place::Second)?;
    let pocl = programs.opencl(cpus, Place::First)?;
    if let Some((hip, pocl)) = hip.zip(pocl) {
        let (hip, pocl) = (RefCell::new(hip), RefCell::new(pocl));
        product(&hip, &pocl)?;
        bodies(&hip, &pocl)?;
        addition(&hip, &pocl)?;
        hip.into_inner().end()?;
        pocl.into_inner().end().context("PoCL's side")?;
    } else {
        remark("  the comparison with PoCL was left out");
    }
    daemon.stop()
}

type Sides<'a> = (&'a RefCell<Program>, &'a RefCell<Program>);

/// Both take turns at a measurement, whose nanoseconds become a figure.
fn turns(
    (hip, pocl): Sides<'_>,
    what: &str,
    number: usize,
    figure: impl Fn(f64) -> f64,
) -> anyhow::Result<(Samples, Floor)> {
    let mut own = || Ok(figure(hip.borrow_mut().ask(what, number)?));
    let mut peer = || Ok(figure(pocl.borrow_mut().ask(what, number)?));
    let Turns { own: [own], floors: [peer] } = alternate(ROUNDS, [&mut own], [&mut peer])?;
    Ok((own, peer))
}

fn product(hip: &RefCell<Program>, pocl: &RefCell<Program>) -> anyhow::Result<()> {
    progress("a product of matrices beside PoCL");
    let (own, peer) = turns((hip, pocl), "multiply", MATRIX, |nanos| giga(flops(MATRIX), nanos))?;
    let name = format!("product of {MATRIX} x {MATRIX} f32 by tiles, one core");
    ratio(&name, "GFLOP/s", own.median(), "PoCL, one thread", &peer, Goal::AtLeast(0.7));
    Ok(())
}

fn bodies(hip: &RefCell<Program>, pocl: &RefCell<Program>) -> anyhow::Result<()> {
    progress("n-body beside PoCL");
    let pairs = (BODIES * BODIES) as f64;
    let (own, peer) = turns((hip, pocl), "pull", BODIES, |nanos| 1000.0 * giga(pairs, nanos))?;
    let name = format!("n-body of {BODIES}, one core");
    ratio(&name, "M/s", own.median(), "PoCL, one thread", &peer, Goal::AtLeast(0.7));
    Ok(())
}

fn addition(hip: &RefCell<Program>, pocl: &RefCell<Program>) -> anyhow::Result<()> {
    progress("a sum of vectors beside PoCL");
    let speed = |nanos: f64| giga(ADDITION * NUMBERS as f64, nanos);
    let name = |run: &str| format!("sum of vectors of {} M f32, {run} run, one core", NUMBERS >> 20);
    let (first, peer) = turns((hip, pocl), "fresh", NUMBERS, speed)?;
    information(&name("first"), "GB/s", first.median(), "PoCL, one thread, first run", &peer);
    let (second, peer) = turns((hip, pocl), "again", NUMBERS, speed)?;
    ratio(
        &name("second"),
        "GB/s",
        second.median(),
        "PoCL, one thread, second run",
        &peer,
        Goal::AtLeast(0.1),
    );
    Ok(())
}
