//! What a wave has around it in a worker: its client's memory as the daemon's map says, a clock, the daemon for interrupts.
//!
//! Before each access the device's epoch is loaded; what was remembered in an older one is forgotten. An access that began
//! before the epoch moved may still land in the client's own arena. What is asked of the daemon holds the wave up, and a turn
//! that has lasted long enough asks no more: the access is `Pending`, and asked in the next turn.
//!
//! What is stored to memory of the daemon goes there many stores at once (`behind`), and is loaded from there more at once than is
//! asked for (`ahead`).
//!
//! Limits: a store that crosses from the arena to memory of the daemon may be done in part when it faults.

use super::ahead::Ahead;
use super::arena::Arena;
use super::behind::Behind;
use super::constants::{self, Constants};
use super::map::Map;
use super::worker::{Answer, Worker};
use crate::wave_workers::wire::{Claim, PAYLOAD_MAX};
use kfd_core::clock::{self, Clock, Monotonic};
use kfd_core::ids::GpuVa;
use kfd_core::waves::{Place, WaveAccess, WaveSpan};
use std::ops::Range;
use std::time::{Duration, Instant};
use waves::{Access, AtomicOp, Fault, Host, LANES, Ticket, WaveSync};

/// How long what was read ahead is believed, where waves do not acquire: to read it again costs a fiftieth of that.
const STALE: Duration = Duration::from_millis(5);
/// Bytes of a page of doorbells.
const DOORBELLS: u64 = 4096;

/// Why an access is not done.
enum Miss {
    /// There is no such memory from this address on.
    Fault(u64),
    /// Another time.
    Later,
}

/// What an access is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Load,
    Store,
    /// Of instructions.
    Fetch,
}

impl Use {
    /// Whether that may be done to a span. What may not is a fault of its first byte there.
    #[inline]
    fn is_allowed(self, span: &WaveSpan) -> bool {
        match self {
            Self::Load => true,
            Self::Store => span.writable,
            Self::Fetch => span.executable,
        }
    }
}

/// A part of an access that leads to one place.
#[derive(Clone, Copy)]
struct Part {
    place: Place,
    /// Bytes from the start of its span, and bytes of that.
    into: u64,
    span: u64,
    len: usize,
}

/// See the module's head. One a thread.
pub(super) struct Reach<'a> {
    worker: &'a Worker,
    seat: usize,
    maps: Box<[Map]>,
    ticket: u64,
    device: usize,
    /// When the turn asks no more, and whether it has asked.
    until: Instant,
    asked: bool,
    /// Pages of doorbells that were stored to.
    rang: u64,
    ahead: Ahead,
    constants: Constants,
    /// When these are no longer to be believed.
    stale: Instant,
    behind: Behind,
    /// Where a store could not be made whose instruction is over: a fault of what comes next.
    lost: Option<u64>,
    out: Vec<u8>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(worker: &'a Worker, seat: usize) -> Self {
        let maps = worker.limits.devices.iter().map(|_| Map::default()).collect();
        let (until, out) = (Instant::now(), Vec::new());
        let stale = until;
        let (ahead, constants, behind) = <(Ahead, Constants, Behind)>::default();
        let (ticket, device, asked, rang, lost) = (0, 0, false, 0, None);
        Self {
            worker,
            seat,
            maps,
            ticket,
            device,
            until,
            asked,
            rang,
            ahead,
            constants,
            stale,
            behind,
            lost,
            out,
        }
    }

    /// A turn of a dispatch or of a part begins, whose last turn was had by the thread `before`.
    pub(super) fn begin(&mut self, ticket: u64, device: usize, turn: Range<Instant>, before: Option<usize>) {
        let Range { start: now, end: until } = turn;
        // A dispatch begins with an acquire. Waves that come from another thread have stored there what was read here before. And
        // who waits for others without an acquire waits no longer than this.
        if before != Some(self.seat) || self.device != device || now >= self.stale {
            self.forget();
            self.stale = now + STALE;
        }
        (self.ticket, self.device, self.until, self.asked) = (ticket, device, until, false);
    }

    /// The thread's place among the worker's.
    pub(super) const fn seat(&self) -> usize {
        self.seat
    }

    /// Says something, after what was stored and which doorbells were rung.
    pub(super) fn say(&mut self, claim: &Claim<'_>) {
        self.ring();
        self.worker.say(claim, &mut self.out);
    }

    /// The end of a turn: all is told and stored that was not yet. A store that cannot be made is a fault.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.ring();
        match self.lost.take() {
            Some(va) => Err(Fault { va: GpuVa(va), len: 1, write: true }),
            None => Ok(()),
        }
    }

    /// Makes the stores that are on their way.
    #[inline]
    fn flush(&mut self) -> Result<(), Miss> {
        if self.behind.is_empty() && self.lost.is_none() { Ok(()) } else { self.store_behind() }
    }

    #[cold]
    fn store_behind(&mut self) -> Result<(), Miss> {
        if let Some(va) = self.lost {
            return Err(Miss::Fault(va));
        }
        self.asked = true;
        let mut behind = std::mem::take(&mut self.behind);
        let (device, stores) = (self.device as u32, behind.stores());
        let encode = |request, out: &mut Vec<u8>| Claim::Stores { request, device, stores }.encode(out);
        let done = match self.worker.ask_much(self.seat, &mut self.out, encode) {
            Some(Answer::Reached(Some(_))) | None => Ok(()),
            // One by one, to find which it is.
            Some(_) => {
                stores.iter().try_for_each(|(va, bytes)| self.ask_far(va, WaveAccess::Store(bytes)).map(drop))
            }
        };
        behind.clear();
        self.behind = behind;
        match done {
            Err(Miss::Fault(va)) => {
                self.lost = Some(va);
                Err(Miss::Fault(va))
            }
            // The daemon has gone, and its client's stores with it.
            Ok(()) | Err(Miss::Later) => Ok(()),
        }
    }

    /// Says which doorbells were stored to, after what was stored.
    pub(super) fn ring(&mut self) {
        // What cannot be made is said at the turn's end.
        let _ = self.flush();
        let pages = std::mem::take(&mut self.rang);
        if pages != 0 {
            self.worker.say(&Claim::Rang { device: self.device as u32, pages }, &mut self.out);
        }
    }

    /// The client's arena, for stores after those that are on their way; none when one of them cannot be made.
    #[inline]
    pub(super) fn arena_after(&mut self) -> Option<&'a Arena> {
        self.flush().ok()?;
        Some(&self.worker.arena)
    }

    /// The client's arena.
    pub(super) fn arena(&self) -> &'a Arena {
        &self.worker.arena
    }

    /// What was read of memory is to be read anew.
    fn forget(&mut self) {
        self.ahead.forget();
        self.constants.forget();
    }

    /// Forgets what was learnt before the device's map changed last.
    #[inline]
    fn look(&mut self) {
        self.belongs(self.worker.epochs.of(self.device));
    }

    /// Forgets what was learnt in another epoch.
    #[inline]
    fn belongs(&mut self, epoch: u64) {
        if self.maps[self.device].belongs(epoch) {
            // What was code there may be no more, or other code.
            self.worker.codes[self.device].changed();
            self.forget();
        }
    }

    /// The span around an address, if it is remembered and still so.
    #[inline]
    pub(super) fn remembered(&mut self, va: u64) -> Option<WaveSpan> {
        self.look();
        self.maps[self.device].find(va)
    }

    /// Where as much as possible of an access leads.
    #[inline]
    fn part(&mut self, va: u64, len: usize, to: Use) -> Result<Part, Miss> {
        let span = match self.remembered(va) {
            Some(span) => span,
            None => self.translate(va)?,
        };
        if !to.is_allowed(&span) {
            return Err(Miss::Fault(va));
        }
        let len = len.min(usize::try_from(span.left(va)).unwrap_or(usize::MAX));
        Ok(Part { place: span.place, into: va - span.start, span: span.len, len })
    }

    #[cold]
    fn translate(&mut self, va: u64) -> Result<WaveSpan, Miss> {
        loop {
            self.may_ask()?;
            let device = self.device as u32;
            let claim = |request| Claim::Translate { request, device, va };
            let Some(Answer::Span(epoch, span)) = self.worker.ask(self.seat, &mut self.out, claim) else {
                return Err(Miss::Later);
            };
            // An answer of another epoch than the present one is no answer.
            if self.worker.epochs.of(self.device) != epoch {
                continue;
            }
            // Of the answer's epoch: should it have moved since, the next look sees that.
            self.belongs(epoch);
            let span = span.filter(|span| span.holds(va)).ok_or(Miss::Fault(va))?;
            if let Place::Own(offset) = span.place
                && !self.worker.arena.holds(offset, span.len)
            {
                return Err(Miss::Fault(va));
            }
            self.maps[self.device].add(span);
            return Ok(span);
        }
    }

    fn far(&mut self, va: u64, access: WaveAccess<'_>) -> Result<Vec<u8>, Miss> {
        self.may_ask()?;
        self.ask_far(va, access)
    }

    fn ask_far(&mut self, va: u64, access: WaveAccess<'_>) -> Result<Vec<u8>, Miss> {
        let device = self.device as u32;
        let encode = |request, out: &mut Vec<u8>| Claim::Far { request, device, va, access }.encode(out);
        match self.worker.ask_much(self.seat, &mut self.out, encode) {
            Some(Answer::Reached(Some(bytes))) => Ok(bytes),
            Some(_) => Err(Miss::Fault(va)),
            None => Err(Miss::Later),
        }
    }

    /// Loads what it can of memory of the daemon from `va` on; how many bytes that are.
    fn load_far(&mut self, va: u64, part: Part, into: &mut [u8]) -> Result<usize, Miss> {
        let found = self.ahead.copy(va, into);
        if found > 0 {
            return Ok(found);
        }
        self.flush()?;
        let (from, len) = self.ahead.wants(va, into.len(), va - part.into, part.span);
        match self.far(from, WaveAccess::Load(len)) {
            Ok(bytes) if bytes.len() == len => {
                self.ahead.keep(from, bytes);
                return Ok(self.ahead.copy(va, into));
            }
            // Of the client's own memory not all has to be there that it has told the device of.
            Ok(_) | Err(Miss::Fault(_)) => {}
            Err(Miss::Later) => return Err(Miss::Later),
        }
        let len = into.len().min(PAYLOAD_MAX);
        let bytes = self.far(va, WaveAccess::Load(len))?;
        into[..len].copy_from_slice(bytes.get(..len).ok_or(Miss::Fault(va))?);
        Ok(len)
    }

    /// Stores what it can to memory of the daemon; how many bytes that are.
    fn store_far(&mut self, va: u64, bytes: &[u8]) -> Result<usize, Miss> {
        let bytes = &bytes[..bytes.len().min(PAYLOAD_MAX)];
        if !self.behind.take(va, bytes) {
            self.flush()?;
            self.behind.take(va, bytes);
        }
        self.ahead.stored(va, bytes);
        Ok(bytes.len())
    }

    fn code(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        let len = into.len();
        answer(self.load_parts(va, into, Use::Fetch), len, false)
    }

    /// A turn asks once at least, so that there is an end to it.
    fn may_ask(&mut self) -> Result<(), Miss> {
        if self.asked && (Instant::now() >= self.until || self.worker.turns.is_unwanted(self.ticket)) {
            return Err(Miss::Later);
        }
        self.asked = true;
        Ok(())
    }

    fn load_parts(&mut self, va: u64, into: &mut [u8], to: Use) -> Result<(), Miss> {
        let mut done = 0;
        while done < into.len() {
            let at = va.checked_add(done as u64).ok_or(Miss::Fault(va))?;
            let part = self.part(at, into.len() - done, to)?;
            let len = match part.place {
                Place::Own(offset) => {
                    let bytes = &mut into[done..done + part.len];
                    self.worker.arena.load(offset + part.into, bytes).ok_or(Miss::Fault(at))?;
                    part.len
                }
                Place::Far => self.load_far(at, part, &mut into[done..done + part.len])?,
                Place::Rings | Place::Sink => return Err(Miss::Fault(at)),
            };
            done += len;
        }
        Ok(())
    }

    fn store_parts(&mut self, va: u64, bytes: &[u8]) -> Result<(), Miss> {
        let first = self.part(va, bytes.len(), Use::Store)?;
        if first.len < bytes.len() {
            // All or nothing: the rest has to be there too.
            let mut done = first.len;
            while done < bytes.len() {
                let at = va.checked_add(done as u64).ok_or(Miss::Fault(va))?;
                done += self.part(at, bytes.len() - done, Use::Store)?.len;
            }
        }
        let (mut part, mut done) = (first, 0);
        loop {
            let at = va.wrapping_add(done as u64);
            done += self.store_part(at, part, &bytes[done..])?;
            if done >= bytes.len() {
                return Ok(());
            }
            part = self.part(va.wrapping_add(done as u64), bytes.len() - done, Use::Store)?;
        }
    }

    /// Stores what of the bytes leads there; how many those were.
    fn store_part(&mut self, at: u64, part: Part, bytes: &[u8]) -> Result<usize, Miss> {
        match part.place {
            Place::Own(offset) => {
                self.flush()?;
                let stored = self.worker.arena.store(offset + part.into, &bytes[..part.len]);
                stored.ok_or(Miss::Fault(at))?;
                Ok(part.len)
            }
            Place::Far => self.store_far(at, &bytes[..part.len]),
            Place::Rings => {
                let last = part.into + part.len.max(1) as u64 - 1;
                for page in part.into / DOORBELLS..=last / DOORBELLS {
                    self.rang |= 1 << page.min(63);
                }
                Ok(part.len)
            }
            Place::Sink => Ok(part.len),
        }
    }

    fn change(&mut self, va: u64, change: AtomicOp) -> Result<u64, Miss> {
        let (AtomicOp { kind, width, operand, comparand }, bytes) = (change, change.bytes());
        if !va.is_multiple_of(width.bytes()) {
            return Err(Miss::Fault(va));
        }
        let part = self.part(va, bytes, Use::Store)?;
        self.flush()?;
        match part.place {
            _ if part.len < bytes => Err(Miss::Fault(va + part.len as u64)),
            Place::Own(offset) => {
                let old = self.worker.arena.change(offset + part.into, width, kind, operand, comparand);
                old.ok_or(Miss::Fault(va))
            }
            Place::Far => {
                self.ahead.forget_at(va, bytes as u64);
                let old = self.far(va, WaveAccess::Atomic { kind, width, operand, comparand })?;
                let mut word = [0; 8];
                word.get_mut(..bytes)
                    .filter(|_| old.len() == bytes)
                    .ok_or(Miss::Fault(va))?
                    .copy_from_slice(&old);
                Ok(u64::from_le_bytes(word))
            }
            Place::Rings | Place::Sink => Err(Miss::Fault(va)),
        }
    }
}

/// The answer to a wave.
fn answer<T>(done: Result<T, Miss>, len: usize, write: bool) -> Access<T> {
    match done {
        Ok(done) => Access::Ready(done),
        Err(Miss::Fault(va)) => Access::Fault(Fault { va: GpuVa(va), len: len as u64, write }),
        // There is nothing to wait for but the next turn.
        Err(Miss::Later) => Access::Pending(Ticket(0)),
    }
}

impl Host for Reach<'_> {
    #[inline]
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        let len = into.len();
        answer(self.load_parts(va, into, Use::Load), len, false)
    }

    #[inline]
    fn load_constant(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.look();
        let Some((line, at)) = constants::place(va, into.len()) else { return self.load(va, into) };
        if self.constants.copy(line, at, into) {
            return Access::Ready(());
        }
        let mut bytes = [0; constants::LINE];
        // Not all of the line may be there.
        let Access::Ready(()) = self.load(line, &mut bytes) else { return self.load(va, into) };
        self.constants.keep(line, bytes);
        into.copy_from_slice(&bytes[at..at + into.len()]);
        Access::Ready(())
    }

    #[inline]
    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        answer(self.store_parts(va, bytes), bytes.len(), true)
    }

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        answer(self.change(va, change), change.bytes(), true)
    }

    #[inline]
    fn gather(&mut self, at: &[u64; LANES], lanes: u64, into: &mut [u32; LANES]) -> bool {
        self.load_lanes(at, lanes, into)
    }

    #[inline]
    fn scatter(&mut self, at: &[u64; LANES], lanes: u64, words: &[u32; LANES]) -> bool {
        self.store_lanes(at, lanes, words)
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        let word = |bytes: &[u8; 8], at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut bytes = [0; 8];
        match self.code(va, &mut bytes) {
            Access::Ready(()) => Access::Ready((word(&bytes, 0), Some(word(&bytes, 4)))),
            Access::Pending(ticket) => Access::Pending(ticket),
            Access::Fault(_) => match self.code(va, &mut bytes[..4]) {
                Access::Ready(()) => Access::Ready((word(&bytes, 0), None)),
                Access::Pending(ticket) => Access::Pending(ticket),
                Access::Fault(fault) => Access::Fault(fault),
            },
        }
    }

    fn clock(&mut self) -> u64 {
        clock::ticks(Monotonic.now(), self.worker.limits.devices[self.device].counter_khz)
    }

    fn wave_sync(&self) -> Option<&WaveSync> {
        self.worker.syncs.get(self.device)
    }

    fn acquire(&mut self) {
        self.forget();
    }

    fn release(&mut self) {
        // What cannot be made is said at the turn's end.
        let _ = self.flush();
    }

    fn interrupt(&mut self, event: u32) {
        self.say(&Claim::Interrupt(event));
    }
}
