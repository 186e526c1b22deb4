//! The Python with tinygrad, which `cargo xtask test` makes below the target folder, and the pseudo-code that it has.

use crate::op::{Case, Left};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What runs the pseudo-code: one module in four files.
const SCRIPT: &str = concat!(
    include_str!("values.py"),
    "\n\n",
    include_str!("parse.py"),
    "\n\n",
    include_str!("compile.py"),
    "\n\n",
    include_str!("pcode.py"),
);

/// What the pseudo-code says of a case.
#[derive(Debug, Clone)]
pub enum Said {
    /// Bits of the destination that it wrote (0: not told), and what is left.
    Left { width: u32, left: Left, carry: bool, vcc: u64 },
    /// Nothing that can be run, and why.
    Nothing(String),
}

/// `python3` with tinygrad 0.14; `None`, said as a skip of `test`, where it is not.
pub fn find(test: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    // <target>/<profile>/deps/<test>
    let python = own.ancestors().nth(3)?.join("tinygrad-venv/bin/python3");
    let there = Command::new(&python)
        .args(["-c", "import tinygrad.runtime.autogen.amd.cdna.str_pcode"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!(
            "skipped: {test}: needs tinygrad 0.14 from PyPI in a virtual environment (`cargo xtask test` makes it)"
        );
    }
    there.then_some(python)
}

/// What the pseudo-code says of cases of a mnemonic.
pub fn ask(python: &PathBuf, cases: &[(&str, Case)]) -> Vec<Said> {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut input = child.stdin.take().expect("its input is a pipe");
    let lines: String = cases
        .iter()
        .map(|(mnemonic, case)| {
            let [a, b, c] = case.sources;
            let third = u128::from(c) | u128::from(case.more) << 64;
            let (old, scc) = (case.old, u8::from(case.scc));
            format!(
                "{mnemonic} {:x} {:x} {a:x} {b:x} {third:x} {old:x} {:x} {:x} {scc:x} {:x}\n",
                case.lane, case.mode, case.vcc, case.exec, case.memory
            )
        })
        .collect();
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let out = child.wait_with_output().expect("python ends");
    feeder.join().expect("the feeder ends").expect("python reads all of it");
    assert!(out.status.success(), "the script failed");
    let said: Vec<Said> = String::from_utf8_lossy(&out.stdout).lines().map(said).collect();
    assert_eq!(said.len(), cases.len(), "one answer a case");
    said
}

fn said(line: &str) -> Said {
    let numbers: Option<Vec<u128>> =
        line.split(' ').map(|word| u128::from_str_radix(word, 16).ok()).collect();
    match numbers.as_deref() {
        Some([destination, width, carry, vcc, exec, scc, memory]) => Said::Left {
            width: *width as u32,
            left: Left { destination: *destination, bit: *scc != 0, exec: *exec as u64, memory: *memory },
            carry: *carry != 0,
            vcc: *vcc as u64,
        },
        _ => Said::Nothing(line.to_owned()),
    }
}
