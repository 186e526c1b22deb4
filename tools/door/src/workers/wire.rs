//! The messages between the daemon and a memory worker: one per packet of a SOCK_SEQPACKET socket, in host byte order
//! (both ends are one machine, mostly one program).
//!
//! A message is a `Head`, then for a job `count` times an `Op` (a write's bytes follow it), for an answer `count`
//! times a `Reply` and its bytes. Either way at most [`PAYLOAD_MAX`] bytes of client memory and [`OPS_MAX`] entries.
//! ATTACH and FETCHED carry the mem fd as SCM_RIGHTS, GUARD what aborts the connection. Not for: who sends what when,
//! which `child` and `link` know.
//!
//! Decoding never panics: what does not parse is [`Malformed`], and the reader gives the peer up.

use kfd_core::ids::{ProcessId, Tgid, UserVa};
use kfd_core::notice::{UserAccess, UserAnswer, UserSlots};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of client memory in one message, each way.
pub const PAYLOAD_MAX: usize = 64 * 1024;
/// Accesses in one message.
pub const OPS_MAX: usize = 256;
/// The longest message.
pub const MESSAGE_MAX: usize = size_of::<Head>() + OPS_MAX * size_of::<Op>() + PAYLOAD_MAX;

/// The kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Here is the mem fd of (slot, generation). No answer.
    Attach = 1,
    /// Close it. No answer.
    Detach = 2,
    /// Do these accesses; answered by `Answer`.
    Job = 3,
    /// Say whether the address space is there; answered by `Probed`.
    Probe = 4,
    /// Give me the mem fd; answered by `Fetched`.
    Fetch = 5,
    /// When the daemon dies, write to this descriptor. No answer.
    Guard = 6,
    /// The answers of a job.
    Answer = 0x83,
    /// `count` is 1 when the address space is there, 0 when it is gone, 2 when that cannot be told.
    Probed = 0x84,
    /// `count` is 1 and the mem fd comes along, or 0.
    Fetched = 0x85,
}

impl Kind {
    fn of(word: u32) -> Option<Self> {
        let kinds = [
            Self::Attach,
            Self::Detach,
            Self::Job,
            Self::Probe,
            Self::Fetch,
            Self::Guard,
            Self::Answer,
            Self::Probed,
            Self::Fetched,
        ];
        kinds.into_iter().find(|&kind| kind as u32 == word)
    }
}

/// The beginning of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    kind: u32,
    count: u32,
    id: u64,
    slot: u32,
    generation: u32,
}

/// One access: `op` is 1 read, 2 write, 3 fetch-and-subtract; `operand` is the subtrahend. 4 is a survey: `len`
/// is then the thread group and `operand` the bytes. 5 is packets: `va` is where to read `len % 65536` of them, and
/// `operand` where to retire `len / 65536`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Op {
    op: u32,
    len: u32,
    va: u64,
    operand: u64,
}

/// One answer: `status` is 1 when done, 0 when failed (and `len` is 0).
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Reply {
    status: u32,
    len: u32,
}

/// A message's beginning, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Header {
    /// The kind of the message.
    pub kind: Kind,
    /// Entries that follow, or the kind's own small number.
    pub count: u32,
    /// Numbers the jobs and probes sent to one worker, from 1, rising.
    pub id: u64,
    pub process: ProcessId,
}

/// A message that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message between daemon and memory worker")]
pub struct Malformed;

/// One access, its bytes still in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Access<'a> {
    /// Read this many bytes, at most [`PAYLOAD_MAX`].
    Read(u64, usize),
    Write(u64, &'a [u8]),
    /// Subtract from eight bytes.
    FetchSub(u64, u64),
    /// Make the packets of the first INVALID and read the second: where, and how many, at most [`UserSlots::MAX`].
    Packets([(u64, usize); 2]),
    /// Survey so many bytes of that thread group's.
    Survey(Tgid, u64, u64),
}

/// Starts a message anew in `out`.
pub fn begin(out: &mut Vec<u8>, header: Header) {
    out.clear();
    let Header { kind, count, id, process } = header;
    let head = Head { kind: kind as u32, count, id, slot: process.slot, generation: process.generation };
    out.extend_from_slice(head.as_bytes());
}

/// Splits a message into its header and what follows.
///
/// # Errors
/// [`Malformed`] when it is too short or of no known kind.
pub fn header(message: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let (head, rest) = Head::read_from_prefix(message).map_err(|_| Malformed)?;
    let kind = Kind::of(head.kind).ok_or(Malformed)?;
    let process = ProcessId { slot: head.slot, generation: head.generation };
    Ok((Header { kind, count: head.count, id: head.id, process }, rest))
}

/// Appends one access of a job.
pub fn push_access(out: &mut Vec<u8>, access: &UserAccess) {
    let (op, bytes): (Op, &[u8]) = match access {
        UserAccess::Read { va: UserVa(va), len } => (Op { op: 1, len: *len, va: *va, operand: 0 }, &[]),
        UserAccess::Write { va: UserVa(va), bytes } => {
            (Op { op: 2, len: bytes.len() as u32, va: *va, operand: 0 }, bytes)
        }
        UserAccess::FetchSub { va: UserVa(va), by } => (Op { op: 3, len: 8, va: *va, operand: *by }, &[]),
        UserAccess::Packets { retired, wanted } => {
            let len = retired.count << 16 | wanted.count & 0xffff;
            (Op { op: 5, len, va: wanted.va.0, operand: retired.va.0 }, &[])
        }
        UserAccess::Survey { tgid, va: UserVa(va), bytes } => {
            (Op { op: 4, len: tgid.0, va: *va, operand: *bytes }, &[])
        }
    };
    out.extend_from_slice(op.as_bytes());
    out.extend_from_slice(bytes);
}

/// Takes one access off the front of `rest`.
///
/// # Errors
/// [`Malformed`] when it is cut short, of no known kind or longer than allowed.
pub fn take_access<'a>(rest: &mut &'a [u8]) -> Result<Access<'a>, Malformed> {
    let (op, tail) = Op::read_from_prefix(rest).map_err(|_| Malformed)?;
    let len = op.len as usize;
    if len > PAYLOAD_MAX && op.op < 4 {
        return Err(Malformed);
    }
    *rest = tail;
    match op.op {
        1 => Ok(Access::Read(op.va, len)),
        2 => {
            let (bytes, tail) = tail.split_at_checked(len).ok_or(Malformed)?;
            *rest = tail;
            Ok(Access::Write(op.va, bytes))
        }
        3 => Ok(Access::FetchSub(op.va, op.operand)),
        4 => Ok(Access::Survey(Tgid(op.len), op.va, op.operand)),
        5 => {
            let (retired, wanted) = (op.len >> 16, op.len & 0xffff);
            if retired.max(wanted) > UserSlots::MAX {
                return Err(Malformed);
            }
            Ok(Access::Packets([(op.operand, retired as usize), (op.va, wanted as usize)]))
        }
        _ => Err(Malformed),
    }
}

/// Appends one answer whose bytes `fill` writes in place; `false` from it makes the answer a failure.
pub fn push_reply(out: &mut Vec<u8>, len: usize, fill: impl FnOnce(&mut [u8]) -> bool) {
    push_reply_within(out, len, |to| fill(to).then_some(len));
}

/// The same where `fill` says how many of the bytes are the answer, and with `None` that it failed.
pub fn push_reply_within(out: &mut Vec<u8>, most: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) {
    let at = out.len();
    let body = at + size_of::<Reply>();
    out.resize(body + most, 0);
    let done = fill(&mut out[body..]);
    let len = done.unwrap_or(0).min(most);
    out.truncate(body + len);
    let reply = Reply { status: u32::from(done.is_some()), len: len as u32 };
    out[at..body].copy_from_slice(reply.as_bytes());
}

/// Decodes the answers that follow an `Answer` header, as many as it counts and nothing behind them.
///
/// # Errors
/// [`Malformed`].
pub fn answers(count: u32, mut rest: &[u8]) -> Result<Vec<UserAnswer>, Malformed> {
    if count as usize > OPS_MAX {
        return Err(Malformed);
    }
    let mut answers = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let (reply, tail) = Reply::read_from_prefix(rest).map_err(|_| Malformed)?;
        let (bytes, tail) = tail.split_at_checked(reply.len as usize).ok_or(Malformed)?;
        rest = tail;
        answers.push(match (reply.status, bytes.len()) {
            (0, 0) => UserAnswer::Failed,
            (1, _) => UserAnswer::Done(bytes.to_vec()),
            _ => return Err(Malformed),
        });
    }
    if rest.is_empty() { Ok(answers) } else { Err(Malformed) }
}
