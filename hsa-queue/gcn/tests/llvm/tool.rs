//! `llvm-mc` as a process: many words in, their texts out.

use crate::cases::Case;
use std::io::Write;
use std::process::{Command, Stdio};

/// The release whose names the table has; earlier ones have others.
const PROGRAM: &str = "llvm-mc-19";

pub struct Llvm;

/// The tool, or nothing and the word that `test` was skipped.
pub fn find(test: &str) -> Option<Llvm> {
    let found = Command::new(PROGRAM).arg("--version").output().is_ok_and(|out| out.status.success());
    if !found {
        println!("skipped: {test}: {PROGRAM} is not installed (package llvm-19)");
    }
    found.then_some(Llvm)
}

impl Llvm {
    /// What the tool prints, if it does not die of the input.
    fn run(arguments: &[&str], input: String) -> Option<(String, String)> {
        let mut child = Command::new(PROGRAM)
            .args(["-triple=amdgcn", "-mcpu=gfx900"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("llvm-mc runs");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let out = child.wait_with_output().expect("llvm-mc ends");
        // A tool that has died has not read all of it.
        drop(feed.join().expect("the feeder ends"));
        out.status.code()?;
        Some((
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        ))
    }

    /// What LLVM reads at the start of each case; `None` if it refuses, or dies of it.
    pub fn disassemble(&self, cases: &[Case]) -> Vec<Option<String>> {
        match (self.read(cases), cases) {
            (Some(texts), _) => texts,
            (None, [case]) => {
                println!("{PROGRAM} dies of {case:08x?}");
                vec![None]
            }
            (None, cases) => {
                let (first, second) = cases.split_at(cases.len() / 2);
                [self.disassemble(first), self.disassemble(second)].concat()
            }
        }
    }

    /// The words that LLVM makes of each text; `None` if it refuses it.
    pub fn assemble(&self, texts: &[String]) -> Vec<Option<Vec<u32>>> {
        let input: String = texts.iter().map(|text| format!("{text}\n")).collect();
        let (stdout, stderr) = Self::run(&["-show-encoding"], input).expect("the assembler lives");
        let refused: Vec<usize> = stderr
            .lines()
            .filter_map(|line| {
                line.strip_prefix("<stdin>:")?.split_once(": error")?.0.split(':').next()?.parse().ok()
            })
            .collect();
        let mut made = stdout.lines().filter_map(|line| line.split_once("encoding: [")).map(|(_, bytes)| {
            let bytes = bytes.trim_end_matches(']').split(',');
            let bytes: Vec<u8> =
                bytes.map(|byte| u8::from_str_radix(&byte[2..], 16).expect("bytes are hex")).collect();
            bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<u32>>()
        });
        (1..=texts.len()).map(|line| if refused.contains(&line) { None } else { made.next() }).collect()
    }

    fn read(&self, cases: &[Case]) -> Option<Vec<Option<String>>> {
        // A block in brackets is read alone. Before each stands a marker, since a refusal prints nothing.
        let mut input = String::new();
        for (at, case) in cases.iter().enumerate() {
            for words in [&[marker(at)][..], &case[..]] {
                let bytes = words.iter().flat_map(|word| word.to_le_bytes());
                let bytes = bytes.map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>();
                input += &format!("[{}]\n", bytes.join(" "));
            }
        }
        let (stdout, _) = Self::run(&["-disassemble"], input)?;
        let mut lines = stdout
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('.'))
            .peekable();
        let mut texts = Vec::with_capacity(cases.len());
        let is_marker = |line: &str, at: usize| line == marker_text(at);
        assert!(lines.next().is_some_and(|line| is_marker(line, 0)), "the first marker is read");
        for at in 0..cases.len() {
            let mut text = None;
            while let Some(line) = lines.next_if(|line| at + 1 == cases.len() || !is_marker(line, at + 1)) {
                text.get_or_insert_with(|| line.replace('\t', " "));
            }
            lines.next();
            // A text with a remark is one that LLVM could read and holds for wrong.
            texts.push(text.filter(|text| !text.contains("/*")));
        }
        Some(texts)
    }
}

/// An instruction that no case is made of: S_SETPRIO with a number of its own, twice as large as is meant.
fn marker(at: usize) -> u32 {
    0xbf8f_0000 | (0x8000 + (at as u32 & 0x3fff))
}

fn marker_text(at: usize) -> String {
    format!("s_setprio {:#x}", marker(at) & 0xffff)
}
