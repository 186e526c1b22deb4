//! RAS: a device finds an error in its memory and tells of it. Here errors come on order, as the `ras_ctrl` file of a real
//! device takes them (`amdgpu_ras_debugfs_ctrl_write`, amdgpu/amdgpu_ras.c):
//!
//! ```text
//! inject <block> ue|ce <address> <value>               before Linux 5.4
//! inject <block> ue|ce <sub-block> <address> <value> [<instances>]
//! ```
//! Numbers are decimal or, with 0x, hexadecimal. A correctable error changes nothing. An uncorrectable one resets the
//! device, as it makes amdgpu do: its queues stop for good, since what they had on it is lost, and each process's memory
//! and hardware exception events say why (`kfd_signal_reset_event`, amdkfd/kfd_events.c). A queue that is made later finds
//! the device in order.
//!
//! Not for: who may order an error, which is the door's to know.

use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::core::Core;
use crate::device::Device;
use crate::device::profile::RasBlock;
use crate::event::smi::{NOBODY, SmiKind};
use crate::ids::RenderMinor;
use crate::notice::Post;
use crate::process::Process;
use crate::sync::Ordering;

/// What counts of a command (`amdgpu_ras_debugfs_ctrl_parse_data`).
const COMMAND_BYTES: usize = 64;

/// An order for one error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Injection {
    block: RasBlock,
    correctable: bool,
    address: u64,
}

impl Injection {
    /// `None` when it is no order that a device knows.
    fn parse(command: &[u8]) -> Option<Self> {
        let command = std::str::from_utf8(&command[..command.len().min(COMMAND_BYTES)]).ok()?;
        let mut words = command.trim_end_matches('\0').split_ascii_whitespace();
        let ("inject", block, error) = (words.next()?, words.next()?, words.next()?) else { return None };
        let correctable = match error.get(..2)? {
            "ue" => false,
            "ce" => true,
            _ => return None,
        };
        let number = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        };
        let numbers: Vec<u64> = words.map(number).collect::<Option<_>>()?;
        let ([address, _] | [_, address, _] | [_, address, _, _]) = numbers[..] else { return None };
        Some(Self { block: RasBlock::named(block)?, correctable, address })
    }
}

impl Core {
    /// A command for the `ras_ctrl` file of the device with that render node.
    ///
    /// # Errors
    /// ENODEV: no such device. EINVAL: not a command, a block that has no RAS there, an address beyond the device's memory.
    pub fn ras_control(&self, minor: RenderMinor, command: &[u8]) -> Result<(), Errno> {
        let device = self.devices.iter().find(|device| device.minor() == minor).ok_or(Errno::NODEV)?;
        let order = Injection::parse(command).ok_or(Errno::INVAL)?;
        let in_memory = order.block != RasBlock::Umc || order.address < device.vram();
        if !device.profile.ras.contains(&order.block) || !in_memory {
            return Err(Errno::INVAL);
        }
        tracing::info!(gpu = device.gpu().0, ?order, "an error is injected");
        if !order.correctable {
            let mut post = Post::default();
            self.reset(device, &mut post);
            self.post(post);
        }
        Ok(())
    }

    fn reset(&self, device: &Device, post: &mut Post) {
        let count = device.resets.fetch_add(1, Ordering::Relaxed) + 1;
        self.smi(device.gpu(), NOBODY, SmiKind::PreReset(count), post);
        for process in self.live().into_iter().filter_map(|process| self.process(process)) {
            self.lose_queues(device, &process, post);
            self.tell_of_reset(device, &process, post);
        }
        self.smi(device.gpu(), NOBODY, SmiKind::PostReset(count), post);
    }

    /// Sets the events by which a process learns that a memory error has cost it the device.
    fn tell_of_reset(&self, device: &Device, process: &Process, post: &mut Post) {
        let hw = abi::HwExceptionData {
            reset_type: abi::HW_EXCEPTION_WHOLE_GPU_RESET,
            reset_cause: abi::HW_EXCEPTION_ECC,
            memory_lost: 1,
            gpu_id: device.gpu().0,
        };
        let memory = abi::MemoryExceptionData {
            failure: abi::MemoryExceptionFailure { imprecise: 1, ..Default::default() },
            va: 0,
            gpu_id: device.gpu().0,
            error_type: abi::MEM_ERR_SRAM_ECC,
        };
        let mut table = process.events.lock();
        let mut woken = table.set_all(abi::EVENT_HW_EXCEPTION, |event| event.hw = hw);
        woken.extend(table.set_all(abi::EVENT_MEMORY, |event| event.memory = memory));
        process.settle(&mut table, woken, &self.deadlines, post);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_order_are_understood_and_nothing_else_is() {
        let umc = |correctable, address| Some(Injection { block: RasBlock::Umc, correctable, address });
        for (command, expected) in [
            ("inject umc ue 0 0", umc(false, 0)),
            ("inject umc ce 4096 1\n", umc(true, 4096)),
            ("inject umc ue 0x0 0x1000 0x0", umc(false, 0x1000)),
            ("inject umc ue 1 8192 0 0", umc(false, 8192)),
            ("inject umc ue 0", None),
            ("inject umc poison 0 0 0", None),
            ("inject umc ue zero 0", None),
            ("inject nothing ue 0 0", None),
            ("inject umc", None),
            ("disable umc", None),
            ("", None),
        ] {
            assert_eq!(Injection::parse(command.as_bytes()), expected, "{command:?}");
        }
        assert_eq!(Injection::parse(&[0xff; 80]), None);
    }
}
