//! Inputs made of inputs: a few random changes of one that is known, by a generator that repeats itself for the same seed.
//!
//! Not for: which inputs are known ([`super::corpus`]).

use fastrand::Rng;

/// An input is no longer than this.
pub const MOST_BYTES: usize = 4096;

/// Values at which something changes.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0xfff,
    0x1000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes `input` in one to eight places. `other` is another known input, `words` what this parser's inputs are made of.
pub fn mutate(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8], words: &[&[u8]]) {
    // Mostly one: an input that does something new is near one that is known.
    let changes = 1 << rng.u32(0..4).min(rng.u32(0..4));
    for _ in 0..changes {
        change(rng, input, other, words);
    }
    input.truncate(MOST_BYTES);
}

fn change(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8], words: &[&[u8]]) {
    let at = if input.is_empty() { 0 } else { rng.usize(0..input.len()) };
    match rng.u32(0..16) {
        0 | 1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.u32(0..8);
            }
        }
        2 | 3 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
        4 | 5 => put(input, at, &edge(rng).to_le_bytes()[..1 << rng.usize(0..4)]),
        6 | 7 => put(input, at & !3, &edge(rng).to_le_bytes()[..4 << rng.usize(0..2)]),
        // A small step of a word.
        8 => {
            if let Some(word) = input.get_mut(at & !3..).and_then(|rest| rest.first_chunk_mut()) {
                let step = rng.u32(1..20);
                let value = u32::from_le_bytes(*word);
                *word = if rng.bool() { value.wrapping_add(step) } else { value.wrapping_sub(step) }
                    .to_le_bytes();
            }
        }
        9..=11 if !words.is_empty() => {
            let word = words[rng.usize(0..words.len())];
            if rng.bool() {
                put(input, at & !3, word);
            } else {
                input.splice(at..at, word.iter().copied());
            }
        }
        12 => {
            let end = (at + span(rng)).min(input.len());
            input.drain(at..end);
        }
        // A piece of itself once more, somewhere else.
        13 => {
            let piece = input.get(at..(at + span(rng)).min(input.len())).unwrap_or(&[]).to_vec();
            let to = rng.usize(0..=input.len());
            input.splice(to..to, piece);
        }
        // A piece of the other one.
        14 => {
            let from = rng.usize(0..=other.len());
            let piece = &other[from..(from + span(rng)).min(other.len())];
            if rng.bool() {
                put(input, at, piece);
            } else {
                input.splice(at..at, piece.iter().copied());
            }
        }
        // Its beginning and the other one's end.
        15 => {
            input.truncate(at);
            input.extend_from_slice(&other[rng.usize(0..=other.len())..]);
        }
        _ => {
            let more: Vec<u8> = (0..span(rng)).map(|_| rng.u8(..)).collect();
            input.splice(at..at, more);
        }
    }
}

fn edge(rng: &mut Rng) -> u64 {
    let edge = EDGES[rng.usize(0..EDGES.len())];
    if rng.u32(0..4) == 0 { edge.wrapping_sub(rng.u64(0..4)) } else { edge }
}

/// Often short, sometimes long.
fn span(rng: &mut Rng) -> usize {
    let most = 1 << rng.usize(1..9);
    rng.usize(1..=most)
}

/// Writes over what is there, and beyond the end.
fn put(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if input.len() < end {
        input.resize(end, 0);
    }
    input[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_none_is_too_long() {
        let make = |seed| {
            let mut rng = Rng::with_seed(seed);
            let mut input = b"seed".to_vec();
            (0..2000)
                .map(|_| {
                    mutate(&mut rng, &mut input, b"another one", &[b"word", b"AQL"]);
                    assert!(input.len() <= MOST_BYTES);
                    input.clone()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        let different: std::collections::BTreeSet<_> = make(3).into_iter().collect();
        assert!(different.len() > 1500, "{}", different.len());
    }
}
