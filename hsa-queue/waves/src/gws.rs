//! Global wave sync (GWS): barriers at which waves of any groups of a process meet on a device.
//!
//! A resource counts who is still to come before the last one. Who finds nobody to come is the last: all who wait go on, and its
//! operand is the next round's count. The count outlives its dispatch, as HIP wants it to: a kernel of the runtime's own
//! (DS_GWS_INIT) goes before each cooperative one. Not for: semaphores (DS_GWS_SEMA_*), which no library of a compiler uses.

use crate::host::Host;
use crate::operand::unsupported;
use crate::share::offset;
use crate::stop::Stop;
use crate::sync::Mutex;
use crate::wave::{LANES, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, ScalarReg};

/// Resources that an instruction can name.
const RESOURCES: usize = 64;

#[derive(Debug, Default)]
struct Resource {
    to_come: u32,
    /// How often all have met.
    round: u64,
}

/// The resources of one process on one device. See the module's head.
#[derive(Debug)]
pub struct WaveSync {
    resources: [Mutex<Resource>; RESOURCES],
}

impl Default for WaveSync {
    fn default() -> Self {
        Self { resources: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl WaveSync {
    fn init(&self, resource: usize, to_come: u32) {
        self.resources[resource % RESOURCES].lock().to_come = to_come;
    }

    /// A wave arrives; the round at whose end it goes on, or none if that is now.
    fn arrive(&self, resource: usize, next: u32) -> Option<u64> {
        let mut resource = self.resources[resource % RESOURCES].lock();
        if let Some(fewer) = resource.to_come.checked_sub(1) {
            resource.to_come = fewer;
            return Some(resource.round);
        }
        resource.to_come = next;
        resource.round += 1;
        None
    }

    fn is_over(&self, resource: usize, round: u64) -> bool {
        self.resources[resource % RESOURCES].lock().round != round
    }
}

impl Wave {
    /// An instruction of the data share that names the other space.
    pub(crate) fn execute_global_share(&mut self, inst: &Inst, host: &impl Host) -> Result<(), Stop> {
        let Some(sync) = host.wave_sync() else { return unsupported(inst) };
        let resource = (self.scalars[usize::from(ScalarReg::M0.0)] >> 16) as usize + offset(inst) as usize;
        match inst.op() {
            Op::ds_gws_init => sync.init(resource, self.count(inst)?),
            Op::ds_gws_barrier => {
                if self.meets.is_none() {
                    self.meets = sync.arrive(resource, self.count(inst)?);
                }
                if self.meets.is_some_and(|round| !sync.is_over(resource, round)) {
                    return Err(Stop::Meets);
                }
                self.meets = None;
            }
            _ => return unsupported(inst),
        }
        Ok(())
    }

    /// The operand of a wave's first lane.
    fn count(&self, inst: &Inst) -> Result<u32, Stop> {
        let counts = self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        Ok(counts.0[self.exec().trailing_zeros() as usize % LANES])
    }
}
