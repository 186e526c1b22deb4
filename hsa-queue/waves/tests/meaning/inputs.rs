//! Numbers that operations are tried with: those at the edges of their type, in all pairs or triples, and random ones.

use gcn::row::{Kind, Ty};

const HALVES: &[u64] = &[
    0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x3c00, 0xbc00, 0x3800, 0x3e00, 0x4100, 0xc100, 0x7bff, 0xfbff,
    0x7c00, 0xfc00, 0x7e00, 0x7d01, 0x6400, 0x77ff, 0x5bff,
];
const SINGLES: &[u64] = &[
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3fc0_0000,
    0x4020_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0x4b00_0001,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x477f_e000,
    0x477f_f000,
    0x3eff_ffff,
    0x437f_0000,
];
const DOUBLES: &[u64] = &[
    0,
    1 << 63,
    1,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0000_0000,
    0x41ef_ffff_fff0_0000,
    0x47ef_ffff_f000_0000,
    0x3690_0000_0000_0000,
    0x4340_0000_0000_0001,
];
const INTEGERS: &[u64] = &[
    0,
    u64::MAX,
    1,
    2,
    5,
    31,
    32,
    33,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x007f_ffff,
    0x0080_0000,
    0x00ff_ffff,
    0x0100_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    1 << 63,
    0xaaaa_5555_0ff0_f00f,
    0x001f_0004,
];

/// Which numbers a type's edges are.
fn edges(ty: Ty) -> Vec<u64> {
    match (ty.kind, ty.bits) {
        (Kind::Float, 16) => HALVES.to_vec(),
        (Kind::Float, 64) => DOUBLES.to_vec(),
        (Kind::Float | Kind::Mix, _) => SINGLES.to_vec(),
        // Of halves each with another.
        (Kind::Packed, _) => {
            let (halves, integers) = (HALVES.iter(), INTEGERS.iter().map(|word| word & 0xffff));
            halves.copied().chain(integers).enumerate().map(|(at, low)| low | HALVES[at % 20] << 16).collect()
        }
        _ => INTEGERS.to_vec(),
    }
}

fn random(rng: &mut fastrand::Rng, ty: Ty) -> u64 {
    let edges = edges(ty);
    match (ty.kind, ty.bits, rng.u32(0..8)) {
        (_, _, 0) => edges[rng.usize(0..edges.len())],
        // Near 1, of the size of integers, and of any size.
        (Kind::Float, 16, 1..=3) => rng.u64(0x3000..0x5400) | rng.u64(0..2) << 15,
        (Kind::Float, 64, 1..=3) => rng.u64(0x3fc0 << 48..0x41f0 << 48) | rng.u64(0..2) << 63,
        (Kind::Float | Kind::Mix, _, 1..=3) => rng.u64(0x3d80_0000..0x4f90_0000) | rng.u64(0..2) << 31,
        (Kind::Float, _, _) => rng.u64(..),
        (_, _, 1..=2) => rng.u64(..) >> rng.u32(0..64),
        (_, _, 3) => rng.i64(-70..70) as u64,
        _ => rng.u64(..),
    }
}

/// Sources of each case: the edges' product (of three sources fewer of them), then as many random ones.
pub fn sources(rng: &mut fastrand::Rng, types: [Option<Ty>; 3], count: usize) -> Vec<[u64; 3]> {
    let number = types.iter().flatten().count();
    let most = [1, 64, 22, 8][number];
    let of = |rng: &mut fastrand::Rng, ty: Option<Ty>| {
        let mut edges = ty.map_or(vec![0], edges);
        rng.shuffle(&mut edges);
        edges.truncate(most);
        edges
    };
    let [first, second, third] = types.map(|ty| of(rng, ty));
    let mut cases = Vec::new();
    for a in &first {
        for b in &second {
            for c in &third {
                cases.push([*a, *b, *c]);
            }
        }
    }
    for _ in 0..count {
        let mut case = types.map(|ty| ty.map_or(0, |ty| random(rng, ty)));
        // Now and then two of them are the same.
        if rng.u32(0..16) == 0 {
            case[1] = case[0];
        }
        if rng.u32(0..16) == 0 {
            case[2] = case[rng.usize(0..2)];
        }
        cases.push(case);
    }
    cases
}
