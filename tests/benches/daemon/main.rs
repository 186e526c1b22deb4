//! What the daemon costs when nothing happens, how it starts, how many lives it serves, and how it grows.

#[path = "../measure/mod.rs"]
mod measure;
#[path = "../stage/mod.rs"]
mod stage;

mod growth;
mod idle;
mod lives;
mod start;

use stage::client;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[client::ROLE, lives::NURSERY, lives::BARE_NURSERY]);
    start::start()?;
    idle::idle()?;
    lives::lives()?;
    growth::growth()
}
