//! Code as it was decoded: blocks of instructions that are run from their first to their last.
//!
//! ```text
//! pc ──link of the block before, or index──► Block { steps } ──► its steps, one after the other ──► pc
//!        └─ not there: words ──gcn──► instructions ──lower──► steps ──fuse──► fewer steps
//! ```
//! A block is made when a wave reaches its first instruction, and kept until the code changes: [`Code`] says when that may
//! have happened, and at its first use by a dispatch that is newer the words of each block are compared with what is there then.
//! A thread has turns of several dispatches, and of one that another thread began: each turn of another dispatch is a visit, in
//! which each block that is entered is looked at once.
//! Executions are counted by block, which costs nothing; what each instruction's count is follows from that. So does which
//! mnemonics a dispatch has come to: what its visits have entered is told when the thread rests, or goes over to another.
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
use crate::mnemonics::Mnemonics;
use crate::record::Record;
use crate::spare::Spare;
use crate::stop::Stop;
use crate::sync::Arc;
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
    /// The dispatch that is run, and how often that has become another.
    dispatch: Option<Arc<Record>>,
    visits: u64,
    /// The blocks that were entered for it, and whose mnemonics it has not been told.
    untold: Vec<usize>,
    index: HashMap<u64, usize>,
    blocks: Vec<Block>,
    /// Where waves began or went on last, and which blocks those are.
    starts: [(u64, usize); 2],
    instructions: usize,
    /// Executions by mnemonic of blocks that are no longer kept.
    gone: BTreeMap<&'static str, u64>,
    room: Room,
    pub(crate) spare: Spare,
}

#[derive(Debug)]
struct Block {
    start: u64,
    words: Box<[u32]>,
    steps: Box<[Step]>,
    insts: Box<[Inst]>,
    /// The numbers of their lines.
    lines: Box<[u16]>,
    /// Constants in all lanes.
    constants: Box<[Lanes]>,
    /// Vector registers that a wave needs for the fast forms.
    vectors: usize,
    /// The serial of the dispatch for which its words were last compared.
    compared: u64,
    /// The visit in which it was last entered, and how often it had been run to its end before.
    visited: u64,
    whole: u64,
    /// Words that have been, while some are waited for.
    same: usize,
    /// Times that it was entered, and those that ended before the instruction at an index.
    entered: u64,
    cut: Vec<(u16, u64)>,
    /// The most instructions that a wave came to in that visit and did not go on from.
    furthest: u16,
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

    /// From now on waves of this dispatch are run. Its packet may say that code has been written since older ones began.
    pub(crate) fn run_for(&mut self, dispatch: &Arc<Record>) {
        if !self.dispatch.as_ref().is_some_and(|own| Arc::ptr_eq(own, dispatch)) {
            self.rest();
            self.dispatch = Some(Arc::clone(dispatch));
            self.visits += 1;
        }
    }

    /// Tells the dispatch that was run which mnemonics its waves have come to: when its turn is over.
    pub fn rest(&mut self) {
        let Some(dispatch) = self.dispatch.as_ref().filter(|_| !self.untold.is_empty()) else { return };
        let mut reached = Mnemonics::default();
        for at in self.untold.drain(..) {
            let block = &mut self.blocks[at];
            let lines = block.reached();
            lines.iter().for_each(|line| reached.insert(*line));
            if lines.len() < block.lines.len() {
                // The next wave may come further.
                block.visited = 0;
            }
        }
        dispatch.reached(&reached);
    }

    fn serial(&self) -> u64 {
        self.dispatch.as_ref().map_or(0, |dispatch| dispatch.serial)
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
                    return self.visited(at, host);
                }
            }
        }
        let at = match self.index.get(&pc) {
            Some(at) => self.visited(*at, host)?,
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
    fn visited(&mut self, at: usize, host: &mut impl Host) -> Result<usize, Stop> {
        if self.blocks[at].visited == self.visits {
            return Ok(at);
        }
        self.visit(at, host)
    }

    #[cold]
    fn visit(&mut self, at: usize, host: &mut impl Host) -> Result<usize, Stop> {
        let serial = self.serial();
        let block = &mut self.blocks[at];
        // What was compared for a newer dispatch was compared after this one began.
        if block.compared < serial {
            if !block.is_same(host)? {
                let start = block.start;
                self.forget();
                return self.make(start, host);
            }
            block.compared = serial;
        }
        block.begins_visit(self.visits);
        self.untold.push(at);
        Ok(at)
    }

    #[cold]
    fn make(&mut self, pc: u64, host: &mut impl Host) -> Result<usize, Stop> {
        let mut block = Block::decode(pc, self.serial(), &self.code, self.room.level(), host)?;
        block.begins_visit(self.visits);
        if self.instructions + block.insts.len() > MOST {
            self.forget();
        }
        self.instructions += block.insts.len();
        let at = self.blocks.len();
        self.index.insert(pc, at);
        self.blocks.push(block);
        self.untold.push(at);
        Ok(at)
    }

    fn forget(&mut self) {
        self.rest();
        self.untold.clear();
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

    /// Times that it was run to its end.
    fn wholes(&self) -> u64 {
        let cut = self.cut.iter().map(|(_, times)| times).sum();
        self.entered.saturating_sub(cut)
    }

    fn begins_visit(&mut self, visit: u64) {
        (self.visited, self.whole, self.furthest) = (visit, self.wholes(), 0);
    }

    /// The lines of the instructions that waves came to in its visit.
    fn reached(&self) -> &[u16] {
        if self.wholes() > self.whole { &self.lines } else { &self.lines[..usize::from(self.furthest)] }
    }

    /// An execution ended before the instruction `nth`.
    #[cold]
    fn cuts(&mut self, nth: u16) {
        self.furthest = self.furthest.max(nth + 1);
        match self.cut.iter_mut().find(|(end, _)| *end == nth) {
            Some((_, times)) => *times += 1,
            None => self.cut.push((nth, 1)),
        }
    }
}
