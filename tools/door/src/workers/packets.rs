//! Packets of a ring in client memory: made INVALID and read, many at once.
//!
//! One read of a range promises no order between its bytes, so packets are read twice: the headers that the first read
//! finds valid were published before, and the second reads what they published. A write of two bytes costs nearly as
//! much as one of a page, so slots are made INVALID by writing them whole, the bodies as they were read; the last packets
//! read are kept for that, and what is not among them is read again. All of it may be done twice: the slots are the
//! queue's own until it says otherwise.
//!
//! Not for: what a packet means.

use kfd_core::ids::ProcessId;
use kfd_core::notice::UserSlots;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The packets that were read last, without those that were made INVALID since.
#[derive(Default)]
pub(super) struct Kept {
    of: Option<ProcessId>,
    va: u64,
    bytes: Vec<u8>,
}

impl Kept {
    /// Makes `count` packets from `va` on INVALID.
    pub(super) fn retire(
        &mut self,
        process: ProcessId,
        memory: &File,
        (va, count): (u64, usize),
    ) -> io::Result<()> {
        let len = count * UserSlots::BYTES;
        if len == 0 {
            return Ok(());
        }
        let start = va.checked_sub(self.va).and_then(|skip| usize::try_from(skip).ok());
        let kept = start.filter(|start| {
            self.of == Some(process) && start.checked_add(len).is_some_and(|end| end <= self.bytes.len())
        });
        let start = match kept {
            Some(start) => start,
            None => {
                self.of = None;
                self.bytes.resize(len, 0);
                memory.read_exact_at(&mut self.bytes, va)?;
                (self.of, self.va) = (Some(process), va);
                0
            }
        };
        let packets = &mut self.bytes[start..start + len];
        for packet in packets.chunks_exact_mut(UserSlots::BYTES) {
            packet[..2].copy_from_slice(&UserSlots::INVALID.to_le_bytes());
        }
        memory.write_all_at(packets, va)
    }

    /// Reads packets from `va` on into `to`, which has room for all that may be read, up to the first that is INVALID.
    /// Answers their bytes.
    pub(super) fn read(
        &mut self,
        process: ProcessId,
        memory: &File,
        va: u64,
        to: &mut [u8],
    ) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        memory.read_exact_at(to, va)?;
        let valid = |packet: &&[u8]| packet[0] != UserSlots::INVALID as u8;
        let count = to.chunks_exact(UserSlots::BYTES).take_while(valid).count();
        let packets = &mut to[..count * UserSlots::BYTES];
        memory.read_exact_at(packets, va)?;
        self.bytes.clear();
        self.bytes.extend_from_slice(packets);
        (self.of, self.va) = (Some(process), va);
        Ok(packets.len())
    }
}
