//! The process table: who is found, by id without a lock and by address space or thread group with one.
//!
//! A slot holds one reference to its process object while that is published. A look-up by [`ProcessId`] reads the slot
//! inside a read section and compares generations, so an id of an earlier tenant finds nothing.
//!
//! Lock order: the index is the process table's lock, outermost of the core. Not for: making process objects.

use crate::ids::{ProcessId, Tgid};
use crate::process::Process;
use crate::sync::{Mutex, MutexGuard};
use notifier::srcu::{Guard, Slot};
use notifier::{MmId, Ref};
use std::collections::HashMap;

/// The process table.
pub(crate) struct ProcessTable {
    slots: Box<[Slot<Process>]>,
    index: Mutex<Index>,
}

/// The part of the table that writers change, under its lock.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_mm: HashMap<MmId, ProcessId>,
    by_tgid: HashMap<Tgid, ProcessId>,
    /// Free slots; the one freed last is taken first, because its pages are warm.
    free: Vec<u32>,
    /// The number of process objects that each slot has had.
    generations: Vec<u32>,
}

impl Index {
    /// The published object of an address space.
    pub(crate) fn of(&self, mm: MmId) -> Option<ProcessId> {
        self.by_mm.get(&mm).copied()
    }

    /// Reserves a slot for a new object; `None` when all are taken.
    pub(crate) fn reserve(&mut self) -> Option<ProcessId> {
        let slot = self.free.pop()?;
        let generation = self.generations.get_mut(slot as usize)?;
        *generation = generation.wrapping_add(1).max(1);
        Some(ProcessId { slot, generation: *generation })
    }

    /// Gives back a reserved slot whose object was never published.
    pub(crate) fn unreserve(&mut self, id: ProcessId) {
        self.free.push(id.slot);
    }
}

impl ProcessTable {
    /// A table of `capacity` slots.
    pub(crate) fn new(capacity: u32) -> Self {
        let slots = (0..capacity).map(|_| Slot::empty()).collect();
        let index = Index {
            free: (0..capacity).rev().collect(),
            generations: vec![0; capacity as usize],
            ..Index::default()
        };
        Self { slots, index: Mutex::new(index) }
    }

    /// Locks the index.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }

    /// The process object with this id, for as long as the read section lasts.
    pub(crate) fn load<'g>(&self, id: ProcessId, guard: &'g Guard<'_>) -> Option<&'g Process> {
        let process = self.slots.get(id.slot as usize)?.load(guard)?;
        (process.id() == id).then_some(process)
    }

    /// A reference to the process object with this id, which may outlive the read section.
    pub(crate) fn get(&self, id: ProcessId, guard: &Guard<'_>) -> Option<Ref<Process>> {
        let process = self.slots.get(id.slot as usize)?.get(guard)?;
        (process.id() == id).then_some(process)
    }

    /// Publishes a process object: it is found from now on. The caller holds the index and has reserved the id.
    pub(crate) fn publish(&self, index: &mut Index, process: Ref<Process>) {
        let id = process.id();
        let (mm, tgid) = (Ref::mm(&process).id(), process.tgid());
        let refused = self.slots[id.slot as usize].publish(process);
        assert!(refused.is_ok(), "invariant: a reserved slot has no tenant");
        index.by_mm.insert(mm, id);
        index.by_tgid.insert(tgid, id);
    }

    /// Takes the process object out of every index. Returns the table's reference, to be put with no lock held.
    pub(crate) fn unpublish(&self, process: &Ref<Process>) -> Option<Ref<Process>> {
        let id = process.id();
        let mut index = self.index.lock();
        if index.of(Ref::mm(process).id()) != Some(id) {
            return None;
        }
        index.by_mm.remove(&Ref::mm(process).id());
        if index.by_tgid.get(&process.tgid()) == Some(&id) {
            index.by_tgid.remove(&process.tgid());
        }
        let taken = self.slots[id.slot as usize].take();
        index.free.push(id.slot);
        taken
    }

    /// The published object of address space `mm`, or without one the object that the thread group published last.
    pub(crate) fn find(&self, tgid: Tgid, mm: Option<MmId>) -> Option<ProcessId> {
        let index = self.index.lock();
        match mm {
            Some(mm) => index.of(mm),
            None => index.by_tgid.get(&tgid).copied(),
        }
    }

    /// Every published id, in order of slot.
    pub(crate) fn ids(&self) -> Vec<ProcessId> {
        let mut ids: Vec<_> = self.index.lock().by_mm.values().copied().collect();
        ids.sort_unstable_by_key(|id| id.slot);
        ids
    }
}
