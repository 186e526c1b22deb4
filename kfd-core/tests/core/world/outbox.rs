//! The outbox that keeps what it gets, and what tests look for in it.

use kfd_core::abi::kfd as abi;
use kfd_core::call::{Done, Errno, Outcome, Refused};
use kfd_core::death::Obituary;
use kfd_core::notice::{Notice, Outbox};
use std::sync::Mutex;
use zerocopy::FromBytes;

/// Keeps every notice.
#[derive(Default)]
pub struct Kept(Mutex<Vec<Notice>>);

impl Outbox for Kept {
    fn post(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

impl Kept {
    pub fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub fn completions(notices: &[Notice]) -> Vec<&Outcome> {
    notices
        .iter()
        .filter_map(|n| if let Notice::Complete { outcome, .. } = n { Some(outcome) } else { None })
        .collect()
}

pub fn obituaries(notices: &[Notice]) -> Vec<Obituary> {
    notices.iter().filter_map(|n| if let Notice::Freed(o) = n { Some(*o) } else { None }).collect()
}

pub fn wait_result(outcome: &Outcome) -> (Option<Errno>, u32) {
    let (errno, arg) = match outcome {
        Outcome::Done(Done { arg, .. }) => (None, arg),
        Outcome::Refused(Refused { errno, arg, .. }) => (Some(*errno), arg),
        Outcome::Parked => panic!("an answer is never Parked"),
    };
    (errno, abi::WaitEvents::read_from_prefix(arg.bytes()).unwrap().0.wait_result)
}
