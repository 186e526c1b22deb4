//! How soon a death is noticed and undone, and what it costs, beside the same death without a daemon.
//!
//! Floors die in turns with the clients they are compared to. Where the goal speaks of the client's own end (its
//! parent's waitpid, its pidfd) that is taken from the same death.

#[path = "../measure/mod.rs"]
mod measure;
#[path = "../stage/mod.rs"]
mod stage;

mod crowd;
mod single;

use stage::client;
use stage::kfdd::Kfdd;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[client::ROLE, client::BARE_ROLE]);
    let daemon = Kfdd::start()?;
    single::noticed(&daemon)?;
    single::freed(&daemon)?;
    single::large(&daemon)?;
    crowd::cpu(&daemon)?;
    crowd::at_once(&daemon)?;
    daemon.stop()
}
