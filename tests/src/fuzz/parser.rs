//! The table of what is fuzzed: each parser of bytes that a client, or the writer of a profile, has the choice of.

use super::{corpus, ioctl};
use door::fuse::wire::{Incoming, Request};
use door::gather::Plan;
use hsa_queue::fuzz;
use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::table;
use kfd_core::profile::Profile;
use kfd_core::topology;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// Runs one input; what it did, as a word.
pub type Run = dyn FnMut(&[u8]) -> u64 + Send;

/// A parser of client bytes, and how it is fed.
pub struct Parser {
    /// Its name, and that of its folder in `tests/corpus`.
    pub name: &'static str,
    /// What it reads.
    pub what: &'static str,
    /// Makes what runs inputs; one for each thread.
    pub start: fn() -> Box<Run>,
    /// Inputs to begin with beside those of the folder.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What inputs are made of.
    pub words: &'static [&'static [u8]],
}

/// Addresses in the memory of `hsa_queue::fuzz`, and headers of AQL packets.
const AQL_WORDS: &[&[u8]] = &[
    &[0x00, 0x18, 0, 0, 0, 0, 0, 0],
    &[0x40, 0x18, 0, 0, 0, 0, 0, 0],
    &[0x00, 0x14, 0, 0, 0, 0, 0, 0],
    &[0x80, 0x10, 0, 0, 0, 0, 0, 0],
    // Kernel dispatch, barrier-AND, agent dispatch, barrier-OR, with fences.
    &[0x02, 0x15, 0, 0],
    &[0x03, 0x15, 0, 0],
    &[0x04, 0x15, 0, 0],
    &[0x05, 0x15, 0, 0],
    // Vendor packets: PM4_IB, barrier-value.
    &[0x00, 0x15, 1, 0],
    &[0x00, 0x15, 2, 0],
    // INDIRECT_BUFFER of 16 dwords at 0x1800.
    &[0, 0x3f, 2, 0xc0, 0, 0x18, 0, 0, 0, 0, 0, 0, 16, 0, 0x80, 0],
];

/// Addresses, and the first dwords of PM4 packets.
const PM4_WORDS: &[&[u8]] = &[
    &[0x00, 0x18, 0, 0, 0, 0, 0, 0],
    &[0x00, 0x14, 0, 0, 0, 0, 0, 0],
    &[0, 0x10, 0xff, 0xff],
    &[0, 0x10, 1, 0xc0],
    &[0, 0x15, 3, 0xc0],
    &[0, 0x16, 2, 0xc0],
    &[0, 0x1e, 7, 0xc0, 0x2f, 0, 0, 0],
    &[0, 0x22, 3, 0xc0],
    &[0, 0x23, 0, 0xc0],
    &[0, 0x37, 3, 0xc0, 0, 5, 0, 0],
    &[0, 0x37, 16, 0xc0, 0, 5, 0, 0],
    &[0, 0x3c, 5, 0xc0, 0x13, 0, 0, 0],
    &[0, 0x93, 7, 0xc0, 0x13, 0, 0, 0],
    &[0, 0x3f, 2, 0xc0, 0, 0x18, 0, 0, 0, 0, 0, 0, 16, 0, 0x80, 0],
    &[0, 0x40, 4, 0xc0, 1, 5, 0, 0],
    &[0, 0x46, 0, 0xc0],
    &[0, 0x49, 6, 0xc0, 0x14, 5, 0, 0, 0, 0, 0, 0x42],
    &[0, 0x50, 5, 0xc0],
    &[0, 0x58, 5, 0xc0],
    &[0, 0x76, 3, 0xc0],
    &[0, 0x79, 1, 0xc0],
];

/// Addresses, and the first dwords of SDMA packets.
const SDMA_WORDS: &[&[u8]] = &[
    &[0x00, 0x18, 0, 0, 0, 0, 0, 0],
    &[0x00, 0x14, 0, 0, 0, 0, 0, 0],
    &[0, 0, 3, 0],
    &[1, 0, 0, 0, 63, 0, 0, 0, 0, 0, 0, 0],
    &[1, 0, 0, 8, 63, 0, 0, 0, 0, 0, 0, 0],
    &[1, 4, 0, 0x40],
    &[2, 0, 0, 0],
    &[4, 0, 0, 0],
    &[5, 0, 0, 0],
    &[6, 0, 0, 0],
    &[8, 0, 0, 0xb0],
    &[8, 0, 0, 4],
    &[9, 0, 0, 0],
    &[10, 0, 0, 0x5e],
    &[10, 0, 1, 0x50],
    &[11, 0, 0, 0x80],
    &[11, 0, 0, 0],
    &[13, 2, 0, 0],
    &[14, 0, 0, 0],
    &[15, 0, 0, 0],
    &[17, 1, 0, 0],
];

/// Opcodes of `linux/fuse.h` that have a body, and a command word.
const WIRE_WORDS: &[&[u8]] = &[
    &[1, 0, 0, 0],
    &[14, 0, 0, 0],
    &[15, 0, 0, 0],
    &[16, 0, 0, 0],
    &[18, 0, 0, 0],
    &[26, 0, 0, 0],
    &[36, 0, 0, 0],
    &[39, 0, 0, 0],
    &[42, 0, 0, 0],
    &[0x0c, 0x4b, 0x18, 0xc0],
];

/// The device's id, the first handle, an address and flags that ALLOC takes.
const IOCTL_WORDS: &[&[u8]] = &[
    &[0xbc, 0xfc, 0, 0],
    &[0, 0, 0, 0, 0xbc, 0xfc, 0, 0],
    &[1, 0, 0, 0, 0xbc, 0xfc, 0, 0],
    &[0, 0, 0, 0, 0x10, 0x7f, 0, 0],
    &[0, 0x10, 0, 0, 0x10, 0x7f, 0, 0],
    &[1, 0, 0, 0x80],
    &[2, 0, 0, 0x80],
    &[4, 0, 0, 0x80],
    &[254, 7, 0, 8],
    &[253, 0, 255, 16],
];

const PROFILE_WORDS: &[&[u8]] = &[
    b"\n[[devices]]\n",
    b"\n[devices.queues]\n",
    b" = 0\n",
    b" = 18446744073709551615\n",
    b" = -1\n",
    b" = \"\"\n",
    b" = []\n",
    b"0x1_0000_0000",
    b"formats = [\"sdma\"]\n",
    b"\"",
    b"\n",
];

/// All of them.
pub static PARSERS: &[Parser] = &[
    Parser {
        name: "aql",
        what: "AQL packets, their signals and indirect buffers",
        start: || Box::new(fuzz::aql),
        seeds: || queue_seeds(AQL_WORDS, 1),
        words: AQL_WORDS,
    },
    Parser {
        name: "pm4",
        what: "PM4 packets and indirect buffers",
        start: || Box::new(fuzz::pm4),
        seeds: || queue_seeds(PM4_WORDS, 16),
        words: PM4_WORDS,
    },
    Parser {
        name: "sdma",
        what: "SDMA packets of both generations",
        start: || Box::new(fuzz::sdma),
        seeds: || queue_seeds(SDMA_WORDS, 64),
        words: SDMA_WORDS,
    },
    Parser {
        name: "wire",
        what: "FUSE messages, the ioctl structs in them and the pointers in those",
        start: || Box::new(wire),
        seeds: wire_seeds,
        words: WIRE_WORDS,
    },
    Parser {
        name: "ioctl",
        what: "sequences of calls, stores and engine turns on a core",
        start: ioctl::start,
        seeds: ioctl::seeds,
        words: IOCTL_WORDS,
    },
    Parser {
        name: "profile",
        what: "profiles in TOML and the topology made of them",
        start: || Box::new(profile),
        seeds: profile_seeds,
        words: PROFILE_WORDS,
    },
];

/// One packet each, submitted, in a ring of 256 bytes.
fn queue_seeds(words: &[&[u8]], written: u8) -> Vec<Vec<u8>> {
    let whole = |word: &&[u8]| {
        let mut packet = word.to_vec();
        packet.resize(64, 0);
        [&[0, 2, 15, 7, written, 0, 0, 0][..], &packet].concat()
    };
    words.iter().map(whole).collect()
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn wire(bytes: &[u8]) -> u64 {
    let Some(message) = Incoming::decode(bytes) else { return 0 };
    let kind = std::mem::discriminant(&message.request);
    match message.request {
        Request::BatchForget { forgets } => hash((kind, forgets.count().min(4))),
        Request::Ioctl { ioctl, input } => {
            let row = table::lookup(ioctl.cmd);
            let planned = row.map(|row| match Admitted::new(row, input) {
                None => -1,
                Some(admitted) => match Plan::new(&admitted) {
                    Err(errno) => errno.0,
                    Ok(mut plan) => -2 - i32::try_from(plan.take_accesses().len().min(8)).unwrap_or(8),
                },
            });
            hash((kind, row.map(|row| row.cmd), planned))
        }
        Request::Lookup { name } => hash((kind, name.len().min(20))),
        _ => hash((kind, message.header.opcode)),
    }
}

/// One message of each opcode, and one of each ioctl.
fn wire_seeds() -> Vec<Vec<u8>> {
    let message = |opcode: u32, body: &[u8]| {
        let len = 40 + body.len() as u32;
        let head = [len, opcode, 1, 0, 2, 0, 1000, 1000, 4321, 0];
        [&head.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()[..], body].concat()
    };
    let ioctl = |row: &kfd_core::abi::spec::Ioctl| {
        let size = row.size() as u32;
        let head = [1, 0, 0, row.cmd, 0, 0, size, size];
        let head: Vec<u8> = head.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        message(39, &[&head[..], &vec![1; row.size()]].concat())
    };
    let opcodes = (1..60).map(|opcode| message(opcode, &[0; 80]));
    opcodes.chain(table::rows().map(ioctl)).collect()
}

fn profile(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    match Profile::parse(text) {
        Ok(profile) => {
            let tree = topology::tree(&profile);
            hash((1, profile.devices.len(), tree.entries().count()))
        }
        Err(error) => {
            // Which complaint, without what it is about.
            let words = error.to_string();
            hash(words.chars().filter(|c| c.is_alphabetic()).take(60).collect::<String>())
        }
    }
}

/// The compiled-in profiles as they are written.
fn profile_seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kfd-core/profiles");
    corpus::read(&folder).expect("the repository's profiles can be read")
}
