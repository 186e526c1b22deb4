//! Who holds what: charges taken before a resource and returned by drop.
//!
//! A [`Charge`] is booked three times: to the process, to its user, to the daemon (VRAM also to its device). A limit hit
//! is [`Exhausted`], which says whose limit; the caller turns it into the errno amdkfd gives in that place.
//!
//! **Fair share.** Besides the ceilings, a user may hold at most a fraction `f` of what is free plus what is its own.
//! With `f = 1/2`, `k` users who each take all they can leave `2^-k` of the whole, so nobody's greed leaves nothing for
//! the next; for bytes `f = 15/16`, because one process may well want most of a device. Granted things stay granted.
//!
//! Lock order: innermost; nothing is called with it held. Not for: deciding an errno.

mod holdings;
mod purse;

pub use holdings::{Holdings, Resource};
pub use purse::{Charge, Purse};

use crate::ids::Uid;
use crate::limits::Limits;
use crate::sync::{Arc, Mutex};
use serde::Serialize;
use std::collections::HashMap;

/// The limit that refused a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The ceiling of one process.
    Process,
    /// The user's fair share.
    User,
    /// The VRAM of the device.
    Device,
    /// The ceiling of the whole daemon.
    Daemon,
}

/// The refusal of a charge; nothing was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{resource:?}: the limit of the {scope:?} does not allow {amount} more")]
pub struct Exhausted {
    /// The resource that was asked for.
    pub resource: Resource,
    /// The limit that was hit.
    pub scope: Scope,
    /// The amount that was asked for.
    pub amount: u64,
}

/// The books of one core.
#[derive(Debug)]
pub struct Account {
    limits: Limits,
    /// The VRAM of each device, bytes.
    vram: Vec<u64>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    total: Holdings,
    vram: Vec<u64>,
    users: HashMap<Uid, Holdings>,
    /// The number of refusals by user, resource and limit.
    refusals: HashMap<(Uid, Resource, Scope), u64>,
}

impl Account {
    /// Empty books for devices with these bytes of VRAM.
    #[must_use]
    pub fn new(limits: Limits, vram: Vec<u64>) -> Arc<Self> {
        let books = Mutex::new(Books { vram: vec![0; vram.len()], ..Books::default() });
        Arc::new(Self { limits, vram, books })
    }

    /// A new purse for a process of this user.
    #[must_use]
    pub fn purse(self: &Arc<Self>, uid: Uid) -> Arc<Purse> {
        Arc::new(Purse { account: Arc::clone(self), uid, held: Mutex::new(Holdings::default()) })
    }

    /// The sum of all charges.
    #[must_use]
    pub fn total(&self) -> Holdings {
        self.books.lock().total
    }

    /// The users who hold something, with their sums.
    #[must_use]
    pub fn users(&self) -> Vec<(u32, Holdings)> {
        let books = self.books.lock();
        let mut users: Vec<_> = books.users.iter().map(|(uid, holds)| (uid.0, *holds)).collect();
        users.sort_unstable_by_key(|(uid, _)| *uid);
        users
    }

    /// The number of refusals by each limit since the start: user, resource, limit, times.
    #[must_use]
    pub fn refusals(&self) -> Vec<(Uid, Resource, Scope, u64)> {
        let books = self.books.lock();
        books.refusals.iter().map(|((uid, what, scope), times)| (*uid, *what, *scope, *times)).collect()
    }

    /// Bytes of VRAM of this device that the user could still be given.
    #[must_use]
    pub fn vram_available(&self, uid: Uid, device: usize) -> u64 {
        let books = self.books.lock();
        let own = books.users.get(&uid).copied().unwrap_or_default().vram_bytes;
        let Some((size, used)) = self.vram.get(device).zip(books.vram.get(device)) else { return 0 };
        let free = size.saturating_sub(*used);
        share(Resource::Vram(device), free, own).saturating_sub(own).min(free)
    }

    /// Bytes of VRAM of this device that nobody is charged for.
    #[must_use]
    pub fn vram_free(&self, device: usize) -> u64 {
        let books = self.books.lock();
        let used = books.vram.get(device).copied().unwrap_or(0);
        self.vram.get(device).copied().unwrap_or(0).saturating_sub(used)
    }

    fn ceiling(&self, what: Resource) -> u64 {
        match what {
            Resource::Process => u64::from(self.limits.processes),
            Resource::Queue | Resource::Doorbell => self.limits.queues,
            Resource::Event => self.limits.events,
            Resource::Bo => self.limits.bos,
            Resource::Vram(device) => self.vram.get(device).copied().unwrap_or(0),
            Resource::Gtt => self.limits.gtt_bytes,
            Resource::Userptr => self.limits.userptr_bytes,
            Resource::SvmRange => self.limits.svm_ranges,
            Resource::Parked => self.limits.parked,
            Resource::Descriptor => self.limits.descriptors,
            Resource::WaveWorker => self.limits.wave_workers,
        }
    }

    fn own_ceiling(&self, what: Resource) -> u64 {
        match what {
            Resource::Process => 1,
            Resource::Queue | Resource::Doorbell => self.limits.queues_per_process,
            Resource::Event => self.limits.events_per_process,
            Resource::Bo => self.limits.bos_per_process,
            Resource::SvmRange => self.limits.svm_ranges_per_process,
            Resource::Parked => self.limits.parked_per_process,
            Resource::Descriptor => self.limits.descriptors_per_process,
            // One, and one before it that is just going.
            Resource::WaveWorker => 2,
            Resource::Vram(_) | Resource::Gtt | Resource::Userptr => u64::MAX,
        }
    }
}

/// The most that a user who holds `own` may hold while `free` is free.
fn share(what: Resource, free: u64, own: u64) -> u64 {
    let whole = u128::from(free) + u128::from(own);
    let part = match what {
        Resource::Vram(_) | Resource::Gtt | Resource::Userptr => whole * 15 / 16,
        _ => whole.div_ceil(2),
    };
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Account, Resource, Scope};
    use crate::ids::Uid;
    use crate::limits::Limits;
    use proptest::prelude::*;

    #[test]
    fn a_charge_is_booked_everywhere_and_returned_everywhere() {
        let account = Account::new(Limits::default(), vec![1 << 20]);
        let purse = account.purse(Uid(7));
        let charge = purse.charge(Resource::Vram(0), 4096).expect("within every limit");
        assert_eq!(purse.holds().vram_bytes, 4096);
        assert_eq!(account.users(), vec![(7, purse.holds())]);
        drop(charge);
        assert!(purse.holds().is_zero() && account.total().is_zero() && account.users().is_empty());
    }

    #[test]
    fn a_charge_that_is_resized_is_booked_at_its_new_amount() {
        let account = Account::new(Limits::default(), vec![1 << 20]);
        let purse = account.purse(Uid(7));
        let mut charge = purse.charge(Resource::Vram(0), 4096).expect("within every limit");
        charge.resize(1 << 16).expect("within every limit");
        assert_eq!((purse.holds().vram_bytes, account.total().vram_bytes), (1 << 16, 1 << 16));
        assert_eq!(charge.resize(1 << 21).expect_err("more than there is").scope, Scope::Device);
        assert_eq!(account.total().vram_bytes, 1 << 16);
        charge.resize(0).expect("less");
        assert!(account.total().is_zero() && account.users().is_empty());
        charge.resize(4096).expect("within every limit");
        drop(charge);
        assert!(purse.holds().is_zero() && account.total().is_zero() && account.users().is_empty());
    }

    #[test]
    fn what_does_not_fit_names_whose_limit_it_was_and_books_nothing() {
        let limits = Limits { queues: 8, queues_per_process: 3, ..Limits::default() };
        let account = Account::new(limits, vec![]);
        let (a, b) = (account.purse(Uid(1)), account.purse(Uid(1)));
        let held: Vec<_> = (0..3).map(|_| a.charge(Resource::Queue, 1).expect("three")).collect();
        assert_eq!(a.charge(Resource::Queue, 1).expect_err("four").scope, Scope::Process);
        let fourth = b.charge(Resource::Queue, 1).expect("the user's half");
        assert_eq!(b.charge(Resource::Queue, 1).expect_err("over half").scope, Scope::User);
        assert_eq!(account.total().queues, 4);
        drop((held, fourth));
        assert!(account.total().is_zero());
    }

    proptest! {
        #[test]
        fn greed_always_leaves_something_for_the_next_user(users in 1u32..12) {
            let limits = Limits { events: 1 << 14, events_per_process: u64::MAX, ..Limits::default() };
            let account = Account::new(limits, vec![]);
            let mut held = Vec::new();
            for uid in 0..users {
                let purse = account.purse(Uid(uid));
                let first = purse.charge(Resource::Event, 1);
                prop_assert!(first.is_ok(), "user {uid} found nothing left");
                held.push(first);
                while let Ok(charge) = purse.charge(Resource::Event, 1) {
                    held.push(Ok(charge));
                }
            }
        }
    }
}
