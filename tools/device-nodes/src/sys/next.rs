//! The functions that would have been called: those of the next library in the order of ld.so(8).

use crate::sync::{AtomicPtr, Ordering};
use libc::c_void;
use std::ffi::CStr;
use std::ptr::null_mut;

/// One of them, by name. It is looked up once, when this library is made ready.
#[derive(Debug)]
pub(super) struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    pub(super) const fn named(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(null_mut()) }
    }

    /// Its address; null when it has not been looked up.
    pub(super) fn known(&self) -> *mut c_void {
        self.found.load(Ordering::Relaxed)
    }

    /// Its address, looked up now if it was not; null when there is none. The dynamic linker takes a lock for it.
    pub(super) fn look_up(&self) -> *mut c_void {
        let known = self.known();
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}
