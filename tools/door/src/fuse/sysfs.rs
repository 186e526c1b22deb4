//! The directory `amdgpu`: what sysfs shows of each device, and what comes and goes ([`super::changing`]).
//! A private view shows it as `/sys/devices/virtual/amdgpu`, where links of the topology lead to it.
//!
//! Nodes have ids that say what they are, so that nothing is kept of what readers look up. As in sysfs, a file says that it
//! has 4096 bytes, has what it has when it is read from its start, and takes no writes (EACCES, as `kernfs_fop_open`). Not
//! for: what figures are, which the driver says, nor what an open file read last ([`super::readings`]).

use super::wire::layout::Attr;
use kfd_core::topology::{Entry, Live, Tree};
use std::collections::BTreeMap;
use std::path::Path;

/// The directory's own id; what is in it counts up from there.
pub(super) const ROOT: u64 = 1 << 48;
/// The size of every file in sysfs: a page.
const SIZE: u64 = 4096;

/// What a node is, and what it has.
#[derive(Debug)]
pub(super) enum Kind {
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

    /// What the node with that id is; `None` when it is none of these.
    pub(super) fn kind(&self, id: u64) -> Option<&Kind> {
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
