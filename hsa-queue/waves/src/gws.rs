//! Global wave sync (GWS): barriers at which waves of any groups of a process meet on a device.
//!
//! A resource counts who is still to come before the last one. Who finds nobody to come is the last: all who wait go on, and its
//! operand is the next round's count. The count outlives its dispatch, as HIP wants it to: a kernel of the runtime's own
//! (DS_GWS_INIT) goes before each cooperative one. Not for: semaphores (DS_GWS_SEMA_*), which no library of a compiler uses.

use crate::sync::Mutex;

/// Resources that an instruction can name.
const RESOURCES: usize = 64;

#[derive(Debug, Default)]
struct Resource {
    to_come: u32,
    /// How often all have met.
    round: u64,
}

/// The resources of one process on one device. See the module's head.
#[derive(Debug)]
pub struct WaveSync {
    resources: [Mutex<Resource>; RESOURCES],
}

impl Default for WaveSync {
    fn default() -> Self {
        Self { resources: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl WaveSync {
    pub(crate) fn init(&self, resource: usize, to_come: u32) {
        self.resources[resource % RESOURCES].lock().to_come = to_come;
    }

    /// A wave arrives; the round at whose end it goes on, or none if that is now.
    pub(crate) fn arrive(&self, resource: usize, next: u32) -> Option<u64> {
        let mut resource = self.resources[resource % RESOURCES].lock();
        if let Some(fewer) = resource.to_come.checked_sub(1) {
            resource.to_come = fewer;
            return Some(resource.round);
        }
        resource.to_come = next;
        resource.round += 1;
        None
    }

    pub(crate) fn is_over(&self, resource: usize, round: u64) -> bool {
        self.resources[resource % RESOURCES].lock().round != round
    }
}
