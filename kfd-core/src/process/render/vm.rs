//! The address space of a file: which of its buffers lies where (`amdgpu_vm.c`).
//!
//! A mapping is a part of a buffer at an address; none overlaps another. [`AddressMap`] is the same for whoever executes.
//!
//! The address space of one file of a process is KFD's too ([`Vm::lend`]): what is mapped in it is mapped for the queues of
//! every device that was bound to it.

use super::gem::Gem;
use crate::abi::drm as abi;
use crate::call::Errno;
use crate::memory::address::{AddressMap, Span, Target};
use crate::memory::arena::PAGE;
use crate::memory::pins::Pins;
use crate::sync::Arc;
use std::collections::BTreeMap;
use std::ops::Range;

/// A part of a buffer mapped at an address.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// The buffer that the part belongs to.
    pub(crate) gem: Arc<Gem>,
    /// The part's first byte in the buffer.
    pub(crate) offset: u64,
    /// The part's length in bytes.
    pub(crate) len: u64,
    /// The access flags, `VM_PAGE_*`.
    pub(crate) flags: u32,
    /// The number of devices that have asked for the mapping.
    pub(crate) devices: usize,
}

impl Mapping {
    /// Checks that the mapping can lie at `start`, whatever else lies there.
    ///
    /// # Errors
    /// EINVAL when it is not whole pages or reaches beyond the buffer.
    pub(crate) fn check(&self, start: u64) -> Result<(), Errno> {
        let pages = [start, self.offset, self.len].iter().all(|bytes| bytes.is_multiple_of(PAGE));
        let inside = self.offset.checked_add(self.len).is_some_and(|end| end <= self.gem.len);
        if pages && inside && self.len != 0 { Ok(()) } else { Err(Errno::INVAL) }
    }

    fn is_same(&self, other: &Self) -> bool {
        let part = |mapping: &Self| (mapping.offset, mapping.len, mapping.flags);
        Arc::ptr_eq(&self.gem, &other.gem) && part(self) == part(other)
    }

    fn span(&self, start: u64) -> Span {
        let target = Target::Arena(Arc::clone(self.gem.arena()), self.gem.offset() + self.offset);
        let has = |flag| self.flags & flag != 0;
        Span {
            start,
            len: self.len,
            target,
            writable: has(abi::VM_PAGE_WRITEABLE),
            executable: has(abi::VM_PAGE_EXECUTABLE),
        }
    }

    /// The part of the mapping that lies in `range` when the mapping starts at `start`, and where it starts.
    fn cut(&self, start: u64, range: Range<u64>) -> Option<(u64, Self)> {
        let (from, to) = (start.max(range.start), (start + self.len).min(range.end));
        let len = to.checked_sub(from).filter(|len| *len > 0)?;
        Some((from, Self { offset: self.offset + (from - start), len, ..self.clone() }))
    }
}

/// The address space of a render file.
#[derive(Debug, Default)]
pub(crate) struct Vm {
    mappings: BTreeMap<u64, Mapping>,
    map: Arc<AddressMap>,
    /// The address maps of the KFD devices that this address space was lent to.
    lent: Vec<Arc<AddressMap>>,
}

impl Vm {
    /// The address map that submissions run over.
    pub(crate) fn map(&self) -> &Arc<AddressMap> {
        &self.map
    }

    /// Whether nothing is mapped.
    pub(crate) fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Lends the address space to a KFD device: what is mapped in it is mapped in `map` too, now and later.
    ///
    /// # Errors
    /// EINVAL when something else is mapped in `map` where the file has a mapping.
    pub(crate) fn lend(&mut self, map: &Arc<AddressMap>) -> Result<(), Errno> {
        let spans: Vec<Span> = self.mappings.iter().map(|(start, mapping)| mapping.span(*start)).collect();
        if !map.map(&spans, &Pins::default()) {
            return Err(Errno::INVAL);
        }
        self.lent.push(Arc::clone(map));
        Ok(())
    }

    /// Adds a mapping. An equal mapping may be asked for once by each device it is lent to: libdrm takes the render
    /// nodes of all devices for one (`process::pdd`) and maps for each through that node's file.
    ///
    /// # Errors
    /// EINVAL as `amdgpu_vm_bo_map`: not whole pages, beyond the buffer, or over another mapping.
    pub(crate) fn add(&mut self, start: u64, mapping: Mapping) -> Result<(), Errno> {
        mapping.check(start)?;
        if let Some(there) = self.mappings.get_mut(&start).filter(|there| there.is_same(&mapping))
            && there.devices < self.lent.len()
        {
            there.devices += 1;
            return Ok(());
        }
        self.show(start, &mapping)?;
        self.mappings.insert(start, mapping);
        Ok(())
    }

    /// Removes the mapping of that buffer that begins at `start`, unless another device has asked for it too.
    ///
    /// # Errors
    /// ENOENT when there is no such mapping.
    pub(crate) fn remove(&mut self, start: u64, gem: &Arc<Gem>) -> Result<(), Errno> {
        let there = self.mappings.get_mut(&start).filter(|mapping| Arc::ptr_eq(&mapping.gem, gem));
        let there = there.ok_or(Errno::NOENT)?;
        there.devices -= 1;
        if there.devices == 0 {
            self.mappings.remove(&start);
            self.hide(&[start]);
        }
        Ok(())
    }

    /// Unmaps the parts of every mapping that lie in `range`.
    pub(crate) fn clear(&mut self, range: &Range<u64>) {
        let before = self.mappings.range(..range.end).rev();
        let touched: Vec<u64> = before
            .take_while(|(start, mapping)| *start + mapping.len > range.start)
            .map(|(start, _)| *start)
            .collect();
        self.hide(&touched);
        for start in touched {
            let Some(mapping) = self.mappings.remove(&start) else { continue };
            let rest = [0..range.start, range.end..u64::MAX];
            for (start, left) in rest.into_iter().filter_map(|outside| mapping.cut(start, outside)) {
                // At the address where it was until now.
                if self.show(start, &left).is_ok() {
                    self.mappings.insert(start, left);
                }
            }
        }
    }

    /// Removes every mapping of a buffer.
    pub(super) fn unmap_buffer(&mut self, gem: &Arc<Gem>) {
        let of = |(start, mapping): (&u64, &Mapping)| Arc::ptr_eq(&mapping.gem, gem).then_some(*start);
        let starts: Vec<u64> = self.mappings.iter().filter_map(of).collect();
        self.hide(&starts);
        for start in starts {
            self.mappings.remove(&start);
        }
    }

    /// Maps a mapping in every address map, or in none.
    fn show(&self, start: u64, mapping: &Mapping) -> Result<(), Errno> {
        let span = [mapping.span(start)];
        let maps: Vec<&AddressMap> = self.maps().collect();
        let Some(refused) = maps.iter().position(|map| !map.map(&span, &Pins::default())) else {
            return Ok(());
        };
        maps[..refused].iter().for_each(|map| map.unmap([start]));
        Err(Errno::INVAL)
    }

    fn hide(&self, starts: &[u64]) {
        self.maps().for_each(|map| map.unmap(starts.iter().copied()));
    }

    fn maps(&self) -> impl Iterator<Item = &AddressMap> {
        std::iter::once(&*self.map).chain(self.lent.iter().map(|map| &**map))
    }
}
