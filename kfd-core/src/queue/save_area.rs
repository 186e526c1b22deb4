//! A queue's save area: where the client of a compute queue wants its waves saved.
//!
//! The area has a header, a control stack below `ctl_stack_size` and the waves' state above it, once for each compute
//! die, `ctx_save_restore_size` bytes apart (`get_wave_state`, amdkfd/kfd_mqd_manager_v9.c). No wave runs here, so both
//! are empty and only the header is written, which says so. The rest of the area, the debugger's part included, is the
//! client's.
//!
//! Not for: when it is written (`core::cwsr`).

use crate::abi::kfd::SavedWaves;
use crate::ids::GpuVa;

/// The area of one queue, as CREATE_QUEUE said it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SaveArea {
    /// Where, GPU address; 0 when there is none.
    pub(crate) base: GpuVa,
    /// Bytes of one die's part.
    pub(crate) bytes: u32,
    /// Bytes of its control stack.
    pub(crate) control_stack: u32,
}

impl SaveArea {
    /// The header of a queue without waves.
    pub(crate) fn header(&self) -> SavedWaves {
        SavedWaves {
            control_stack_offset: self.control_stack,
            control_stack_size: 0,
            wave_state_offset: self.control_stack,
            wave_state_size: 0,
        }
    }

    /// Where the headers of `dies` dies lie in an area that begins at `base`.
    pub(crate) fn headers(&self, base: u64, dies: u32) -> impl Iterator<Item = u64> {
        let bytes = u64::from(self.bytes);
        (0..u64::from(dies)).map(move |die| base.wrapping_add(die * bytes))
    }
}
