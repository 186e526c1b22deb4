//! What SDMA's data packets do, said once more without any machine: on a plain vector.

use crate::client::{DATA, DATA_BYTES};
use crate::sdma;

#[derive(Debug, Clone)]
pub enum Act {
    Copy { dst: u64, src: u64, len: u64 },
    FillBytes { dst: u64, value: u8, len: u64 },
    FillWords { dst: u64, value: u32, words: u64 },
    Write { dst: u64, data: Vec<u32> },
    Fence { word: u64, value: u32 },
    Add { word: u64, value: u64 },
    CompareSwap { word: u64, value: u32, comparand: u32 },
    Pad(usize),
}

impl Act {
    /// The dwords of the packet, header first.
    pub fn words(&self) -> Vec<u32> {
        match self {
            Self::Copy { dst, src, len } => sdma::copy(DATA + dst, DATA + src, *len),
            Self::FillBytes { dst, value, len } => {
                sdma::fill(DATA + dst, false, u32::from(*value), *len as u32 - 1)
            }
            Self::FillWords { dst, value, words } => {
                sdma::fill(DATA + dst, true, *value, *words as u32 * 4 - 1)
            }
            Self::Write { dst, data } => sdma::write(DATA + dst, data),
            Self::Fence { word, value } => sdma::fence(DATA + word * 8, *value),
            Self::Add { word, value } => sdma::atomic(DATA + word * 8, 47, false, *value, 0),
            Self::CompareSwap { word, value, comparand } => {
                sdma::atomic(DATA + word * 8, 8, false, u64::from(*value), u64::from(*comparand))
            }
            Self::Pad(dwords) => vec![0; *dwords],
        }
    }

    /// What becomes of the data.
    pub fn apply(&self, data: &mut [u8]) {
        assert_eq!(data.len() as u64, DATA_BYTES);
        let mut put = |at: u64, bytes: &[u8]| data[at as usize..][..bytes.len()].copy_from_slice(bytes);
        match self {
            Self::Copy { dst, src, len } => {
                let bytes = data[*src as usize..][..*len as usize].to_vec();
                data[*dst as usize..][..*len as usize].copy_from_slice(&bytes);
            }
            Self::FillBytes { dst, value, len } => put(*dst, &vec![*value; *len as usize]),
            Self::FillWords { dst, value, words } => {
                put(*dst, &value.to_le_bytes().repeat(*words as usize));
            }
            Self::Write { dst, data } => {
                put(*dst, &data.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
            }
            Self::Fence { word, value } => put(word * 8, &value.to_le_bytes()),
            Self::Add { word, value } => {
                let at = (word * 8) as usize;
                let old = u64::from_le_bytes(data[at..at + 8].try_into().unwrap());
                data[at..at + 8].copy_from_slice(&old.wrapping_add(*value).to_le_bytes());
            }
            Self::CompareSwap { word, value, comparand } => {
                let at = (word * 8) as usize;
                if data[at..at + 4] == comparand.to_le_bytes() {
                    data[at..at + 4].copy_from_slice(&value.to_le_bytes());
                }
            }
            Self::Pad(_) => {}
        }
    }
}
