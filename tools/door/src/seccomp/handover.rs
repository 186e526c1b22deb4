//! A line of a conversation with a listener beside it.

use super::sys;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Sends a line, and the listener with it.
///
/// # Errors
/// The socket's.
pub fn send(stream: &UnixStream, line: &[u8], listener: &OwnedFd) -> io::Result<()> {
    let sent = sys::send(stream.as_fd(), line, listener.as_fd())?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads a line of at most `max` bytes, or to the end of the stream; and the descriptor that came with it, if any.
///
/// # Errors
/// The socket's, its time-out among them.
pub fn receive(stream: &UnixStream, max: usize) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let (mut line, mut descriptor) = (Vec::new(), None);
    let mut buffer = [0; 512];
    loop {
        let room = buffer.len().min(max - line.len());
        let (count, came) = sys::take(stream.as_fd(), &mut buffer[..room])?;
        descriptor = came.or(descriptor);
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

    #[test]
    fn a_line_arrives_with_its_descriptor_however_it_is_cut() {
        let (mut one, other) = UnixStream::pair().expect("a pair");
        let (mut reads, writes) = std::io::pipe().expect("a pipe");
        one.write_all(b"first ").expect("room");
        send(&one, b"second\n", &OwnedFd::from(writes)).expect("room");
        let (line, descriptor) = receive(&other, 4096).expect("a line");
        assert_eq!(line, b"first second\n");
        let mut writes = std::fs::File::from(descriptor.expect("it came along"));
        writes.write_all(b"x").expect("a pipe");
        drop(writes);
        let mut text = String::new();
        reads.read_to_string(&mut text).expect("a pipe");
        assert_eq!(text, "x", "nobody else has the writing end");
    }
}
