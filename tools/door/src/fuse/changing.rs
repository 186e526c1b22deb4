//! What in the directory `amdgpu` comes and goes: processes ([`super::procfs`]) and open files ([`super::fdinfo`]). The kernel
//! keeps neither names nor attributes of it, and nothing is kept here of what was looked up.

use super::door::Door;
use super::fdinfo::FdinfoNode;
use super::procfs::ProcNode;
use super::wire::layout::Attr;

/// The directories that are always there, in that of the devices.
const ROOTS: [(&str, Changing); 2] =
    [("fdinfo", Changing::File(FdinfoNode::ROOT)), ("proc", Changing::Process(ProcNode::ROOT))];

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changing {
    /// A node of the directory of processes.
    Process(ProcNode),
    /// A node of the directory of open files.
    File(FdinfoNode),
}

impl Changing {
    /// The node with that id, if it is one of these.
    pub(super) fn of(id: u64) -> Option<Self> {
        ProcNode::of(id).map(Self::Process).or_else(|| FdinfoNode::of(id).map(Self::File))
    }

    /// The directories that are always there.
    pub(super) fn roots() -> impl Iterator<Item = (&'static str, Self)> {
        ROOTS.into_iter()
    }

    /// Whether it is one of those.
    pub(super) fn is_root(self) -> bool {
        ROOTS.iter().any(|(_, root)| *root == self)
    }

    /// The node id under which FUSE knows it.
    pub(super) fn id(self) -> u64 {
        match self {
            Self::Process(node) => node.id(),
            Self::File(node) => node.id(),
        }
    }

    /// Its attributes, as long as it is there.
    pub(super) fn attr(self, door: &Door) -> Option<Attr> {
        match self {
            Self::Process(node) => node.attr(&*door.driver),
            Self::File(node) => node.attr(door),
        }
    }

    /// What is in it; `None` when it is no directory, or nothing any more.
    pub(super) fn list(self, door: &Door) -> Option<Vec<(String, Self)>> {
        Some(match self {
            Self::Process(node) => {
                let listed = node.list(&*door.driver)?.into_iter();
                listed.map(|(name, node)| (name, Self::Process(node))).collect()
            }
            Self::File(node) => node.is_directory().then(Vec::new)?,
        })
    }

    /// What `name` in it leads to.
    pub(super) fn find(self, name: &str, door: &Door) -> Option<Self> {
        match self {
            Self::Process(node) => node.find(name, &*door.driver).map(Self::Process),
            Self::File(node) => node.find(name, door).map(Self::File),
        }
    }

    /// What its file has; `None` when it has none, or nothing any more.
    pub(super) fn text(self, door: &Door) -> Option<String> {
        match self {
            Self::Process(node) => node.text(&*door.driver),
            Self::File(node) => node.text(door),
        }
    }
}
