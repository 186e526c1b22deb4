//! Pointers behind pointers: what more a door reads of the client before a call, when what a struct points at points
//! further.
//!
//! The row of a call names its [`Chain`]; a door that has gathered the struct's own pointers asks it for the next ranges,
//! reads them, appends them to what it has, and asks again until there is nothing more. Not for: what any of it means.

use super::spec::Extent;
use crate::ids::UserVa;
use libc::ENOMEM;

/// The most bytes of all chunks of a call: what the kernel copies of them, it allocates.
const CHUNK_BYTES_MAX: usize = 1 << 18;

/// Bytes of `struct drm_amdgpu_cs_chunk`: id, words, address.
const CHUNK_HEADER: usize = 16;

/// The way in which a call's pointers lead to further pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// AMDGPU_CS: the struct points at addresses, each of a chunk's header, which points at the chunk's words. In order:
    /// the addresses, the headers, the words (`amdgpu_cs_pass1`, amdgpu/amdgpu_cs.c).
    Chunks,
}

impl Chain {
    /// The ranges to read next, one entry each, after `entries` were read so far. Empty when nothing more is to be
    /// read.
    ///
    /// # Errors
    /// ENOMEM when the chunks are more than 256 KiB.
    pub fn next(self, entries: &[Vec<u8>]) -> Result<Vec<Extent>, i32> {
        let Self::Chunks = self;
        let Some((addresses, rest)) = entries.split_first() else { return Ok(Vec::new()) };
        let addresses = addresses.as_chunks::<8>().0;
        if rest.is_empty() {
            let header = |address: &[u8; 8]| range(u64::from_le_bytes(*address), CHUNK_HEADER);
            return Ok(addresses.iter().map(header).collect());
        }
        if rest.len() > addresses.len() {
            return Ok(Vec::new());
        }
        let ranges: Vec<Extent> = rest.iter().map(|header| words(header)).collect();
        let bytes = ranges.iter().fold(0usize, |sum, range| sum.saturating_add(range.bytes));
        if bytes > CHUNK_BYTES_MAX { Err(ENOMEM) } else { Ok(ranges) }
    }
}

fn range(va: u64, bytes: usize) -> Extent {
    Extent { va: UserVa(va), elements: bytes as u32, bytes }
}

/// The range of the words of a chunk with this header.
fn words(header: &[u8]) -> Extent {
    let word = |at: usize| {
        header.get(at..at + 4).and_then(|word| word.first_chunk()).map_or(0, |w| u32::from_le_bytes(*w))
    };
    let (count, low, high) = (word(4), word(8), word(12));
    range(u64::from(low) | u64::from(high) << 32, (count as usize).saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::Chain;
    use crate::ids::UserVa;

    // Keeps: chains-gathered
    #[test]
    fn chunks_are_read_by_address_then_header_then_words() {
        let addresses: Vec<u8> = [0x1000u64, 0x2000].iter().flat_map(|va| va.to_le_bytes()).collect();
        let mut entries = vec![addresses];
        let next = |entries: &[Vec<u8>]| {
            let next = Chain::Chunks.next(entries).expect("small chunks");
            next.iter().map(|extent| (extent.va, extent.bytes)).collect::<Vec<_>>()
        };
        assert_eq!(next(&entries), [(UserVa(0x1000), 16), (UserVa(0x2000), 16)]);
        let header =
            |words: u32, va: u64| [&1u32.to_le_bytes()[..], &words.to_le_bytes(), &va.to_le_bytes()].concat();
        entries.extend([header(8, 0x3000), header(0, 0)]);
        assert_eq!(next(&entries), [(UserVa(0x3000), 32), (UserVa(0), 0)]);
        entries.extend([vec![0; 32], vec![]]);
        assert_eq!(next(&entries), []);
        assert_eq!(Chain::Chunks.next(&[vec![0; 8], header(u32::MAX, 0x3000)]), Err(libc::ENOMEM));
        assert_eq!(next(&[vec![]]), [], "no chunks");
    }
}
