//! Calls about a file's address space: GEM_VA and VM.
//!
//! Checks in the order of `amdgpu_gem_va_ioctl` (amdgpu/amdgpu_gem.c). Partially resident mappings (PRT), which have no
//! buffer, are refused.

use crate::abi::drm as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::render::Mapping;
use std::ops::Range;

const FLAGS: u32 = abi::VM_DELAY_UPDATE
    | abi::VM_PAGE_READABLE
    | abi::VM_PAGE_WRITEABLE
    | abi::VM_PAGE_EXECUTABLE
    | abi::VM_MTYPE_MASK;

/// Whether a range lies where DEV_INFO says addresses are.
fn is_in_reach(device: &Device, range: &Range<u64>) -> bool {
    let display = &device.profile.display;
    let low = display.va_start..display.va_end;
    let high = display.high_va_start..display.high_va_end;
    [low, high].iter().any(|part| part.start <= range.start && range.end <= part.end)
}

impl Ctx<'_> {
    pub(super) fn gem_va(&mut self) -> Handled {
        let args: abi::GemVa = self.read()?;
        let (device, file) = self.render()?;
        let end = args.va_address.checked_add(args.map_size).ok_or(Errno::INVAL)?;
        let range = args.va_address..end;
        if !is_in_reach(device, &range) || args.flags & !FLAGS != 0 {
            return Err(Errno::INVAL);
        }
        if !(abi::VA_OP_MAP..=abi::VA_OP_REPLACE).contains(&args.operation) {
            return Err(Errno::INVAL);
        }
        let mut state = file.state.lock();
        if args.operation == abi::VA_OP_CLEAR {
            state.vm.clear(&range);
            return Ok(Flow::Done);
        }
        let gem = file.gems.get(file.id, args.handle).ok_or(Errno::NOENT)?;
        if args.operation == abi::VA_OP_UNMAP {
            return state.vm.remove(args.va_address, &gem).map(|()| Flow::Done);
        }
        let mapping =
            Mapping { gem, offset: args.offset_in_bo, len: args.map_size, flags: args.flags, devices: 1 };
        if args.operation == abi::VA_OP_REPLACE {
            mapping.check(args.va_address)?;
            state.vm.clear(&range);
        }
        state.vm.add(args.va_address, mapping).map(|()| Flow::Done)
    }

    /// Every file here has an address space of its own, so a number for it is there for the asking.
    pub(super) fn vm(&mut self) -> Handled {
        let args: abi::Vm = self.read()?;
        match args.op {
            abi::VM_OP_RESERVE_VMID | abi::VM_OP_UNRESERVE_VMID => {
                self.answer(&abi::Vm::default());
                Ok(Flow::Done)
            }
            _ => Err(Errno::INVAL),
        }
    }
}
