//! Random histories of one mm against a model that fits on a page.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

use notifier::{Listener, Mm, MmId, Notifier, Ref, Registration, Releasing, Slot};
use proptest::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

const ID: MmId = MmId { pidfd_inode: 7, exec_id: 3 };

#[derive(Default)]
struct Seen {
    released: AtomicUsize,
    freed: AtomicUsize,
}

struct Spy(Arc<Seen>);

impl Listener for Spy {
    fn release(&self, mm: &Releasing<'_>) {
        assert_eq!(mm.id(), ID);
        self.0.released.fetch_add(1, SeqCst);
    }
    fn free(self: Box<Self>) {
        self.0.freed.fetch_add(1, SeqCst);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Register,
    Unregister(usize),
    UnregisterNoRelease(usize),
    DropRegistration(usize),
    Get,
    CloneRef(usize),
    Put(usize),
    Publish(usize),
    Take,
    GetFromSlot,
    Exit,
    Barrier,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Register),
        2 => (0..4usize).prop_map(Step::Unregister),
        2 => (0..4usize).prop_map(Step::UnregisterNoRelease),
        1 => (0..4usize).prop_map(Step::DropRegistration),
        4 => Just(Step::Get),
        2 => (0..4usize).prop_map(Step::CloneRef),
        4 => (0..4usize).prop_map(Step::Put),
        2 => (0..4usize).prop_map(Step::Publish),
        2 => Just(Step::Take),
        2 => Just(Step::GetFromSlot),
        1 => Just(Step::Exit),
        2 => Just(Step::Barrier),
    ]
}

/// What must be true of one listener.
#[derive(Clone, Default)]
struct Expected {
    seen: Arc<Seen>,
    linked: bool,
    released: usize,
    /// The free is queued: it has run after the next barrier.
    given_up: bool,
    /// `unregister` gives the listener back, and `free` is not called.
    given_back: bool,
    references: usize,
}

struct World {
    notifier: Notifier,
    mm: Arc<Mm>,
    slot: Slot<Spy>,
    alive: bool,
    all: Vec<Expected>,
    registrations: Vec<(usize, Registration<Spy>)>,
    references: Vec<(usize, Ref<Spy>)>,
    published: Option<usize>,
}

impl World {
    fn new() -> Self {
        let notifier = Notifier::new("machine");
        let mm = notifier.mm(ID);
        Self {
            notifier,
            mm,
            slot: Slot::empty(),
            alive: true,
            all: Vec::new(),
            registrations: Vec::new(),
            references: Vec::new(),
            published: None,
        }
    }

    fn add(&mut self) -> (usize, Spy) {
        self.all.push(Expected { linked: self.alive, given_up: !self.alive, ..Default::default() });
        let index = self.all.len() - 1;
        (index, Spy(self.all[index].seen.clone()))
    }

    fn pick<T>(from: &mut Vec<T>, at: usize) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(at % from.len()))
    }

    fn put(&mut self, index: usize) {
        let expected = &mut self.all[index];
        expected.references -= 1;
        if expected.references == 0 {
            expected.linked = false;
            expected.given_up = true;
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Register => {
                let (index, spy) = self.add();
                let outcome = self.mm.register(Box::new(spy));
                assert_eq!(outcome.is_ok(), self.alive);
                self.registrations.extend(outcome.ok().map(|registration| (index, registration)));
            }
            Step::Unregister(at) => {
                let Some((index, registration)) = Self::pick(&mut self.registrations, at) else { return };
                let expected = &mut self.all[index];
                expected.released += usize::from(expected.linked);
                (expected.linked, expected.given_back) = (false, true);
                drop(registration.unregister());
                assert!(expected.released >= 1);
            }
            Step::UnregisterNoRelease(at) | Step::DropRegistration(at) => {
                let Some((index, registration)) = Self::pick(&mut self.registrations, at) else { return };
                (self.all[index].linked, self.all[index].given_up) = (false, true);
                if matches!(step, Step::DropRegistration(_)) {
                    drop(registration);
                } else {
                    registration.unregister_no_release().call_srcu(Listener::free);
                }
            }
            Step::Get => self.get(),
            Step::CloneRef(at) => {
                if self.references.is_empty() {
                    return;
                }
                let (index, reference) = &self.references[at % self.references.len()];
                self.all[*index].references += 1;
                self.references.push((*index, reference.clone()));
            }
            Step::Put(at) => {
                let Some((index, reference)) = Self::pick(&mut self.references, at) else { return };
                drop(reference);
                self.put(index);
            }
            Step::Publish(at) => {
                let Some((index, reference)) = Self::pick(&mut self.references, at) else { return };
                match self.slot.publish(reference) {
                    Ok(()) => assert_eq!(self.published.replace(index), None),
                    Err(reference) => {
                        assert!(self.published.is_some());
                        self.references.push((index, reference));
                    }
                }
            }
            Step::Take => {
                let taken = self.slot.take();
                assert_eq!(taken.is_some(), self.published.is_some());
                self.references.extend(self.published.take().zip(taken));
            }
            Step::GetFromSlot => {
                let found = self.slot.get(&self.notifier.domain().read());
                assert_eq!(found.is_some(), self.published.is_some());
                if let Some((index, reference)) = self.published.zip(found) {
                    self.all[index].references += 1;
                    self.references.push((index, reference));
                }
            }
            Step::Exit => {
                self.mm.exit();
                self.alive = false;
                for expected in self.all.iter_mut().filter(|expected| expected.linked) {
                    expected.released += 1;
                    expected.linked = false;
                }
            }
            Step::Barrier => self.notifier.barrier(),
        }
    }

    fn get(&mut self) {
        // The one object that has references and is not dying, if any.
        let existing = self.all.iter().position(|expected| expected.references > 0 && expected.linked);
        let mut made = None;
        let all = &mut self.all;
        let outcome = self.notifier.get(&self.mm, || {
            all.push(Expected { linked: true, ..Default::default() });
            made = Some(all.len() - 1);
            Spy(all[all.len() - 1].seen.clone())
        });
        assert_eq!(outcome.is_ok(), self.alive);
        let Ok(reference) = outcome else { return assert_eq!(made, None) };
        let index = match existing {
            Some(index) => {
                assert_eq!(made, None, "one object per type and mm");
                index
            }
            None => made.expect("there was none, so one was made"),
        };
        assert!(Arc::ptr_eq(&reference.0, &self.all[index].seen), "never a mix of two objects");
        self.all[index].references += 1;
        self.references.push((index, reference));
    }

    fn check(&self) {
        assert_eq!(self.mm.is_alive(), self.alive);
        for expected in &self.all {
            assert_eq!(expected.seen.released.load(SeqCst), expected.released);
            let freed = expected.seen.freed.load(SeqCst);
            assert!(freed <= usize::from(expected.given_up), "freed while held, or twice");
        }
    }

    fn finish(mut self) {
        for index in
            self.references.drain(..).map(|(index, _)| index).chain(self.published).collect::<Vec<_>>()
        {
            self.put(index);
        }
        drop(std::mem::take(&mut self.slot));
        for (index, registration) in self.registrations.drain(..) {
            self.all[index].given_up = true;
            drop(registration);
        }
        self.notifier.barrier();
        assert_eq!(self.notifier.domain().pending(), 0);
        for expected in &self.all {
            assert_ne!(expected.given_up, expected.given_back, "each has gone exactly one way");
            assert_eq!(expected.seen.freed.load(SeqCst), usize::from(expected.given_up));
            assert_eq!(Arc::strong_count(&expected.seen), 1, "nothing is reachable after the barrier");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_agrees_with_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
            world.check();
        }
        world.finish();
    }
}
