//! The directory `amdgpu`: what sysfs shows of each device, and in `proc` of each process that uses KFD ([`super::procfs`]).
//! A private view shows it as `/sys/devices/virtual/amdgpu`, where links of the topology lead to it.
//!
//! Nodes have ids that say what they are, so that nothing is kept of what readers look up. As in sysfs, a file says that it
//! has 4096 bytes, has what it has when it is read from its start, and takes no writes (EACCES, as `kernfs_fop_open`). What
//! an open file read last is kept until its next reading or its end, within a bound for each user. Not for: what figures
//! are, which the driver says.

use super::dispatch::Door;
use super::procfs::ProcNode;
use super::wire::layout::{Attr, InHeader, OpenOut, ReadIn};
use super::wire::opcode;
use kfd_core::call::Errno;
use kfd_core::topology::{Entry, Live, Tree};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The directory's own id; what is in it counts up from there.
pub(super) const ROOT: u64 = 1 << 48;
/// Files with figures that one user may have open.
const OPEN_PER_USER: usize = 4096;
/// A file handle of a file with figures.
const READING: u64 = 1 << 63;
/// The size of every file in sysfs: a page.
const SIZE: u64 = 4096;

#[derive(Debug)]
enum Kind {
    Directory(BTreeMap<String, u64>),
    File(Vec<u8>),
    Live(Live),
    Link(String),
}

/// The directories of the devices, as the topology has them.
#[derive(Debug)]
pub(super) struct Sysfs(Vec<Kind>);

impl Sysfs {
    /// What is in `tree`.
    pub(super) fn new(tree: &Tree) -> Self {
        let mut this = Self(vec![Kind::Directory(BTreeMap::new())]);
        for (path, entry) in tree.entries() {
            let kind = match entry {
                Entry::Directory => Kind::Directory(BTreeMap::new()),
                Entry::File(bytes) => Kind::File(bytes.clone()),
                Entry::Live(live) => Kind::Live(*live),
                Entry::Link(target) => Kind::Link(target.clone()),
            };
            this.plant(path, kind);
        }
        this
    }

    fn plant(&mut self, path: &Path, kind: Kind) {
        let (mut at, mut kind) = (ROOT, Some(kind));
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        for (depth, name) in names.iter().enumerate() {
            let new = if depth + 1 == names.len() { kind.take() } else { None };
            let next = ROOT + self.0.len() as u64;
            let Some(Kind::Directory(entries)) = self.0.get_mut((at - ROOT) as usize) else { return };
            at = *entries.entry(name.clone()).or_insert(next);
            if at == next {
                self.0.push(new.unwrap_or_else(|| Kind::Directory(BTreeMap::new())));
            }
        }
    }

    fn kind(&self, id: u64) -> Option<&Kind> {
        self.0.get(usize::try_from(id.checked_sub(ROOT)?).ok()?)
    }

    /// What `name` in that directory leads to.
    pub(super) fn find(&self, parent: u64, name: &str) -> Option<u64> {
        match self.kind(parent)? {
            Kind::Directory(entries) => entries.get(name).copied(),
            _ => None,
        }
    }

    /// The entries of that directory: ids, `d_type`s and names.
    pub(super) fn list(&self, directory: u64) -> Option<Vec<(u64, u32, String)>> {
        let Kind::Directory(entries) = self.kind(directory)? else { return None };
        let row = |(name, id): (&String, &u64)| Some((*id, d_type(self.attr(*id)?.mode), name.clone()));
        Some(entries.iter().filter_map(row).collect())
    }

    /// The attributes of a node.
    pub(super) fn attr(&self, id: u64) -> Option<Attr> {
        Some(match self.kind(id)? {
            Kind::Directory(_) => directory(id),
            Kind::File(_) | Kind::Live(_) => file(id),
            Kind::Link(target) => {
                let size = target.len() as u64;
                Attr {
                    ino: id,
                    size,
                    mode: libc::S_IFLNK | 0o777,
                    nlink: 1,
                    blksize: 4096,
                    ..Attr::default()
                }
            }
        })
    }

    /// Where a link leads.
    pub(super) fn target(&self, id: u64) -> Option<&str> {
        match self.kind(id)? {
            Kind::Link(target) => Some(target),
            _ => None,
        }
    }
}

/// The attributes of a directory in sysfs.
pub(super) fn directory(id: u64) -> Attr {
    Attr { ino: id, mode: libc::S_IFDIR | 0o755, nlink: 2, blksize: 4096, ..Attr::default() }
}

/// The attributes of a file in sysfs.
pub(super) fn file(id: u64) -> Attr {
    Attr { ino: id, size: SIZE, mode: libc::S_IFREG | 0o444, nlink: 1, blksize: 4096, ..Attr::default() }
}

/// What READDIR says of a mode.
pub(super) fn d_type(mode: u32) -> u32 {
    (mode & libc::S_IFMT) >> 12
}

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
    fn open(&self, uid: u32) -> Result<u64, Errno> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn read(&self, read: &ReadIn, content: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        // Not asked for with the table locked.
        let fresh = (read.offset == 0).then(content);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, kept)) = table.open.get_mut(&read.fh) else { return Vec::new() };
        if let Some(fresh) = fresh {
            *kept = fresh;
        }
        part(kept, read).to_vec()
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).open.len()
    }
}

fn part<'a>(content: &'a [u8], read: &ReadIn) -> &'a [u8] {
    let start = usize::try_from(read.offset).unwrap_or(usize::MAX).min(content.len());
    let end = start.saturating_add(read.size as usize).min(content.len());
    &content[start..end]
}

impl Door {
    /// What an open of a file in sysfs is answered; `None` when the node is none.
    pub(super) fn open_sysfs(&self, header: &InHeader, flags: u32) -> Option<Result<OpenOut, Errno>> {
        let live = match self.tree.sysfs.kind(header.nodeid) {
            Some(Kind::File(_)) => false,
            Some(Kind::Live(_)) => true,
            Some(Kind::Directory(_) | Kind::Link(_)) => return Some(Err(Errno(libc::EISDIR))),
            None => {
                ProcNode::of(header.nodeid)?;
                true
            }
        };
        if flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
            return Some(Err(Errno::ACCES));
        }
        let open_flags = opcode::FOPEN_DIRECT_IO | opcode::FOPEN_NOFLUSH;
        let fh = if live { self.readings.open(header.uid) } else { Ok(0) };
        Some(fh.map(|fh| OpenOut { fh, open_flags, backing_id: 0 }))
    }

    /// What a READ of a file in sysfs is answered; `None` when the node is none.
    pub(super) fn read_sysfs(&self, header: &InHeader, read: &ReadIn) -> Option<Vec<u8>> {
        match self.tree.sysfs.kind(header.nodeid) {
            Some(Kind::File(bytes)) => Some(part(bytes, read).to_vec()),
            Some(Kind::Live(live)) => Some(self.readings.read(read, || self.driver.figure(*live))),
            Some(Kind::Directory(_) | Kind::Link(_)) => None,
            None => {
                let node = ProcNode::of(header.nodeid)?;
                let text = || node.text(&*self.driver).unwrap_or_default().into_bytes();
                Some(self.readings.read(read, text))
            }
        }
    }
}
