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

#[cfg(test)]
mod tests {
    use super::minor;
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
}
