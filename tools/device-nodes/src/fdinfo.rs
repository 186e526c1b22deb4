//! What paths and texts of /proc say of a descriptor: pure functions of bytes.

use std::ffi::CStr;

/// Room for the paths that matter; a longer one is none of them.
pub(crate) const PATH: usize = 256;

/// The directory whose files have, by the inode number of an open node, what the daemon says of it.
const SERVED: &[u8] = b"/sys/devices/virtual/amdgpu/fdinfo/";

/// Whether the last part of a path is a number, as the name of a descriptor is: all others are none of ours, and cost nothing.
pub(crate) fn ends_in_a_number(path: &[u8]) -> bool {
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    (1..=10).contains(&last.len()) && last.iter().all(u8::is_ascii_digit)
}

/// The path of the descriptor whose fdinfo has this path.
pub(crate) fn descriptor<'a>(fdinfo: &[u8], room: &'a mut [u8; PATH]) -> Option<&'a CStr> {
    const NAME: &[u8] = b"/fdinfo";
    if !ends_in_a_number(fdinfo) {
        return None;
    }
    let slash = fdinfo.iter().rposition(|byte| *byte == b'/')?;
    let (before, number) = fdinfo.split_at(slash);
    let process = before.strip_suffix(NAME)?;
    join(&[process, b"/fd", number], room)
}

/// The path of what the daemon says of the open node with that inode number.
pub(crate) fn served(inode: u64, room: &mut [u8; PATH]) -> Option<&CStr> {
    numbered(SERVED, inode, room)
}

/// The path of a descriptor of this process.
pub(crate) fn own(fd: u32, room: &mut [u8; PATH]) -> Option<&CStr> {
    numbered(b"/proc/self/fd/", fd.into(), room)
}

fn numbered<'a>(folder: &[u8], number: u64, room: &'a mut [u8; PATH]) -> Option<&'a CStr> {
    let mut digits = [0; 20];
    let (mut left, mut at) = (number, digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    join(&[folder, &digits[at..]], room)
}

/// The inode number that a fdinfo tells (`show_fdinfo`, fs/proc/fd.c).
pub(crate) fn inode(text: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"ino:\t"))?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// The parts after each other.
fn join<'a>(parts: &[&[u8]], room: &'a mut [u8; PATH]) -> Option<&'a CStr> {
    let mut length = 0;
    for part in parts {
        room.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    *room.get_mut(length)? = 0;
    CStr::from_bytes_with_nul(room.get(..=length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{PATH, descriptor, ends_in_a_number, inode, served};

    // Keeps: fdinfo-lines
    #[test]
    fn a_fdinfos_descriptor_lies_beside_it() {
        let of = |path: &str| {
            let mut room = [0; PATH];
            descriptor(path.as_bytes(), &mut room).map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(of("/proc/12/fdinfo/3").as_deref(), Some("/proc/12/fd/3"));
        assert_eq!(of("/host/proc/12/task/13/fdinfo/140").as_deref(), Some("/host/proc/12/task/13/fd/140"));
        for other in ["/proc/12/fd/3", "/proc/12/fdinfo", "/proc/12/fdinfo/", "/fdinfo/3x", "3", "", "/"] {
            assert_eq!(of(other), None, "{other}");
        }
        let long = format!("/{}/fdinfo/3", "a".repeat(PATH));
        assert_eq!(of(&long), None);
    }

    #[test]
    fn only_the_name_of_a_descriptor_is_a_number() {
        for path in ["/proc/1/fdinfo/0", "4294967295", "../7"] {
            assert!(ends_in_a_number(path.as_bytes()), "{path}");
        }
        for path in ["", "/", "/etc/passwd", "/proc/1/fdinfo/", "/1/a1", "12345678901"] {
            assert!(!ends_in_a_number(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn the_kernels_text_has_the_inode_by_which_the_daemons_is_found() {
        assert_eq!(inode(b"pos:\t0\nflags:\t02100002\nmnt_id:\t199\nino:\t40\n"), Some(40));
        assert_eq!(inode(b"pos:\t0\ninotify wd:1 ino:2\n"), None);
        assert_eq!(inode(b"ino:\tx\n"), None);
        let mut room = [0; PATH];
        let path = |inode, room: &mut _| served(inode, room).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(path(0, &mut room).as_deref(), Some("/sys/devices/virtual/amdgpu/fdinfo/0"));
        let last = format!("/sys/devices/virtual/amdgpu/fdinfo/{}", u64::MAX);
        assert_eq!(path(u64::MAX, &mut room), Some(last));
    }
}
