//! Which kernels the daemon has been told of by name.

use super::shm::Epochs;
use kfd_core::sync::Mutex;
use std::collections::HashMap;

/// The most that are remembered.
const MOST: usize = 4096;

/// Those of all dispatches, with the epoch in which each was told: what is unmapped later may be another kernel.
#[derive(Debug, Default)]
pub(super) struct Kernels(Mutex<HashMap<(usize, u64), u64>>);

impl Kernels {
    /// Whether the kernel at an address of a device is to be told, as it is from now on.
    pub(super) fn is_new(&self, device: usize, kernel: u64, epochs: &Epochs) -> bool {
        let epoch = epochs.of(device);
        let mut told = self.0.lock();
        if told.len() >= MOST {
            told.clear();
        }
        told.insert((device, kernel), epoch) != Some(epoch)
    }
}
