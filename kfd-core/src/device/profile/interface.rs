//! The interface that a machine's kernel has, and what kernels with an older one do not show.
//!
//! A profile says what its devices have; here is what of that came with which interface (`KFD_IOCTL_MINOR_VERSION`,
//! linux/kfd_ioctl.h). Calls that came later are the table's to say, checks of calls `ioctl`'s.

use super::{DeviceProfile, Profile, ProfileError, bounds};

/// `HSA_CAP_SVMAPI_SUPPORTED` (linux/kfd_sysfs.h), which came with the calls of 1.5.
const SHARED_MEMORY: u32 = 1 << 27;
const SHARED_MEMORY_SINCE: u32 = 5;

/// `HSA_CAP_TRAP_DEBUG_*`, bits 15 to 18, 29 and 30, which came with the calls of 1.13.
const DEBUG: u32 = 0xf << 15 | 0x3 << 29;
const DEBUG_SINCE: u32 = 13;

/// The interface from which on a node has `num_xcc` (Linux 6.5, as the debugger).
const DIES_SINCE: u32 = 13;

/// The interface from which on a node has `cwsr_size` and `ctl_stack_size` (Linux 6.19).
const QUEUE_BUFFERS_SINCE: u32 = 19;

impl Profile {
    /// The same machine under a kernel whose interface is 1.`minor`.
    ///
    /// # Errors
    /// [`ProfileError::Interface`] for an interface that is not served.
    pub fn with_interface(mut self, minor: u32) -> Result<Self, ProfileError> {
        let served = 1..=bounds::NEWEST_INTERFACE;
        if !served.contains(&minor) {
            let newest = bounds::NEWEST_INTERFACE;
            return Err(ProfileError::Interface(format!("an interface is 1.1 to 1.{newest}, not 1.{minor}")));
        }
        self.interface_minor = minor;
        Ok(self)
    }

    /// The `HSA_CAP_*` bits of a device that this interface's kernel shows.
    #[must_use]
    pub fn capability(&self, device: &DeviceProfile) -> u32 {
        let later = [(SHARED_MEMORY, SHARED_MEMORY_SINCE), (DEBUG, DEBUG_SINCE)];
        let unknown = later.into_iter().filter(|(_, since)| self.interface_minor < *since);
        unknown.fold(device.compute.capability, |known, (bits, _)| known & !bits)
    }

    /// Whether this interface's kernel shows `debug_prop` of a device.
    #[must_use]
    pub const fn tells_debugging(&self) -> bool {
        self.interface_minor >= DEBUG_SINCE
    }

    /// Whether this interface's kernel shows `num_xcc` of a device.
    #[must_use]
    pub const fn tells_dies(&self) -> bool {
        self.interface_minor >= DIES_SINCE
    }

    /// Whether this interface's kernel shows the sizes of a queue's buffers.
    #[must_use]
    pub const fn tells_queue_buffers(&self) -> bool {
        self.interface_minor >= QUEUE_BUFFERS_SINCE
    }
}
