//! Each instruction held against AMD's pseudo-code of it, which PyPI tinygrad carries: edge products and random numbers.
//!
//! ```text
//! a line of gfx9's table ──op──► a kernel around one instruction ──the engine──► what it leaves ─┐
//!                     └─python─► a script that runs the pseudo-code ──────────► what it says ────┴─► the same?
//! ```
//! The pseudo-code is of CDNA, whose instructions of the same name mean the same, but for what [`known`] lists: errors of the
//! text by name, each with the fact that says so. Without tinygrad the test says that it is skipped. `WAVES_ONLY=TEXT` tries only
//! mnemonics that contain it, `WAVES_CASES=N` so many random cases of each.

mod approximate;
#[path = "../run/assembled.rs"]
mod assembled;
mod inputs;
mod known;
#[path = "../run/machine.rs"]
#[allow(dead_code, reason = "the other tests' machine")]
mod machine;
mod op;
mod python;
mod wave;

use gcn::gfx9;
use gcn::row::{Format, Kind, Place, Row};
use op::{Case, Left};
use python::Said;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use waves::fidelity;

/// What programs are made of; see `gcn`.
const USED: &str = include_str!("../../../gcn/tests/used-by-programs.txt");

/// Random cases of a mnemonic; a long mode asks for more.
fn count() -> usize {
    std::env::var("WAVES_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(640)
}

/// Two results of a type are the same: bits, or two that are no number.
fn same(found: u64, expected: u64, is_float: bool, bits: u32) -> bool {
    let (exponent, fraction): (u64, u32) = match bits {
        16 => (0x1f << 10, 10),
        32 => (0xff << 23, 23),
        _ => (0x7ff << 52, 52),
    };
    let is_nan = |bits: u64| bits & exponent == exponent && bits & ((1 << fraction) - 1) != 0;
    found == expected || is_float && is_nan(found) && is_nan(expected)
}

/// Whether memory has floats in this instruction.
fn of_floats(row: &Row) -> bool {
    row.mnemonic.ends_with("f32") || row.mnemonic.ends_with("f64")
}

/// Whether the destinations agree in the bits that the pseudo-code wrote.
fn same_destination(row: &Row, found: u128, expected: u128, width: u32) -> bool {
    let Some(to) = row.operands().find(|operand| op::is_destination(row, operand.place)) else {
        return true;
    };
    let ty = to.ty;
    let bits =
        if width == 0 { u32::from(ty.bits.max(32)) } else { width.min(u32::from(ty.registers()) * 32) };
    let mask = u128::MAX >> (128 - bits);
    let (found, expected) = (found & mask, expected & mask);
    if found == expected {
        return true;
    }
    let (found, expected) = (found as u64, expected as u64);
    if ty.kind == Kind::Packed && row.mnemonic.contains("f16") {
        let half = |word: u64, at: u32| word >> (16 * at) & 0xffff;
        return (0..2).all(|at| same(half(found, at), half(expected, at), true, 16));
    }
    let is_float = ty.kind == Kind::Float && bits <= 64 || row.format == Format::DS && of_floats(row);
    // A mixed multiply-add's low half.
    let is_float = is_float || row.mnemonic.starts_with("v_mad_mix") && bits <= 32;
    let bits = u32::from(ty.bits).min(bits);
    // Of what hardware approximates, and so do both.
    let near = is_float && known::is_near(row.mnemonic) && found.abs_diff(expected) <= 1;
    near || is_float && same(found, expected, true, bits)
}

/// What differs, if anything.
fn differs(row: &Row, case: &Case, found: &Left, said: &Said) -> Option<String> {
    let Said::Left { width, left, carry, vcc } = said else { return None };
    let mask = row.operands().any(|operand| operand.place == Place::Mask);
    let expected_bit = match row.mnemonic {
        // Its masks are of the lane, though the text has them whole.
        "v_div_scale_f32" | "v_div_scale_f64" => vcc & 1 != 0,
        "v_mad_u64_u32" | "v_mad_i64_i32" => *carry,
        _ if row.mnemonic.starts_with("v_cmp") => left.destination >> case.lane & 1 != 0,
        _ if mask => vcc >> case.lane & 1 != 0,
        _ => left.bit,
    };
    let is_compare = row.mnemonic.starts_with("v_cmp");
    if !is_compare && !same_destination(row, found.destination, left.destination, *width) {
        return Some(format!("{:#x}, not {:#x} ({width} bits)", found.destination, left.destination));
    }
    if (mask || op::is_scalar(row)) && found.bit != expected_bit {
        return Some(format!("bit {}, not {expected_bit}", found.bit));
    }
    if op::is_scalar(row) && found.exec != left.exec {
        return Some(format!("exec {:#x}, not {:#x}", found.exec, left.exec));
    }
    if row.mnemonic.starts_with("v_cmpx") && found.exec >> case.lane & 1 != u64::from(expected_bit) {
        return Some(format!("a lane of exec, not {expected_bit}"));
    }
    let float = of_floats(row).then_some(if row.mnemonic.ends_with("f64") { 64 } else { 32 });
    let kept = float.is_some_and(|bits| {
        let high = |memory: u128| memory >> bits;
        let word = |memory: u128| (memory & (u128::MAX >> (128 - bits))) as u64;
        high(found.memory) == high(left.memory) && same(word(found.memory), word(left.memory), true, bits)
    });
    if op::is_memory(row) && found.memory != left.memory && !kept {
        return Some(format!("memory {:#x}, not {:#x}", found.memory, left.memory));
    }
    None
}

/// What became of the lines that one thread has tried.
#[derive(Default)]
struct Tried {
    cases: usize,
    compared: Vec<&'static str>,
    /// Lines without a text that can be run, and why.
    unsaid: BTreeMap<&'static str, String>,
    not_run: Vec<&'static str>,
    wrong: BTreeMap<&'static str, (usize, String)>,
    /// Cases that a known error of the text covers.
    excused: BTreeMap<&'static str, usize>,
}

impl Tried {
    fn compare(&mut self, row: &'static Row, cases: &[(Case, Left)], said: &[Said]) {
        if let Some(Said::Nothing(why)) = said.first() {
            self.unsaid.insert(row.mnemonic, why.clone());
            return;
        }
        self.compared.push(row.mnemonic);
        for ((case, found), said) in cases.iter().zip(said) {
            self.cases += 1;
            let wrong = match said {
                Said::Nothing(why) => Some(why.clone()),
                Said::Left { .. } => differs(row, case, found, said),
            };
            let Some(wrong) = wrong else { continue };
            if known::excuses(row.mnemonic, case) {
                *self.excused.entry(row.mnemonic).or_default() += 1;
                continue;
            }
            let example = || format!("{case:x?}: {wrong}");
            self.wrong.entry(row.mnemonic).or_insert_with(|| (0, example())).0 += 1;
        }
    }
}

#[test]
fn the_words_around_an_instruction_are_what_llvm_makes_of_their_text() {
    assembled::check(
        "the_words_around_an_instruction_are_what_llvm_makes_of_their_text",
        "tests/meaning",
        &[
            "vector",
            "vector-after",
            "scalar",
            "scalar-after",
            "lanes",
            "control",
            "scratch",
            "scratch-memory",
            "scratch-after",
        ],
    );
}

/// The lines in their modes, tried on as many threads as there are cores.
fn try_all(python: &PathBuf, seed: u64, lines: &[(&'static Row, u32)], count: usize) -> Vec<Tried> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let of_thread = |thread: usize| {
        let mut tried = Tried::default();
        let mut batch: Vec<(&'static Row, Vec<(Case, Left)>)> = Vec::new();
        for (at, (row, mode)) in lines.iter().enumerate().skip(thread).step_by(threads) {
            // A line's numbers are the same on any machine.
            let mut rng = fastrand::Rng::with_seed(seed + at as u64);
            match op::run(&mut rng, row, *mode, count) {
                Some(cases) => batch.push((row, cases)),
                None => tried.not_run.push(row.mnemonic),
            }
        }
        let questions: Vec<(&str, Case)> = batch
            .iter()
            .flat_map(|(row, cases)| cases.iter().map(|(case, _)| (row.mnemonic, *case)))
            .collect();
        let said = python::ask(python, &questions);
        let mut said = said.as_slice();
        for (row, cases) in &batch {
            let (own, rest) = said.split_at(cases.len());
            tried.compare(row, cases, own);
            said = rest;
        }
        tried
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("the comparison ends")).collect()
    })
}

/// Prints what became of them; how many lines do otherwise than their text.
fn report(tried: &[Tried]) -> usize {
    let mut wrong = 0;
    for tried in tried {
        println!("not run: {:?}", tried.not_run);
        println!("without a text that runs: {:?}", tried.unsaid);
        println!("known errors of the text: {:?}", tried.excused);
        for (mnemonic, (times, example)) in &tried.wrong {
            println!("{mnemonic}: {times} times, for example {example}");
            wrong += 1;
        }
    }
    wrong
}

// Keeps: wave-meaning
#[test]
fn each_instruction_does_what_its_pseudo_code_says() {
    let Some(python) = python::find("each_instruction_does_what_its_pseudo_code_says") else { return };
    let only = std::env::var("WAVES_ONLY").ok();
    let lines: Vec<(&'static Row, u32)> = gfx9::rows()
        .filter(|row| !op::is_left_out(row))
        .filter(|row| only.as_ref().is_none_or(|only| row.mnemonic.contains(only.as_str())))
        .map(|row| (row, op::USUAL))
        .collect();
    let tried = try_all(&python, 9000, &lines, count());
    let used: Vec<&str> = USED.lines().collect();
    let compared: Vec<&str> = tried.iter().flat_map(|tried| tried.compared.iter().copied()).collect();
    let of_programs = compared.iter().filter(|mnemonic| used.contains(mnemonic)).count();
    let cases: usize = tried.iter().map(|tried| tried.cases).sum();
    println!(
        "{} mnemonics compared in {cases} cases; {of_programs} of programs' {}",
        compared.len(),
        used.len()
    );
    assert_eq!(report(&tried), 0, "mnemonics that do otherwise");
    if only.is_some() {
        return;
    }
    // What the table of fidelity says is held by this test is.
    let compared: BTreeSet<&str> = compared.into_iter().collect();
    let missing: Vec<String> = fidelity::table()
        .filter(|entry| entry.test == "each_instruction_does_what_its_pseudo_code_says")
        .filter(|entry| !compared.contains(entry.mnemonic))
        .map(|entry| entry.to_string())
        .collect();
    assert!(missing.is_empty(), "{} said to be compared: {missing:#?}", missing.len());
}

/// Rounding up, down and to zero; denormals that are zeros on both sides or one; each width otherwise than the others.
const MODES: [u32; 7] = [0x3f5, 0x3fa, 0x3ff, 0x300, 0x350, 0x3a0, 0x19b];

/// Lines whose result the mode has a part in: not what hardware approximates, the steps of a division, nor what the text gets by
/// steps that round on their own.
fn depends_on_mode(row: &Row) -> bool {
    let by_steps = [
        "rcp", "rsq", "sqrt", "exp", "log", "sin", "cos", "div_", "rndne", "fract", "preop", "cvt_rpi",
        "class", "frexp",
    ];
    let is_float = |operand: gcn::row::Operand| match operand.ty.kind {
        Kind::Float | Kind::Mix => true,
        Kind::Packed => row.mnemonic.contains("f16"),
        _ => false,
    };
    let moves = ["v_cndmask", "v_pack", "v_cvt_pk", "v_mul_legacy", "v_cube"];
    matches!(row.format, Format::VOP1 | Format::VOP2 | Format::VOP3 | Format::VOP3P | Format::VOPC)
        && row.operands().any(is_float)
        && !op::is_left_out(row)
        && !by_steps.iter().any(|step| row.mnemonic.contains(step))
        && !moves.iter().any(|start| row.mnemonic.starts_with(start))
}

// Keeps: wave-modes
#[test]
fn floats_are_rounded_and_flushed_as_the_mode_says() {
    let Some(python) = python::find("floats_are_rounded_and_flushed_as_the_mode_says") else { return };
    let only = std::env::var("WAVES_ONLY").ok();
    // Of compares a few: they are the same but for the relation.
    let is_tried = |row: &&Row| {
        depends_on_mode(row)
            && (row.format != Format::VOPC
                || ["lt", "neq", "o"].iter().any(|name| row.mnemonic.split('_').nth(2) == Some(name)))
    };
    let rows = gfx9::rows()
        .filter(is_tried)
        .filter(|row| only.as_ref().is_none_or(|only| row.mnemonic.contains(only.as_str())));
    let lines: Vec<(&'static Row, u32)> = rows.flat_map(|row| MODES.map(|mode| (row, mode))).collect();
    let tried = try_all(&python, 9100, &lines, 200);
    let cases: usize = tried.iter().map(|tried| tried.cases).sum();
    let compared: BTreeSet<&str> = tried.iter().flat_map(|tried| tried.compared.iter().copied()).collect();
    println!("{} mnemonics compared in {} modes, {cases} cases", compared.len(), MODES.len());
    assert_eq!(report(&tried), 0, "mnemonics that do otherwise");
    assert!(only.is_some() || compared.len() > 70, "{} mnemonics compared: {compared:?}", compared.len());
}
