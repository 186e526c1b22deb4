//! A dispatch on its way: its work-groups one after the other, as many at once as have to be.
//!
//! ```text
//! Reads ──descriptor──► Runs { resident groups } ──all ended──► Over(Done)
//!   └──────────────────────┴── fault, error ────────────────────► Over(Fault | Error)
//! ```
//! A group runs to its end. One that uses up its [`SLICE`] without ending is long or waits for others: it goes to the back,
//! and the next is admitted, until the device holds no more; then they take turns. A grid takes memory for its resident
//! groups only, however many it has. Groups that wait for others which have no room until they end would wait for ever: a
//! cooperative grid of more groups than there is room for is refused. In one that is not said to be cooperative nobody can
//! tell such a wait from a long loop, and it goes on until it is cancelled.
//!
//! Several threads run a dispatch by parts ([`Dispatch::part`]): each takes groups of the same grid and runs them to their
//! ends, and what the device holds, all of them hold together. Groups of different parts that wait for each other go on
//! while each part is polled.

use crate::block::Blocks;
use crate::block::run::Meter;
use crate::descriptor::{BYTES, KernelDescriptor};
use crate::device::{Device, SHARE, WORK_ITEMS};
use crate::error::DispatchError;
use crate::grid::Grid;
use crate::group::{Group, Turn};
use crate::host::Host;
use crate::launch::{Launch, Request};
use crate::mnemonics::Mnemonics;
use crate::spare::Spare;
use crate::stop::Stop;
use crate::sync::Arc;
use hsa_queue::memory::{Access, Fault, Ticket};
use std::collections::VecDeque;

/// Instructions of a group before another is admitted.
const SLICE: u64 = 20_000;
/// Those of its later turns: whoever spins is not to be waited for long.
const TURN: u64 = 2_000;

/// How far a dispatch has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// All its groups have ended; of a part: those that it took, and none is to come. The dispatch is done when each of its
    /// parts is.
    Done,
    /// The budget is used up.
    More,
    /// A wave waits for memory; the dispatch is polled again when the ticket is answered.
    Pending(Ticket),
    /// Memory that is not there: at which instruction, or none where it was the descriptor.
    Fault {
        /// The instruction's address.
        pc: Option<u64>,
        /// What was not there.
        fault: Fault,
    },
    /// The dispatch cannot be run, or a wave of it cannot go on.
    Error(DispatchError),
}

/// A dispatch, or one part of it. See the module's head.
#[derive(Debug)]
pub struct Dispatch {
    request: Request,
    device: Device,
    grid: Arc<Grid>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reads,
    Runs(Box<Run>),
    Over { progress: Progress, executed: u64 },
}

#[derive(Debug)]
struct Run {
    launch: Launch,
    grid: Arc<Grid>,
    resident: VecDeque<Resident>,
    /// Groups that are over, of which others are made.
    free: Vec<Group>,
    /// Groups that all parts hold at most.
    most: u64,
    /// Instructions.
    executed: u64,
    /// Waves of resident groups that have not ended.
    waves: u64,
}

#[derive(Debug)]
struct Resident {
    group: Group,
    /// What is left of its turn.
    left: u64,
    /// Its last turn ended in a sleep.
    sleeps: bool,
}

impl Dispatch {
    /// A dispatch before its first instruction. Nothing is read yet.
    #[must_use]
    pub fn new(request: Request, device: Device) -> Self {
        Self { request, device, grid: Arc::new(Grid::new(request.groups())), stage: Stage::Reads }
    }

    /// Another part of this dispatch, for another thread with its own blocks and host. A fault or an error of one part is
    /// that of all, at their next polls.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { request: self.request, device: self.device, grid: self.grid.clone(), stage: Stage::Reads }
    }

    /// Runs about `budget` instructions, and takes what it used from it: a block that has begun is run to its end. What was
    /// said at the end is said again. A part may be polled by one thread after the other, each with blocks of its own.
    pub fn poll(&mut self, blocks: &mut Blocks, host: &mut impl Host, budget: &mut u64) -> Progress {
        if let Stage::Over { progress, .. } = &self.stage {
            return progress.clone();
        }
        let progress = match self.grid.end() {
            Some(end) => end.clone(),
            None => self.advance(blocks, host, budget),
        };
        let progress = match progress {
            Progress::More | Progress::Pending(_) => return progress,
            Progress::Done => progress,
            Progress::Fault { .. } | Progress::Error(_) => self.grid.ends(progress),
        };
        self.stage = Stage::Over { progress: progress.clone(), executed: self.instructions() };
        blocks.rest();
        progress
    }

    /// Ends all parts with a fault of a store that was not made when its instruction was over; if one has ended them before, with
    /// that.
    pub fn fails(&mut self, fault: Fault) -> Progress {
        let progress = self.grid.ends(Progress::Fault { pc: None, fault });
        self.stage = Stage::Over { progress: progress.clone(), executed: self.instructions() };
        progress
    }

    fn advance(&mut self, blocks: &mut Blocks, host: &mut impl Host, budget: &mut u64) -> Progress {
        blocks.run_for(self.grid.record());
        match &mut self.stage {
            Stage::Over { progress, .. } => progress.clone(),
            Stage::Runs(run) => run.poll(blocks, host, budget),
            Stage::Reads => match self.begin(host) {
                Ok(mut run) => {
                    let progress = run.poll(blocks, host, budget);
                    self.stage = Stage::Runs(run);
                    progress
                }
                Err(progress) => progress,
            },
        }
    }

    /// All groups that are resident in this part slept when they were last run, and no other has room: who polls may wait a
    /// little.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        match &self.stage {
            Stage::Runs(run) => run.is_asleep(),
            Stage::Reads | Stage::Over { .. } => false,
        }
    }

    /// Instructions of waves that this part has executed.
    #[must_use]
    pub fn instructions(&self) -> u64 {
        match &self.stage {
            Stage::Runs(run) => run.executed,
            Stage::Reads => 0,
            Stage::Over { executed, .. } => *executed,
        }
    }

    /// The mnemonics that waves of all parts have come to, the one that stopped a wave included: as far as each thread has
    /// told by [`Blocks::rest`].
    #[must_use]
    pub fn mnemonics(&self) -> Mnemonics {
        self.grid.record().mnemonics()
    }

    /// Waves of this part that have begun and not ended: those of groups that are resident.
    #[must_use]
    pub fn waves(&self) -> u64 {
        match &self.stage {
            Stage::Runs(run) => run.waves,
            Stage::Reads | Stage::Over { .. } => 0,
        }
    }

    /// Groups that are resident in this part.
    #[must_use]
    pub fn residents(&self) -> usize {
        match &self.stage {
            Stage::Runs(run) => run.resident.len(),
            Stage::Reads | Stage::Over { .. } => 0,
        }
    }

    fn begin(&self, host: &mut impl Host) -> Result<Box<Run>, Progress> {
        let request = self.request;
        request.check().map_err(Progress::Error)?;
        let launch = match self.grid.launch() {
            Some(launch) => *launch,
            None => self.grid.begin(self.read(host)?),
        };
        let most = self.device.residents(&launch).map_err(Progress::Error)? as u64;
        let groups = self.grid.count();
        if request.cooperative && groups > most {
            return Err(Progress::Error(DispatchError::Cooperative { groups, most }));
        }
        let grid = self.grid.clone();
        let (resident, free) = (VecDeque::new(), Vec::new());
        Ok(Box::new(Run { launch, grid, resident, free, most, executed: 0, waves: 0 }))
    }

    /// Reads which kernel it is.
    fn read(&self, host: &mut impl Host) -> Result<Launch, Progress> {
        let request = self.request;
        let mut bytes = [0; BYTES];
        match host.load(request.kernel_object, &mut bytes) {
            Access::Ready(()) => {}
            Access::Pending(ticket) => return Err(Progress::Pending(ticket)),
            Access::Fault(fault) => return Err(Progress::Fault { pc: None, fault }),
        }
        let kernel = KernelDescriptor::parse(&bytes).map_err(|error| Progress::Error(error.into()))?;
        Ok(Launch { kernel, entry: request.kernel_object.wrapping_add_signed(kernel.entry), request })
    }
}

impl Request {
    /// What the packet says for itself.
    fn check(&self) -> Result<(), DispatchError> {
        let items = self.group.iter().try_fold(1_u64, |items, size| items.checked_mul(u64::from(*size)));
        if !items.is_some_and(|items| (1..=WORK_ITEMS).contains(&items)) {
            return Err(DispatchError::WorkGroup(self.group));
        }
        if self.grid.contains(&0) {
            return Err(DispatchError::Grid(self.grid));
        }
        if self.group_segment > SHARE {
            return Err(DispatchError::Share(self.group_segment));
        }
        Ok(())
    }
}

impl Run {
    fn admits(&self) -> bool {
        self.grid.has_more() && self.grid.has_room(self.most)
    }

    /// Admits the next group, if there is one and room for it.
    fn admit(&mut self, spare: &mut Spare) {
        if !self.admits() || !self.grid.enter(self.most) {
            return;
        }
        let Some(id) = self.grid.take() else {
            self.grid.leave();
            return;
        };
        let group = match self.free.pop() {
            Some(mut group) => {
                group.restart(&self.launch, id, spare);
                group
            }
            None => Group::new(&self.launch, id, spare),
        };
        self.waves += group.live();
        self.resident.push_front(Resident { group, left: SLICE, sleeps: false });
    }

    fn poll(&mut self, blocks: &mut Blocks, host: &mut impl Host, budget: &mut u64) -> Progress {
        loop {
            if let Some(end) = self.grid.end() {
                return end.clone();
            }
            if self.resident.is_empty() {
                self.admit(&mut blocks.spare);
            }
            let alone = self.resident.len() == 1;
            let Some(resident) = self.resident.front_mut() else {
                // The other parts may have all the room there is.
                if self.grid.has_more() {
                    return Progress::More;
                }
                self.free
                    .drain(..)
                    .for_each(|group| self.launch.spares(group.into_waves(), &mut blocks.spare));
                return Progress::Done;
            };
            if *budget == 0 {
                return Progress::More;
            }
            let given = resident.left.min(*budget);
            let mut meter = Meter { left: given, executed: 0 };
            let live = resident.group.live();
            let turn = resident.group.run(blocks, host, &mut meter);
            self.waves -= live - resident.group.live();
            let used = given - meter.left;
            self.executed += meter.executed;
            *budget -= used;
            resident.left -= used;
            resident.sleeps = turn == Turn::Yields;
            match turn {
                // Where no other waits for its turn, the next one has its room and its state.
                Turn::Done => match if alone { self.grid.take() } else { None } {
                    Some(id) => {
                        resident.group.restart(&self.launch, id, &mut blocks.spare);
                        self.waves += resident.group.live();
                        (resident.left, resident.sleeps) = (SLICE, false);
                    }
                    None => {
                        self.free.extend(self.resident.pop_front().map(|resident| resident.group));
                        self.grid.leave();
                    }
                },
                Turn::More if resident.left > 0 => return Progress::More,
                Turn::More | Turn::Yields => {
                    resident.left = TURN;
                    self.resident.rotate_left(1);
                    if self.admits() {
                        self.admit(&mut blocks.spare);
                    } else if self.is_asleep() {
                        return Progress::More;
                    }
                }
                Turn::Pending(ticket) => return Progress::Pending(ticket),
                Turn::Stopped { pc, why: Stop::Fault(fault) } => {
                    return Progress::Fault { pc: Some(pc), fault };
                }
                Turn::Stopped { pc, why } => {
                    return Progress::Error(DispatchError::Stopped { pc, why });
                }
            }
        }
    }

    fn is_asleep(&self) -> bool {
        !self.admits() && self.resident.iter().all(|resident| resident.sleeps)
    }
}
