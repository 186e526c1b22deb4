//! How large the buffers of a compute queue are, by what the topology tells of its device.
//!
//! The driver holds CREATE_QUEUE to these sizes and clients allocate by them: both compute them from the same properties
//! of the node, `kfd_queue_ctx_save_restore_size` (amdkfd/kfd_queue.c) here and `update_ctx_save_restore_size`
//! (libhsakmt `queues.c`) in the runtime. Sizes are of one compute die where nothing else is said.

/// `VGPR_SIZE_PER_CU`, `SGPR_SIZE_PER_CU`, `LDS_SIZE_PER_CU`, `HWREG_SIZE_PER_CU` (amdkfd/kfd_queue.c).
const VECTOR_REGISTERS: u32 = 0x4_0000;
const VECTOR_REGISTERS_CDNA: u32 = 0x8_0000;
const VECTOR_REGISTERS_LARGE: u32 = 0x6_0000;
const SCALAR_REGISTERS: u32 = 0x4000;
const LOCAL_DATA: u32 = 0x1_0000;
const HARDWARE_REGISTERS: u32 = 0x1000;

/// `DEBUGGER_BYTES_PER_WAVE` and `DEBUGGER_BYTES_ALIGN`.
const DEBUGGER_BYTES_PER_WAVE: u32 = 32;
const DEBUGGER_BYTES_ALIGN: u32 = 64;

/// `SIZEOF_HSA_USER_CONTEXT_SAVE_AREA_HEADER`.
const HEADER: u32 = 40;

/// The control stack of gfx10 is no larger, by its hardware.
const CONTROL_STACK_GFX10: u32 = 0x7000;

const PAGE: u32 = 4096;

/// The first devices whose waves are saved (Carrizo), and whose waves are counted by compute unit (Navi 10).
const CARRIZO: u32 = 80_001;
const NAVI10: u32 = 100_100;
/// The one device with a large end-of-pipe buffer.
const TONGA: u32 = 80_002;

/// The properties of a node on which the sizes depend, as its `properties` file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// `gfx_target_version`.
    pub gfx_target_version: u32,
    /// `simd_count`.
    pub simds: u32,
    /// `simd_per_cu`.
    pub simds_per_cu: u32,
    /// `array_count`.
    pub arrays: u32,
    /// `simd_arrays_per_engine`.
    pub arrays_per_engine: u32,
    /// `num_xcc`; drivers that do not tell have one die.
    pub dies: u32,
    /// `lds_size_in_kb`.
    pub lds_kib: u32,
}

/// Sizes of a compute queue's buffers, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBuffers {
    /// `ctl_stack_size` of CREATE_QUEUE, which must be this.
    pub control_stack: u32,
    /// `ctx_save_restore_size`, which must be this at least.
    pub save_area: u32,
    /// What follows each die's save area for a debugger.
    pub debugger: u32,
    /// `eop_buffer_size`, where the queue has such a buffer.
    pub end_of_pipe: u32,
    /// Compute dies.
    pub dies: u32,
}

impl Shape {
    /// The sizes. Devices from before Carrizo save nothing.
    #[must_use]
    pub fn queue_buffers(&self) -> QueueBuffers {
        let gfx = self.gfx_target_version;
        let dies = self.dies.max(1);
        let end_of_pipe = match gfx {
            TONGA => 0x8000,
            80_000.. => PAGE,
            _ => 0,
        };
        if gfx < CARRIZO {
            return QueueBuffers { control_stack: 0, save_area: 0, debugger: 0, end_of_pipe, dies };
        }
        let cus = self.simds / self.simds_per_cu.max(1) / dies;
        let waves = if gfx < NAVI10 {
            (cus * 40).min(self.arrays / self.arrays_per_engine.max(1) * 512)
        } else {
            cus * 32
        };
        let registers = match gfx {
            90_008 | 90_010 | 90_402 | 90_500 => VECTOR_REGISTERS_CDNA,
            110_000 | 110_001 | 120_000 | 120_001 => VECTOR_REGISTERS_LARGE,
            _ => VECTOR_REGISTERS,
        };
        let local = if gfx == 90_500 { self.lds_kib << 10 } else { LOCAL_DATA };
        let groups = cus * (registers + SCALAR_REGISTERS + local + HARDWARE_REGISTERS);
        let stack_per_wave = if gfx >= NAVI10 { 12 } else { 8 };
        let stack = (HEADER + waves * stack_per_wave + 8).next_multiple_of(PAGE);
        let control_stack = if gfx / 10_000 == 10 { stack.min(CONTROL_STACK_GFX10) } else { stack };
        QueueBuffers {
            control_stack,
            save_area: control_stack + groups.next_multiple_of(PAGE),
            debugger: (waves * DEBUGGER_BYTES_PER_WAVE).next_multiple_of(DEBUGGER_BYTES_ALIGN),
            end_of_pipe,
            dies,
        }
    }
}

impl QueueBuffers {
    /// Bytes of the buffer for all dies, when each die's save area has `save_area` bytes.
    #[must_use]
    pub fn whole_save_area(&self, save_area: u32) -> u64 {
        // In 32 bits, as the driver and the runtime compute it.
        let each = save_area.wrapping_add(self.debugger);
        u64::from(each.wrapping_mul(self.dies)).next_multiple_of(PAGE.into())
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    /// gfx900's save area is what libhsakmt 5.2.3 was seen to allocate; the others are the kernel's formula by hand.
    // Keeps: queue-buffers-exact
    #[test]
    fn sizes_are_those_that_the_runtime_allocates() {
        let vega10 = Shape {
            gfx_target_version: 90_000,
            simds: 256,
            simds_per_cu: 4,
            arrays: 4,
            arrays_per_engine: 1,
            dies: 1,
            lds_kib: 64,
        };
        let sizes = vega10.queue_buffers();
        assert_eq!((sizes.control_stack, sizes.end_of_pipe), (0x5000, 4096));
        assert_eq!((sizes.save_area, sizes.debugger), (0x154_5000, 0x1_0000));
        assert_eq!(sizes.whole_save_area(sizes.save_area), 0x155_5000);

        let mi300x = Shape { gfx_target_version: 90_402, simds: 1216, arrays: 32, dies: 8, ..vega10 };
        let sizes = mi300x.queue_buffers();
        assert_eq!((sizes.control_stack, sizes.save_area), (0x3000, 0x3000 + 38 * 0x9_5000));
        assert_eq!(sizes.debugger, 1520 * 32);
        let whole = sizes.whole_save_area(sizes.save_area);
        assert_eq!(whole, (8 * (0x3000 + 38 * 0x9_5000 + 1520 * 32u64)).next_multiple_of(4096));

        let navi31 = Shape {
            gfx_target_version: 110_000,
            simds: 192,
            simds_per_cu: 2,
            arrays: 12,
            arrays_per_engine: 2,
            ..vega10
        };
        let sizes = navi31.queue_buffers();
        assert_eq!((sizes.control_stack, sizes.save_area), (0xa000, 0xa000 + 96 * 0x7_5000));
        assert_eq!(sizes.debugger, 3072 * 32);

        // Navi 21 (80 CUs) has the control stack that its hardware can have; Tonga another end-of-pipe buffer.
        let navi21 = Shape { gfx_target_version: 100_300, simds: 160, ..navi31 };
        assert_eq!(navi21.queue_buffers().control_stack, 0x7000);
        let sizes = Shape { gfx_target_version: 80_002, ..vega10 }.queue_buffers();
        assert_eq!(sizes.end_of_pipe, 0x8000);
        let sizes = Shape { gfx_target_version: 70_000, ..vega10 }.queue_buffers();
        assert_eq!((sizes.save_area, sizes.end_of_pipe), (0, 0));
    }
}
