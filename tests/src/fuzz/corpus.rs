//! The inputs that are known: those of the repository, and those of this run that made a parser do something new.
//!
//! What a parser did is a word, its signature; of each signature the first input is kept, and a shorter one in its place
//! when it comes. Not for: what a signature is made of, which each parser says.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Inputs that a run keeps at most; what comes later is run and forgotten.
const MOST: usize = 4096;

/// Where the repository keeps a parser's inputs.
#[must_use]
pub fn folder(parser: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(parser)
}

/// The files of a folder, by name; none when there is no such folder.
///
/// # Errors
/// A file cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut paths: Vec<_> = files.map(|file| Ok(file?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Corpus {
    inputs: Vec<Vec<u8>>,
    by_signature: BTreeMap<u64, usize>,
}

impl Corpus {
    /// Takes note of what an input did; whether that was new.
    pub fn learn(&mut self, input: &[u8], signature: u64) -> bool {
        if let Some(&index) = self.by_signature.get(&signature) {
            if input.len() < self.inputs[index].len() {
                self.inputs[index] = input.to_vec();
            }
            return false;
        }
        if self.inputs.len() == MOST {
            return false;
        }
        self.by_signature.insert(signature, self.inputs.len());
        self.inputs.push(input.to_vec());
        true
    }

    /// The inputs, oldest first.
    #[must_use]
    pub fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_input_of_each_signature_is_kept_the_shortest() {
        let mut corpus = Corpus::default();
        assert!(corpus.learn(b"long", 1));
        assert!(!corpus.learn(b"longer", 1));
        assert!(!corpus.learn(b"l", 1));
        assert!(corpus.learn(b"", 2));
        assert_eq!(corpus.inputs(), [b"l".to_vec(), vec![]]);
        for signature in 3..10_000 {
            corpus.learn(b"x", signature);
        }
        assert_eq!(corpus.inputs().len(), MOST);
    }
}
