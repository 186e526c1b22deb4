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
//! entry. Whoever removes the entry answers, so each call is answered once.
//!
//! Lock order: one mutex, a leaf; nothing is called with it held.

use super::channel::Channel;
use kfd_core::abi::spec::Ioctl;
use kfd_core::call::{Arg, Caller};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// One call.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    /// Where the reply must go: it counts nowhere else.
    pub channel: Arc<Channel>,
    /// Who calls.
    pub caller: Caller,
    /// What.
    pub ioctl: &'static Ioctl,
    /// The command word as the client wrote it, with its own size.
    pub cmd: u32,
    /// How much of the struct the kernel takes back.
    pub out_size: usize,
    /// The struct as it came, and as it is read again after an interrupt.
    pub arg: Arg,
    /// How far it has come.
    pub stage: Stage,
}

/// What an INTERRUPT finds.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// No such call: not read yet by the thread that has it, or answered already.
    Unknown,
    /// It was still gathering: taken out, to be answered RESTART.
    Unstarted(Box<InFlight>),
    /// It is parked: the core is to be asked.
    Ask(Caller),
    /// It ends by itself.
    Ending,
}

/// Whether a call may go on to its next stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parking {
    /// It waits now.
    Parked,
    /// An INTERRUPT came while the core was at it.
    Interrupted,
    /// It was completed before the core's call returned.
    Over,
}

/// All of them, by `unique`.
#[derive(Debug, Default)]
pub(super) struct InFlights(Mutex<HashMap<u64, InFlight>>);

impl InFlights {
    /// Adds one.
    pub(super) fn insert(&self, unique: u64, call: InFlight) {
        self.lock().insert(unique, call);
    }

    /// Takes one out, to answer it.
    pub(super) fn remove(&self, unique: u64) -> Option<InFlight> {
        self.lock().remove(&unique)
    }

    /// The caller, as long as the call is unanswered.
    pub(super) fn caller(&self, unique: u64) -> Option<Caller> {
        self.lock().get(&unique).map(|call| call.caller)
    }

    /// Gathered: the core is called next. `None` when an interrupt has ended the call.
    pub(super) fn enter(&self, unique: u64) -> Option<InFlight> {
        let mut calls = self.lock();
        let call = calls.get_mut(&unique)?;
        call.stage = Stage::Inside { interrupted: false };
        Some(call.clone())
    }

    /// The core said `Parked`.
    pub(super) fn park(&self, unique: u64) -> Parking {
        let mut calls = self.lock();
        match calls.get_mut(&unique) {
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
        let call = calls.get_mut(&unique)?;
        match call.stage {
            Stage::Inside { .. } | Stage::Parked if scatters => {
                call.stage = Stage::Scattering;
                Some(call.clone())
            }
            Stage::Inside { .. } | Stage::Parked => calls.remove(&unique),
            Stage::Gathering | Stage::Scattering => None,
        }
    }

    /// An INTERRUPT for it.
    pub(super) fn interrupt(&self, unique: u64) -> Interrupted {
        let mut calls = self.lock();
        let Some(call) = calls.get_mut(&unique) else { return Interrupted::Unknown };
        match &mut call.stage {
            Stage::Gathering => match calls.remove(&unique) {
                Some(call) => Interrupted::Unstarted(Box::new(call)),
                None => Interrupted::Unknown,
            },
            Stage::Inside { interrupted } => {
                *interrupted = true;
                Interrupted::Ending
            }
            Stage::Parked => Interrupted::Ask(call.caller),
            Stage::Scattering => Interrupted::Ending,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Forgets all: the connection is gone, and with it whoever waited.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, InFlight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::abi::table;
    use kfd_core::call::Node;
    use kfd_core::ids::{CallId, ProcessId, Tgid, Tid};

    /// A table with one call, number 8, in the given stage.
    fn with(stage: Stage) -> InFlights {
        let calls = InFlights::default();
        let caller = Caller {
            process: ProcessId { slot: 0, generation: 1 },
            node: Node::Kfd,
            tgid: Tgid(1),
            tid: Tid(2),
            call: CallId { door: 1, serial: 8 },
        };
        // WAIT_EVENTS.
        let cmd = 0xc018_4b0c;
        let ioctl = table::lookup(cmd).unwrap();
        let arg = Arg::new(&[0; 24]).unwrap();
        let channel = Arc::new(Channel::nowhere());
        calls.insert(8, InFlight { channel, caller, ioctl, cmd, out_size: 24, arg, stage });
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
        assert!(matches!(calls.interrupt(8), Interrupted::Unknown));
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
}
