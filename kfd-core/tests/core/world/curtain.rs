//! The end of a test, told to its threads.

use std::sync::Mutex;

/// Tells the threads of a test that it is over, also when it ends by a panic: a scope joins its threads before it lets a
/// panic out, and they would wait for each other forever.
#[derive(Default)]
pub struct Curtain(Mutex<bool>);

impl Curtain {
    pub fn is_down(&self) -> bool {
        *self.0.lock().unwrap()
    }

    /// It falls when what this returns goes out of scope.
    pub fn falls_at_the_end(&self) -> impl Drop {
        struct End<'a>(&'a Curtain);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *self.0.0.lock().unwrap() = true;
            }
        }
        End(self)
    }
}
