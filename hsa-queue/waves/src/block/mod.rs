//! Code as it was decoded: blocks of instructions that are run from their first to their last.
//!
//! ```text
//! pc ──link of the block before, or index──► Block { steps } ──► its steps, one after the other ──► pc
//!        └─ not there: words ──gcn──► instructions ──lower──► steps ──fuse──► fewer steps
//! ```
//! A block is made when a wave reaches its first instruction, and kept until the code changes: [`Code`] says when that may
//! have happened, and at its first use by a new dispatch the words of each block are compared with what is there then.
//! Executions are counted by block, which costs nothing; what each instruction's count is follows from that.
//!
//! Each thread has blocks of its own; those of one client share a [`Code`].

pub(crate) mod act;
mod decode;
mod fuse;
mod lanes;
mod lower;
mod lowering;
mod memory;
pub(crate) mod run;

#[cfg(test)]
mod tests;

use crate::code::Code;
use crate::host::Host;
use crate::stop::Stop;
use crate::wave::Lanes;
use act::Step;
use gcn::Inst;
use lanes::Room;
use std::collections::{BTreeMap, HashMap};

/// The most instructions that are kept: some 20 MiB if each has a constant of its own. Who jumps everywhere does not get memory
/// for it.
const MOST: usize = 1 << 15;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Blocks {
    code: Code,
    /// The code's epoch when these were made.
    epoch: u64,
    /// Dispatches that have begun: what was made or compared before that is compared once more.
    dispatches: u64,
    index: HashMap<u64, usize>,
    blocks: Vec<Block>,
    /// Where waves began or went on last, and which blocks those are.
    starts: [(u64, usize); 2],
    instructions: usize,
    /// Executions by mnemonic of blocks that are no longer kept.
    gone: BTreeMap<&'static str, u64>,
    room: Room,
}

#[derive(Debug)]
struct Block {
    start: u64,
    words: Box<[u32]>,
    steps: Box<[Step]>,
    insts: Box<[Inst]>,
    /// Constants in all lanes.
    constants: Box<[Lanes]>,
    /// Vector registers that a wave needs for the fast forms.
    vectors: usize,
    /// The dispatch for which its words were last compared.
    compared: u64,
    /// Words that have been, while some are waited for.
    same: usize,
    /// Times that it was entered, and those that ended before the instruction at an index.
    entered: u64,
    cut: Vec<(u16, u64)>,
    /// Where it went on, and which block that is.
    links: [(u64, usize); 2],
}

impl Blocks {
    /// One thread's blocks of a client's code.
    #[must_use]
    pub fn of(code: &Code) -> Self {
        Self { code: code.clone(), epoch: code.epoch(), ..Self::default() }
    }

    /// The client's code.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// How often each mnemonic was executed, by all dispatches that were run with these.
    #[must_use]
    pub fn mnemonics(&self) -> BTreeMap<&'static str, u64> {
        let mut all = self.gone.clone();
        for block in &self.blocks {
            block.count(&mut all);
        }
        all
    }

    /// A dispatch begins: its packet may say that code has been written since.
    pub(crate) fn begins(&mut self) {
        self.dispatches += 1;
    }

    /// The block that begins at `pc`, after the block `before`.
    fn enter(&mut self, pc: u64, before: Option<usize>, host: &mut impl Host) -> Result<usize, Stop> {
        let epoch = self.code.epoch();
        if epoch != self.epoch {
            self.forget();
            self.epoch = epoch;
        } else {
            let links = before.map_or(self.starts, |before| self.blocks[before].links);
            for (to, at) in links {
                if to == pc && self.blocks.get(at).is_some_and(|block| block.start == pc) {
                    return self.compared(at, host);
                }
            }
        }
        let at = match self.index.get(&pc) {
            Some(at) => self.compared(*at, host)?,
            None => self.make(pc, host)?,
        };
        let links = match before {
            Some(before) => self.blocks.get_mut(before).map(|block| &mut block.links),
            None => Some(&mut self.starts),
        };
        if let Some(links) = links {
            *links = [(pc, at), links[0]];
        }
        Ok(at)
    }

    /// The block at `at`, or the one that is there now if its words are no longer the same.
    #[inline]
    fn compared(&mut self, at: usize, host: &mut impl Host) -> Result<usize, Stop> {
        if self.blocks[at].compared == self.dispatches {
            return Ok(at);
        }
        self.compare(at, host)
    }

    #[cold]
    fn compare(&mut self, at: usize, host: &mut impl Host) -> Result<usize, Stop> {
        let block = &mut self.blocks[at];
        if block.is_same(host)? {
            block.compared = self.dispatches;
            return Ok(at);
        }
        let start = block.start;
        self.forget();
        self.make(start, host)
    }

    #[cold]
    fn make(&mut self, pc: u64, host: &mut impl Host) -> Result<usize, Stop> {
        let block = Block::decode(pc, self.dispatches, &self.code, self.room.level(), host)?;
        if self.instructions + block.insts.len() > MOST {
            self.forget();
        }
        self.instructions += block.insts.len();
        let at = self.blocks.len();
        self.index.insert(pc, at);
        self.blocks.push(block);
        Ok(at)
    }

    fn forget(&mut self) {
        for block in &self.blocks {
            block.count(&mut self.gone);
        }
        self.blocks.clear();
        self.index.clear();
        self.instructions = 0;
    }
}

impl Block {
    fn count(&self, all: &mut BTreeMap<&'static str, u64>) {
        for (at, inst) in self.insts.iter().enumerate() {
            let cut: u64 =
                self.cut.iter().filter(|(end, _)| usize::from(*end) <= at).map(|(_, times)| times).sum();
            let times = self.entered.saturating_sub(cut);
            if times > 0 {
                *all.entry(inst.row.mnemonic).or_default() += times;
            }
        }
    }

    /// An execution ended before the instruction `nth`.
    #[cold]
    fn cuts(&mut self, nth: u16) {
        match self.cut.iter_mut().find(|(end, _)| *end == nth) {
            Some((_, times)) => *times += 1,
            None => self.cut.push((nth, 1)),
        }
    }
}
