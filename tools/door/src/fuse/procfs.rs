//! `proc` in the directory `amdgpu`: the processes that use KFD, as `/sys/class/kfd/kfd/proc` shows them
//! (`kfd_create_process_sysfs`, `kfd_procfs_add_sysfs_files`, `kfd_procfs_add_queue`, amdkfd/kfd_process.c).
//!
//! A node's id has the process's number and what of it the node is, so that nothing is kept of what was looked up; a node of
//! a process that is gone is empty.

use super::driver::Figures;
use super::sysfs;
use super::wire::layout::Attr;
use kfd_core::ids::Tgid;
use kfd_core::procfs::{ItsQueue, OnDevice};

/// Ids of nodes here have this bit.
const PROC: u64 = 1 << 49;
/// Where the process's number is; it has 22 bits (`PID_MAX_LIMIT`, linux/threads.h).
const TGID: u32 = 24;
/// The lowest bit of the kind in an id.
const KIND: u32 = 16;

/// What a node is of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of none: the directory of all.
    Root,
    Process,
    Pasid,
    Vram,
    Sdma,
    Stats,
    CuOccupancy,
    EvictedMs,
    Queues,
    Queue,
    QueueGpuid,
    QueueSize,
    QueueType,
}

const KINDS: [Kind; 13] = [
    Kind::Root,
    Kind::Process,
    Kind::Pasid,
    Kind::Vram,
    Kind::Sdma,
    Kind::Stats,
    Kind::CuOccupancy,
    Kind::EvictedMs,
    Kind::Queues,
    Kind::Queue,
    Kind::QueueGpuid,
    Kind::QueueSize,
    Kind::QueueType,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcNode {
    tgid: u32,
    kind: Kind,
    /// Of a device, its place in topology order; of a queue, its id.
    index: u16,
}

impl ProcNode {
    /// The directory of all processes.
    pub(super) const ROOT: Self = Self { tgid: 0, kind: Kind::Root, index: 0 };

    /// The node with that id, if it is one of these.
    pub(super) fn of(id: u64) -> Option<Self> {
        if id & PROC == 0 || id >= PROC << 1 {
            return None;
        }
        let kind = *KINDS.get((id >> KIND & 0xff) as usize)?;
        Some(Self { tgid: (id >> TGID & 0x3f_ffff) as u32, kind, index: (id & 0xffff) as u16 })
    }

    pub(super) fn id(self) -> u64 {
        PROC | u64::from(self.tgid) << TGID | (self.kind as u64) << KIND | u64::from(self.index)
    }

    fn is_directory(self) -> bool {
        matches!(self.kind, Kind::Root | Kind::Process | Kind::Stats | Kind::Queues | Kind::Queue)
    }

    /// Its attributes, as long as it is there.
    pub(super) fn attr(self, figures: &(impl Figures + ?Sized)) -> Option<Attr> {
        self.is_there(figures)
            .then(|| if self.is_directory() { sysfs::directory(self.id()) } else { sysfs::file(self.id()) })
    }

    fn is_there(self, figures: &(impl Figures + ?Sized)) -> bool {
        match self.kind {
            Kind::Root => true,
            Kind::Queue | Kind::QueueGpuid | Kind::QueueSize | Kind::QueueType => {
                self.queue(figures).is_some()
            }
            _ => figures.pasid(Tgid(self.tgid)).is_some(),
        }
    }

    /// What is in it; `None` when it is no directory, or nothing any more.
    pub(super) fn list(self, figures: &(impl Figures + ?Sized)) -> Option<Vec<(String, Self)>> {
        let tgid = Tgid(self.tgid);
        let of = |kind, index| Self { kind, index, ..self };
        match self.kind {
            Kind::Root => {
                let row = |Tgid(tgid)| (tgid.to_string(), Self { tgid, kind: Kind::Process, index: 0 });
                Some(figures.kfd_processes().into_iter().map(row).collect())
            }
            Kind::Process => {
                figures.pasid(tgid)?;
                let mut there = vec![
                    ("pasid".to_owned(), of(Kind::Pasid, 0)),
                    ("queues".to_owned(), of(Kind::Queues, 0)),
                ];
                for index in 0.. {
                    let Some(OnDevice { gpu, .. }) = figures.on_device(tgid, index.into()) else { break };
                    for (name, kind) in [("vram", Kind::Vram), ("sdma", Kind::Sdma), ("stats", Kind::Stats)] {
                        there.push((format!("{name}_{gpu}"), of(kind, index)));
                    }
                }
                Some(there)
            }
            Kind::Stats => Some(vec![
                ("cu_occupancy".to_owned(), of(Kind::CuOccupancy, self.index)),
                ("evicted_ms".to_owned(), of(Kind::EvictedMs, self.index)),
            ]),
            Kind::Queues => {
                figures.pasid(tgid)?;
                let queues = figures.its_queues(tgid).into_iter();
                Some(
                    queues
                        .filter_map(|queue| {
                            let id = queue.id.0;
                            Some((id.to_string(), of(Kind::Queue, u16::try_from(id).ok()?)))
                        })
                        .collect(),
                )
            }
            Kind::Queue => {
                self.queue(figures)?;
                let kinds =
                    [("gpuid", Kind::QueueGpuid), ("size", Kind::QueueSize), ("type", Kind::QueueType)];
                Some(kinds.map(|(name, kind)| (name.to_owned(), of(kind, self.index))).into())
            }
            _ => None,
        }
    }

    /// What `name` in it leads to.
    pub(super) fn find(self, name: &str, figures: &(impl Figures + ?Sized)) -> Option<Self> {
        if self.kind == Kind::Root {
            let tgid = name.parse().ok().filter(|tgid: &u32| tgid.to_string() == name)?;
            return figures.pasid(Tgid(tgid)).map(|_| Self { tgid, kind: Kind::Process, index: 0 });
        }
        self.list(figures)?.into_iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    fn queue(self, figures: &(impl Figures + ?Sized)) -> Option<ItsQueue> {
        figures.its_queues(Tgid(self.tgid)).into_iter().find(|queue| queue.id.0 == u32::from(self.index))
    }

    /// What its file has; `None` when it has none, or nothing any more.
    pub(super) fn text(self, figures: &(impl Figures + ?Sized)) -> Option<String> {
        let tgid = Tgid(self.tgid);
        let on_device = || figures.on_device(tgid, self.index.into());
        let value = match self.kind {
            Kind::Pasid => figures.pasid(tgid)?.into(),
            Kind::Vram => on_device()?.vram,
            Kind::Sdma => on_device()?.copied_us,
            Kind::CuOccupancy => on_device()?.compute_units.into(),
            Kind::EvictedMs => on_device()?.evicted_ms,
            Kind::QueueGpuid => self.queue(figures)?.gpu.into(),
            Kind::QueueSize => self.queue(figures)?.bytes,
            Kind::QueueType => self.queue(figures)?.kind.into(),
            Kind::Root | Kind::Process | Kind::Stats | Kind::Queues | Kind::Queue => return None,
        };
        Some(format!("{value}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, ProcNode};

    #[test]
    fn an_id_says_what_its_node_is_and_no_other_id_is_taken_for_one() {
        for (nth, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, nth);
            for (tgid, index) in [(1, 0), (0x3f_ffff, 1023)] {
                let node = ProcNode { tgid, kind, index };
                assert_eq!(ProcNode::of(node.id()), Some(node));
            }
        }
        for id in [1, 16, 1 << 48, (1 << 50) | (1 << 49), u64::MAX] {
            assert_eq!(ProcNode::of(id), None, "{id:#x}");
        }
    }
}
