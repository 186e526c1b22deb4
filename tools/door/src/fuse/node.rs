//! The nodes of the file system: fixed ones (directories, a control file of each device with RAS, and what sysfs shows), and
//! device nodes that each belong to one process; those of DRM to one open file of it, so that whoever sees a descriptor's
//! inode number knows which file it is.
//!
//! ```text
//! LOOKUP by an unknown process ─► unbound(tgid) ── OPEN by it ─► bound(process) ── unpublished ─► orphan ── FORGET ─► gone
//! LOOKUP by a known process ───────────────────────────────────►┘
//! ```
//! The page cache belongs to the inode and two processes must never share doorbell pages, so a node is never given to
//! a second process: ids count up and are not reused. A process has one node of kfd, which has its doorbells. An orphan is what a foreign mapping (a forked child's) keeps.
//!
//! Lock order: `Nodes` sits in one mutex, taken after the open lock and before the files; nothing is called with it held.

use super::sysfs::{self, Sysfs};
use super::wire::layout::Attr;
use super::wire::opcode::ROOT_ID;
use kfd_core::call::Node;
use kfd_core::ids::{ProcessId, RenderMinor, Tgid};
use notifier::MmId;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// The node id of the directory `dri`.
pub(super) const DRI_ID: u64 = 2;
/// The node id of the directory `ras`.
pub(super) const RAS_ID: u64 = 3;
/// The control files count up from here, one a device and so eight at most.
const FIRST_CONTROL: u64 = 4;
/// Device nodes count up from here.
const FIRST_DEVICE: u64 = 16;

/// What a name of the mount leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inode {
    /// The directory `dri`.
    Dri,
    /// The directory `ras`; there only when it has files.
    Ras,
    /// The control file with this node id.
    Control(u64),
    /// What sysfs shows, with this node id.
    Sysfs(u64),
    Device(Node),
}

/// What is to be shown.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The render nodes.
    pub minors: Vec<RenderMinor>,
    /// Those of devices with RAS, each of which has a file that takes orders for errors.
    pub ras: Vec<RenderMinor>,
    /// The number of the primary node of the first device; the others' follow.
    pub first_card: u32,
    /// What sysfs shows of the devices, below `topology::DEVICES`.
    pub sysfs: kfd_core::topology::Tree,
}

/// The tree's shape: which names there are.
#[derive(Debug)]
pub(super) struct Tree {
    /// Names of the render nodes in `dri`.
    minors: Vec<RenderMinor>,
    /// Those whose devices have a control file in `ras`, of the same name.
    ras: Vec<RenderMinor>,
    first_card: u32,
    /// What is in `amdgpu`.
    pub(super) sysfs: Sysfs,
}

impl Tree {
    pub(super) fn new(shown: Shown) -> Self {
        let Shown { minors, ras, first_card, sysfs } = shown;
        Self { minors, ras, first_card, sysfs: Sysfs::new(&sysfs) }
    }

    /// The nodes in `dri`, each device's two.
    fn devices(&self) -> impl Iterator<Item = Node> {
        self.minors.iter().flat_map(|minor| [Node::Card(*minor), Node::Render(*minor)])
    }

    /// The name of a device's node in its directory.
    pub(super) fn name(&self, node: Node) -> String {
        match node {
            Node::Kfd => "kfd".to_owned(),
            Node::Render(minor) => format!("renderD{minor}"),
            Node::Card(minor) => format!("card{}", self.card(minor)),
        }
    }

    /// The number of the primary node beside that render node.
    fn card(&self, minor: RenderMinor) -> u64 {
        let nth = self.minors.iter().position(|known| *known == minor).unwrap_or_default();
        u64::from(self.first_card) + nth as u64
    }

    /// The attributes of a device's node. Regular files: FUSE has no device with mappings, and runtimes do not look. Who must
    /// look finds the minor number of a node of DRM, and one, in the seconds of its time (`kfdd-device-nodes`).
    ///
    /// A render node's own size is of no account: its mappings see the arena's.
    pub(super) fn device_attr(&self, id: u64, node: Node, kfd_bytes: u64) -> Attr {
        let (size, mtime) = match node {
            Node::Kfd => (kfd_bytes, 0),
            Node::Render(minor) => (0, u64::from(minor.0) + 1),
            Node::Card(minor) => (0, self.card(minor) + 1),
        };
        Attr { ino: id, size, mtime, mode: libc::S_IFREG | 0o666, nlink: 1, blksize: 4096, ..Attr::default() }
    }

    /// The render minor of the device whose control file this node is.
    pub(super) fn control(&self, id: u64) -> Option<RenderMinor> {
        let index = usize::try_from(id.checked_sub(FIRST_CONTROL)?).ok()?;
        self.ras.get(index).copied()
    }

    /// The control files: node ids and names.
    fn controls(&self) -> impl Iterator<Item = (u64, String)> {
        (FIRST_CONTROL..).zip(self.ras.iter().map(|minor| self.name(Node::Render(*minor))))
    }

    /// What `name` in the directory `parent` leads to.
    pub(super) fn find(&self, parent: u64, name: &[u8]) -> Option<Inode> {
        match (parent, name) {
            (ROOT_ID, b"kfd") => Some(Inode::Device(Node::Kfd)),
            (ROOT_ID, b"dri") => Some(Inode::Dri),
            (ROOT_ID, b"amdgpu") => Some(Inode::Sysfs(sysfs::ROOT)),
            (ROOT_ID, b"ras") if !self.ras.is_empty() => Some(Inode::Ras),
            (RAS_ID, name) => {
                let mut controls = self.controls();
                controls.find(|(_, known)| known.as_bytes() == name).map(|(id, _)| Inode::Control(id))
            }
            (DRI_ID, name) => {
                self.devices().find(|node| self.name(*node).as_bytes() == name).map(Inode::Device)
            }
            _ => None,
        }
    }

    /// The entries of a directory: a stand-in inode number, the `d_type`, the name. `None` for no directory.
    pub(super) fn list(&self, directory: u64) -> Option<Vec<(u64, u32, String)>> {
        const DIRECTORY: u32 = libc::DT_DIR as u32;
        const REGULAR: u32 = libc::DT_REG as u32;
        let mut entries = vec![(directory, DIRECTORY, ".".to_owned()), (ROOT_ID, DIRECTORY, "..".to_owned())];
        match directory {
            ROOT_ID => {
                entries.push((FIRST_DEVICE - 1, REGULAR, self.name(Node::Kfd)));
                entries.push((sysfs::ROOT, DIRECTORY, "amdgpu".to_owned()));
                entries.push((DRI_ID, DIRECTORY, "dri".to_owned()));
                if !self.ras.is_empty() {
                    entries.push((RAS_ID, DIRECTORY, "ras".to_owned()));
                }
            }
            RAS_ID => entries.extend(self.controls().map(|(id, name)| (id, REGULAR, name))),
            DRI_ID => {
                entries.extend(self.devices().map(|node| (FIRST_DEVICE - 1, REGULAR, self.name(node))));
            }
            _ => return None,
        }
        Some(entries)
    }
}

/// The directory that a device lies in.
pub(super) fn parent(node: Node) -> u64 {
    match node {
        Node::Kfd => ROOT_ID,
        Node::Render(_) | Node::Card(_) => DRI_ID,
    }
}

/// The attributes of a directory.
pub(super) fn directory_attr(id: u64) -> Attr {
    Attr { ino: id, mode: libc::S_IFDIR | 0o755, nlink: 2, blksize: 4096, ..Attr::default() }
}

/// The attributes of a control file: writable by its owner, as debugfs has it.
pub(super) fn control_attr(id: u64) -> Attr {
    Attr { ino: id, mode: libc::S_IFREG | 0o200, nlink: 1, blksize: 4096, ..Attr::default() }
}

/// A device node that the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeviceNode {
    pub node: Node,
    /// The process whose LOOKUP made the node.
    pub tgid: Tgid,
    /// Whose it is, once opened.
    pub process: Option<ProcessId>,
    /// How many lookups the kernel holds.
    lookups: u64,
    /// How many files of it are open.
    opens: u64,
}

/// The nodes of one kind that a process has.
#[derive(Debug, Default)]
struct Bound {
    all: BTreeSet<u64>,
    /// Those that are not open.
    spare: BTreeSet<u64>,
}

/// What the door keeps of one process.
#[derive(Debug)]
pub(super) struct Member {
    /// Its thread group.
    pub tgid: Tgid,
    /// Its address space.
    pub mm: MmId,
    nodes: HashMap<Node, Bound>,
    /// Passthrough's ids of its arenas.
    pub backings: HashMap<RenderMinor, i32>,
}

impl Member {
    /// Whether it has a node of this kind.
    pub(super) fn has(&self, wanted: Node) -> bool {
        self.nodes.contains_key(&wanted)
    }

    /// The node that a LOOKUP by it leads to, if it has one for that.
    fn to_open(&self, wanted: Node) -> Option<u64> {
        let bound = self.nodes.get(&wanted)?;
        if wanted == Node::Kfd { bound.all.first().copied() } else { bound.spare.first().copied() }
    }
}

/// Every device node and what the door keeps of each process.
#[derive(Debug)]
pub(super) struct Nodes {
    next: u64,
    devices: HashMap<u64, DeviceNode>,
    members: HashMap<ProcessId, Member>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { next: FIRST_DEVICE, devices: HashMap::new(), members: HashMap::new() }
    }
}

impl Nodes {
    /// The id that a LOOKUP answers: the process's node where it has one, and of DRM one that is not open, else a new one;
    /// counts the lookup.
    pub(super) fn look_up(&mut self, node: Node, tgid: Tgid, process: Option<ProcessId>) -> u64 {
        let known = process.and_then(|process| self.members.get(&process)?.to_open(node));
        let id = known.unwrap_or_else(|| {
            let id = self.next;
            self.next += 1;
            self.devices.insert(id, DeviceNode { node, tgid, process: None, lookups: 0, opens: 0 });
            id
        });
        if let Some(device) = self.devices.get_mut(&id) {
            device.lookups += 1;
        }
        id
    }

    /// A device node.
    pub(super) fn get(&self, id: u64) -> Option<DeviceNode> {
        self.devices.get(&id).copied()
    }

    /// Whether `process` may open this node: it is bound to it, or nobody's; of kfd while the process has no other.
    pub(super) fn may_open(&self, id: u64, process: Option<ProcessId>) -> bool {
        let Some(device) = self.devices.get(&id) else { return false };
        match device.process {
            Some(owner) => process == Some(owner) && self.members.contains_key(&owner),
            None if device.node == Node::Kfd => process.and_then(|process| self.kfd_of(process)).is_none(),
            None => true,
        }
    }

    /// Binds a node to the process that opens it; `may_open` said so under the same open lock.
    pub(super) fn bind(&mut self, id: u64, process: ProcessId, tgid: Tgid, mm: MmId) -> &mut Member {
        let member = self.members.entry(process).or_insert_with(|| Member {
            tgid,
            mm,
            nodes: HashMap::new(),
            backings: HashMap::new(),
        });
        if let Some(device) = self.devices.get_mut(&id) {
            device.process = Some(process);
            device.opens += 1;
            let bound = member.nodes.entry(device.node).or_default();
            bound.all.insert(id);
            bound.spare.remove(&id);
        }
        member
    }

    /// A file of that node was closed.
    pub(super) fn closed(&mut self, id: u64) {
        let Some(device) = self.devices.get_mut(&id) else { return };
        device.opens = device.opens.saturating_sub(1);
        let (node, process) = (device.node, device.process.filter(|_| device.opens == 0));
        if let Some(bound) = process.and_then(|process| self.members.get_mut(&process)?.nodes.get_mut(&node))
        {
            bound.spare.insert(id);
        }
    }

    /// What is kept of a process.
    pub(super) fn member(&self, process: ProcessId) -> Option<&Member> {
        self.members.get(&process)
    }

    /// Drops lookups; with the last one the node goes, and whose it was is returned.
    pub(super) fn forget(&mut self, id: u64, count: u64) -> Option<(ProcessId, Node)> {
        let device = self.devices.get_mut(&id)?;
        device.lookups = device.lookups.saturating_sub(count);
        if device.lookups > 0 {
            return None;
        }
        let device = self.devices.remove(&id)?;
        let process = device.process?;
        if let Some(member) = self.members.get_mut(&process)
            && let Entry::Occupied(mut bound) = member.nodes.entry(device.node)
        {
            bound.get_mut().all.remove(&id);
            bound.get_mut().spare.remove(&id);
            if bound.get().all.is_empty() {
                bound.remove();
            }
        }
        Some((process, device.node))
    }

    /// The kfd node of a process, for invalidations.
    pub(super) fn kfd_of(&self, process: ProcessId) -> Option<u64> {
        self.members.get(&process)?.to_open(Node::Kfd)
    }

    /// Takes what was kept of a process; its nodes stay as orphans until they are forgotten.
    pub(super) fn unpublish(&mut self, process: ProcessId) -> Option<(Vec<Node>, Vec<i32>)> {
        let member = self.members.remove(&process)?;
        Some((member.nodes.into_keys().collect(), member.backings.into_values().collect()))
    }

    /// How many device nodes there are.
    pub(super) fn len(&self) -> usize {
        self.devices.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MM: MmId = MmId { pidfd_inode: 1, exec_id: 1 };
    const A: ProcessId = ProcessId { slot: 0, generation: 1 };
    const B: ProcessId = ProcessId { slot: 1, generation: 1 };

    #[test]
    fn a_known_process_finds_its_node_and_no_other_does() {
        let mut nodes = Nodes::default();
        let first = nodes.look_up(Node::Kfd, Tgid(1), None);
        assert!(nodes.may_open(first, None));
        nodes.bind(first, A, Tgid(1), MM);
        assert_eq!(nodes.look_up(Node::Kfd, Tgid(1), Some(A)), first);
        let other = nodes.look_up(Node::Kfd, Tgid(2), Some(B));
        assert_ne!(other, first);
        assert!(!nodes.may_open(first, Some(B)));
        assert!(!nodes.may_open(first, None));
        assert!(!nodes.may_open(other, Some(A)), "a process has one node of a kind");
    }

    // Keeps: fdinfo-client
    #[test]
    fn each_open_of_a_node_of_drm_has_a_node_of_its_own() {
        const CARD: Node = Node::Card(RenderMinor(128));
        let mut nodes = Nodes::default();
        let first = nodes.look_up(CARD, Tgid(1), None);
        nodes.bind(first, A, Tgid(1), MM);
        let second = nodes.look_up(CARD, Tgid(1), Some(A));
        assert_ne!(second, first);
        assert!(nodes.may_open(second, Some(A)) && !nodes.may_open(first, Some(B)));
        nodes.bind(second, A, Tgid(1), MM);
        nodes.closed(first);
        assert_eq!(nodes.look_up(CARD, Tgid(1), Some(A)), first, "it is not open any more");
        nodes.bind(first, A, Tgid(1), MM);
        // Once more, by way of /proc.
        nodes.bind(first, A, Tgid(1), MM);
        nodes.closed(first);
        assert_ne!(nodes.look_up(CARD, Tgid(1), Some(A)), first, "it is open still");
        nodes.closed(first);
        assert_eq!(nodes.forget(first, 2), Some((A, CARD)));
        assert!(nodes.member(A).is_some_and(|member| member.has(CARD)), "it has the second");
        nodes.closed(second);
        assert_eq!(nodes.forget(second, 1), Some((A, CARD)));
        assert!(nodes.member(A).is_some_and(|member| !member.has(CARD)));
    }

    #[test]
    fn the_last_forget_tells_whose_node_it_was_even_after_the_process_went() {
        let mut nodes = Nodes::default();
        let id = nodes.look_up(Node::Kfd, Tgid(1), None);
        nodes.bind(id, A, Tgid(1), MM);
        nodes.look_up(Node::Kfd, Tgid(1), Some(A));
        assert_eq!(nodes.unpublish(A), Some((vec![Node::Kfd], vec![])));
        assert!(!nodes.may_open(id, Some(A)));
        assert_eq!(nodes.forget(id, 1), None);
        assert_eq!(nodes.forget(id, 1), Some((A, Node::Kfd)));
        assert_eq!(nodes.len(), 0);
        assert_eq!(nodes.forget(id, 1), None);
    }

    #[test]
    fn a_process_whose_node_was_forgotten_gets_a_new_one() {
        let mut nodes = Nodes::default();
        let id = nodes.look_up(Node::Kfd, Tgid(1), None);
        nodes.bind(id, A, Tgid(1), MM);
        assert_eq!(nodes.forget(id, 1), Some((A, Node::Kfd)));
        let again = nodes.look_up(Node::Kfd, Tgid(1), Some(A));
        assert_ne!(again, id);
        assert!(nodes.may_open(again, Some(A)));
    }

    #[test]
    fn the_tree_has_kfd_and_the_render_nodes() {
        let tree = Tree::new(Shown {
            minors: vec![RenderMinor(128), RenderMinor(129)],
            first_card: 3,
            ..Shown::default()
        });
        assert_eq!(tree.find(ROOT_ID, b"ras"), None);
        assert_eq!(tree.find(ROOT_ID, b"kfd"), Some(Inode::Device(Node::Kfd)));
        assert_eq!(tree.find(DRI_ID, b"renderD129"), Some(Inode::Device(Node::Render(RenderMinor(129)))));
        assert_eq!(tree.find(DRI_ID, b"kfd"), None);
        assert_eq!(tree.find(ROOT_ID, b"renderD128"), None);
        assert_eq!(tree.find(DRI_ID, b"card4"), Some(Inode::Device(Node::Card(RenderMinor(129)))));
        assert_eq!(tree.find(DRI_ID, b"card0"), None);
        assert_eq!(tree.list(DRI_ID).unwrap().len(), 6);
        assert!(tree.list(FIRST_DEVICE).is_none());
    }

    #[test]
    fn a_device_with_ras_has_a_control_file_of_its_render_nodes_name() {
        let minors = [RenderMinor(128), RenderMinor(129)];
        let tree = Tree::new(Shown { minors: minors.to_vec(), ras: vec![minors[1]], ..Shown::default() });
        assert_eq!(tree.find(ROOT_ID, b"ras"), Some(Inode::Ras));
        assert_eq!(tree.find(RAS_ID, b"renderD128"), None);
        let Some(Inode::Control(id)) = tree.find(RAS_ID, b"renderD129") else { panic!("no control file") };
        assert_eq!(tree.control(id), Some(minors[1]));
        assert_eq!(tree.control(id + 1), None);
        assert_eq!(tree.control(DRI_ID), None);
        assert_eq!(tree.list(RAS_ID).unwrap().len(), 3);
    }
}
