//! Bytes from /dev/fuse to a [`Request`].

use super::layout::{
    BatchForgetIn, FlushIn, ForgetIn, ForgetOne, InHeader, InitIn, InterruptIn, IoctlIn, OpenIn, ReadIn,
    ReleaseIn, WriteIn,
};
use super::opcode;
use zerocopy::FromBytes;

/// One message: its header and what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// Who asks, about which node, under which number.
    pub header: InHeader,
    /// The request, decoded by its opcode.
    pub request: Request<'a>,
}

/// What is asked. The variants without fields carry nothing that is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the opcodes of linux/fuse.h, fields after its structs")]
pub enum Request<'a> {
    Init {
        init: InitIn,
        flags2: u32,
    },
    Lookup {
        name: &'a [u8],
    },
    Forget {
        nlookup: u64,
    },
    BatchForget {
        forgets: Forgets<'a>,
    },
    Getattr,
    Setattr,
    Readlink,
    Open {
        flags: u32,
    },
    Read(ReadIn),
    Write {
        write: WriteIn,
        data: &'a [u8],
    },
    Statfs,
    Release(ReleaseIn),
    Fsync,
    Flush(FlushIn),
    Opendir,
    Readdir(ReadIn),
    Releasedir,
    Access,
    Interrupt {
        target: u64,
    },
    Destroy,
    Ioctl {
        ioctl: IoctlIn,
        input: &'a [u8],
    },
    /// A change of the tree: no name can be made, moved or removed.
    Alter,
    /// A known opcode whose body is too short for it.
    Malformed,
    /// An opcode that has no meaning here.
    Unknown,
}

/// The pairs of a BATCH_FORGET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgets<'a>(&'a [u8]);

impl Iterator for Forgets<'_> {
    type Item = ForgetOne;

    fn next(&mut self) -> Option<ForgetOne> {
        let (one, rest) = ForgetOne::read_from_prefix(self.0).ok()?;
        self.0 = rest;
        Some(one)
    }
}

impl<'a> Incoming<'a> {
    /// Decodes one message as read(2) of /dev/fuse returned it. `None` when not even the header is whole.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = InHeader::read_from_prefix(bytes).ok()?;
        let request = body_of(header.opcode, body).unwrap_or(Request::Malformed);
        Some(Self { header, request })
    }
}

fn body_of(code: u32, body: &[u8]) -> Option<Request<'_>> {
    Some(match code {
        opcode::INIT => {
            let (init, rest) = take::<InitIn>(body)?;
            let flags2 = if init.flags & opcode::INIT_EXT == 0 {
                0
            } else {
                take::<u32>(rest).map_or(0, |(word, _)| word)
            };
            Request::Init { init, flags2 }
        }
        opcode::LOOKUP => Request::Lookup { name: c_name(body)? },
        opcode::FORGET => Request::Forget { nlookup: take::<ForgetIn>(body)?.0.nlookup },
        opcode::BATCH_FORGET => {
            let (head, rest) = take::<BatchForgetIn>(body)?;
            let length = usize::try_from(head.count).ok()?.checked_mul(size_of::<ForgetOne>())?;
            Request::BatchForget { forgets: Forgets(rest.get(..length)?) }
        }
        opcode::GETATTR => Request::Getattr,
        opcode::READLINK => Request::Readlink,
        opcode::SETATTR => Request::Setattr,
        opcode::OPEN => Request::Open { flags: take::<OpenIn>(body)?.0.flags },
        opcode::READ => Request::Read(take(body)?.0),
        opcode::WRITE => {
            let (write, rest) = take::<WriteIn>(body)?;
            Request::Write { write, data: rest.get(..usize::try_from(write.size).ok()?)? }
        }
        opcode::STATFS => Request::Statfs,
        opcode::RELEASE => Request::Release(take(body)?.0),
        opcode::FSYNC => Request::Fsync,
        opcode::FLUSH => Request::Flush(take(body)?.0),
        opcode::OPENDIR => Request::Opendir,
        opcode::READDIR => Request::Readdir(take(body)?.0),
        opcode::RELEASEDIR => Request::Releasedir,
        opcode::ACCESS => Request::Access,
        opcode::INTERRUPT => Request::Interrupt { target: take::<InterruptIn>(body)?.0.unique },
        opcode::DESTROY => Request::Destroy,
        opcode::IOCTL => {
            let (ioctl, rest) = take::<IoctlIn>(body)?;
            Request::Ioctl { ioctl, input: rest.get(..usize::try_from(ioctl.in_size).ok()?)? }
        }
        code if opcode::ALTERING.contains(&code) => Request::Alter,
        _ => Request::Unknown,
    })
}

fn take<T: FromBytes>(bytes: &[u8]) -> Option<(T, &[u8])> {
    T::read_from_prefix(bytes).ok()
}

/// A name up to its zero byte; `None` without one.
fn c_name(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    bytes.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    fn message(code: u32, body: &[u8]) -> Vec<u8> {
        let header = InHeader { opcode: code, unique: 7, pid: 42, ..InHeader::default() };
        [header.as_bytes(), body].concat()
    }

    #[test]
    fn a_name_without_its_zero_byte_is_malformed() {
        assert_eq!(Incoming::decode(&message(opcode::LOOKUP, b"kfd")).unwrap().request, Request::Malformed);
        assert_eq!(
            Incoming::decode(&message(opcode::LOOKUP, b"kfd\0")).unwrap().request,
            Request::Lookup { name: b"kfd" }
        );
    }

    #[test]
    fn an_ioctl_that_claims_more_input_than_it_brings_is_malformed() {
        let ioctl = IoctlIn { in_size: 8, ..IoctlIn::default() };
        let body = [ioctl.as_bytes(), &[0; 7]].concat();
        assert_eq!(Incoming::decode(&message(opcode::IOCTL, &body)).unwrap().request, Request::Malformed);
    }

    #[test]
    fn flags2_counts_only_with_init_ext() {
        let plain = InitIn { major: 7, minor: 40, ..InitIn::default() };
        let bytes = message(opcode::INIT, &[plain.as_bytes(), 5u32.as_bytes()].concat());
        let decoded = Incoming::decode(&bytes).unwrap().request;
        assert_eq!(decoded, Request::Init { init: plain, flags2: 0 });
        let extended = InitIn { flags: opcode::INIT_EXT, ..plain };
        let bytes = message(opcode::INIT, &[extended.as_bytes(), 5u32.as_bytes()].concat());
        let decoded = Incoming::decode(&bytes).unwrap().request;
        assert_eq!(decoded, Request::Init { init: extended, flags2: 5 });
    }

    #[test]
    fn a_batch_of_forgets_yields_each_pair() {
        let pairs = [ForgetOne { nodeid: 5, nlookup: 1 }, ForgetOne { nodeid: 6, nlookup: 2 }];
        let head = BatchForgetIn { count: 2, dummy: 0 };
        let bytes = message(opcode::BATCH_FORGET, &[head.as_bytes(), pairs.as_bytes()].concat());
        let Request::BatchForget { forgets } = Incoming::decode(&bytes).unwrap().request else {
            panic!("not a batch");
        };
        assert_eq!(forgets.collect::<Vec<_>>(), pairs);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256), code in 0u32..64) {
            let whole = Incoming::decode(&bytes);
            prop_assert_eq!(whole.is_none(), bytes.len() < size_of::<InHeader>());
            let message = message(code, &bytes);
            let incoming = Incoming::decode(&message);
            if let Some(Incoming { request: Request::BatchForget { forgets }, .. }) = incoming {
                prop_assert!(forgets.count() * size_of::<ForgetOne>() <= bytes.len());
            }
        }
    }
}
