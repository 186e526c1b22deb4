//! PM4 packets as dwords, of the kinds that gfx9 to gfx11 share (`soc15d.h`, `nvd.h`, amdgpu): type 3, the opcode in bits
//! 15..8, dwords after the header less one in bits 29..16.

/// `PACKET3_NOP` of one dword: a count of 0x3fff has no body.
pub const NOP: u32 = 3 << 30 | 0x3fff << 16 | 0x10 << 8;

/// `PACKET3_WRITE_DATA`: destination memory (bits 11..8 = 5), confirmed (bit 20).
const TO_MEMORY: u32 = 5 << 8 | 1 << 20;

const fn header(opcode: u32, body: u32) -> u32 {
    3 << 30 | (body - 1) << 16 | opcode << 8
}

const fn low(value: u64) -> u32 {
    value as u32
}

const fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

/// Adds a packet that stores dwords.
#[must_use]
pub fn write_data(dst: u64, words: &[u32]) -> Vec<u32> {
    let body = 3 + u32::try_from(words.len()).expect("a packet is small");
    [&[header(0x37, body), TO_MEMORY, low(dst), high(dst)], words].concat()
}

/// Goes on in an indirect buffer of `dwords` dwords and comes back.
#[must_use]
pub fn indirect(base: u64, dwords: u32) -> Vec<u32> {
    // Bit 23: valid (`INDIRECT_BUFFER_VALID`, amdkfd/kfd_pm4_headers_ai.h and cik's).
    vec![header(0x3f, 3), low(base), high(base), dwords | 1 << 23]
}

/// Waits until the dword at `va` under `mask` equals `value`.
#[must_use]
pub fn wait_equal(va: u64, mask: u32, value: u32) -> Vec<u32> {
    // Function 3 is `==`, bit 4 is memory space; polled every 4 x 16 clocks.
    vec![header(0x3c, 6), 3 | 1 << 4, low(va), high(va), value, mask, 4]
}

/// After everything before it, stores `value` (64 bits) at `dst`, which is aligned to eight, and raises `event` (0: none).
#[must_use]
pub fn release(dst: u64, value: u64, event: u32) -> Vec<u32> {
    // CACHE_FLUSH_AND_INV_TS (0x14), event index 5; data 64 bits (2 in bits 31..29), interrupt when confirmed (2 in 26..24).
    let data = 2 << 29 | if event == 0 { 0 } else { 2 << 24 };
    vec![header(0x49, 7), 0x14 | 5 << 8, data, low(dst), high(dst), low(value), high(value), event]
}
