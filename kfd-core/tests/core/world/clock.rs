//! The clock that tests turn.

use kfd_core::clock::Clock;
use kfd_core::ids::Nanos;
use std::sync::Mutex;

/// Time stands still until a test turns it: once, or a little at each look.
#[derive(Default)]
pub struct Turned {
    now: Mutex<u64>,
    look: Mutex<u64>,
}

impl Turned {
    pub fn by(&self, nanos: u64) {
        *self.now.lock().unwrap() += nanos;
    }

    pub fn at_each_look_by(&self, nanos: u64) {
        *self.look.lock().unwrap() = nanos;
    }
}

impl Clock for Turned {
    fn now(&self) -> Nanos {
        let mut now = self.now.lock().unwrap();
        *now += *self.look.lock().unwrap();
        Nanos(*now)
    }
}
