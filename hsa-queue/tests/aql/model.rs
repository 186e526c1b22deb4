//! The processor as one would explain it: a loop over bytes, with no stages, no batches and no faults to resume.

use crate::client::{BASE, QUEUE};
use hsa_queue::layout::{amd_queue, amd_signal};
use hsa_queue::{EventId, QueueError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Empty,
    Parked { forever: bool },
    Stopped(QueueError),
    Faulted,
}

/// The processor's own state.
#[derive(Debug, Default)]
pub struct Model {
    pub read: u64,
    /// Which dependencies of the BARRIER_AND in hand have been seen at 0.
    seen: [bool; 5],
    start: Option<u64>,
    pub ticks: u64,
    stopped: Option<Rest>,
}

struct Bytes<'a>(&'a mut [u8]);

impl Bytes<'_> {
    fn at(&self, va: u64) -> Option<usize> {
        let offset = va.wrapping_sub(BASE);
        (offset < self.0.len() as u64 && offset.is_multiple_of(8)).then_some(offset as usize)
    }
    fn get(&self, va: u64) -> Option<u64> {
        self.at(va).map(|i| u64::from_le_bytes(self.0[i..i + 8].try_into().unwrap()))
    }
    fn put(&mut self, va: u64, value: u64) {
        let i = self.at(va).expect("the model stores only where it has loaded");
        self.0[i..i + 8].copy_from_slice(&value.to_le_bytes());
    }
}

impl Model {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    /// Retires what can be retired in `memory`, a client's bytes with a ring of `packets` slots at `ring`.
    pub fn run(&mut self, memory: &mut [u8], ring: u64, packets: u64) -> (Vec<EventId>, Rest) {
        let mut raised = Vec::new();
        let mut memory = Bytes(memory);
        if let Some(rest) = self.stopped {
            return (raised, rest);
        }
        let rest = loop {
            match self.packet(&mut memory, ring, packets, &mut raised) {
                Ok(()) => {}
                Err(rest) => break rest,
            }
        };
        memory.put(QUEUE + amd_queue::READ_DISPATCH_ID, self.read);
        if matches!(rest, Rest::Stopped(_) | Rest::Faulted) {
            self.stopped = Some(rest);
        }
        (raised, rest)
    }

    fn packet(
        &mut self,
        m: &mut Bytes<'_>,
        ring: u64,
        packets: u64,
        raised: &mut Vec<EventId>,
    ) -> Result<(), Rest> {
        let write = m.get(QUEUE + amd_queue::WRITE_DISPATCH_ID).unwrap();
        if self.read >= write {
            return Err(Rest::Empty);
        }
        let slot = ring + self.read % packets * 64;
        let word = |i: u64| m.get(slot + i * 8).unwrap();
        let header = word(0);
        let value =
            |handle: u64| m.get(handle + amd_signal::VALUE).ok_or(Rest::Faulted).map(u64::cast_signed);
        let deps = [1, 2, 3, 4, 5].map(word);
        let completion = word(7);
        let started = self.start.is_some();
        if completion != 0 && !started && matches!((header & 0xff, header >> 16 & 0xff), (3 | 5, _) | (0, 2))
        {
            let bad_condition = header & 0xff == 0 && word(4) as u32 > 3;
            if !bad_condition {
                self.start = Some(self.ticks + 1);
                self.ticks += 1;
            }
        }
        match (header & 0xff, header >> 16 & 0xff) {
            (1, _) => return Err(Rest::Empty),
            (3, _) => {
                for (seen, dep) in self.seen.iter_mut().zip(deps) {
                    *seen = *seen || dep == 0 || value(dep)? == 0;
                }
                if self.seen != [true; 5] {
                    return Err(Rest::Parked { forever: false });
                }
            }
            (5, _) => {
                let mut met = false;
                for dep in deps {
                    met = met || dep != 0 && value(dep)? == 0;
                }
                if !met {
                    return Err(Rest::Parked { forever: deps == [0; 5] });
                }
            }
            (0, 2) => {
                let (signal, operand, mask) = (word(1), word(2).cast_signed(), word(3).cast_signed());
                let cond = word(4) as u32;
                if cond > 3 {
                    return Err(self.stop(m, QueueError::VendorPacket, raised));
                }
                if signal != 0 {
                    let masked = value(signal)? & mask;
                    let met = match cond {
                        0 => masked == operand,
                        1 => masked != operand,
                        2 => masked < operand,
                        _ => masked >= operand,
                    };
                    if !met {
                        return Err(Rest::Parked { forever: false });
                    }
                }
            }
            (0, _) => return Err(self.stop(m, QueueError::VendorPacket, raised)),
            (2, _) => return Err(self.stop(m, QueueError::DispatchCode, raised)),
            _ => return Err(self.stop(m, QueueError::PacketType, raised)),
        }
        m.put(slot, header & !0xffff | 1);
        self.read += 1;
        self.seen = [false; 5];
        let start = self.start.take();
        if completion == 0 {
            return Ok(());
        }
        let end = self.tick();
        let old = m.get(completion + amd_signal::VALUE).ok_or(Rest::Faulted)?;
        m.put(completion + amd_signal::START_TS, start.unwrap());
        m.put(completion + amd_signal::END_TS, end);
        m.put(completion + amd_signal::VALUE, old.wrapping_sub(1));
        Self::notify(m, completion, raised);
        Ok(())
    }

    fn stop(&mut self, m: &mut Bytes<'_>, error: QueueError, raised: &mut Vec<EventId>) -> Rest {
        let inactive = m.get(QUEUE + amd_queue::QUEUE_INACTIVE_SIGNAL).unwrap();
        m.put(inactive + amd_signal::VALUE, error.inactive_code());
        Self::notify(m, inactive, raised);
        Rest::Stopped(error)
    }

    fn notify(m: &mut Bytes<'_>, signal: u64, raised: &mut Vec<EventId>) {
        let mailbox = m.get(signal + amd_signal::EVENT_MAILBOX_PTR).unwrap();
        let id = m.get(signal + amd_signal::EVENT_ID).unwrap() as u32;
        if mailbox != 0 {
            m.put(mailbox, u64::from(id));
            raised.push(EventId(id));
        }
    }
}
