//! One open of /dev/fuse that belongs to a connection.
//!
//! A reply counts only on the channel that read the request, so a pending reply keeps its channel. Every descriptor is
//! close-on-exec: a copy in a child would hide the daemon's death from clients.

use super::error::DoorError;
use super::sys;
use super::wire::Reply;
use super::wire::layout::OutHeader;
use super::wire::opcode;
use nix::sys::uio::writev;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use zerocopy::IntoBytes;

const DEVICE: &str = "/dev/fuse";

/// An open /dev/fuse that belongs to one mount.
#[derive(Debug)]
pub(super) struct Channel(File);

impl Channel {
    /// Opens /dev/fuse; it belongs to no connection yet.
    pub(super) fn open() -> Result<Self, DoorError> {
        // std opens everything with O_CLOEXEC.
        match OpenOptions::new().read(true).write(true).open(Path::new(DEVICE)) {
            Ok(file) => Ok(Self(file)),
            Err(error) => Err(match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => DoorError::NoDevice,
                Some(libc::EACCES | libc::EPERM) => DoorError::NotPermitted { what: "open /dev/fuse" },
                _ => DoorError::System { what: "open /dev/fuse", source: error },
            }),
        }
    }

    /// A channel to nobody.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self(File::open("/dev/null").expect("every system has it"))
    }

    /// A further channel of the same connection.
    pub(super) fn another(&self) -> Result<Self, DoorError> {
        let fresh = Self::open()?;
        sys::clone_channel(fresh.0.as_fd(), self.0.as_fd())
            .map_err(DoorError::system("clone a FUSE channel"))?;
        Ok(fresh)
    }

    /// For mount(2)'s `fd=` option.
    pub(super) fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Reads one message; blocks.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(&self.0, buffer)?)
    }

    /// Answers one request. The caller may be gone by now (ENOENT), the connection too (ENODEV): neither matters to
    /// the one who answers.
    pub(super) fn reply(&self, unique: u64, reply: &Reply<'_>) {
        match reply.send(unique, |slices| writev(&self.0, slices)) {
            Ok(_) | Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENODEV) => {}
            Err(error) => tracing::error!(unique, %error, "a reply was refused by the kernel"),
        }
    }

    /// Asks the kernel to send the INTERRUPT `unique` again; says whether its request was read on this channel.
    pub(super) fn interrupt_again(&self, unique: u64) -> bool {
        let header = OutHeader {
            len: size_of::<OutHeader>() as u32,
            error: -libc::EAGAIN,
            unique: unique | opcode::INTERRUPT_BIT,
        };
        writev(&self.0, &[IoSlice::new(header.as_bytes())]).is_ok()
    }

    /// Sends a notification: a code of `enum fuse_notify_code` and its body.
    pub(super) fn notify(&self, code: i32, body: &[&[u8]]) -> io::Result<()> {
        let length = size_of::<OutHeader>() + body.iter().map(|part| part.len()).sum::<usize>();
        let header = OutHeader {
            len: u32::try_from(length).expect("invariant: a notification is a few dozen bytes"),
            error: code,
            unique: 0,
        };
        let mut slices = vec![IoSlice::new(header.as_bytes())];
        slices.extend(body.iter().map(|part| IoSlice::new(part)));
        writev(&self.0, &slices)?;
        Ok(())
    }

    /// Registers a backing file for passthrough.
    pub(super) fn backing_open(&self, file: &OwnedFd) -> io::Result<i32> {
        sys::backing_open(self.0.as_fd(), file.as_fd())
    }

    /// Gives the id of a backing file back.
    pub(super) fn backing_close(&self, id: i32) -> io::Result<()> {
        sys::backing_close(self.0.as_fd(), id)
    }
}
