//! What open files with figures read last: kept until the next reading from the start or the file's end, within a bound for
//! each user.

use super::wire::layout::ReadIn;
use kfd_core::call::Errno;
use kfd_core::sync::Mutex;
use std::collections::HashMap;

/// Files with figures that one user may have open.
const OPEN_PER_USER: usize = 4096;
/// A file handle of a file with figures.
const READING: u64 = 1 << 63;

/// What open files with figures read last.
#[derive(Debug, Default)]
pub(super) struct Readings(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    open: HashMap<u64, (u32, Vec<u8>)>,
    users: HashMap<u32, usize>,
}

impl Readings {
    /// One more open file of that user.
    pub(super) fn open(&self, uid: u32) -> Result<u64, Errno> {
        let mut table = self.0.lock();
        let its = table.users.entry(uid).or_default();
        if *its >= OPEN_PER_USER {
            return Err(Errno(libc::ENFILE));
        }
        *its += 1;
        table.last += 1;
        let fh = READING | table.last;
        table.open.insert(fh, (uid, Vec::new()));
        Ok(fh)
    }

    /// A file was closed; whether it was one of these.
    pub(super) fn close(&self, fh: u64) -> bool {
        let mut table = self.0.lock();
        let Some((uid, _)) = table.open.remove(&fh) else { return fh & READING != 0 };
        if let Some(its) = table.users.get_mut(&uid) {
            *its -= 1;
            if *its == 0 {
                table.users.remove(&uid);
            }
        }
        true
    }

    /// What a READ is answered: the content is asked for at its start.
    pub(super) fn read(&self, read: &ReadIn, content: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        // Not asked for with the table locked.
        let fresh = (read.offset == 0).then(content);
        let mut table = self.0.lock();
        let Some((_, kept)) = table.open.get_mut(&read.fh) else { return Vec::new() };
        if let Some(fresh) = fresh {
            *kept = fresh;
        }
        part(kept, read).to_vec()
    }

    /// How many files with figures are open.
    pub(super) fn len(&self) -> usize {
        self.0.lock().open.len()
    }
}

/// The part of a content that a READ asks for.
pub(super) fn part<'a>(content: &'a [u8], read: &ReadIn) -> &'a [u8] {
    let start = usize::try_from(read.offset).unwrap_or(usize::MAX).min(content.len());
    let end = start.saturating_add(read.size as usize).min(content.len());
    &content[start..end]
}
