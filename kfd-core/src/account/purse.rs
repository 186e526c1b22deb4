//! A process's purse and the charges it has taken.

use super::{Account, Books, Exhausted, Holdings, Resource, Scope, share};
use crate::ids::Uid;
use crate::sync::{Arc, Mutex};

/// The purse of one process object: what it holds, and the right to charge for more. It lives as long as its last
/// charge.
#[derive(Debug)]
pub struct Purse {
    pub(super) account: Arc<Account>,
    pub(super) uid: Uid,
    /// The process's own sums. Locked with the books held, never the other way.
    pub(super) held: Mutex<Holdings>,
}

impl Purse {
    /// Charges for an amount of a resource.
    ///
    /// # Errors
    /// [`Exhausted`] when a limit would be passed.
    pub fn charge(self: &Arc<Self>, resource: Resource, amount: u64) -> Result<Charge, Exhausted> {
        let mut books = self.account.books.lock();
        self.book(&mut books, resource, amount).map_err(|scope| {
            let exhausted = Exhausted { resource, scope, amount };
            let times = books.refusals.entry((self.uid, resource, scope)).or_default();
            *times += 1;
            // A client that asks again and again causes one log line for each power of two.
            if times.is_power_of_two() {
                tracing::warn!(uid = %self.uid, times, %exhausted, "refused");
            }
            exhausted
        })?;
        Ok(Charge { purse: Arc::clone(self), resource, amount })
    }

    fn book(&self, books: &mut Books, resource: Resource, amount: u64) -> Result<(), Scope> {
        let account = &self.account;
        let mut held = self.held.lock();
        let own = held.get(resource).checked_add(amount).ok_or(Scope::Process)?;
        if own > account.own_ceiling(resource) {
            return Err(Scope::Process);
        }
        let (used, top) = match resource {
            Resource::Vram(device) => (books.vram.get(device).copied().unwrap_or(0), Scope::Device),
            _ => (books.total.get(resource), Scope::Daemon),
        };
        let free = account.ceiling(resource).saturating_sub(used);
        if amount > free {
            return Err(top);
        }
        let user = books.users.get(&self.uid).copied().unwrap_or_default().get(resource);
        if user.saturating_add(amount) > share(resource, free, user) {
            return Err(Scope::User);
        }
        *held.entry(resource) += amount;
        *books.total.entry(resource) += amount;
        *books.users.entry(self.uid).or_default().entry(resource) += amount;
        if let Resource::Vram(device) = resource
            && let Some(used) = books.vram.get_mut(device)
        {
            *used += amount;
        }
        Ok(())
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        let mut guard = self.account.books.lock();
        let books = &mut *guard;
        *self.held.lock().entry(resource) -= amount;
        *books.total.entry(resource) -= amount;
        if let Resource::Vram(device) = resource
            && let Some(used) = books.vram.get_mut(device)
        {
            *used -= amount;
        }
        if let Some(user) = books.users.get_mut(&self.uid) {
            *user.entry(resource) -= amount;
            if user.is_zero() {
                books.users.remove(&self.uid);
            }
        }
    }

    /// The sums of what the process holds.
    #[must_use]
    pub fn holds(&self) -> Holdings {
        *self.held.lock()
    }

    /// The books that the purse belongs to.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The user who is charged.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }
}

/// A charge for a resource, given back by drop.
#[derive(Debug)]
#[must_use = "a charge that is dropped is given back"]
pub struct Charge {
    purse: Arc<Purse>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// Moves the charge from its process to a new purse of the same user, because what is charged outlives the process.
    /// Never refused, because the user holds no more than before.
    pub(crate) fn leave(&mut self) {
        let account = &self.purse.account;
        let own = account.purse(self.purse.uid);
        let books = account.books.lock();
        *self.purse.held.lock().entry(self.resource) -= self.amount;
        *own.held.lock().entry(self.resource) += self.amount;
        drop(books);
        self.purse = own;
    }
}

impl Charge {
    /// Changes the charged amount. A smaller amount never fails.
    ///
    /// # Errors
    /// [`Exhausted`] when a limit would be passed; the amount is then unchanged.
    pub fn resize(&mut self, amount: u64) -> Result<(), Exhausted> {
        if let Some(less) = self.amount.checked_sub(amount) {
            self.purse.give_back(self.resource, less);
        } else {
            let mut more = self.purse.charge(self.resource, amount - self.amount)?;
            // `self` gives the added amount back from now on.
            more.amount = 0;
        }
        self.amount = amount;
        Ok(())
    }
}

impl Charge {
    /// The resource that is charged.
    pub(crate) fn resource(&self) -> Resource {
        self.resource
    }

    /// The amount that is charged.
    pub(crate) fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.purse.give_back(self.resource, self.amount);
    }
}
