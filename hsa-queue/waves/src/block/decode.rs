//! From words to a block, and the comparison of a block with what the words are now.

use super::Block;
use super::act::Step;
use super::fuse::fuse;
use super::lower::{ends, lower};
use super::lowering::Lowering;
use crate::code::Code;
use crate::host::Host;
use crate::stop::Stop;
use crate::sys::Level;
use hsa_queue::memory::Access;

/// The most instructions of a block: a poll's budget is looked at between blocks.
const LONGEST: usize = 64;

impl Block {
    /// The block at `pc`, made for the dispatch of a serial: at least one instruction.
    pub(super) fn decode(
        pc: u64,
        serial: u64,
        code: &Code,
        level: Option<Level>,
        host: &mut impl Host,
    ) -> Result<Self, Stop> {
        let (mut words, mut steps, mut insts, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut lowering = Lowering::new(level);
        while insts.len() < LONGEST {
            // Instructions are words at multiples of four; what a jump has below is not looked at.
            let at = (pc & !3).wrapping_add(4 * words.len() as u64);
            code.decodes(at);
            code.decodes(at.wrapping_add(4));
            let inst = match host.fetch(at) {
                Access::Ready((first, second)) => {
                    let code = [first, second.unwrap_or(0)];
                    let code = if second.is_some() { &code[..] } else { &code[..1] };
                    gcn::gfx9::decode(code)
                        .map_err(Stop::Illegal)
                        .map(|inst| (inst, [first, second.unwrap_or(0)]))
                }
                Access::Pending(ticket) => Err(Stop::Pending(ticket)),
                Access::Fault(fault) => Err(Stop::Fault(fault)),
            };
            let (inst, code) = match inst {
                Ok(inst) => inst,
                // What is not there, or is no instruction, is asked for when it is reached.
                Err(_) if !insts.is_empty() => break,
                Err(stop) => return Err(stop),
            };
            if let Some(act) = lower(&inst, pc.wrapping_add(4 * words.len() as u64), &mut lowering) {
                steps.push(Step { act, at: words.len() as u16, nth: insts.len() as u16 });
            }
            words.extend(&code[..usize::from(inst.words)]);
            lines.extend(gcn::gfx9::number(inst.row));
            insts.push(inst);
            fuse(&mut steps, &insts, &lowering);
            if ends(&inst) {
                break;
            }
        }
        Ok(Self {
            start: pc,
            words: words.into(),
            steps: steps.into(),
            insts: insts.into(),
            lines: lines.into(),
            constants: lowering.constants.into(),
            vectors: lowering.vectors,
            compared: serial,
            visited: 0,
            whole: 0,
            same: 0,
            entered: 0,
            cut: Vec::new(),
            furthest: 0,
            links: [(0, usize::MAX); 2],
        })
    }

    /// Whether the words are what is there now. After a wait it goes on where it was.
    pub(super) fn is_same(&mut self, host: &mut impl Host) -> Result<bool, Stop> {
        while self.same < self.words.len() {
            let (first, second) = match host.fetch((self.start & !3).wrapping_add(4 * self.same as u64)) {
                Access::Ready(words) => words,
                Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
                Access::Fault(_) => return Ok(false),
            };
            let expected = &self.words[self.same..];
            if expected[0] != first || (expected.len() > 1 && second != Some(expected[1])) {
                return Ok(false);
            }
            self.same += 2;
        }
        self.same = 0;
        Ok(true)
    }

    /// The address after its last instruction.
    pub(super) fn end(&self) -> u64 {
        self.start.wrapping_add(4 * self.words.len() as u64)
    }
}
