//! Rule 3: the token that a release hook gets cannot unlink.
use notifier::{Listener, Releasing};

struct Driver;

impl Listener for Driver {
    fn release(&self, mm: &Releasing<'_>) {
        mm.unregister(self);
        mm.unregister_no_release(self);
    }
}

fn main() {}
