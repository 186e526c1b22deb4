//! How a row is written down: constructors that take everything they can from the struct itself.

use crate::abi::chain::Chain;
use crate::abi::ioc;
use crate::abi::layout::Layout;
use crate::abi::spec::{
    Count, Descriptor, DescriptorKind, Flagged, Flow, Ioctl, Memory, Pointer, Returned, Variants,
};

/// The direction of a row, as the header's macros name it.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Read,
    Write,
    Both,
}

pub(super) const fn row(
    magic: u8,
    number: u8,
    way: Way,
    name: &'static str,
    layout: Layout,
    pointers: &'static [Pointer],
    doc: &'static str,
) -> Ioctl {
    let cmd = match way {
        Way::Read => ioc::ior(magic, number, layout.size),
        Way::Write => ioc::iow(magic, number, layout.size),
        Way::Both => ioc::iowr(magic, number, layout.size),
    };
    Ioctl { cmd, name, layout: Some(layout), pointers, doc, ..Ioctl::PLAIN }
}

impl Ioctl {
    /// Says that the field at `offset` of the struct is a dma-buf of the caller's.
    pub(super) const fn takes_dmabuf(mut self, layout: Layout, offset: usize) -> Self {
        assert!(layout.width_at(offset) == 4, "a descriptor is 32 bits");
        let name = layout.name_at(offset);
        self.descriptor = Some(Descriptor { name, offset, kind: DescriptorKind::DmaBuf });
        self
    }

    /// Says that the number of a new descriptor goes to `offset` of the struct; `flags` is the offset of its flags.
    pub(super) const fn answers_descriptor(
        mut self,
        layout: Layout,
        offset: usize,
        flags: Option<usize>,
    ) -> Self {
        assert!(layout.width_at(offset) == 4, "a descriptor is 32 bits");
        self.returned = Some(Returned { name: layout.name_at(offset), offset, flags });
        self
    }

    pub(super) const fn since(mut self, minor: u32) -> Self {
        self.since = minor;
        self
    }

    pub(super) const fn always(mut self, errno: i32) -> Self {
        self.refused = Some(errno);
        self
    }

    /// Says that only a primary node has the call.
    pub(super) const fn primary(mut self) -> Self {
        self.primary = true;
        self
    }

    pub(super) const fn about(mut self, start: usize, bytes: usize) -> Self {
        self.memory = Some(Memory { start, bytes, flagged: None });
        self
    }

    /// Says that calls with such flags are about the memory that two fields name.
    pub(super) const fn about_if(mut self, start: usize, bytes: usize, flagged: Flagged) -> Self {
        self.memory = Some(Memory { start, bytes, flagged: Some(flagged) });
        self
    }

    pub(super) const fn sweeps(mut self) -> Self {
        self.sweeps = true;
        self
    }

    pub(super) const fn parks(mut self) -> Self {
        self.parks = true;
        self
    }

    pub(super) const fn privileged(mut self) -> Self {
        self.privileged = true;
        self
    }

    /// Says that a process id is at `offset`.
    pub(super) const fn task(mut self, offset: usize) -> Self {
        self.task = Some(offset);
        self
    }

    pub(super) const fn operations(mut self, variants: Variants) -> Self {
        self.variants = Some(variants);
        self
    }

    pub(super) const fn chained(mut self, chain: Chain) -> Self {
        self.chain = Some(chain);
        self
    }

    pub(super) const fn followed_by(mut self, tail: Layout) -> Self {
        self.tail = Some(tail);
        self
    }
}

/// A pointer whose number of elements is the field at `count`.
pub(super) const fn counted(
    layout: Layout,
    offset: usize,
    count: usize,
    element: usize,
    flow: Flow,
    cap: u32,
    over: i32,
) -> Pointer {
    assert!(layout.width_at(offset) == 8, "addresses are 64 bits");
    let count = Count::Field { offset: count, width: layout.width_at(count) };
    Pointer { name: layout.name_at(offset), offset, count, element, flow, cap, over }
}

/// A pointer to words whose number of *bits* is the field at `count`.
pub(super) const fn bits(
    layout: Layout,
    offset: usize,
    count: usize,
    element: usize,
    flow: Flow,
    cap: u32,
    over: i32,
) -> Pointer {
    let Pointer { name, .. } = counted(layout, offset, count, element, flow, cap, over);
    let count = Count::Bits { offset: count, width: layout.width_at(count) };
    Pointer { name, offset, count, element, flow, cap, over }
}
