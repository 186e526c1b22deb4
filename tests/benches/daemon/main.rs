//! What the daemon costs when nothing happens, how it starts, how many lives it serves, and how it grows.

#[path = "../stage/mod.rs"]
mod stage;

mod growth;
mod idle;
mod lives;
mod start;

use stage::{bare, client, crowd, parts};

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[
        bare::ROLES[0],
        bare::ROLES[1],
        client::ROLE,
        crowd::ROLE,
        lives::ROLES[0],
        lives::ROLES[1],
        lives::ROLES[2],
    ]);
    parts::measure(&[
        ("start", &start::start),
        ("idle", &idle::idle),
        ("lives", &lives::lives),
        ("growth", &growth::growth),
    ])
}
