//! Door two, the narrow part of it: the calls that take or answer descriptors, for what `kfdctl run` starts.
//!
//! FUSE carries an ioctl's struct and nothing else. So the process that becomes the command installs a filter
//! ([`filter`]) that stops exactly those ioctls and hands the listener to the daemon ([`handover`]), which serves them
//! ([`serve`]) with the same table and the same core as the other door. Every other call goes its way untouched, and so
//! does one of these on a file that is not ours.
//!
//! When the daemon is gone, so is the listener: these calls then are ENOSYS. A process that has a listener already (a
//! container run-time's) gets no second one from the kernel; its calls are answered by the FUSE door, as everywhere outside
//! of `kfdctl run`.
//!
//! | file | what |
//! |---|---|
//! | [`filter`] | which calls stop, as a classic BPF program made from the ABI table |
//! | `program` | how filters are written |
//! | [`handover`] | a listener over a socket |
//! | [`serve`] | the threads that answer |
//! | `sys` | seccomp(2) and its ioctls |

pub mod filter;
pub mod handover;
pub(crate) mod program;
pub mod serve;
pub(crate) mod sys;

pub use serve::{ListenerRefused, SeccompDoor};
