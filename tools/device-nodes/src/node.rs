//! Which files are nodes of DRM, by what the door says of them.

use libc::{S_IFMT, S_IFREG};

/// DRM_MAJOR (linux/major.h).
pub(crate) const MAJOR: u32 = 226;

/// Minor numbers that DRM gives (drm/drm_drv.c): up to 63 for primary nodes, 128 to 191 for render nodes.
const MINORS: std::ops::RangeInclusive<i64> = 0..=191;

/// The minor number of a served node, if these are the mode, the size and the time of one: a regular file without content
/// whose time is one second after its number.
pub(crate) fn minor(mode: u32, size: u64, seconds: i64) -> Option<u32> {
    let number = seconds.wrapping_sub(1);
    let node = mode & S_IFMT == S_IFREG && size == 0 && MINORS.contains(&number);
    node.then(|| u32::try_from(number).ok()).flatten()
}

/// Room for the usual path of a node.
pub(crate) const USUAL: usize = 32;

/// What the kernel says after the path of a file whose name leads elsewhere (`prepend_path`, fs/d_path.c).
const DELETED: &[u8] = b" (deleted)";

/// The usual path of a node that a descriptor is said to lead to by another one; its last parts tell.
pub(crate) fn usual<'a>(target: &[u8], room: &'a mut [u8; USUAL]) -> Option<&'a [u8]> {
    let path = target.strip_suffix(DELETED).unwrap_or(target);
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let (name, folder) = (parts.next()?, parts.next()?);
    let is_of_drm = |prefix: &[u8]| {
        let number = name.strip_prefix(prefix).unwrap_or_default();
        (1..=10).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
    };
    let usual: &[u8] = match name {
        b"kfd" => b"/dev/",
        _ if folder == b"dri" && (is_of_drm(b"renderD") || is_of_drm(b"card")) => b"/dev/dri/",
        _ => return None,
    };
    let (head, rest) = room.split_at_mut(usual.len());
    head.copy_from_slice(usual);
    rest.get_mut(..name.len())?.copy_from_slice(name);
    let length = usual.len() + name.len();
    Some(&room[..length]).filter(|usual| *usual != target)
}

#[cfg(test)]
mod tests {
    use super::{USUAL, minor, usual};
    use libc::{S_IFCHR, S_IFDIR, S_IFREG};

    #[test]
    fn an_empty_files_time_is_a_nodes_number_and_one() {
        assert_eq!(minor(S_IFREG | 0o666, 0, 129), Some(128));
        assert_eq!(minor(S_IFREG | 0o666, 0, 1), Some(0));
        for (mode, size, seconds) in [
            (S_IFREG | 0o200, 0, 0),
            (S_IFREG, 4096, 129),
            (S_IFDIR, 0, 129),
            (S_IFCHR, 0, 129),
            (S_IFREG, 0, 193),
            (S_IFREG, 0, 1_700_000_000),
            (S_IFREG, 0, i64::MIN),
        ] {
            assert_eq!(minor(mode, size, seconds), None, "{mode:o} {size} {seconds}");
        }
    }

    // Keeps: fdinfo-lines
    #[test]
    fn a_node_is_said_to_be_where_programs_look_for_it() {
        let of = |target: &str| {
            let mut room = [0; USUAL];
            usual(target.as_bytes(), &mut room).map(|path| String::from_utf8_lossy(path).into_owned())
        };
        assert_eq!(of("/dev/.kfdd/dev/kfd").as_deref(), Some("/dev/kfd"));
        assert_eq!(of("/dev/dri/renderD128 (deleted)").as_deref(), Some("/dev/dri/renderD128"));
        assert_eq!(of("/run/kfdd/dev/dri/card0").as_deref(), Some("/dev/dri/card0"));
        for other in [
            "/dev/dri/renderD128",
            "/dev/kfd",
            "/dri/card",
            "/tmp/renderD128",
            "/a/dri/card1x",
            "/a/dri/renderD12345678901",
            "pipe:[1]",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
