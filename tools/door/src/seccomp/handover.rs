//! A line of a conversation with a listener beside it.
//!
//! Whoever has received a descriptor closes it one day, and on a file of the sender's own FUSE mount a close waits for the
//! sender. So descriptors are taken from those only who could hang the daemon anyway; the kernel drops what others send,
//! without a word to whoever serves it.

use crate::sys as rights;
use nix::sys::socket::{MsgFlags, recv};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Sends a line, and the listener with it.
///
/// # Errors
/// The socket's.
pub fn send(stream: &UnixStream, line: &[u8], listener: &OwnedFd) -> io::Result<()> {
    let sent = rights::send(stream.as_fd(), line, &[listener.as_fd()], MsgFlags::MSG_NOSIGNAL)?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads a line of at most `max` bytes, or to the end of the stream; and, from a trusted sender, the descriptor that came
/// with it, if any.
///
/// # Errors
/// The socket's, its time-out among them.
pub fn receive(stream: &UnixStream, max: usize, trusted: bool) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let (mut line, mut descriptor) = (Vec::new(), None);
    let mut buffer = [0; 512];
    loop {
        let room = buffer.len().min(max - line.len());
        let (count, mut came) = match trusted {
            true => rights::receive_with(
                stream.as_fd(),
                &mut buffer[..room],
                &mut rights::control_buffer(),
                MsgFlags::empty(),
            )?,
            false => (recv(stream.as_fd().as_raw_fd(), &mut buffer[..room], MsgFlags::empty())?, Vec::new()),
        };
        descriptor = came.pop().or(descriptor);
        line.extend_from_slice(&buffer[..count]);
        if count == 0 || line.len() == max || line.contains(&b'\n') {
            return Ok((line, descriptor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{receive, send};
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    // Keeps: handover
    #[test]
    fn a_line_arrives_with_its_descriptor_however_it_is_cut() {
        let (mut one, other) = UnixStream::pair().expect("a pair");
        let (mut reads, writes) = std::io::pipe().expect("a pipe");
        one.write_all(b"first ").expect("room");
        send(&one, b"second\n", &OwnedFd::from(writes)).expect("room");
        let (line, descriptor) = receive(&other, 4096, true).expect("a line");
        assert_eq!(line, b"first second\n");
        let mut writes = std::fs::File::from(descriptor.expect("it came along"));
        writes.write_all(b"x").expect("a pipe");
        drop(writes);
        let mut text = String::new();
        reads.read_to_string(&mut text).expect("a pipe");
        assert_eq!(text, "x", "nobody else has the writing end");
    }

    // Keeps: handover
    #[test]
    fn what_an_untrusted_sender_sends_along_is_not_taken() {
        let (one, other) = UnixStream::pair().expect("a pair");
        let (mut reads, writes) = std::io::pipe().expect("a pipe");
        send(&one, b"line\n", &OwnedFd::from(writes)).expect("room");
        let (line, descriptor) = receive(&other, 4096, false).expect("a line");
        assert_eq!((line.as_slice(), descriptor.is_none()), (&b"line\n"[..], true));
        let mut text = String::new();
        assert_eq!(reads.read_to_string(&mut text).expect("a pipe"), 0, "the writing end is gone");
    }
}
