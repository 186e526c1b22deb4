//! The table of mounts, as /proc/PID/mountinfo has it (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Where the mount is seen.
    pub point: PathBuf,
    /// The file system's type.
    pub kind: String,
    /// What the file system says that it shows.
    pub source: String,
    /// The major and minor number of the file system's device.
    pub device: Option<(u32, u32)>,
}

/// The mounts of a table, in its order: of two on one point the later covers the earlier. A line that is none is left out.
pub fn mounts(table: &[u8]) -> impl Iterator<Item = Mounted> {
    table.split(|byte| *byte == b'\n').filter_map(|line| {
        let fields: Vec<_> = line.split(|byte| *byte == b' ').collect();
        let [_, _, device, _, point, rest @ ..] = &fields[..] else { return None };
        // Optional fields end at a lone "-"; the type and the source follow.
        let mut rest = rest.iter().skip_while(|field| **field != b"-").skip(1);
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        Some(Mounted {
            point: PathBuf::from(OsString::from_vec(unescape(point))),
            kind: text(rest.next()?),
            source: rest.next().map(|source| text(source)).unwrap_or_default(),
            device: text(device)
                .split_once(':')
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?))),
        })
    })
}

/// mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |sum, digit| {
                matches!(digit, b'0'..=b'7').then(|| sum * 8 + u32::from(digit - b'0'))
            })
        };
        match (first, tail.get(..3).and_then(octal).and_then(|code| u8::try_from(code).ok())) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                rest = &tail[3..];
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escaped_mount_points_are_read_back() {
        assert_eq!(unescape(br"/a\040b\134c"), b"/a b\\c");
        assert_eq!(unescape(br"/x\9"), br"/x\9");
    }
}
