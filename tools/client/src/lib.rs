//! A thin typed wrapper of the KFD ioctls and of user-mode queues, for this project's own programs and tests.
//!
//! It works against `kfdd` and against a real amdkfd alike: nothing here knows who answers.
//!
//! ```no_run
//! use client::{Device, UserQueue, WaitResult};
//! # fn main() -> Result<(), client::ClientError> {
//! let device = Device::open("/dev")?;
//! let event = device.create_signal_event()?;
//! let mut queue = UserQueue::create(&device, 64)?;
//! let done = queue.signal(1, Some(event)).expect("a new queue has room for signals");
//! queue.submit_barrier(&[], Some(&done));
//! assert_eq!(device.wait_event(event, 1000)?, WaitResult::Complete);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`command`] | command words, from the ABI table |
//! | [`device`] | the two nodes and the calls about the device |
//! | [`kernel`] | kernels of a few words, and their dispatch |
//! | [`memory`] | buffer objects, mapped for the host and the device |
//! | [`event`] | events and waits |
//! | [`queue`] | AQL queues, signals, submission |
//! | [`save_area`] | where the waves of a compute queue are saved |
//! | [`stream`] | SDMA and PM4 queues: dwords into a ring |
//! | [`sdma`], [`pm4`] | the packets that go into those |
//! | [`svm`] | shared virtual memory |
//!
//! A C program uses it through `kfd-client`, which has the header.

pub mod command;
pub mod device;
mod doorbell;
pub mod event;
pub mod kernel;
pub mod memory;
pub mod pm4;
pub mod queue;
pub mod save_area;
pub mod sdma;
mod shm;
pub mod stream;
pub mod svm;
mod sync;
mod sys;
mod topology;

pub use device::{ClientError, Device};
pub use event::WaitResult;
pub use memory::Buffer;
pub use queue::{Signal, UserQueue};
pub use stream::StreamQueue;
