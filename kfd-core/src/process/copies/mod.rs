//! Copies between buffer objects of two processes: CROSS_MEMORY_COPY (`kfd_ioctl_cross_memory_copy`, kfd_chardev.c of AMD's
//! out-of-tree driver).
//!
//! ```text
//! begin ──arenas only, all done in one step──► answered
//!       ──else──► waiting ── a worker's answer ──► stepping ── more ──► waiting
//!                    │ signal, death                 └── end, or a signal or death meanwhile ──► answered
//!                    └──► answered
//! ```
//! Between arenas a step copies at once, up to [`STEP`] bytes. A client's own memory is read and written by its memory
//! worker, a piece at a time; a step that has come to its limit asks a worker for nothing, so that others have their turn.
//! However it ends, the struct tells how many bytes are there.
//!
//! Locks: [`Copies`] is a leaf of its process; it is not held in a step. Not for: whether the caller may (`ioctl::cross`).

mod cursor;

use crate::abi::kfd as abi;
use crate::access::{CopyRequest, UserAccess, UserAnswer};
use crate::account::Charge;
use crate::call::{Arg, Done, Errno, Outcome, Refused};
use crate::ids::{CallId, ProcessId, UserVa};
use crate::notice::{Notice, Post};
use crate::sync::Mutex;
use core::mem::offset_of;
use cursor::Cursor;
pub(crate) use cursor::{CopyEnd, Memory};
use std::collections::HashMap;

/// The bytes that one step copies between arenas: a millisecond or two of work.
const STEP: u64 = 16 << 20;

/// The most bytes that a worker reads or writes at once ([`UserAccess`]).
const PIECE: u64 = 64 << 10;

/// One CROSS_MEMORY_COPY call.
#[derive(Debug)]
pub(crate) struct Cross {
    call: CallId,
    arg: Arg,
    source: Cursor,
    target: Cursor,
    copied: u64,
    asked: Asked,
    /// The charge for the parked call, while it is parked.
    pub(crate) charge: Option<Charge>,
}

/// The request to a worker that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A pause: a read of no bytes, whose answer carries nothing.
    Nothing,
    /// A read of this many bytes of the source.
    Read(u64),
    /// A write of this many bytes to the target.
    Write(u64),
}

/// The result of a step.
pub(crate) enum Stepped {
    /// The copy has ended with this result.
    Ended(Result<(), Errno>),
    /// A worker has to make this access to the memory of this process.
    Asks(ProcessId, UserAccess),
}

impl Cross {
    /// A copy from ranges of one process to ranges of another.
    pub(crate) fn new(
        call: CallId,
        arg: Arg,
        source: (ProcessId, Vec<abi::MemoryRange>),
        target: (ProcessId, Vec<abi::MemoryRange>),
    ) -> Self {
        let (source, target) = (Cursor::new(source.0, source.1), Cursor::new(target.0, target.1));
        Self { call, arg, source, target, copied: 0, asked: Asked::Nothing, charge: None }
    }

    /// Takes a worker's answer and makes the next step.
    pub(crate) fn answered(&mut self, memory: &impl Memory, answer: UserAnswer) -> Stepped {
        let UserAnswer::Done(bytes) = answer else {
            // A pause that was refused must not be asked for again at once.
            let errno = if self.asked == Asked::Nothing { Errno::AGAIN } else { Errno::FAULT };
            return Stepped::Ended(Err(errno));
        };
        match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Nothing => {}
            Asked::Read(len) if bytes.len() as u64 != len => return FAULT,
            Asked::Read(len) => match self.target.end(memory, true) {
                Some(CopyEnd::Arena(arena, offset, _held)) => match arena.write(offset, &bytes) {
                    Some(()) => self.advance(len),
                    None => return FAULT,
                },
                Some(CopyEnd::User(va)) => return self.write(va, bytes),
                None => return FAULT,
            },
            Asked::Write(len) => self.advance(len),
        }
        self.step(memory)
    }

    /// Copies until the end, the limit of a step, or memory that only a worker can reach.
    pub(crate) fn step(&mut self, memory: &impl Memory) -> Stepped {
        let mut left = STEP;
        while let (Some(from), Some(to)) = (self.source.range(), self.target.range()) {
            let len = from.size.min(to.size);
            let (Some(source), Some(target)) =
                (self.source.end(memory, false), self.target.end(memory, true))
            else {
                return FAULT;
            };
            match (source, target) {
                (CopyEnd::Arena(..), CopyEnd::Arena(..)) if left == 0 => {
                    return Stepped::Asks(self.source.process, UserAccess::Read { va: UserVa(0), len: 0 });
                }
                (CopyEnd::Arena(source, at, _held), CopyEnd::Arena(target, to, _held_too)) => {
                    let Some(done) = cursor::copy((&target, to), (&source, at), len.min(left)) else {
                        return FAULT;
                    };
                    left -= done;
                    self.advance(done);
                }
                (CopyEnd::Arena(source, at, _held), CopyEnd::User(va)) => {
                    let mut bytes = vec![0; len.min(PIECE) as usize];
                    return match source.read(at, &mut bytes) {
                        Some(()) => self.write(va, bytes),
                        None => FAULT,
                    };
                }
                (CopyEnd::User(va), _) => {
                    let len = len.min(PIECE);
                    self.asked = Asked::Read(len);
                    return Stepped::Asks(self.source.process, UserAccess::Read { va, len: len as u32 });
                }
            }
        }
        Stepped::Ended(Ok(()))
    }

    fn write(&mut self, va: UserVa, bytes: Vec<u8>) -> Stepped {
        self.asked = Asked::Write(bytes.len() as u64);
        Stepped::Asks(self.target.process, UserAccess::Write { va, bytes })
    }

    fn advance(&mut self, bytes: u64) {
        self.source.advance(bytes);
        self.target.advance(bytes);
        self.copied += bytes;
    }

    /// The ioctl's struct with the bytes copied so far, as it is copied out.
    pub(crate) fn told(&self) -> Arg {
        let mut arg = self.arg;
        let at = offset_of!(abi::CrossMemoryCopy, bytes_copied);
        if let Some(field) = arg.bytes_mut().get_mut(at..at + size_of::<u64>()) {
            field.copy_from_slice(&self.copied.to_ne_bytes());
        }
        arg
    }

    fn end(self, result: Result<(), Errno>) -> Outcome {
        let arg = self.told();
        match result {
            Ok(()) => Outcome::Done(Done::new(arg)),
            Err(errno) => Outcome::Refused(Refused { errno, arg, writes: Vec::new() }),
        }
    }
}

const FAULT: Stepped = Stepped::Ended(Err(Errno::FAULT));

/// The copies of one process that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Copies(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    by_call: HashMap<CallId, State>,
    /// Whether the process is going, so that no copy begins any more.
    closed: bool,
}

#[derive(Debug)]
enum State {
    Waiting(Box<Cross>),
    /// A step is being made; the errno is what a signal or a death has asked it to end with meanwhile.
    Stepping(Option<Errno>),
}

impl Copies {
    /// Parks a copy until a worker answers, and posts the request to it. EIO when the process is going.
    pub(crate) fn wait(
        &self,
        process: ProcessId,
        copy: Cross,
        (memory, access): (ProcessId, UserAccess),
        post: &mut Post,
    ) -> Result<(), Errno> {
        let mut open = self.0.lock();
        if open.closed {
            return Err(Errno::IO);
        }
        let call = copy.call;
        open.by_call.insert(call, State::Waiting(Box::new(copy)));
        post.add(Notice::Copy(CopyRequest { memory, process, call, access }));
        Ok(())
    }

    /// Ends a parked copy with EINTR; a copy whose step is being made ends after the step.
    pub(crate) fn interrupt(&self, call: CallId) -> Option<Outcome> {
        let mut open = self.0.lock();
        match open.by_call.get_mut(&call)? {
            State::Stepping(end) => *end = end.or(Some(Errno::INTR)),
            State::Waiting(_) => {
                let Some(State::Waiting(copy)) = open.by_call.remove(&call) else { return None };
                return Some(copy.end(Err(Errno::INTR)));
            }
        }
        None
    }

    /// The number of copies that wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().by_call.values().filter(|state| matches!(state, State::Waiting(_))).count()
    }

    /// Ends every copy with EIO and lets none begin any more, because the process is going.
    pub(crate) fn close(&self, process: ProcessId, post: &mut Post) {
        let mut open = self.0.lock();
        open.closed = true;
        for state in open.by_call.values_mut() {
            if let State::Stepping(end) = state {
                *end = Some(Errno::IO);
            }
        }
        for (call, state) in open.by_call.extract_if(|_, state| matches!(state, State::Waiting(_))) {
            let State::Waiting(copy) = state else { continue };
            post.add(Notice::Complete { call, process, outcome: copy.end(Err(Errno::IO)) });
        }
    }

    /// Takes the parked copy of a call that a worker has answered, to make its next step.
    pub(crate) fn take(&self, call: CallId) -> Option<Box<Cross>> {
        let mut open = self.0.lock();
        let state = open.by_call.get_mut(&call)?;
        match std::mem::replace(state, State::Stepping(None)) {
            State::Waiting(copy) => Some(copy),
            stepping @ State::Stepping(_) => {
                *state = stepping;
                None
            }
        }
    }

    /// Ends a copy whose step was made, or parks it again.
    pub(crate) fn stepped(&self, process: ProcessId, copy: Box<Cross>, stepped: Stepped, post: &mut Post) {
        let mut open = self.0.lock();
        let call = copy.call;
        let asked_to_end = match open.by_call.remove(&call) {
            Some(State::Stepping(end)) => end,
            Some(State::Waiting(_)) | None => None,
        };
        let result = match (stepped, asked_to_end) {
            (Stepped::Ended(result), _) => result,
            (Stepped::Asks(..), Some(errno)) => Err(errno),
            (Stepped::Asks(memory, access), None) => {
                open.by_call.insert(call, State::Waiting(copy));
                post.add(Notice::Copy(CopyRequest { memory, process, call, access }));
                return;
            }
        };
        post.add(Notice::Complete { call, process, outcome: copy.end(result) });
    }
}
