//! Instructions that have been reached, decoded once.
//!
//! What the code is may change: whoever runs waves says when that may have happened ([`Code::forget`]), and then all of it is
//! decoded anew as it is reached.

use crate::host::Host;
use crate::stop::Stop;
use gcn::Inst;
use hsa_queue::memory::Access;
use std::collections::HashMap;

/// Bytes of code that are kept together, and instructions that may begin in them.
const PAGE: u64 = 4096;
const BEGINNINGS: usize = PAGE as usize / 4;

/// The most pages that are kept: 1 MiB of code.
const PAGES: usize = 256;

type Page = Box<[Option<Inst>; BEGINNINGS]>;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Code {
    /// Which page is where in `reached`.
    index: HashMap<u64, usize>,
    reached: Vec<Page>,
    /// The page that was looked at last, and where it is: code goes on where it was.
    last: Option<(u64, usize)>,
}

impl Code {
    /// Forgets what was decoded.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The instruction at `pc`.
    pub(crate) fn at(&mut self, pc: u64, host: &mut impl Host) -> Result<&Inst, Stop> {
        // Instructions are words at multiples of four; what a jump has below is not looked at.
        let (number, at) = (pc / PAGE, (pc % PAGE / 4) as usize);
        let page = match self.last {
            Some((last, page)) if last == number => page,
            _ => self.page(number),
        };
        self.last = Some((number, page));
        let slot = &mut self.reached[page][at];
        match slot {
            Some(inst) => Ok(inst),
            None => Ok(slot.insert(decoded(pc & !3, host)?)),
        }
    }

    fn page(&mut self, number: u64) -> usize {
        // Whoever jumps everywhere does not get memory for it.
        if self.reached.len() == PAGES {
            self.forget();
        }
        *self.index.entry(number).or_insert_with(|| {
            self.reached.push(Box::new([const { None }; BEGINNINGS]));
            self.reached.len() - 1
        })
    }
}

fn decoded(pc: u64, host: &mut impl Host) -> Result<Inst, Stop> {
    let decoded = match host.fetch(pc) {
        Access::Ready((first, Some(second))) => gcn::gfx9::decode(&[first, second]),
        Access::Ready((first, None)) => gcn::gfx9::decode(&[first]),
        Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
        Access::Fault(fault) => return Err(Stop::Fault(fault)),
    };
    decoded.map_err(Stop::Illegal)
}
