//! Which lines of gfx9's table the engine runs, in which of their forms: by trying each with random operands.
//!
//! `not-run.txt` holds those that it does not; `WAVES_KEEP=1` writes it anew. A line of `used-by-programs.txt` that is not run
//! would stop a program that people have.

use crate::machine::Machine;
use crate::word::word;
use gcn::row::Row;
use gcn::{Form, gfx9};
use std::collections::BTreeSet;
use std::path::Path;
use waves::{DispatchError, Progress, Stop};

/// What programs are made of; see `gcn`.
const USED: &str = include_str!("../../../gcn/tests/used-by-programs.txt");
const NOT_RUN: &str = include_str!("../../src/fidelity/not-run.txt");

/// Forms in which a line may be encoded. Which of them it has, the decoder says.
const FORMS: [Form; 4] = [Form::Native, Form::E64, Form::Sdwa, Form::Dpp];

/// Whether a line is run in a form; `None` if it has no such form.
fn runs(rng: &mut fastrand::Rng, row: &'static Row, form: Form) -> Option<bool> {
    let mut tried = 0;
    for _ in 0..3000 {
        let words = word(rng, row, form);
        let Ok(inst) = gfx9::decode(&words) else { continue };
        if inst.row != row || inst.form != form {
            continue;
        }
        tried += 1;
        if tried > 60 {
            break;
        }
        let text = format!("{:08x} {:08x} bf810000", words[0], words[1]);
        let text = if inst.words == 1 { format!("{:08x} bf810000", words[0]) } else { text };
        // All that a kernel can ask for, scratch among it.
        let mut machine = Machine::described(63 | 0xf0 << 12 | 1 << 21 | 1 << 23, 14 << 1 | 1, 0x3f, &text);
        machine.private_segment(64);
        machine.gives_up_after(4);
        let stopped = machine.run([64, 1, 1], [64, 1, 1], 4096);
        let first = machine.end() - 4 * u64::from(inst.words) - 4;
        let refused = matches!(
            stopped,
            Err(Progress::Error(DispatchError::Stopped { pc, why: Stop::Unsupported(_) })) if pc == first
        );
        if !refused {
            return Some(true);
        }
    }
    (tried > 0).then_some(false)
}

// Keeps: wave-coverage
#[test]
fn what_the_engine_does_not_run_is_listed() {
    let mut rng = fastrand::Rng::with_seed(900);
    let (mut count, mut not_run) = (0, BTreeSet::new());
    for row in gfx9::rows() {
        for form in FORMS {
            match runs(&mut rng, row, form) {
                Some(true) => count += 1,
                Some(false) => {
                    let form = if form == Form::Native {
                        String::new()
                    } else {
                        format!(" {form:?}").to_lowercase()
                    };
                    not_run.insert(format!("{}{form}", row.mnemonic));
                }
                None => {}
            }
        }
    }
    let used: BTreeSet<&str> = USED.lines().collect();
    let missing: Vec<_> =
        not_run.iter().filter(|line| used.contains(line.split(' ').next().unwrap_or_default())).collect();
    println!(
        "{count} lines and forms run, {} do not; of programs' {}: {missing:?}",
        not_run.len(),
        used.len()
    );
    let text: String = not_run.iter().map(|line| line.clone() + "\n").collect();
    if std::env::var_os("WAVES_KEEP").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fidelity/not-run.txt");
        std::fs::write(file, &text).expect("the list is written");
        return;
    }
    let listed: BTreeSet<String> = NOT_RUN.lines().map(str::to_owned).collect();
    let (more, fewer): (Vec<_>, Vec<_>) =
        (not_run.difference(&listed).collect(), listed.difference(&not_run).collect());
    assert!(more.is_empty() && fewer.is_empty(), "not run: {more:?}; run after all: {fewer:?}");
}
