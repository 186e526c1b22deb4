//! Wave instructions a second on one core: a vector addition and a product of matrices by tiles, as clang compiles them.

#[path = "../tests/run/machine.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod machine;

use machine::Machine;
use std::time::Instant;

const ADD: &str = include_str!("../tests/compiled/add.O3.words");
const MULTIPLY: &str = include_str!("../tests/compiled/multiply.O3.words");

/// The best of five runs.
fn rate(name: &str, machine: &mut Machine, group: [u32; 3], grid: [u32; 3]) {
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            machine.run(group, grid, 0).expect("the kernel runs to its end");
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    let rate = machine.taken as f64 / best.as_secs_f64() / 1e6;
    println!("{name}: {} instructions in {best:?}, {rate:.2} M/s", machine.taken);
}

fn main() {
    let n = 1_u32 << 20;
    let mut machine = Machine::compiled(ADD);
    let numbers: Vec<u32> = (0..n).map(|i| (i as f32).to_bits()).collect();
    let (a, b, out) = (machine.place(&numbers), machine.place(&numbers), machine.place(&vec![0; n as usize]));
    machine.arguments(&[a, b, out, n.into()]);
    rate("vector addition of 1 Mi", &mut machine, [256, 1, 1], [n, 1, 1]);

    let n = 256_u32;
    let mut machine = Machine::compiled(MULTIPLY);
    let matrix: Vec<u32> = (0..n * n).map(|i| (i as f32 / 65536.0).to_bits()).collect();
    let (a, b) = (machine.place(&matrix), machine.place(&matrix));
    let out = machine.place(&vec![0; (n * n) as usize]);
    machine.arguments(&[a, b, out, n.into()]);
    rate("product of 256 x 256", &mut machine, [16, 16, 1], [n, n, 1]);
}
