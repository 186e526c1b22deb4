//! The ioctls under way: read from /dev/fuse and not answered.
//!
//! ```text
//!            ┌────────────── INTERRUPT: answered RESTART, the late gather finds nothing
//!            │
//! ─► Gathering ─► Inside ─► Parked ─► Scattering ─► answered
//!                  │  └──────────────────▲  ▲
//!                  └─ INTERRUPT: noted, ─┘  └─ INTERRUPT: nothing; the worker's deadline bounds it
//!                     asked when it parks
//! ```
//! An entry is made before the core is called, so a completion can overtake the return of that call but never the
//! entry. Whoever removes the entry answers, so each call is answered once. Calls that cannot park and gather nothing
//! have an entry only while they scatter: they end by themselves.
//!
//! # Early interrupts
//!
//! An INTERRUPT may be read on one channel before the thread that read its request on another has made the entry. It is
//! kept here and the entry finds it. The kernel wants no answer to an INTERRUPT: it forgets its own when it is read
//! (fs/fuse/dev.c, `fuse_read_interrupt`), and drops one that was not when the request ends (`fuse_request_end`). Most
//! that are kept are for requests that are no such calls (the FLUSH of a dying client) and end at once: whoever has
//! served one takes its number out again. What is left, for requests answered before, is pushed out by
//! later ones and is then answered EAGAIN, so that even one that mattered would come again.
//!
//! Lock order: one mutex, a leaf; nothing is called with it held.

use super::channel::Channel;
use kfd_core::abi::admitted::Admitted;
use kfd_core::call::{Caller, Gathered};
use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its input is being read from the client's memory.
    Gathering,
    /// The core is at it, on some thread.
    Inside {
        /// An INTERRUPT came meanwhile.
        interrupted: bool,
    },
    /// The core will complete it.
    Parked,
    /// Its output is being written to the client's memory.
    Scattering,
}

#[derive(Debug, Clone)]
pub(super) struct InFlight {
    /// Where the reply must go: it counts nowhere else.
    pub channel: Arc<Channel>,
    pub caller: Caller,
    /// The call, as it came and as it is served again after an interrupt.
    pub admitted: Admitted<'static>,
    /// The command word as the client wrote it, with its own size.
    pub cmd: u32,
    /// How much of the struct the kernel takes back.
    pub out_size: usize,
    /// Whose memory its pointers are about: the caller's, who is the file's process or its tracer.
    pub memory: ProcessId,
    /// What was found out of what the struct claims.
    pub found: Gathered,
    /// How far it has come.
    pub stage: Stage,
}

/// What an INTERRUPT finds.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// No such call: it is kept in case the thread that has read it is about to enter it. With the one that had
    /// to give way, which is to be asked for again.
    Early(Option<u64>),
    /// It was still gathering: taken out, to be answered RESTART.
    Unstarted(Box<InFlight>),
    /// It is parked: the core is to be asked.
    Ask(Caller),
    /// The call ends by itself.
    Ending,
}

/// Whether a call may go on to its next stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parking {
    /// The call waits now; its end will come from the core.
    Parked,
    /// An INTERRUPT came while the core was at it.
    Interrupted,
    /// It was completed before the core's call returned.
    Over,
}

/// How many early interrupts are kept: more than there can be calls between their read and their entry.
const EARLY_MAX: usize = 64;

/// All of them, by `unique`.
#[derive(Debug, Default)]
pub(super) struct InFlights(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    entries: HashMap<u64, InFlight>,
    /// The oldest first.
    early: VecDeque<u64>,
}

impl Calls {
    /// Takes the early interrupt of a request out; says whether there was one.
    fn take_early(&mut self, unique: u64) -> bool {
        let at = self.early.iter().position(|early| *early == unique);
        at.and_then(|at| self.early.remove(at)).is_some()
    }
}

impl InFlights {
    /// Adds one; says whether its INTERRUPT was there before it, to be given to [`InFlights::interrupt`] now.
    #[must_use]
    pub(super) fn insert(&self, unique: u64, call: InFlight) -> bool {
        let mut calls = self.lock();
        calls.entries.insert(unique, call);
        calls.take_early(unique)
    }

    /// A request that is no call, or has ended without an entry, was served: an INTERRUPT for it means nothing more.
    pub(super) fn served(&self, unique: u64) {
        self.lock().take_early(unique);
    }

    /// Takes one out, to answer it.
    pub(super) fn remove(&self, unique: u64) -> Option<InFlight> {
        self.lock().entries.remove(&unique)
    }

    /// The caller and the process that it is, as long as the call is unanswered.
    pub(super) fn caller(&self, unique: u64) -> Option<(Caller, ProcessId)> {
        self.lock().entries.get(&unique).map(|call| (call.caller, call.memory))
    }

    /// Whose memory a call's pointers are about, as long as it is unanswered.
    pub(super) fn memory(&self, unique: u64) -> Option<ProcessId> {
        self.lock().entries.get(&unique).map(|call| call.memory)
    }

    /// Gathered: the core is called next. `None` when an interrupt has ended the call.
    pub(super) fn enter(&self, unique: u64) -> Option<InFlight> {
        let mut calls = self.lock();
        let call = calls.entries.get_mut(&unique)?;
        call.stage = Stage::Inside { interrupted: false };
        Some(call.clone())
    }

    /// Takes note that the core has parked a call.
    pub(super) fn park(&self, unique: u64) -> Parking {
        let mut calls = self.lock();
        match calls.entries.get_mut(&unique) {
            Some(call) => match call.stage {
                Stage::Inside { interrupted } => {
                    call.stage = Stage::Parked;
                    if interrupted { Parking::Interrupted } else { Parking::Parked }
                }
                Stage::Gathering | Stage::Parked | Stage::Scattering => Parking::Over,
            },
            None => Parking::Over,
        }
    }

    /// The core has completed it. With something to scatter it stays, else it is taken out; `None` when it was
    /// completed before.
    pub(super) fn complete(&self, unique: u64, scatters: bool) -> Option<InFlight> {
        let mut calls = self.lock();
        let call = calls.entries.get_mut(&unique)?;
        match call.stage {
            Stage::Inside { .. } | Stage::Parked if scatters => {
                call.stage = Stage::Scattering;
                Some(call.clone())
            }
            Stage::Inside { .. } | Stage::Parked => calls.entries.remove(&unique),
            Stage::Gathering | Stage::Scattering => None,
        }
    }

    /// Takes note of an INTERRUPT for a call, and says what is to be done about it.
    pub(super) fn interrupt(&self, unique: u64) -> Interrupted {
        let mut calls = self.lock();
        let Some(call) = calls.entries.get_mut(&unique) else {
            let given_way = if calls.early.len() < EARLY_MAX { None } else { calls.early.pop_front() };
            calls.early.push_back(unique);
            return Interrupted::Early(given_way);
        };
        match &mut call.stage {
            Stage::Gathering => match calls.entries.remove(&unique) {
                Some(call) => Interrupted::Unstarted(Box::new(call)),
                None => Interrupted::Ending,
            },
            Stage::Inside { interrupted } => {
                *interrupted = true;
                Interrupted::Ending
            }
            Stage::Parked => Interrupted::Ask(call.caller),
            Stage::Scattering => Interrupted::Ending,
        }
    }

    /// How many calls are not answered.
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Forgets all: the connection is gone, and with it whoever waited.
    pub(super) fn clear(&self) {
        *self.lock() = Calls::default();
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::abi::table;
    use kfd_core::call::Node;
    use kfd_core::ids::{CallId, Tgid, Tid};

    /// A table with one call, number 8, in the given stage.
    fn with(stage: Stage) -> InFlights {
        let calls = InFlights::default();
        let caller = Caller {
            process: ProcessId { slot: 0, generation: 1 },
            node: Node::Kfd,
            file: kfd_core::ids::FileId(1),
            tgid: Tgid(1),
            tid: Tid(2),
            call: CallId { door: 1, serial: 8 },
        };
        // WAIT_EVENTS.
        let cmd = 0xc018_4b0c;
        let admitted = Admitted::new(table::lookup(cmd).unwrap(), &[0; 24]).unwrap();
        let channel = Arc::new(Channel::nowhere());
        assert!(!calls.insert(
            8,
            InFlight {
                channel,
                caller,
                admitted,
                cmd,
                out_size: 24,
                memory: caller.process,
                found: Gathered::default(),
                stage,
            }
        ));
        calls
    }

    const INSIDE: Stage = Stage::Inside { interrupted: false };

    #[test]
    fn a_completion_that_overtakes_the_return_of_the_call_answers_it_once() {
        for scatters in [false, true] {
            let calls = with(INSIDE);
            assert!(calls.complete(8, scatters).is_some());
            assert!(calls.complete(8, scatters).is_none());
            assert_eq!(calls.park(8), Parking::Over);
            assert_eq!(calls.remove(8).is_some(), scatters);
        }
    }

    #[test]
    fn an_interrupt_while_the_core_is_at_it_is_asked_when_it_parks() {
        let calls = with(INSIDE);
        assert!(matches!(calls.interrupt(8), Interrupted::Ending));
        assert_eq!(calls.park(8), Parking::Interrupted);
        assert!(matches!(calls.interrupt(8), Interrupted::Ask(_)));
        assert!(calls.complete(8, false).is_some());
        assert!(matches!(calls.interrupt(8), Interrupted::Early(None)));
    }

    #[test]
    fn an_interrupt_while_gathering_ends_the_call_and_the_late_gather_finds_nothing() {
        let calls = with(Stage::Gathering);
        assert!(calls.complete(8, false).is_none(), "nobody has called the core");
        assert!(matches!(calls.interrupt(8), Interrupted::Unstarted(_)));
        assert!(calls.enter(8).is_none());
        assert!(calls.remove(8).is_none());
        assert_eq!(calls.len(), 0);
    }

    #[test]
    fn an_interrupt_while_scattering_waits_for_the_writes() {
        let calls = with(Stage::Parked);
        assert!(calls.complete(8, true).is_some());
        assert!(matches!(calls.interrupt(8), Interrupted::Ending));
        assert!(calls.remove(8).is_some());
    }

    #[test]
    fn an_interrupt_that_overtakes_its_call_is_found_by_the_entry_once() {
        let calls = with(Stage::Parked);
        let call = calls.remove(8).unwrap();
        assert!(matches!(calls.interrupt(8), Interrupted::Early(None)));
        assert!(calls.insert(8, call.clone()));
        assert!(matches!(calls.interrupt(8), Interrupted::Ask(_)));
        assert!(!calls.insert(8, call));
    }

    #[test]
    fn early_interrupts_of_requests_that_end_do_not_pile_up_and_none_is_lost_unsaid() {
        let calls = InFlights::default();
        assert!(matches!(calls.interrupt(2), Interrupted::Early(None)));
        calls.served(2);
        for unique in 100..100 + EARLY_MAX as u64 {
            assert!(matches!(calls.interrupt(unique), Interrupted::Early(None)));
        }
        assert!(matches!(calls.interrupt(9000), Interrupted::Early(Some(100))));
        calls.clear();
        assert!(matches!(calls.interrupt(2), Interrupted::Early(None)));
    }
}
