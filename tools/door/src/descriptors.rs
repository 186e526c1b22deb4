//! How many descriptors this process may have: each client costs one or two, and a login shell's soft limit is 1024.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many as the hard limit allows.
///
/// # Errors
/// The kernel's; the limit is then what it was.
pub fn take_all() -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
}
