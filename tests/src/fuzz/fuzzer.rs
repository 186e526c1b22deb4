//! One parser being fuzzed by one thread: make an input, run it, learn from it.
//!
//! The same seed does the same, input by input, so a run that ended in an abort can be had again. A panic is caught and is
//! the finding.

use super::corpus::Corpus;
use super::mutate::{MOST_BYTES, mutate};
use super::parser::{Parser, Run};
use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// See the module's head.
pub struct Fuzzer {
    parser: &'static Parser,
    run: Box<Run>,
    rng: Rng,
    corpus: Corpus,
    input: Vec<u8>,
    spare: Vec<u8>,
}

/// What a parser did not survive.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Finding {
    pub input: Vec<u8>,
    /// The panic's words.
    pub panic: String,
}

impl Fuzzer {
    /// Begins with the repository's inputs and the parser's own, which are run first.
    ///
    /// # Errors
    /// One of them is a finding.
    pub fn new(parser: &'static Parser, seed: u64, known: Vec<Vec<u8>>) -> Result<Self, Finding> {
        let (run, corpus) = ((parser.start)(), Corpus::default());
        let rng = Rng::with_seed(seed);
        let mut this = Self { parser, run, rng, corpus, input: Vec::new(), spare: Vec::new() };
        for input in known.into_iter().chain((parser.seeds)()) {
            this.input = input;
            this.input.truncate(MOST_BYTES);
            this.run()?;
        }
        Ok(this)
    }

    /// Makes the next input; it is not run yet.
    pub fn make(&mut self) -> &[u8] {
        let known = self.corpus.inputs();
        self.input.clear();
        self.spare.clear();
        if !known.is_empty() {
            // The newest half as often as all of the others.
            let from = if self.rng.bool() { known.len() / 2 } else { 0 };
            self.input.extend_from_slice(&known[self.rng.usize(from..known.len())]);
            self.spare.extend_from_slice(&known[self.rng.usize(0..known.len())]);
        }
        mutate(&mut self.rng, &mut self.input, &self.spare, self.parser.words);
        &self.input
    }

    /// Runs the input that was made.
    ///
    /// # Errors
    /// It is a finding.
    pub fn run(&mut self) -> Result<(), Finding> {
        let (run, input) = (&mut self.run, &self.input);
        match catch_unwind(AssertUnwindSafe(|| run(input))) {
            Ok(signature) => {
                self.corpus.learn(input, signature);
                Ok(())
            }
            Err(panic) => {
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
                Err(Finding {
                    input: input.clone(),
                    panic: words.unwrap_or("a panic without words").to_owned(),
                })
            }
        }
    }

    /// What is known now.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }
}
