//! How fast packets run, beside threads and servers that do the same without a queue.
//!
//! The submitting client is this program (and, for many processes, children of it); the daemon is another process.

#[path = "../measure/mod.rs"]
mod measure;
#[path = "../stage/mod.rs"]
mod stage;

mod copy;
mod cores;
mod flood;
mod latency;
mod parked;
mod rate;
mod ring;

use client::Device;
use stage::bare::{self, BareFuse};
use stage::kfdd::Kfdd;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[bare::ROLES[0], bare::ROLES[1], flood::ROLE, parked::ROLE]);
    let daemon = Kfdd::start()?;
    let floor = BareFuse::start()?;
    {
        let device = Device::open(daemon.dev())?;
        // The daemon runs by now, wherever it likes; children started from here on would inherit this core.
        let cores = cores::Cores::find()?;
        cores.stay_on(0)?;
        latency::active(&device, &cores)?;
        latency::idle(&device, &floor)?;
        let mut rates = rate::Rates::new(&device)?;
        rates.shared(&cores)?;
        rates.userptr()?;
        copy::linear(&device)?;
        cores.anywhere()?;
        flood::many(&daemon, &mut rates)?;
    }
    parked::parked(&daemon)?;
    drop(floor);
    daemon.stop()
}
