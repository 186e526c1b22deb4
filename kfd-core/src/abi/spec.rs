//! What one ioctl is, as data: number, struct, direction, and every pointer inside the struct.
//!
//! The table made of these drives dispatch, the doors' gather and scatter, the trace decoder, the fuzzer and the
//! documentation. Not for: what a call means, which the core's objects say.

use super::chain::Chain;
use super::ioc;
use super::layout::Layout;
use crate::call::{ARG_MAX, Arg};
use crate::ids::UserVa;

/// The direction in which a pointer's target travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The driver reads the target.
    In,
    /// The driver writes the target.
    Out,
    /// The driver reads the target and writes it.
    InOut,
}

impl Flow {
    /// Whether a door gathers the target before the call.
    #[must_use]
    pub const fn is_gathered(self) -> bool {
        matches!(self, Self::In | Self::InOut)
    }
}

/// The number of elements that a pointer points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// As many elements as an unsigned field of the struct says.
    Field {
        /// The offset of the count in the struct, bytes.
        offset: usize,
        /// The width of the count: 4 or 8 bytes.
        width: usize,
    },
    /// As many elements as hold the bits that an unsigned field of the struct counts, the last one whole.
    Bits {
        /// The offset of the count in the struct, bytes.
        offset: usize,
        /// The width of the count: 4 or 8 bytes.
        width: usize,
    },
    /// As many elements as an unsigned 4-byte field says, and none when the address is 0, whatever that field says.
    Optional {
        /// The offset of the count in the struct, bytes.
        offset: usize,
    },
    /// Always this number of elements.
    Fixed(u32),
    /// As many elements as the product of two unsigned 4-byte fields: records, and bytes from one to the next.
    Product {
        /// The offset of the number of records in the struct, bytes.
        records: usize,
        /// The offset of the bytes per record in the struct, bytes.
        stride: usize,
    },
}

/// A pointer inside an ioctl's struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// The field's name in the header.
    pub name: &'static str,
    /// The offset of the 64-bit address in the struct, bytes.
    pub offset: usize,
    /// The number of elements that the pointer points at.
    pub count: Count,
    /// The bytes of an element.
    pub element: usize,
    /// The direction of the target.
    pub flow: Flow,
    /// The most elements that the core takes; for more the call ends with `over`.
    pub cap: u32,
    /// The errno for more than `cap`, as the kernel answers it; [`Pointer::CLAMP`] where the kernel takes `cap`
    /// elements and goes on.
    pub over: i32,
}

/// The target of a pointer in one particular call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The address that the client wrote.
    pub va: UserVa,
    /// The number of elements, at most the pointer's cap.
    pub elements: u32,
    /// The bytes of the target: elements times the element's size.
    pub bytes: usize,
}

impl Extent {
    /// Nothing at no address.
    pub const NONE: Self = Self { va: UserVa(0), elements: 0, bytes: 0 };
}

impl Pointer {
    /// The value of `over` for a pointer whose count is cut to the cap without an error.
    pub const CLAMP: i32 = 0;

    /// The target of this pointer in a call whose struct is `arg`; bytes beyond the end of `arg` count as zero, as in
    /// the kernel's copy.
    ///
    /// # Errors
    /// `over` when the count is above the cap and the kernel does not cut it.
    pub fn extent(&self, arg: &[u8]) -> Result<Extent, i32> {
        let wanted = match self.count {
            Count::Field { offset, width } => unsigned(arg, offset, width),
            Count::Bits { offset, width } => unsigned(arg, offset, width).div_ceil(8 * self.element as u64),
            Count::Optional { .. } if unsigned(arg, self.offset, 8) == 0 => 0,
            Count::Optional { offset } => unsigned(arg, offset, 4),
            Count::Fixed(n) => u64::from(n),
            Count::Product { records, stride } => unsigned(arg, records, 4) * unsigned(arg, stride, 4),
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

/// The kind of file that a descriptor number has to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorKind {
    /// A pipe into which the driver writes.
    Pipe,
    /// A dma-buf, which is recognised by its inode.
    DmaBuf,
}

/// A field into which a door writes the number of the descriptor that it has put into the caller's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The field's name in the header.
    pub name: &'static str,
    /// The offset of the 32-bit number in the struct, bytes.
    pub offset: usize,
    /// The offset of the 32-bit flags whose `O_CLOEXEC` says whether an exec closes the descriptor, bytes; without
    /// flags it does not.
    pub flags: Option<usize>,
}

/// A descriptor number inside an ioctl's struct, which a door that can looks up in the caller's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The field's name in the header.
    pub name: &'static str,
    /// The offset of the 32-bit number in the struct, bytes.
    pub offset: usize,
    /// The kind of file that it has to lead to.
    pub kind: DescriptorKind,
}

/// A range of the client's address space that a struct names without pointing into it: a door that can surveys whether
/// there is memory, and touches none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The offset of the 64-bit address in the struct, bytes.
    pub start: usize,
    /// The offset of the 64-bit length in the struct, bytes; the length is in bytes too.
    pub bytes: usize,
    /// The flags with which a call names such a range; `None` where every call does.
    pub flagged: Option<Flagged>,
}

/// The 32-bit flags of a struct that say whether its fields name client memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flagged {
    /// The offset of the flags in the struct, bytes.
    pub flags: usize,
    /// The flags that have to be set.
    pub set: u32,
    /// The flags that have to be clear.
    pub clear: u32,
    /// The flags any of which halves the length.
    pub halves: u32,
}

/// One operation of a call: what the value of the operation's field makes of the rest of the struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The value of the operation's field.
    pub op: u32,
    /// The operation's name in the header without the prefix.
    pub name: &'static str,
    /// The pointers of this operation.
    pub pointers: &'static [Pointer],
    /// The descriptor of this operation.
    pub descriptor: Option<Descriptor>,
    /// Whether a task that the caller traces gets a process object if it has none.
    pub adopts: bool,
    /// The struct of the union that this operation uses; `None` where all operations share one struct.
    pub layout: Option<Layout>,
}

/// The operations behind one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variants {
    /// The offset of the 32-bit operation in the struct, bytes.
    pub field: usize,
    /// The offset of the union in the struct, bytes, for operations that have a struct of their own in it.
    pub union_at: usize,
    /// A row for each operation. A value without a row has the pointers of [`Ioctl::pointers`] and the
    /// descriptor of [`Ioctl::descriptor`].
    pub rows: &'static [Variant],
}

/// A row of the table: one ioctl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ioctl {
    /// The whole command word (`_IOC` direction, size, magic and number).
    pub cmd: u32,
    /// The name in the header without its prefix.
    pub name: &'static str,
    /// The call's struct; `None` when the command has none.
    pub layout: Option<Layout>,
    /// The struct that may follow any number of times; the command's size field grows with it.
    pub tail: Option<Layout>,
    /// The pointers inside its struct; an operation with a row of its own has that row's instead.
    pub pointers: &'static [Pointer],
    /// The way in which the targets of those pointers lead further.
    pub chain: Option<Chain>,
    /// The parts that depend on the operation.
    pub variants: Option<Variants>,
    /// The client memory that the call is about.
    pub memory: Option<Memory>,
    /// Whether the call depends on which registered memory is still there: a door that can surveys it first and tells
    /// the core.
    pub sweeps: bool,
    /// The offset of a 32-bit process id in the struct, bytes; the id is as the caller's pid namespace numbers it.
    pub task: Option<usize>,
    /// Whether only callers with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the initial user namespace may call, and
    /// the tracer of the process that opened the file. Others get EACCES.
    pub privileged: bool,
    /// The descriptor number in the struct, whatever the operation.
    pub descriptor: Option<Descriptor>,
    /// The field into which the number of a new descriptor goes, in a call that answers one.
    pub returned: Option<Returned>,
    /// Whether the core may park such a call.
    pub parks: bool,
    /// The minor version of the interface that brought the call; an older interface answers ENOTTY. 0 for DRM calls.
    pub since: u32,
    /// Whether only a primary node of DRM has the call; EACCES on a render node.
    pub primary: bool,
    /// The errno with which every such call ends, whatever its struct says, because what it asks for does not exist
    /// here; a door need not gather for it.
    pub refused: Option<i32>,
    /// One line that says what the call does.
    pub doc: &'static str,
}

impl Ioctl {
    /// A row without any property, for the fields that a literal leaves out.
    pub const PLAIN: Self = Self {
        cmd: 0,
        name: "",
        layout: None,
        tail: None,
        pointers: &[],
        chain: None,
        variants: None,
        memory: None,
        sweeps: false,
        task: None,
        privileged: false,
        descriptor: None,
        returned: None,
        parks: false,
        since: 0,
        primary: false,
        refused: None,
        doc: "",
    };

    /// The operation that a call whose struct is `arg` asks for.
    #[must_use]
    pub fn variant(&self, arg: &[u8]) -> Option<&'static Variant> {
        let variants = self.variants?;
        let op = unsigned(arg, variants.field, 4);
        variants.rows.iter().find(|variant| u64::from(variant.op) == op)
    }

    /// The pointers of a call whose struct is `arg`.
    #[must_use]
    pub fn pointers_of(&self, arg: &[u8]) -> &'static [Pointer] {
        self.variant(arg).map_or(self.pointers, |variant| variant.pointers)
    }

    /// The descriptor number of a call whose struct is `arg`, with what it must be.
    #[must_use]
    pub fn descriptor_of(&self, arg: &[u8]) -> Option<(DescriptorKind, u32)> {
        let of_operation = self.variant(arg).and_then(|variant| variant.descriptor);
        let Descriptor { offset, kind, .. } = of_operation.or(self.descriptor)?;
        Some((kind, unsigned(arg, offset, 4) as u32))
    }

    /// The memory that a call whose struct is `arg` is about: address and bytes, as the caller wrote them.
    #[must_use]
    pub fn memory_of(&self, arg: &[u8]) -> Option<(UserVa, u64)> {
        let Memory { start, bytes, flagged } = self.memory?;
        let (va, bytes) = (UserVa(unsigned(arg, start, 8)), unsigned(arg, bytes, 8));
        let Some(Flagged { flags, set, clear, halves }) = flagged else { return Some((va, bytes)) };
        let flags = unsigned(arg, flags, 4) as u32;
        let named = flags & set == set && flags & clear == 0;
        named.then_some((va, if flags & halves == 0 { bytes } else { bytes / 2 }))
    }

    /// Whether a call takes or answers a descriptor of memory or of a stream, which a door without access to its
    /// callers' descriptor tables cannot carry.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.returned.is_some()
            || matches!(self.descriptor, Some(Descriptor { kind: DescriptorKind::DmaBuf, .. }))
    }

    /// The process id in a struct `arg`, as the caller wrote it.
    #[must_use]
    pub fn task_of(&self, arg: &[u8]) -> Option<u32> {
        self.task.map(|offset| unsigned(arg, offset, 4) as u32)
    }

    /// The number within the magic, `_IOC_NR`: bits 7..0 of the command word (asm-generic/ioctl.h).
    #[must_use]
    pub const fn number(&self) -> u8 {
        ioc::number(self.cmd)
    }

    /// The magic, `_IOC_TYPE`: bits 15..8 of the command word.
    #[must_use]
    pub const fn magic(&self) -> u8 {
        ioc::magic(self.cmd)
    }

    /// The bytes of the struct, `_IOC_SIZE`: bits 29..16 of the command word.
    #[must_use]
    pub const fn size(&self) -> usize {
        ioc::size(self.cmd)
    }

    /// Whether the driver reads the struct. The table's command word decides, not the client's.
    #[must_use]
    pub const fn reads(&self) -> bool {
        self.cmd & ioc::IOC_IN != 0
    }

    /// Whether the driver writes the struct. The table's command word decides, not the client's.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.cmd & ioc::IOC_OUT != 0
    }

    /// The struct as the driver sees it when a client passes `bytes` (`_IOC_SIZE` of its command word): the client's
    /// bytes where the driver reads the struct, zeros for all that the client did not pass, never shorter than the
    /// table's size.
    ///
    /// This is the rule of `kfd_ioctl` and `drm_ioctl`. `None` when `bytes` are more than the core takes ([`ARG_MAX`]),
    /// which a door answers with EINVAL.
    #[must_use]
    pub fn admit(&self, bytes: &[u8]) -> Option<Arg> {
        let mut whole = Arg::new([0; ARG_MAX].get(..bytes.len().max(self.size()))?)?;
        if self.reads() {
            whole.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        }
        Some(whole)
    }

    /// The part of `arg` that the driver copies out to a client whose command word says `size` bytes: the first `size`
    /// bytes, or none where the driver does not write the struct.
    #[must_use]
    pub fn emit<'a>(&self, arg: &'a Arg, size: usize) -> &'a [u8] {
        if self.writes() { &arg.bytes()[..size.min(arg.bytes().len())] } else { &[] }
    }
}
