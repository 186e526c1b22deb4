//! Wave workers: separate processes that run the dispatches of one client each, and what is said between them and the
//! daemon.
//!
//! A worker executes whatever its client's kernels are. So it has that client's arena and nothing else: it asks the daemon
//! what an address means (`wire`), and everything it says is a claim about its own client. Packets, order, signals and
//! the address map stay with the daemon.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | the messages |
//! | `stores` | many stores of waves in one of them |
//! | [`link`] | the daemon's end of a worker's socket |
//! | [`child`] | the worker's body |
//! | `zygote` | the process that makes workers |
//! | `births` | the zygote as the daemon sees it |

mod births;
pub mod child;
pub mod link;
mod stores;
pub mod wire;
mod zygote;

pub use births::{Told, WaveWorkers, WaveWorkersConfig};
pub use child::{DeviceLimits, Limits};
pub use link::Link;
pub use waves::{LANES, MNEMONIC_WORDS, Mnemonics, mnemonic};

/// The argument that makes a program the zygote of wave workers.
pub const MARKER: &str = "--kfdd-wave-zygote";

/// Becomes the zygote of wave workers if that is what this process was started for, and then never returns.
///
/// First thing in the `main` of every program that makes wave workers: nothing may have been opened before.
pub fn enter_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == MARKER) {
        std::process::exit(zygote::run());
    }
}
