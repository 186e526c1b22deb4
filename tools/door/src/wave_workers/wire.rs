//! The messages between the daemon and a wave worker: one per packet of a SOCK_SEQPACKET socket, in host byte order (both ends are
//! one machine, mostly one program).
//!
//! ```text
//! daemon ── Run, Wish ─────────────────────────────► worker
//! daemon ◄─ Kernel, Progress, Over, Rang, Interrupt ─ worker
//! daemon ◄─ Translate, Far, Stores (request) ─────── worker
//! daemon ── Span(request), Reached(request) ───────► worker
//! ```
//! A message is a head (kind, a number, an id), the body of its kind, and for some kinds bytes. A ticket names a dispatch, a
//! request number an unanswered question; both are given back as they came. Not for: who sends what when.
//!
//! Decoding never panics: what does not parse is [`Malformed`], and the reader gives the peer up.

pub use super::stores::{PAYLOAD_MAX, STORES_MAX, StoreHead, Stores};
use kfd_core::dispatch::Wish;
use kfd_core::waves::{AtomicKind, Place, WaveAccess, WaveSpan, Width};
use waves::{MNEMONIC_WORDS, Mnemonics};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The longest message.
pub const MESSAGE_MAX: usize = 256 + STORES_MAX * size_of::<StoreHead>() + PAYLOAD_MAX;
/// The most bytes of an explanation or a name.
pub const TEXT_MAX: usize = 512;

/// A dispatch to be run, as its packet describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[allow(missing_docs, reason = "the packet's own names")]
pub struct Run {
    pub kernel_object: u64,
    pub kernarg: u64,
    /// Address of the packet's slot.
    pub packet: u64,
    /// Address of the `amd_queue_t`.
    pub queue: u64,
    /// Which dispatch of its queue it is.
    pub id: u64,
    pub group: [u32; 3],
    pub grid: [u32; 3],
    pub group_segment: u32,
    pub private_segment: u32,
    /// The index of the device.
    pub device: u32,
    /// 1 where all groups have to have room at once, as those that wait for each other do.
    pub cooperative: u32,
}

/// What the daemon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// Run this dispatch.
    Run(u64, Run),
    /// What is wished of a dispatch now; of one that is not known, nothing.
    Wish(u64, Wish),
    /// The answer to `Translate`: the device's epoch when the map was looked at, and the interval if there is one.
    Span(u64, u64, Option<WaveSpan>),
    /// The answer to `Far`: the bytes that were asked for, the old word of an atomic, nothing for a store; `None` is a
    /// memory fault.
    Reached(u64, Option<&'a [u8]>),
}

/// The atomic operations, by their numbers on the wire.
const ATOMICS: [AtomicKind; 13] = [
    AtomicKind::Swap,
    AtomicKind::CompareSwap,
    AtomicKind::Add,
    AtomicKind::Sub,
    AtomicKind::SMin,
    AtomicKind::UMin,
    AtomicKind::SMax,
    AtomicKind::UMax,
    AtomicKind::And,
    AtomicKind::Or,
    AtomicKind::Xor,
    AtomicKind::Inc,
    AtomicKind::Dec,
];

/// How a dispatch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// Every wave ended, and all that they stored is in memory.
    Done,
    /// It was cancelled.
    Cancelled,
    /// An access to memory that is not there, by the instruction at `pc` (0: none).
    #[allow(missing_docs, reason = "the names say it")]
    Fault { va: u64, write: bool, pc: u64 },
    /// It could not go on at `pc` (0: it did not begin), for the reason that `text` explains.
    #[allow(missing_docs, reason = "the names say it")]
    Error { why: Why, pc: u64, text: &'a str },
}

/// Why a dispatch could not go on, the numbers as they are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Why {
    /// Its kernel descriptor asks for what the device does not have.
    Descriptor = 1,
    /// Its work-group or grid.
    Dimensions,
    /// Group memory beyond the device's.
    GroupSegment,
    /// Scratch or registers, or groups that have to run at once, beyond what the worker may have.
    Resources,
    /// Words that are no instruction.
    Illegal,
    /// An instruction that the engine does not run.
    Unsupported,
    /// S_TRAP 2, which is how a kernel aborts.
    Abort,
    /// Another trap.
    Trap,
    /// Registers beyond a compute unit's.
    Registers,
}

const WHYS: [Why; 9] = [
    Why::Descriptor,
    Why::Dimensions,
    Why::GroupSegment,
    Why::Resources,
    Why::Illegal,
    Why::Unsupported,
    Why::Abort,
    Why::Trap,
    Why::Registers,
];

/// What a dispatch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// CLOCK_MONOTONIC when its first wave began, nanoseconds.
    pub began: u64,
    /// The same when its last wave had ended.
    pub ended: u64,
    /// Instructions of waves.
    pub instructions: u64,
    /// What they came to, the one that stopped them included.
    pub mnemonics: Mnemonics,
}

/// What a worker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<'a> {
    /// A dispatch is over.
    Over(u64, End<'a>, Spent),
    /// What does this address mean on that device? Answered by `Span`.
    #[allow(missing_docs, reason = "the names say it")]
    Translate { request: u64, device: u32, va: u64 },
    /// An access; answered by `Reached`.
    #[allow(missing_docs, reason = "the names say it")]
    Far { request: u64, device: u32, va: u64, access: WaveAccess<'a> },
    /// Stores to be made in their order, all or as many as can be; answered by `Reached`, with nothing when all of them were.
    #[allow(missing_docs, reason = "the names say it")]
    Stores { request: u64, device: u32, stores: Stores<'a> },
    /// Waves stored to doorbells of that device, a bit a page.
    #[allow(missing_docs, reason = "the names say it")]
    Rang { device: u32, pages: u64 },
    /// Waves raised this event.
    Interrupt(u32),
    /// The kernel with this descriptor has this name; told before the first `Over` of it.
    Kernel(u64, &'a str),
    /// A dispatch that goes on has run so many instructions, and so many of its waves have begun and not ended.
    #[allow(missing_docs, reason = "the names say it")]
    Progress { ticket: u64, instructions: u64, waves: u64 },
}

/// A message that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message between daemon and wave worker")]
pub struct Malformed;

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    kind: u32,
    /// A small number of the kind's own.
    detail: u32,
    id: u64,
}

/// What most kinds have beside their head; unused words are 0.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Body {
    words: [u64; 4],
}

/// [`Spent`] as it is on the wire.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Figures {
    began: u64,
    ended: u64,
    instructions: u64,
    mnemonics: [u64; MNEMONIC_WORDS],
}

mod kind {
    pub(super) const RUN: u32 = 1;
    pub(super) const WISH: u32 = 2;
    pub(super) const SPAN: u32 = 3;
    pub(super) const REACHED: u32 = 4;
    pub(super) const OVER: u32 = 0x81;
    pub(super) const TRANSLATE: u32 = 0x82;
    pub(super) const FAR: u32 = 0x83;
    pub(super) const RANG: u32 = 0x84;
    pub(super) const INTERRUPT: u32 = 0x85;
    pub(super) const KERNEL: u32 = 0x86;
    pub(super) const PROGRESS: u32 = 0x87;
    pub(super) const STORES: u32 = 0x88;
}

/// Details of `SPAN` (or 0: none), beside which are the rights to it.
mod span {
    pub(super) const OWN: u32 = 1;
    pub(super) const FAR: u32 = 2;
    pub(super) const RINGS: u32 = 3;
    pub(super) const SINK: u32 = 4;
    pub(super) const WRITABLE: u32 = 0x100;
    pub(super) const EXECUTABLE: u32 = 0x200;
}

/// Details of `OVER`; an error is `ERROR` and its number.
mod end {
    pub(super) const DONE: u32 = 0;
    pub(super) const CANCELLED: u32 = 1;
    pub(super) const FAULT: u32 = 2;
    pub(super) const ERROR: u32 = 0x100;
}

/// Details of `FAR`; an atomic is `ATOMIC` and its number.
mod far {
    pub(super) const LOAD: u32 = 1;
    pub(super) const STORE: u32 = 2;
    pub(super) const ATOMIC: u32 = 0x100;
}

/// The number of an atomic operation.
fn number(kind: AtomicKind) -> u32 {
    let at = ATOMICS.iter().position(|other| *other == kind);
    at.expect("invariant: each kind is in the table") as u32
}

fn begin(out: &mut Vec<u8>, kind: u32, detail: u32, id: u64) {
    out.clear();
    out.extend_from_slice(Head { kind, detail, id }.as_bytes());
}

/// As much of a text as may be told.
fn cut(text: &str) -> &str {
    let mut ends = (0..=TEXT_MAX.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

fn words(out: &mut Vec<u8>, words: [u64; 4]) {
    out.extend_from_slice(Body { words }.as_bytes());
}

impl<'a> Order<'a> {
    /// Writes the message anew into `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Run(ticket, run) => {
                begin(out, kind::RUN, 0, ticket);
                out.extend_from_slice(run.as_bytes());
            }
            Self::Wish(ticket, wish) => {
                let wish = match wish {
                    Wish::Run => 0,
                    Wish::Pause => 1,
                    Wish::Cancel => 2,
                };
                begin(out, kind::WISH, wish, ticket);
            }
            Self::Span(request, epoch, found) => {
                let (detail, [start, len, offset]) = match found {
                    None => (0, [0; 3]),
                    Some(WaveSpan { start, len, writable, executable, place }) => {
                        let (place, offset) = match place {
                            Place::Own(offset) => (span::OWN, offset),
                            Place::Far => (span::FAR, 0),
                            Place::Rings => (span::RINGS, 0),
                            Place::Sink => (span::SINK, 0),
                        };
                        let writable = if writable { span::WRITABLE } else { 0 };
                        let executable = if executable { span::EXECUTABLE } else { 0 };
                        (place | writable | executable, [start, len, offset])
                    }
                };
                begin(out, kind::SPAN, detail, request);
                words(out, [epoch, start, len, offset]);
            }
            Self::Reached(request, bytes) => {
                begin(out, kind::REACHED, u32::from(bytes.is_some()), request);
                out.extend_from_slice(bytes.unwrap_or_default());
            }
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = Head::read_from_prefix(message).map_err(|_| Malformed)?;
        match head.kind {
            kind::RUN => Ok(Self::Run(head.id, Run::read_from_bytes(rest).map_err(|_| Malformed)?)),
            kind::WISH if rest.is_empty() => {
                let wish = match head.detail {
                    0 => Wish::Run,
                    1 => Wish::Pause,
                    2 => Wish::Cancel,
                    _ => return Err(Malformed),
                };
                Ok(Self::Wish(head.id, wish))
            }
            kind::SPAN => {
                let body = Body::read_from_bytes(rest).map_err(|_| Malformed)?;
                let [epoch, start, len, offset] = body.words;
                let place = match head.detail & !(span::WRITABLE | span::EXECUTABLE) {
                    0 => return Ok(Self::Span(head.id, epoch, None)),
                    span::OWN => Place::Own(offset),
                    span::FAR => Place::Far,
                    span::RINGS => Place::Rings,
                    span::SINK => Place::Sink,
                    _ => return Err(Malformed),
                };
                let writable = head.detail & span::WRITABLE != 0;
                let executable = head.detail & span::EXECUTABLE != 0;
                Ok(Self::Span(head.id, epoch, Some(WaveSpan { start, len, writable, executable, place })))
            }
            kind::REACHED if rest.len() <= PAYLOAD_MAX && head.detail < 2 => {
                Ok(Self::Reached(head.id, (head.detail == 1).then_some(rest)))
            }
            _ => Err(Malformed),
        }
    }
}

impl<'a> Claim<'a> {
    /// Writes the message anew into `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Over(ticket, how, spent) => {
                let (detail, body, text) = match how {
                    End::Done => (end::DONE, [0; 4], ""),
                    End::Cancelled => (end::CANCELLED, [0; 4], ""),
                    End::Fault { va, write, pc } => (end::FAULT, [va, u64::from(write), pc, 0], ""),
                    End::Error { why, pc, text } => (end::ERROR | why as u32, [0, 0, pc, 0], cut(text)),
                };
                begin(out, kind::OVER, detail, ticket);
                words(out, body);
                out.extend_from_slice(Figures::from(spent).as_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Translate { request, device, va } => {
                begin(out, kind::TRANSLATE, device, request);
                words(out, [va, 0, 0, 0]);
            }
            Self::Far { request, device, va, access } => {
                let (detail, [operand, compare, len], bytes) = match access {
                    WaveAccess::Load(len) => (far::LOAD, [0, 0, len as u64], &[][..]),
                    WaveAccess::Store(bytes) => (far::STORE, [0, 0, bytes.len() as u64], bytes),
                    WaveAccess::Atomic { kind, width, operand, comparand } => {
                        (far::ATOMIC | number(kind), [operand, comparand, width.bytes()], &[][..])
                    }
                };
                begin(out, kind::FAR, detail, request);
                words(out, [va, operand, compare, u64::from(device) << 32 | len]);
                out.extend_from_slice(bytes);
            }
            Self::Stores { request, device, stores } => {
                begin(out, kind::STORES, device, request);
                words(out, [stores.heads().len() as u64, 0, 0, 0]);
                out.extend_from_slice(stores.heads().as_bytes());
                out.extend_from_slice(stores.bytes());
            }
            Self::Rang { device, pages } => begin(out, kind::RANG, device, pages),
            Self::Interrupt(event) => begin(out, kind::INTERRUPT, event, 0),
            Self::Kernel(object, name) => {
                begin(out, kind::KERNEL, 0, object);
                out.extend_from_slice(cut(name).as_bytes());
            }
            Self::Progress { ticket, instructions, waves } => {
                begin(out, kind::PROGRESS, 0, ticket);
                words(out, [instructions, waves, 0, 0]);
            }
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = Head::read_from_prefix(message).map_err(|_| Malformed)?;
        match head.kind {
            kind::RANG if rest.is_empty() => Ok(Self::Rang { device: head.detail, pages: head.id }),
            kind::INTERRUPT if rest.is_empty() => Ok(Self::Interrupt(head.detail)),
            kind::KERNEL if rest.len() <= TEXT_MAX => {
                Ok(Self::Kernel(head.id, std::str::from_utf8(rest).map_err(|_| Malformed)?))
            }
            kind::PROGRESS => {
                let body = Body::read_from_bytes(rest).map_err(|_| Malformed)?;
                let [instructions, waves, ..] = body.words;
                Ok(Self::Progress { ticket: head.id, instructions, waves })
            }
            kind::OVER => over(head, rest),
            kind::TRANSLATE => {
                let body = Body::read_from_bytes(rest).map_err(|_| Malformed)?;
                Ok(Self::Translate { request: head.id, device: head.detail, va: body.words[0] })
            }
            kind::FAR => {
                let (body, bytes) = Body::read_from_prefix(rest).map_err(|_| Malformed)?;
                let [va, operand, comparand, last] = body.words;
                let (device, len) = ((last >> 32) as u32, last as u32 as usize);
                let access = match head.detail {
                    far::LOAD if bytes.is_empty() && len <= PAYLOAD_MAX => WaveAccess::Load(len),
                    far::STORE if bytes.len() == len && len <= PAYLOAD_MAX => WaveAccess::Store(bytes),
                    detail if detail & far::ATOMIC != 0 && bytes.is_empty() && matches!(len, 4 | 8) => {
                        let number = detail & !far::ATOMIC;
                        let kind = *ATOMICS.get(number as usize).ok_or(Malformed)?;
                        let width = if len == 4 { Width::Four } else { Width::Eight };
                        WaveAccess::Atomic { kind, width, operand, comparand }
                    }
                    _ => return Err(Malformed),
                };
                Ok(Self::Far { request: head.id, device, va, access })
            }
            kind::STORES => {
                let (body, rest) = Body::read_from_prefix(rest).map_err(|_| Malformed)?;
                let count = usize::try_from(body.words[0]).map_err(|_| Malformed)?;
                let (heads, bytes) =
                    <[StoreHead]>::ref_from_prefix_with_elems(rest, count).map_err(|_| Malformed)?;
                let stores = Stores::new(heads, bytes).ok_or(Malformed)?;
                Ok(Self::Stores { request: head.id, device: head.detail, stores })
            }
            _ => Err(Malformed),
        }
    }
}

fn over(head: Head, rest: &[u8]) -> Result<Claim<'_>, Malformed> {
    let (body, rest) = Body::read_from_prefix(rest).map_err(|_| Malformed)?;
    let (figures, text) = Figures::read_from_prefix(rest).map_err(|_| Malformed)?;
    let spent = Spent::try_from(figures)?;
    let [va, write, pc, _] = body.words;
    let how = match head.detail {
        end::DONE if text.is_empty() => End::Done,
        end::CANCELLED if text.is_empty() => End::Cancelled,
        end::FAULT if text.is_empty() => End::Fault { va, write: write != 0, pc },
        detail if detail & end::ERROR != 0 && text.len() <= TEXT_MAX => {
            let number = detail & !end::ERROR;
            let why = WHYS.into_iter().find(|why| *why as u32 == number).ok_or(Malformed)?;
            End::Error { why, pc, text: std::str::from_utf8(text).map_err(|_| Malformed)? }
        }
        _ => return Err(Malformed),
    };
    Ok(Claim::Over(head.id, how, spent))
}

impl From<Spent> for Figures {
    fn from(Spent { began, ended, instructions, mnemonics }: Spent) -> Self {
        Self { began, ended, instructions, mnemonics: *mnemonics.words() }
    }
}

impl TryFrom<Figures> for Spent {
    type Error = Malformed;

    fn try_from(Figures { began, ended, instructions, mnemonics }: Figures) -> Result<Self, Malformed> {
        let mnemonics = Mnemonics::of_words(mnemonics).ok_or(Malformed)?;
        Ok(Self { began, ended, instructions, mnemonics })
    }
}

impl Run {
    /// One of zeros.
    #[must_use]
    pub fn zeroed() -> Self {
        Self::new_zeroed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let run = Run { kernel_object: 1, kernarg: 2, device: 3, grid: [4, 5, 6], ..Run::zeroed() };
        let span =
            |place| Some(WaveSpan { start: 0x1000, len: 0x2000, writable: true, executable: false, place });
        let mut out = Vec::new();
        for order in [
            Order::Run(7, run),
            Order::Wish(8, Wish::Run),
            Order::Wish(8, Wish::Pause),
            Order::Wish(8, Wish::Cancel),
            Order::Span(9, 10, None),
            Order::Span(9, 10, span(Place::Own(0x5000))),
            Order::Span(9, 10, span(Place::Far).map(|span| WaveSpan { writable: false, ..span })),
            Order::Span(9, 10, span(Place::Far).map(|span| WaveSpan { executable: true, ..span })),
            Order::Span(9, 10, span(Place::Rings)),
            Order::Span(9, 10, span(Place::Sink)),
            Order::Reached(11, None),
            Order::Reached(11, Some(&[])),
            Order::Reached(11, Some(&[1; PAYLOAD_MAX])),
        ] {
            order.encode(&mut out);
            assert!(out.len() <= MESSAGE_MAX);
            assert_eq!(Order::decode(&out), Ok(order));
        }
        let spent = Spent { began: 1, ended: 2, instructions: 3, mnemonics: some() };
        let far = |access| Claim::Far { request: 4, device: 5, va: 6, access };
        let mut claims = vec![
            Claim::Over(7, End::Done, spent),
            Claim::Over(7, End::Cancelled, spent),
            Claim::Over(7, End::Fault { va: 8, write: true, pc: 9 }, spent),
            Claim::Translate { request: 10, device: 11, va: 12 },
            far(WaveAccess::Load(PAYLOAD_MAX)),
            far(WaveAccess::Store(&[2; PAYLOAD_MAX])),
            Claim::Rang { device: 1, pages: u64::MAX },
            Claim::Interrupt(13),
            Claim::Kernel(14, "add"),
            Claim::Progress { ticket: 7, instructions: 15, waves: 16 },
        ];
        let most = [StoreHead::new(16, PAYLOAD_MAX / STORES_MAX); STORES_MAX];
        for (heads, bytes) in [(&most[..], &[3; PAYLOAD_MAX][..]), (&[], &[])] {
            let stores = Stores::new(heads, bytes).expect("as many as there may be");
            claims.push(Claim::Stores { request: 17, device: 18, stores });
        }
        claims.extend(WHYS.map(|why| Claim::Over(7, End::Error { why, pc: 14, text: "so" }, spent)));
        claims.extend(
            ATOMICS.map(|kind| {
                far(WaveAccess::Atomic { kind, width: Width::Eight, operand: 15, comparand: 16 })
            }),
        );
        for claim in claims {
            claim.encode(&mut out);
            assert!(out.len() <= MESSAGE_MAX);
            assert_eq!(Claim::decode(&out), Ok(claim));
        }
    }

    /// Every third mnemonic, the last that there is among them.
    fn some() -> Mnemonics {
        let last = (waves::fidelity::table().count() - 1) as u64;
        let mut words = [0; MNEMONIC_WORDS];
        for number in (0..=last).rev().step_by(3) {
            words[(number / 64) as usize] |= 1 << (number % 64);
        }
        Mnemonics::of_words(words).expect("each is a line of the table")
    }

    // Keeps: report-bounded
    #[test]
    fn a_mnemonic_that_there_is_not_is_malformed() {
        let mut out = Vec::new();
        Claim::Over(1, End::Done, Spent { mnemonics: some(), ..Spent::default() }).encode(&mut out);
        assert!(Claim::decode(&out).is_ok());
        let last = out.len() - 1;
        out[last] |= 0x80;
        assert_eq!(Claim::decode(&out), Err(Malformed));
    }

    #[test]
    fn a_long_explanation_is_cut() {
        let text = "ä".repeat(TEXT_MAX);
        let mut out = Vec::new();
        Claim::Over(1, End::Error { why: Why::Trap, pc: 0, text: &text }, Spent::default()).encode(&mut out);
        let Ok(Claim::Over(1, End::Error { text, .. }, _)) = Claim::decode(&out) else { panic!("{out:?}") };
        assert_eq!(text, "ä".repeat(TEXT_MAX / 2));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_heard_as_it_is_said_or_malformed(
            kind in prop_oneof![0_u32..6, 0x80_u32..0x89],
            detail in prop_oneof![0_u32..6, 0x100_u32..0x110, any::<u32>()],
            rest in proptest::collection::vec(any::<u8>(), 0..320),
        ) {
            let mut message = Vec::new();
            begin(&mut message, kind, detail, 1);
            message.extend_from_slice(&rest);
            let mut again = Vec::new();
            if let Ok(order) = Order::decode(&message) {
                order.encode(&mut again);
                prop_assert_eq!(Order::decode(&again), Ok(order));
            }
            if let Ok(claim) = Claim::decode(&message) {
                claim.encode(&mut again);
                prop_assert_eq!(Claim::decode(&again), Ok(claim));
            }
        }
    }
}
