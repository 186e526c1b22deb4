//! What one ioctl is, as data: number, struct, direction, and every pointer inside the struct.
//!
//! The table made of these drives dispatch, the doors' gather and scatter, the trace decoder, the fuzzer and the
//! documentation. Not for: what a call means, which the core's objects say.

use super::ioc;
use super::layout::Layout;
use crate::call::{ARG_MAX, Arg};
use crate::ids::UserVa;

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

impl Flow {
    /// Whether a door gathers the target before the call.
    #[must_use]
    pub const fn is_gathered(self) -> bool {
        matches!(self, Self::In | Self::InOut)
    }
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
    /// As many elements as hold the bits that an unsigned field of the struct counts, the last one whole.
    Bits {
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
    /// The errno for more than `cap`, as the kernel answers it; [`Pointer::CLAMP`] where the kernel takes `cap`
    /// elements and goes on.
    pub over: i32,
}

/// What a pointer of one particular call covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The address the client wrote.
    pub va: UserVa,
    /// Elements, at most the pointer's cap.
    pub elements: u32,
    /// Bytes: elements times the element's size.
    pub bytes: usize,
}

impl Pointer {
    /// `over` of a pointer whose count is cut to the cap without an error.
    pub const CLAMP: i32 = 0;

    /// What this pointer covers in a call whose struct is `arg`; bytes beyond the end of `arg` count as zero, as the
    /// kernel's copy has them.
    ///
    /// # Errors
    /// `over`, when the count is above the cap and the kernel does not cut it.
    pub fn extent(&self, arg: &[u8]) -> Result<Extent, i32> {
        let wanted = match self.count {
            Count::Field { offset, width } => unsigned(arg, offset, width),
            Count::Bits { offset, width } => unsigned(arg, offset, width).div_ceil(8 * self.element as u64),
            Count::Fixed(n) => u64::from(n),
        };
        let elements = match u32::try_from(wanted) {
            Ok(n) if n <= self.cap => n,
            _ if self.over == Self::CLAMP => self.cap,
            _ => return Err(self.over),
        };
        let va = UserVa(unsigned(arg, self.offset, 8));
        Ok(Extent { va, elements, bytes: elements as usize * self.element })
    }
}

fn unsigned(arg: &[u8], offset: usize, width: usize) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(arg.iter().skip(offset).take(width)) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// One ioctl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ioctl {
    /// The whole command word (`_IOC` direction, size, magic and number).
    pub cmd: u32,
    /// The name in the header without its prefix.
    pub name: &'static str,
    /// Its struct; `None` when the command has none.
    pub layout: Option<Layout>,
    /// What may follow the struct any number of times, the command's size field growing with it.
    pub tail: Option<Layout>,
    /// The pointers inside its struct.
    pub pointers: &'static [Pointer],
    /// The minor version of the interface that brought it; an older interface answers ENOTTY. 0 for DRM calls.
    pub since: u32,
    /// The errno with which every such call ends, whatever its struct says, because what it asks for is absent here;
    /// a door need not gather for it.
    pub refused: Option<i32>,
    /// One line of what it does.
    pub doc: &'static str,
}

impl Ioctl {
    /// The `_IOC_NR` part: bits 7..0 (asm-generic/ioctl.h).
    #[must_use]
    pub const fn number(&self) -> u8 {
        ioc::number(self.cmd)
    }

    /// The `_IOC_TYPE` part: bits 15..8.
    #[must_use]
    pub const fn magic(&self) -> u8 {
        ioc::magic(self.cmd)
    }

    /// The `_IOC_SIZE` part: bits 29..16, bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        ioc::size(self.cmd)
    }

    /// Whether the driver reads the struct. The table's word decides, not the client's.
    #[must_use]
    pub const fn reads(&self) -> bool {
        self.cmd & ioc::IOC_IN != 0
    }

    /// Whether the driver writes the struct.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.cmd & ioc::IOC_OUT != 0
    }

    /// The struct as the driver sees it when a client passes `bytes` (`_IOC_SIZE` of its command word): what it
    /// passed where the driver reads it, zeros for all that it did not pass, never shorter than the table's size.
    ///
    /// This is the rule of `kfd_ioctl` and `drm_ioctl`. `None` when `bytes` are more than the core takes
    /// ([`ARG_MAX`]), which a door answers with ENOMEM.
    #[must_use]
    pub fn admit(&self, bytes: &[u8]) -> Option<Arg> {
        let mut whole = Arg::new([0; ARG_MAX].get(..bytes.len().max(self.size()))?)?;
        if self.reads() {
            whole.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        }
        Some(whole)
    }

    /// What the driver copies out of `arg` to a client whose command word says `size` bytes: the first `size`, or
    /// nothing where the driver does not write the struct.
    #[must_use]
    pub fn emit<'a>(&self, arg: &'a Arg, size: usize) -> &'a [u8] {
        if self.writes() { &arg.bytes()[..size.min(arg.bytes().len())] } else { &[] }
    }
}
