//! A [`Reply`] to the bytes that go to /dev/fuse.

use super::layout::{AttrOut, Dirent, EntryOut, InitOut, IoctlOut, OpenOut, OutHeader, StatfsOut, WriteOut};
use kfd_core::call::Errno;
use std::io::IoSlice;
use zerocopy::IntoBytes;

/// Most bytes of one READ's answer: the kernel asks for at most `max_pages` (32 by default, linux/fuse.h) pages.
static ZEROS: [u8; 32 * 4096] = [0; 32 * 4096];

/// The answer to a request, as it goes back to the kernel.
#[derive(Debug)]
#[allow(missing_docs, reason = "named after the structs of linux/fuse.h")]
pub enum Reply<'a> {
    /// Success without a body.
    Empty,
    /// A failure in the header: nothing is copied out.
    Error(Errno),
    Init(InitOut),
    Entry(EntryOut),
    Attr(AttrOut),
    Open(OpenOut),
    Write(WriteOut),
    Statfs(StatfsOut),
    /// As many zero bytes as were asked for.
    Zeros(u32),
    /// Raw bytes: directory entries.
    Data(&'a [u8]),
    /// The ioctl's return value (negative for an errno) with the struct, which the kernel copies out either way
    /// (fs/fuse/ioctl.c, `fuse_do_ioctl`).
    Ioctl {
        result: i32,
        data: &'a [u8],
    },
}

impl Reply<'_> {
    /// Hands the reply to `write` as one scatter list: /dev/fuse takes a reply in exactly one write.
    ///
    /// # Errors
    /// Whatever `write` returns.
    pub fn send<T>(&self, unique: u64, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut ioctl = IoctlOut::default();
        let (error, first, second): (i32, &[u8], &[u8]) = match self {
            Self::Empty => (0, &[], &[]),
            Self::Error(errno) => (-errno.0, &[], &[]),
            Self::Init(out) => (0, out.as_bytes(), &[]),
            Self::Entry(out) => (0, out.as_bytes(), &[]),
            Self::Attr(out) => (0, out.as_bytes(), &[]),
            Self::Open(out) => (0, out.as_bytes(), &[]),
            Self::Write(out) => (0, out.as_bytes(), &[]),
            Self::Statfs(out) => (0, out.as_bytes(), &[]),
            Self::Zeros(length) => (0, &ZEROS[..ZEROS.len().min(*length as usize)], &[]),
            Self::Data(bytes) => (0, bytes, &[]),
            Self::Ioctl { result, data } => {
                ioctl.result = *result;
                (0, ioctl.as_bytes(), data)
            }
        };
        let length = size_of::<OutHeader>() + first.len() + second.len();
        let header = OutHeader {
            len: u32::try_from(length).expect("invariant: a reply is at most 128 KiB"),
            error,
            unique,
        };
        write(&[IoSlice::new(header.as_bytes()), IoSlice::new(first), IoSlice::new(second)])
    }
}

/// Appends one directory entry, unless it would not fit into `room` bytes in all; says whether it did.
pub fn push_dirent(out: &mut Vec<u8>, room: usize, ino: u64, next: u64, kind: u32, name: &[u8]) -> bool {
    let bare = size_of::<Dirent>() + name.len();
    // FUSE_DIRENT_ALIGN: entries are padded to eight bytes.
    let padded = bare.next_multiple_of(8);
    if out.len() + padded > room {
        return false;
    }
    let Ok(namelen) = u32::try_from(name.len()) else { return false };
    out.extend_from_slice(Dirent { ino, off: next, namelen, kind }.as_bytes());
    out.extend_from_slice(name);
    out.resize(out.len() + padded - bare, 0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(reply: &Reply<'_>) -> Vec<u8> {
        reply.send(9, |slices| slices.iter().flat_map(|slice| slice.to_vec()).collect())
    }

    #[test]
    fn the_length_in_the_header_is_the_length_of_the_message() {
        for reply in [
            Reply::Empty,
            Reply::Error(Errno(22)),
            Reply::Zeros(4096),
            Reply::Ioctl { result: -512, data: &[1, 2, 3] },
            Reply::Init(InitOut::default()),
        ] {
            let bytes = bytes(&reply);
            let length = u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize;
            assert_eq!(length, bytes.len(), "{reply:?}");
        }
    }

    #[test]
    fn an_ioctl_that_failed_still_carries_its_struct() {
        let bytes = bytes(&Reply::Ioctl { result: -22, data: &[7; 8] });
        assert_eq!(i32::from_ne_bytes(bytes[4..8].try_into().unwrap()), 0);
        assert_eq!(i32::from_ne_bytes(bytes[16..20].try_into().unwrap()), -22);
        assert_eq!(&bytes[32..], &[7; 8]);
    }

    #[test]
    fn directory_entries_stop_where_the_room_ends() {
        let mut out = Vec::new();
        assert!(push_dirent(&mut out, 64, 3, 1, 8, b"kfd"));
        assert_eq!(out.len(), 32);
        assert!(push_dirent(&mut out, 64, 4, 2, 4, b"dri"));
        assert!(!push_dirent(&mut out, 64, 5, 3, 8, b"x"));
        assert_eq!(out.len(), 64);
    }
}
