//! Door one: a FUSE file system whose files are the driver's device nodes (root, whole machine, unmodified clients).
//!
//! | file | what |
//! |---|---|
//! | `wire` | the protocol's bytes |
//! | `channel`, `sys` | /dev/fuse: read, reply, notify, clone, backing files |
//! | `mount`, `error` | the mount, what an earlier daemon left, why it failed |
//! | `session` | the handshake and the threads that read |
//! | `dispatch` | one `match` from requests to meaning |
//! | `door` | what the threads share |
//! | `directory`, `read` | names and attributes; READ, which is the doorbell trap |
//! | `node`, `files`, `open`, `former` | per-process nodes; open files; opening and closing; what exec left |
//! | `ioctl`, `inflight` | a call from the wire through gather, core and scatter to its reply; interrupts |
//! | `control` | orders for errors of a device |
//! | `sysfs`, `readings` | what sysfs shows of devices; what open files read |
//! | `changing`, `procfs`, `fdinfo` | what comes and goes beside it: processes on devices, open files |
//! | `probe`, `probes` | whether a client's address space is gone |
//! | `notify`, `names` | what the daemon tells the kernel: pages and names to drop |
//! | `driver` | what the door stands on |
//!
//! Threads: each door thread has its own channel and sleeps in read(2) of it, nowhere else; an idle door makes no
//! wake-ups. One further thread drops names, since that can wait for a directory's lock. The daemon never has a file
//! on this mount open itself: its exit would wait for its own FLUSH.
//!
//! Lock order, outermost first: open lock → nodes → files → in-flight calls. The core's locks come after the open lock
//! and are never held when the door is called.

mod changing;
mod channel;
mod control;
mod directory;
mod dispatch;
mod door;
mod driver;
mod error;
mod fdinfo;
mod files;
mod former;
mod inflight;
mod ioctl;
mod mount;
mod names;
mod node;
mod notify;
mod open;
mod probe;
mod probes;
mod procfs;
mod read;
mod readings;
mod session;
mod sys;
mod sysfs;
pub mod wire;

pub use door::Census;
pub use driver::{Calls, ClientMemory, Driver, Figures, Host, Lives, Orders, Pages};
pub use error::DoorError;
pub use files::OpenFile as OpenNode;
pub use mount::abort_file;
pub use node::Shown;
pub use session::{FuseConfig, FuseDoor};
