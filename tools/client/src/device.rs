//! The nodes of a device, and the calls about it.

use crate::command;
use crate::sync::{AtomicU64, Ordering};
use crate::sys;
use crate::topology::Node;
use kfd_core::abi::kfd;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The first render minor (drm_drv.c: minors 128 to 191 are render nodes).
const RENDER_MINOR: u32 = 128;

/// Where this client puts its buffers in the device's address space: above anything a host mapping is likely to use
/// and inside every gfx9 aperture. 1 TiB.
const FIRST_VA: u64 = 1 << 40;

/// How far apart the ranges of two devices lie. 1 TiB.
const VA_STRIDE: u64 = 1 << 40;

/// What went wrong, and in which call.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ClientError {
    /// A node could not be opened.
    #[error("cannot open {path}")]
    Open { path: String, source: io::Error },
    /// A call was refused.
    #[error("{call} was refused")]
    Call {
        call: &'static str,
        /// The driver's errno.
        source: io::Error,
    },
    /// The device's node of the topology could not be read.
    #[error("cannot read the device's node of the topology, which is beside its nodes in /sys")]
    Topology { source: io::Error },
    /// There is no such device.
    #[error("the driver does not list so many devices")]
    NoDevice,
}

impl ClientError {
    /// The driver's errno, if it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. } | Self::Call { source, .. } | Self::Topology { source } => {
                source.raw_os_error()
            }
            Self::NoDevice => None,
        }
    }
}

/// An open device: kfd, its first render node, and the VM of the two.
#[derive(Debug)]
pub struct Device {
    kfd: File,
    render: File,
    gpu_id: u32,
    next_va: AtomicU64,
    dev: PathBuf,
    index: u32,
    node: OnceLock<Node>,
}

impl Device {
    /// Opens `<dev>/kfd` and `<dev>/dri/renderD128`, finds the first device and acquires its VM.
    ///
    /// # Errors
    /// A node cannot be opened, a call is refused, or there is no device.
    pub fn open(dev: impl AsRef<Path>) -> Result<Self, ClientError> {
        Self::open_nth(dev, 0)
    }

    /// The same for the device number `index` of the driver's list, whose render node is `renderD<128 + index>`: so it
    /// is where every render node of the machine belongs to the driver.
    ///
    /// # Errors
    /// A node cannot be opened, a call is refused, or there are not so many devices.
    pub fn open_nth(dev: impl AsRef<Path>, index: u32) -> Result<Self, ClientError> {
        let dev = dev.as_ref();
        let kfd = open(&dev.join("kfd"))?;
        let render = open(&dev.join(format!("dri/renderD{}", RENDER_MINOR + index)))?;
        // Devices of one process may map each other's buffers: their ranges do not overlap.
        let first = FIRST_VA + u64::from(index) * VA_STRIDE;
        let (next_va, dev) = (AtomicU64::new(first), dev.to_owned());
        let mut device = Self { kfd, render, gpu_id: 0, next_va, dev, index, node: OnceLock::new() };
        device.gpu_id = device.apertures()?.get(index as usize).ok_or(ClientError::NoDevice)?.gpu_id;
        let drm_fd = u32::try_from(device.render.as_raw_fd()).expect("an open descriptor is not negative");
        let mut acquire = kfd::AcquireVm { drm_fd, gpu_id: device.gpu_id };
        device.call("ACQUIRE_VM", command::ACQUIRE_VM, &mut acquire)?;
        Ok(device)
    }

    /// The kfd node.
    #[must_use]
    pub fn kfd(&self) -> BorrowedFd<'_> {
        self.kfd.as_fd()
    }

    /// The render node.
    #[must_use]
    pub fn render(&self) -> BorrowedFd<'_> {
        self.render.as_fd()
    }

    /// The device's id in the topology.
    #[must_use]
    pub fn gpu_id(&self) -> u32 {
        self.gpu_id
    }

    /// What the topology tells of the device, read once.
    pub(crate) fn node(&self) -> Result<Node, ClientError> {
        if let Some(node) = self.node.get() {
            return Ok(*node);
        }
        let read = Node::read(&self.dev, self.index, self.gpu_id);
        let node = read.map_err(|source| ClientError::Topology { source })?;
        Ok(*self.node.get_or_init(|| node))
    }

    /// The interface version, major and minor.
    ///
    /// # Errors
    /// The driver's.
    pub fn version(&self) -> Result<(u32, u32), ClientError> {
        let mut version = kfd::GetVersion::default();
        self.call("GET_VERSION", command::GET_VERSION, &mut version)?;
        Ok((version.major_version, version.minor_version))
    }

    /// The clocks.
    ///
    /// # Errors
    /// The driver's.
    pub fn clocks(&self) -> Result<kfd::GetClockCounters, ClientError> {
        let mut clocks = kfd::GetClockCounters { gpu_id: self.gpu_id, ..Default::default() };
        self.call("GET_CLOCK_COUNTERS", command::GET_CLOCK_COUNTERS, &mut clocks)?;
        Ok(clocks)
    }

    /// The apertures of every device.
    ///
    /// # Errors
    /// The driver's.
    pub fn apertures(&self) -> Result<Vec<kfd::DeviceApertures>, ClientError> {
        let mut ask = kfd::GetProcessAperturesNew::default();
        self.call("GET_PROCESS_APERTURES_NEW", command::GET_PROCESS_APERTURES_NEW, &mut ask)?;
        let mut rows = vec![kfd::DeviceApertures::default(); ask.num_of_nodes as usize];
        ask.kfd_process_device_apertures_ptr = rows.as_mut_ptr().expose_provenance() as u64;
        self.call("GET_PROCESS_APERTURES_NEW", command::GET_PROCESS_APERTURES_NEW, &mut ask)?;
        rows.truncate(ask.num_of_nodes as usize);
        Ok(rows)
    }

    /// An ioctl on the kfd node.
    ///
    /// # Errors
    /// The driver's errno, under the name `call`.
    pub fn call<T: FromBytes + IntoBytes + Immutable>(
        &self,
        call: &'static str,
        cmd: u32,
        arg: &mut T,
    ) -> Result<(), ClientError> {
        sys::ioctl(self.kfd(), cmd, arg).map_err(|source| ClientError::Call { call, source })
    }

    /// An ioctl with a hand-made command word and bytes, for tests of what no typed call can say.
    ///
    /// # Errors
    /// The driver's errno.
    ///
    /// # Panics
    /// `arg` is shorter than the command states.
    pub fn call_raw(&self, cmd: u32, arg: &mut [u8]) -> io::Result<()> {
        sys::ioctl_raw(self.kfd(), cmd, arg)
    }

    /// A range of the device's address space that this client has not used before; `len` in bytes.
    pub(crate) fn take_va(&self, len: u64) -> u64 {
        self.next_va.fetch_add(len.next_multiple_of(1 << 21), Ordering::Relaxed)
    }
}

fn open(path: &Path) -> Result<File, ClientError> {
    File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC)
        .open(path)
        .map_err(|source| ClientError::Open { path: path.display().to_string(), source })
}
