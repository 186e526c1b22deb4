//! The daemon's end of a worker's socket. Neither way ever blocks.
//!
//! A worker that does not take its orders, or says what is none of its claims, is given up by whoever has the link. Not for:
//! the worker's process.

use super::wire::{Claim, MESSAGE_MAX, Order};
use crate::sys;
use nix::sys::socket::{Shutdown, shutdown};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes of most orders.
const USUAL: usize = 128;

/// See the module's head. Dropping it ends the worker.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
}

impl Link {
    /// A link, and the socket for its worker.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (socket, theirs) = sys::pair()?;
        Ok((Self { socket }, theirs))
    }

    /// A buffer for [`Link::receive`], which many links may share.
    #[must_use]
    pub fn buffer() -> Vec<u8> {
        // One more than the longest, so that a longer one is seen to be.
        vec![0; MESSAGE_MAX + 1]
    }

    /// Sends an order.
    ///
    /// # Errors
    /// `WouldBlock`: the worker has not taken those before. Else it has gone.
    pub fn send(&self, order: &Order<'_>) -> io::Result<()> {
        let mut out = Vec::with_capacity(USUAL);
        order.encode(&mut out);
        sys::send_message(self.socket.as_fd(), &out, &[], false)
    }

    /// The next claim, if there is one.
    ///
    /// # Errors
    /// `UnexpectedEof`: the worker has gone. `InvalidData`: what it says is malformed.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<Claim<'a>>> {
        match sys::receive_message(self.socket.as_fd(), buffer, false) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                let claim = Claim::decode(buffer.get(..len).unwrap_or_default());
                claim.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Lets the worker hear that nothing comes any more. What it still says can be read.
    pub fn hang_up(&self) {
        // An error means that it has gone.
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Write);
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
