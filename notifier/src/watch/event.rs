//! What a [`super::Watcher`] reports.

use super::token::Token;

/// One thing that happened. Each carries the token it was armed with, untouched: whether the token's
/// generation is still current only the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Every thread of the watched process has ended. The watch is over.
    Died(Token),
    /// The descriptor is ready. The watch is over; arm it again after having used the descriptor.
    Ready(Token, Readiness),
    /// The deadline has passed. It is forgotten.
    Expired(Token),
    /// Another thread called [`super::WatchHandle::wake`], once or more often, since the last such event.
    Woken,
    /// The kernel refused or ended the watch with this errno. The watch is over.
    Failed(Token, i32),
}

impl Event {
    /// The token of the watch or deadline; none for [`Event::Woken`].
    pub const fn token(self) -> Option<Token> {
        match self {
            Self::Died(token) | Self::Ready(token, _) | Self::Expired(token) | Self::Failed(token, _) => {
                Some(token)
            }
            Self::Woken => None,
        }
    }
}

/// What to wait for on a descriptor. A hang-up or an error is reported in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Interest {
    /// Something can be read.
    Read,
    /// Something can be written.
    Write,
    Both,
}

impl Interest {
    pub(super) const fn mask(self) -> u32 {
        let mask = match self {
            Self::Read => libc::POLLIN | libc::POLLRDHUP,
            Self::Write => libc::POLLOUT,
            Self::Both => libc::POLLIN | libc::POLLRDHUP | libc::POLLOUT,
        };
        mask as u32
    }
}

/// What a descriptor is ready for, in the bits of poll(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness(pub(super) u32);

impl Readiness {
    const fn has(self, bits: libc::c_short) -> bool {
        self.0 & bits as u32 != 0
    }

    /// A read will not block.
    pub const fn readable(self) -> bool {
        self.has(libc::POLLIN)
    }

    /// A write will not block.
    pub const fn writable(self) -> bool {
        self.has(libc::POLLOUT)
    }

    /// The peer has closed its end, or at least its writing half.
    pub const fn hung_up(self) -> bool {
        self.has(libc::POLLHUP | libc::POLLRDHUP)
    }

    /// The descriptor has an error to fetch.
    pub const fn failed(self) -> bool {
        self.has(libc::POLLERR)
    }
}
