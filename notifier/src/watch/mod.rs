//! Watching processes die: the event-loop substrate of a daemon, on one io_uring ring.
//!
//! [`Watcher`] is the loop's only place to sleep. It waits for process deaths (pidfds), other descriptors,
//! deadlines and wake-ups by other threads, and reports them as [`Event`]s that carry the caller's own
//! [`Token`]. With nothing to report it makes no system call and takes no wake-up.
//!
//! Beside it stand the signs of a death that come earlier, or come when a pidfd stays silent:
//!
//! | sign | type | sure? |
//! |---|---|---|
//! | SIGKILL pending on a thread | [`kill_sign`] | yes, and the earliest: before the mm is torn down |
//! | the mem descriptor reads nothing | [`mm_state`] | yes: the mm is gone, by death or by exec |
//! | the pidfd is ready | [`Watcher::watch_death`] | yes, but after teardown (80–100 ms per GiB) |
//! | the kernel reports an exec | [`ExecListener`] | yes for the old mm, where it may be listened to |
//!
//! Life of a death watch:
//!
//! ```text
//!   watch_death ──► armed ──► Died        (once; the watch is over)
//!                     │
//!                     └─ cancel ──► over  (a Died already on its way is still reported)
//! ```
//!
//! Triggers race and repeat, and a slot may have a new tenant by the time an event is read. So every
//! event gives back the token it was armed with, and a caller drops those of an old generation.
//!
//! Lock order: none. The ring belongs to one thread; [`WatchHandle`] is one atomic and one descriptor.
//! Not for: the decision what a sign means (the caller's), nor for reads of client memory: a reader pins
//! the victim's mm and can be made to sleep for ever (see [`mm_state`]).

mod clock;
mod deadlines;
mod event;
mod exec;
mod ids;
mod mem;
mod pidfd;
mod status;
mod sys;
mod token;
mod wake;
mod watcher;

#[cfg(test)]
mod tests;

pub use clock::Monotonic;
pub use event::{Event, Interest, Readiness};
pub use exec::{Coverage, ExecListener};
pub use ids::{Tgid, Tid};
pub use mem::{MmState, mm_state};
pub use pidfd::{Pidfd, PidfdInfo};
pub use status::{KillSign, kill_sign};
pub use token::Token;
pub use wake::WatchHandle;
pub use watcher::{Linger, SetupError, Watcher};
