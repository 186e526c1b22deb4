//! How a command word is put together: asm-generic/ioctl.h of x86-64 and arm64.
//!
//! Not for: which commands exist; `table` says.

/// `_IOC_WRITE` shifted into place (`IOC_IN`): the driver reads the struct.
pub const IOC_IN: u32 = 1 << 30;

/// `_IOC_READ` shifted into place (`IOC_OUT`): the driver writes the struct.
pub const IOC_OUT: u32 = 2 << 30;

/// The largest `_IOC_SIZE`: 14 bits.
pub const SIZE_MAX: usize = 0x3fff;

const fn word(direction: u32, magic: u8, number: u8, size: usize) -> u32 {
    assert!(size <= SIZE_MAX, "the size field has 14 bits");
    direction | ((size as u32) << 16) | ((magic as u32) << 8) | number as u32
}

/// `_IO`: a command without a struct.
#[must_use]
pub const fn io(magic: u8, number: u8) -> u32 {
    word(0, magic, number, 0)
}

/// `_IOR`: a command whose struct the driver writes.
#[must_use]
pub const fn ior(magic: u8, number: u8, size: usize) -> u32 {
    word(IOC_OUT, magic, number, size)
}

/// `_IOW`: a command whose struct the driver reads.
#[must_use]
pub const fn iow(magic: u8, number: u8, size: usize) -> u32 {
    word(IOC_IN, magic, number, size)
}

/// `_IOWR`: a command whose struct the driver reads and writes.
#[must_use]
pub const fn iowr(magic: u8, number: u8, size: usize) -> u32 {
    word(IOC_IN | IOC_OUT, magic, number, size)
}

/// The number within the magic, `_IOC_NR` of a command word.
#[must_use]
pub const fn number(cmd: u32) -> u8 {
    (cmd & 0xff) as u8
}

/// The magic of a command word, `_IOC_TYPE`.
#[must_use]
pub const fn magic(cmd: u32) -> u8 {
    ((cmd >> 8) & 0xff) as u8
}

/// The bytes of the struct that a command word tells, `_IOC_SIZE`.
#[must_use]
pub const fn size(cmd: u32) -> usize {
    ((cmd >> 16) & 0x3fff) as usize
}
