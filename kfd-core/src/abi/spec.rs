//! What one ioctl is, as data: number, struct, direction, and every pointer inside the struct.
//!
//! The table made of these drives dispatch, the doors' gather and scatter, the trace decoder, the fuzzer and the
//! documentation. Not for: what a call means, which the core's objects say.

/// Which way a pointer's target travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The driver reads it.
    In,
    /// The driver writes it.
    Out,
    /// Both.
    InOut,
}

/// How many elements a pointer points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// As many as an unsigned field of the struct says.
    Field {
        /// Byte offset of the count in the struct.
        offset: usize,
        /// Its width: 4 or 8 bytes.
        width: usize,
    },
    /// Always this many.
    Fixed(u32),
}

/// A pointer inside an ioctl's struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// The field's name in the header.
    pub name: &'static str,
    /// Byte offset of the 64-bit address in the struct.
    pub offset: usize,
    /// How many elements.
    pub count: Count,
    /// Bytes per element.
    pub element: usize,
    /// Direction.
    pub flow: Flow,
    /// The most elements the core takes; more is `over`.
    pub cap: u32,
    /// The errno for more than `cap`, as the kernel answers it.
    pub over: i32,
}

/// One ioctl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ioctl {
    /// The whole command word (`_IOC` direction, size, magic and number).
    pub cmd: u32,
    /// The name in the header without its prefix.
    pub name: &'static str,
    /// The pointers inside its struct.
    pub pointers: &'static [Pointer],
    /// One line of what it does.
    pub doc: &'static str,
}

impl Ioctl {
    /// The `_IOC_NR` part: bits 7..0 (asm-generic/ioctl.h).
    #[must_use]
    pub const fn number(&self) -> u8 {
        (self.cmd & 0xff) as u8
    }

    /// The `_IOC_TYPE` part: bits 15..8.
    #[must_use]
    pub const fn magic(&self) -> u8 {
        ((self.cmd >> 8) & 0xff) as u8
    }

    /// The `_IOC_SIZE` part: bits 29..16, bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        ((self.cmd >> 16) & 0x3fff) as usize
    }
}
