//! Deadlines by token, ordered in user space so that the kernel ever counts only towards the earliest.
//!
//! Each token has at most one deadline. Setting, replacing and clearing cost a logarithm of their number.
//! Not for: sleeping; [`super::Watcher::wait`] sleeps until [`Deadlines::earliest`].

use std::collections::{BTreeSet, HashMap};

use super::clock::Monotonic;
use super::token::Token;

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    // Both hold the same pairs.
    by_time: BTreeSet<(Monotonic, Token)>,
    by_token: HashMap<Token, Monotonic>,
}

impl Deadlines {
    /// Sets the token's deadline, in place of the one it had.
    pub(super) fn set(&mut self, token: Token, at: Monotonic) {
        if let Some(old) = self.by_token.insert(token, at) {
            self.by_time.remove(&(old, token));
        }
        self.by_time.insert((at, token));
    }

    /// Forgets the token's deadline; tells whether it had one.
    pub(super) fn clear(&mut self, token: Token) -> bool {
        let old = self.by_token.remove(&token);
        if let Some(at) = old {
            self.by_time.remove(&(at, token));
        }
        old.is_some()
    }

    pub(super) fn earliest(&self) -> Option<Monotonic> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes out the earliest deadline if it is not after `now`.
    pub(super) fn pop_expired(&mut self, now: Monotonic) -> Option<Token> {
        let &(at, token) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.remove(&(at, token));
        self.by_token.remove(&token);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::{Deadlines, Monotonic, Token};

    proptest! {
        #[test]
        fn deadlines_agree_with_a_plain_map(steps in vec((0u32..6, any::<Option<u8>>()), 0..60), now in any::<u8>()) {
            let mut deadlines = Deadlines::default();
            let mut model = HashMap::new();
            for (slot, at) in steps {
                let token = Token::new(slot, 1, 0);
                if let Some(at) = at {
                    deadlines.set(token, Monotonic::from_nanos(at.into()));
                    model.insert(token, u64::from(at));
                } else {
                    assert_eq!(deadlines.clear(token), model.remove(&token).is_some());
                }
                assert_eq!(deadlines.earliest().map(Monotonic::as_nanos), model.values().min().copied());
            }
            let mut due: Vec<_> = model.iter().filter(|&(_, &at)| at <= now.into()).map(|(&token, &at)| (at, token)).collect();
            due.sort_unstable();
            for (_, token) in due {
                assert_eq!(deadlines.pop_expired(Monotonic::from_nanos(now.into())), Some(token));
            }
            assert_eq!(deadlines.pop_expired(Monotonic::from_nanos(now.into())), None);
        }
    }
}
