//! A client's memory as one of its queues sees it during one turn.
//!
//! Arena memory answers at once through `arena::shm`; client memory is asked for with a ticket and answered in a later
//! turn; everything else is a fault. The view remembers its last few translations and checks them against the address
//! map's epoch, so a turn over unchanged memory takes no lock.
//!
//! A read or write that crosses intervals is served piece by piece while all pieces are arena memory; an access to client
//! memory must lie in one interval. Not for: what a fault means, which `core::turn` says.

use crate::access::{MemoryRequest, UserAccess, UserAnswer, UserSlots};
use crate::ids::{ProcessId, QueueKey, UserVa};
use crate::memory::address::{AddressMap, Span, Target};
use crate::memory::arena::shm::Window;
use crate::memory::arena::{Arena, PAGE};
use crate::queue::posted::{Posted, Tell};
use crate::sync::Arc;
use crate::sync::AtomicU64;
use hsa_queue::WaveEngine;
use hsa_queue::memory::{Access, Fault, GpuVa, MemoryView, Slots, Ticket, Width};
use zerocopy::IntoBytes;

/// How many translations a view remembers: ring, `amd_queue_t`, a signal or two.
const REMEMBERED: usize = 4;

/// A queue's one access to client memory that is under way; kept between turns.
#[derive(Debug, Default)]
pub(crate) struct OpenAccess {
    serial: u64,
    state: State,
    /// Whether this queue ever had to ask: its memory is the client's own and is not polled.
    pub(crate) asks: bool,
    /// The access under way is made for the second time, since the first one failed.
    again: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    Asked(u64, UserAccess),
    Answered(UserAccess, UserAnswer),
}

impl OpenAccess {
    /// None under way; the tickets of those that come are above `tickets`.
    pub(crate) fn after(tickets: u64) -> Self {
        Self { serial: tickets, ..Self::default() }
    }

    /// Takes the answer to `ticket`; false when that is not what is waited for.
    pub(crate) fn answer(&mut self, ticket: u64, answer: UserAnswer) -> bool {
        match std::mem::take(&mut self.state) {
            State::Asked(asked, access) if asked == ticket => {
                self.again = false;
                self.state = State::Answered(access, answer);
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    /// The access under way has failed. For the first time, it is forgotten, so that the queue makes it again when it
    /// runs; false when it was made again already, or is not the one under way.
    pub(crate) fn retry(&mut self, ticket: u64) -> bool {
        let first = !self.again && matches!(&self.state, State::Asked(asked, _) if *asked == ticket);
        if first {
            self.again = true;
            self.state = State::None;
        }
        first
    }
}

/// See the module's head.
pub(crate) struct View<'a> {
    map: &'a AddressMap,
    key: QueueKey,
    open: &'a mut OpenAccess,
    /// The engine of waves, if the queue's dispatches are for one.
    waves: Option<Posted<'a>>,
    remembered: [Option<(Span, u64)>; REMEMBERED],
    /// The one that served last.
    last: usize,
    oldest: usize,
    /// Set when the turn has to ask for client memory.
    pub(crate) request: Option<MemoryRequest>,
    /// The doorbell pages that were stored to in this turn, a bit each.
    pub(crate) rang: u64,
}

enum Place<'s> {
    Arena(&'s Arc<Arena>, u64),
    User(UserVa),
    /// What a store does not change, and nobody loads.
    Sink,
}

impl<'a> View<'a> {
    /// A view for one turn of `key`.
    pub(crate) fn new(map: &'a AddressMap, key: QueueKey, open: &'a mut OpenAccess) -> Self {
        Self {
            map,
            key,
            open,
            waves: None,
            remembered: [const { None }; REMEMBERED],
            last: 0,
            oldest: 0,
            request: None,
            rang: 0,
        }
    }

    /// The same with an engine of waves.
    pub(crate) fn with_waves(self, waves: Posted<'a>) -> Self {
        Self { waves: Some(waves), ..self }
    }

    /// What the engine of waves is to be told, now that the turn is over.
    pub(crate) fn tell(&mut self) -> Option<Tell> {
        self.waves.as_mut()?.tell.take()
    }

    /// Whether this queue ever had to ask for client memory.
    pub(crate) fn asks(&self) -> bool {
        self.open.asks
    }

    /// Whose memory this is.
    pub(crate) fn process(&self) -> ProcessId {
        self.key.process
    }

    // Into each access: a call costs a packet of a tight ring a tenth of its time.
    #[inline(always)]
    fn place(&mut self, va: GpuVa, len: u64, write: bool) -> Result<Place<'_>, Fault> {
        let fault = Fault { va, len, write };
        let epoch = self.map.epoch();
        let mut index = self.last;
        if !self.serves(index, epoch, va, len) {
            index = self.look_up(epoch, va, len).ok_or(fault)?;
            self.last = index;
        }
        let (span, _) = self.remembered[index].as_ref().ok_or(fault)?;
        if write && !span.writable {
            return Err(fault);
        }
        let skip = va.0 - span.start;
        match &span.target {
            Target::Arena(arena, offset) => Ok(Place::Arena(arena, offset + skip)),
            Target::User(user) => Ok(Place::User(UserVa(user.0.wrapping_add(skip)))),
            Target::Doorbells | Target::Registers if !write => Err(fault),
            Target::Doorbells => {
                self.rang |= 1u64.checked_shl((skip / PAGE) as u32).unwrap_or(0);
                Ok(Place::Sink)
            }
            Target::Registers => Ok(Place::Sink),
        }
    }

    #[inline]
    fn serves(&self, index: usize, epoch: u64, va: GpuVa, len: u64) -> bool {
        self.remembered[index].as_ref().is_some_and(|(span, of)| *of == epoch && span.holds(va.0, len))
    }

    fn look_up(&mut self, epoch: u64, va: GpuVa, len: u64) -> Option<usize> {
        if let Some(index) = (0..REMEMBERED).find(|index| self.serves(*index, epoch, va, len)) {
            return Some(index);
        }
        let found = self.map.find(va, len)?;
        let index = self.oldest;
        self.remembered[index] = Some(found);
        self.oldest = (index + 1) % REMEMBERED;
        Some(index)
    }

    /// Asks for client memory, or takes the answer that has come.
    fn ask(&mut self, access: UserAccess, fault: Fault) -> Access<Vec<u8>> {
        self.open.asks = true;
        match std::mem::take(&mut self.open.state) {
            State::Answered(asked, answer) if asked == access => match answer {
                UserAnswer::Done(bytes) => Access::Ready(bytes),
                UserAnswer::Failed => Access::Fault(fault),
            },
            State::Asked(ticket, asked) if asked == access => {
                self.open.state = State::Asked(ticket, asked);
                Access::Pending(Ticket(ticket))
            }
            _ => {
                self.open.serial += 1;
                let ticket = self.open.serial;
                self.request = Some(MemoryRequest {
                    process: self.process(),
                    queue: self.key,
                    ticket,
                    access: access.clone(),
                });
                self.open.state = State::Asked(ticket, access);
                Access::Pending(Ticket(ticket))
            }
        }
    }

    fn word(bytes: &[u8]) -> Option<u64> {
        bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
    }

    /// One word: `arena` serves it at once, `user` is what is asked of a worker, `value` reads the answer.
    #[inline]
    fn one<T>(
        &mut self,
        va: GpuVa,
        len: u64,
        write: bool,
        arena: impl FnOnce(&Window, usize) -> Option<T>,
        user: impl FnOnce(UserVa) -> UserAccess,
        value: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Access<T> {
        let fault = Fault { va, len, write };
        if !va.is_aligned(len) {
            return Access::Fault(fault);
        }
        let access = match self.place(va, len, write) {
            Ok(Place::Arena(memory, offset)) => {
                let served = memory.window(offset).and_then(|(window, at)| arena(window, at));
                return served.map_or(Access::Fault(fault), Access::Ready);
            }
            Ok(Place::User(at)) => user(at),
            Ok(Place::Sink) => return value(&[0; 8]).map_or(Access::Fault(fault), Access::Ready),
            Err(fault) => return Access::Fault(fault),
        };
        match self.ask(access, fault) {
            Access::Ready(bytes) => value(&bytes).map_or(Access::Fault(fault), Access::Ready),
            Access::Pending(ticket) => Access::Pending(ticket),
            Access::Fault(fault) => Access::Fault(fault),
        }
    }

    /// Where packets lie, if in client memory; those of an empty run lie anywhere.
    fn slots(&mut self, slots: Slots, write: bool) -> Option<UserSlots> {
        if slots.count == 0 {
            return Some(UserSlots { va: UserVa(0), count: 0 });
        }
        let len = u64::from(slots.count) * UserSlots::BYTES as u64;
        match self.place(slots.va, len, write) {
            Ok(Place::User(va)) if slots.count <= UserSlots::MAX => {
                Some(UserSlots { va, count: slots.count })
            }
            _ => None,
        }
    }

    /// How many of `len` bytes from `va` on lie in the interval of the first.
    fn run(&self, va: GpuVa, len: u64) -> u64 {
        match self.map.find(va, 1) {
            Some((span, _)) => len.min(span.len - (va.0 - span.start)),
            None => 0,
        }
    }

    /// Serves a copy that no single interval holds, all of it from arenas.
    #[cold]
    fn pieces(
        &mut self,
        fault: Fault,
        mut copy: impl FnMut(&Arena, u64, std::ops::Range<usize>) -> Option<()>,
    ) -> Access<()> {
        let mut done = 0;
        while done < fault.len {
            let at = fault.va.offset(done);
            let len = self.run(at, fault.len - done);
            if len == 0 {
                return Access::Fault(fault);
            }
            match self.place(at, len, fault.write) {
                Ok(Place::Arena(memory, offset)) => {
                    if copy(memory, offset, done as usize..(done + len) as usize).is_none() {
                        return Access::Fault(fault);
                    }
                }
                _ => return Access::Fault(fault),
            }
            done += len;
        }
        Access::Ready(())
    }
}

impl MemoryView for View<'_> {
    #[inline]
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        let read = |va| UserAccess::Read { va, len: 8 };
        self.one(va, 8, false, Window::load_u64, read, Self::word)
    }

    #[inline]
    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        let read = |va| UserAccess::Read { va, len: 4 };
        let value = |bytes: &[u8]| bytes.first_chunk().map(|word| u32::from_le_bytes(*word));
        self.one(va, 4, false, Window::load_u32, read, value)
    }

    #[inline]
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        let write = |va| UserAccess::Write { va, bytes: value.to_le_bytes().to_vec() };
        self.one(va, 8, true, |window, at| window.store_u64(at, value), write, |_| Some(()))
    }

    #[inline]
    fn store_u32(&mut self, va: GpuVa, value: u32) -> Access<()> {
        let write = |va| UserAccess::Write { va, bytes: value.to_le_bytes().to_vec() };
        self.one(va, 4, true, |window, at| window.store_u32(at, value), write, |_| Some(()))
    }

    #[inline]
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        let write = |va| UserAccess::Write { va, bytes: value.to_le_bytes().to_vec() };
        self.one(va, 2, true, |window, at| window.store_u16(at, value), write, |_| Some(()))
    }

    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        let fault = Fault { va, len: out.len() as u64, write: false };
        let access = match self.place(va, fault.len, false) {
            Ok(Place::Arena(memory, offset)) => {
                return memory.read(offset, out).map_or(Access::Fault(fault), Access::Ready);
            }
            Ok(Place::User(at)) => {
                UserAccess::Read { va: at, len: u32::try_from(out.len()).unwrap_or(u32::MAX) }
            }
            Ok(Place::Sink) => return Access::Fault(fault),
            Err(_) => return self.pieces(fault, |memory, offset, part| memory.read(offset, &mut out[part])),
        };
        match self.ask(access, fault) {
            Access::Ready(bytes) if bytes.len() == out.len() => {
                out.copy_from_slice(&bytes);
                Access::Ready(())
            }
            Access::Ready(_) | Access::Fault(_) => Access::Fault(fault),
            Access::Pending(ticket) => Access::Pending(ticket),
        }
    }

    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        let fault = Fault { va, len: bytes.len() as u64, write: true };
        let access = match self.place(va, fault.len, true) {
            Ok(Place::Arena(memory, offset)) => {
                return memory.write(offset, bytes).map_or(Access::Fault(fault), Access::Ready);
            }
            Ok(Place::User(at)) => UserAccess::Write { va: at, bytes: bytes.to_vec() },
            Ok(Place::Sink) => return Access::Ready(()),
            Err(_) => return self.pieces(fault, |memory, offset, part| memory.write(offset, &bytes[part])),
        };
        self.ask(access, fault).map(drop)
    }

    #[inline]
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        let sub = |va| UserAccess::FetchSub { va, by: n };
        self.one(va, 8, true, |window, at| window.fetch_sub_u64(at, n), sub, Self::word)
    }

    /// In arenas only. Where the word lies is asked anew each time, so that an access to client memory that is open
    /// stays one: the answer is `None` for as long as the address means client memory.
    #[inline]
    fn compare_exchange(&mut self, va: GpuVa, width: Width, old: u64, new: u64) -> Option<Access<u64>> {
        let len = width.bytes();
        let fault = Fault { va, len, write: true };
        if !va.is_aligned(len) {
            return Some(Access::Fault(fault));
        }
        let served = match self.place(va, len, true) {
            Ok(Place::Arena(memory, offset)) => memory.window(offset).and_then(|(window, at)| match width {
                Width::Four => window
                    .compare_exchange_u32(at, width.cut(old) as u32, width.cut(new) as u32)
                    .map(u64::from),
                Width::Eight => window.compare_exchange_u64(at, old, new),
            }),
            Ok(Place::User(_)) => return None,
            Ok(Place::Sink) => return Some(Access::Fault(fault)),
            Err(fault) => return Some(Access::Fault(fault)),
        };
        Some(served.map_or(Access::Fault(fault), Access::Ready))
    }

    /// Between arenas, each range in one interval. Everything else, faults included, is left to reads and writes.
    #[inline]
    fn copy(&mut self, dst: GpuVa, src: GpuVa, len: u64) -> Option<Access<()>> {
        let bytes = usize::try_from(len).ok()?;
        let (source, from) = match self.place(src, len, false).ok()? {
            Place::Arena(memory, offset) => (Arc::clone(memory), offset),
            Place::User(_) | Place::Sink => return None,
        };
        let Place::Arena(target, to) = self.place(dst, len, true).ok()? else { return None };
        let (source, from) = source.window(from)?;
        let (target, to) = target.window(to)?;
        target.copy_in(to, source, from, bytes).map(Access::Ready)
    }

    /// In client memory only, each range in one interval. Everything else is left to reads and writes.
    fn packets(&mut self, retired: Slots, wanted: Slots, out: &mut [[u64; 8]]) -> Option<Access<usize>> {
        let retired = self.slots(retired, true)?;
        let fault = Fault { va: wanted.va, len: out.as_bytes().len() as u64, write: false };
        let wanted = self.slots(wanted, false)?;
        Some(match self.ask(UserAccess::Packets { retired, wanted }, fault) {
            Access::Ready(bytes) => {
                let count = bytes.len() / UserSlots::BYTES;
                match out.get_mut(..count) {
                    Some(out) if bytes.len() % UserSlots::BYTES == 0 => {
                        out.as_mut_bytes().copy_from_slice(&bytes);
                        Access::Ready(count)
                    }
                    _ => Access::Fault(fault),
                }
            }
            Access::Pending(ticket) => Access::Pending(ticket),
            Access::Fault(fault) => Access::Fault(fault),
        })
    }

    #[inline]
    fn words(&mut self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        match self.place(va, len, true) {
            Ok(Place::Arena(memory, offset)) => {
                let (window, at) = memory.window(offset)?;
                window.words(at, usize::try_from(len).ok()?)
            }
            Ok(Place::User(_) | Place::Sink) | Err(_) => None,
        }
    }

    #[inline]
    fn waves(&mut self) -> Option<&mut dyn WaveEngine> {
        self.waves.as_mut().map(|engine| engine as &mut dyn WaveEngine)
    }
}
