//! The daemon's ends of SMI event streams: masks are read and lines written here, because the core does no I/O with clients.
//!
//! Masks are read when there is an event, so that an idle stream costs nothing. Nothing here blocks; a line that does not
//! fit into its stream is lost, as one that does not fit into the kernel's queue is.

use kfd_core::ids::Tgid;
use kfd_core::smi::{SmiEvent, Stream};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Sends an event's line to those of its device's streams that want it.
pub fn tell(event: &SmiEvent, streams: &[Arc<Stream>]) {
    let mut line = None;
    for stream in streams {
        if take_masks(stream) && stream.wants(event) {
            send_whole(stream, line.get_or_insert_with(|| event.line(&comm(event.tgid))));
        }
    }
}

/// Takes in the masks that the client has written since the last look. False when its end is closed.
fn take_masks(stream: &Stream) -> bool {
    loop {
        let mut word = [0; 8];
        match recv(stream.descriptor().as_raw_fd(), &mut word, MsgFlags::MSG_DONTWAIT) {
            // Fewer bytes than a mask has are none (`kfd_smi_ev_write`).
            Ok(8) => stream.masked(u64::from_ne_bytes(word)),
            Ok(1..) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return true,
            Ok(0) | Err(_) => return false,
        }
    }
}

/// Sends a line whole or not at all.
fn send_whole(stream: &Stream, line: &str) {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    if let Err(error) = send(stream.descriptor().as_raw_fd(), line.as_bytes(), flags) {
        tracing::debug!(%error, "a line of a stream of events is lost");
    }
}

/// The name of a process's leader, as far as it can be printed; empty when the process is gone.
fn comm(tgid: Tgid) -> String {
    let name = std::fs::read(format!("/proc/{tgid}/comm")).unwrap_or_default();
    let printable =
        |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
    name.strip_suffix(b"\n").unwrap_or(&name).iter().map(printable).collect()
}
