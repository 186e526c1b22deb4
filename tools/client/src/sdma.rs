//! SDMA packets as dwords, of the kinds that versions 4 to 6 share (`vega10_sdma_pkt_open.h`,
//! `sdma_v6_0_0_pkt_open.h`): the opcode in bits 7..0, the sub-opcode in bits 15..8.

/// `SDMA_OP_NOP`, one dword.
pub const NOP: u32 = 0;

/// `SDMA_PKT_COPY_LINEAR`: 22 bits of `count` on version 4, bytes less one.
const COPY_MAX: u64 = 1 << 22;

/// `SDMA_PKT_CONSTANT_FILL`: dwords by bits 31..30 = 2.
const FILL_DWORDS: u32 = 2 << 30;

/// `SDMA_PKT_POLL_REGMEM` header: `mem_poll`.
const POLL_MEMORY: u32 = 1 << 31;

/// How a poll compares (bits 30..28 of its header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Polls until the word is equal to the reference.
    Equal = 3,
    /// Polls until the word differs from the reference.
    NotEqual = 4,
    /// Until it is at least as large.
    AtLeast = 5,
}

const fn low(value: u64) -> u32 {
    value as u32
}

const fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

/// Copies `bytes` from `src` to `dst`, in as many packets as that takes.
#[must_use]
pub fn copy(dst: u64, src: u64, bytes: u64) -> Vec<u32> {
    let mut packets = Vec::new();
    let mut done = 0;
    while done < bytes {
        let piece = (bytes - done).min(COPY_MAX);
        let (from, to) = (src + done, dst + done);
        packets.extend([1, low(piece - 1), 0, low(from), high(from), low(to), high(to)]);
        done += piece;
    }
    packets
}

/// Fills `dwords` dwords at `dst` with `value`; at most 2^20 of them.
#[must_use]
pub fn fill(dst: u64, value: u32, dwords: u32) -> Vec<u32> {
    vec![11 | FILL_DWORDS, low(dst), high(dst), value, dwords * 4 - 1]
}

/// Adds a packet that stores dwords.
#[must_use]
pub fn write(dst: u64, words: &[u32]) -> Vec<u32> {
    let count = u32::try_from(words.len()).expect("a packet is small");
    [&[2, low(dst), high(dst), count.wrapping_sub(1)], words].concat()
}

/// Stores one dword after everything before it.
#[must_use]
pub fn fence(dst: u64, value: u32) -> Vec<u32> {
    vec![5, low(dst), high(dst), value]
}

/// Waits until the dword at `va` compares with `value`; the queue costs nothing meanwhile.
#[must_use]
pub fn poll(va: u64, compare: Compare, value: u32) -> Vec<u32> {
    // Every 160 clocks, until it comes: what ROCR passes.
    vec![8 | POLL_MEMORY | (compare as u32) << 28, low(va), high(va), value, u32::MAX, 0xfff << 16 | 10]
}

/// Raises the event with this id.
#[must_use]
pub fn trap(event: u32) -> Vec<u32> {
    vec![6, event]
}

/// Stores the device's clock, 64 bits.
#[must_use]
pub fn timestamp(dst: u64) -> Vec<u32> {
    vec![13 | 2 << 8, low(dst), high(dst)]
}
